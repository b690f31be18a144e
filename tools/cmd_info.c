/* info: what a database is and holds. The keys are an interface: they stay. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "commands.h"

const char cmd_info_help[] = "Usage: slotfile info DB [--json]\n"
                             "\n"
                             "Says what the database is and holds; what is said about its log\n"
                             "(all that ends in _lsn is a place in it) is missing when the\n"
                             "database is opened for reading only.\n"
                             "\n"
                             "  --json                  as one JSON object\n" CLI_OPEN_HELP;

/* The type of a field as it stands in a schema. `text` has room for 32 bytes. */
static const char *type_text(const slot_field *field, char *text)
{
    static const char *const words[] = {
        [SLOT_U8] = "u8",           [SLOT_U16] = "u16",   [SLOT_U32] = "u32",
        [SLOT_U64] = "u64",         [SLOT_I8] = "i8",     [SLOT_I16] = "i16",
        [SLOT_I32] = "i32",         [SLOT_I64] = "i64",   [SLOT_F32] = "f32",
        [SLOT_F64] = "f64",         [SLOT_BOOL] = "bool", [SLOT_TEXT] = "text",
        [SLOT_BYTES] = "bytes",     [SLOT_DATE] = "date", [SLOT_TIMESTAMP] = "timestamp",
        [SLOT_DECIMAL] = "decimal", [SLOT_PAD] = "pad"};

    switch (field->type) {
    case SLOT_TEXT:
    case SLOT_BYTES:
    case SLOT_PAD:
        snprintf(text, 32, "%s[%" PRIu32 "]", words[field->type], field->size);
        return text;
    case SLOT_DECIMAL:
        snprintf(text, 32, "%s[%" PRIu32 "]", words[field->type], field->scale);
        return text;
    default:
        return words[field->type];
    }
}

/* The file id in hexadecimal digits. `text` has room for 33 bytes. */
static const char *id_text(const slot_stat_info *info, char *text)
{
    for (size_t i = 0; i < sizeof info->file_id; i++)
        snprintf(text + 2 * i, 3, "%02x", info->file_id[i]);
    return text;
}

static const char *bool_text(bool value)
{
    return value ? "true" : "false";
}

static void print_fields(const slot_schema *schema)
{
    char buf[33];

    printf("fields: %zu\n", slot_schema_count(schema));
    for (size_t i = 0; i < slot_schema_count(schema); i++) {
        const slot_field *field = slot_schema_field(schema, i);

        printf("  %" PRIu32 " %s %s\n", field->offset, type_text(field, buf), field->name);
    }
}

static void print_log(const slot_stat_info *info)
{
    printf("published_lsn: %" PRIu64 "\n", info->published_lsn);
    printf("durable_lsn: %" PRIu64 "\n", info->durable_lsn);
    printf("checkpoint_lsn: %" PRIu64 "\n", info->checkpoint_lsn);
    printf("log_bytes: %" PRIu64 "\n", info->log_bytes);
    printf("log_limit_bytes: %" PRIu64 "\n", info->log_limit_bytes);
    printf("segments: %" PRIu32 "\n", info->segments);
    printf("readers: %" PRIu32 "\n", info->readers);
    printf("reader_slots: %" PRIu32 "\n", info->reader_slots);
    if (info->oldest_reader_lsn == UINT64_MAX)
        printf("oldest_reader_lsn: none\n");
    else
        printf("oldest_reader_lsn: %" PRIu64 "\n", info->oldest_reader_lsn);
}

static void print_text(const slot_stat_info *info, const slot_schema *schema, bool has_log)
{
    char buf[33];

    printf("records: %" PRIu64 "\n", info->records);
    printf("deleted: %" PRIu64 "\n", info->deleted);
    printf("record_size: %" PRIu32 "\n", info->record_size);
    printf("block_records: %" PRIu32 "\n", info->block_records);
    printf("records_bytes: %" PRIu64 "\n", info->records_bytes);
    printf("clean: %s\n", bool_text(info->clean));
    printf("sums_stale: %s\n", bool_text(info->sums_stale));
    printf("generation: %" PRIu64 "\n", info->generation);
    printf("file_id: %s\n", id_text(info, buf));
    printf("map_budget: %" PRIu64 "\n", info->map_budget);
    printf("view_bytes: %" PRIu64 "\n", info->view_bytes);
    if (has_log)
        print_log(info);
    print_fields(schema);
}

static void print_json_fields(const slot_schema *schema)
{
    char buf[33];

    printf(",\"fields\":[");
    for (size_t i = 0; i < slot_schema_count(schema); i++) {
        const slot_field *field = slot_schema_field(schema, i);

        printf("%s{\"name\":", i > 0 ? "," : "");
        cli_print_json_text(field->name, strlen(field->name));
        printf(",\"type\":\"%s\",\"offset\":%" PRIu32 ",\"size\":%" PRIu32 "}",
               type_text(field, buf), field->offset, field->size);
    }
    printf("]");
}

static void print_json_log(const slot_stat_info *info)
{
    printf(",\"log\":{\"published_lsn\":%" PRIu64 ",\"durable_lsn\":%" PRIu64
           ",\"checkpoint_lsn\":%" PRIu64,
           info->published_lsn, info->durable_lsn, info->checkpoint_lsn);
    printf(",\"log_bytes\":%" PRIu64 ",\"log_limit_bytes\":%" PRIu64 ",\"segments\":%" PRIu32,
           info->log_bytes, info->log_limit_bytes, info->segments);
    printf(",\"readers\":%" PRIu32 ",\"reader_slots\":%" PRIu32 ",\"oldest_reader_lsn\":",
           info->readers, info->reader_slots);
    if (info->oldest_reader_lsn == UINT64_MAX)
        printf("null}");
    else
        printf("%" PRIu64 "}", info->oldest_reader_lsn);
}

static void print_json(const slot_stat_info *info, const slot_schema *schema, bool has_log)
{
    char buf[33];

    printf("{\"records\":%" PRIu64 ",\"deleted\":%" PRIu64 ",\"record_size\":%" PRIu32
           ",\"block_records\":%" PRIu32 ",\"records_bytes\":%" PRIu64 ",\"clean\":%s",
           info->records, info->deleted, info->record_size, info->block_records,
           info->records_bytes, bool_text(info->clean));
    printf(",\"sums_stale\":%s,\"generation\":%" PRIu64 ",\"file_id\":\"%s\"",
           bool_text(info->sums_stale), info->generation, id_text(info, buf));
    printf(",\"map_budget\":%" PRIu64 ",\"view_bytes\":%" PRIu64, info->map_budget,
           info->view_bytes);
    if (has_log)
        print_json_log(info);
    else
        printf(",\"log\":null");
    print_json_fields(schema);
    printf("}\n");
}

int cmd_info(int argc, char **argv)
{
    cli_open_options open_options;
    bool json = false;
    const cli_option options[] = {
        {"--json", CLI_FLAG, &json}, CLI_OPEN_OPTIONS(open_options), {NULL, CLI_FLAG, NULL}};
    slot_stat_info info = {.size = sizeof info};
    slot_access access = SLOT_TRANSACTIONAL;
    slot_db *db = NULL;
    slot_error err;
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 1, 1);
    if (code == CLI_DONE)
        code = cli_open_to_read(argv[0], argv[1], &open_options, &db, &access);
    if (code != CLI_DONE)
        return code;
    if (slot_stat(db, &info, &err) != SLOT_OK)
        code = cli_error(argv[1], &err);
    else if (json)
        print_json(&info, slot_db_schema(db), access == SLOT_TRANSACTIONAL);
    else
        print_text(&info, slot_db_schema(db), access == SLOT_TRANSACTIONAL);
    return cli_close(argv[1], db, code);
}
