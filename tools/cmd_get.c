/* get: one record, for people or for programs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "printable.h"
#include "table.h"

const char cmd_get_help[] =
    "Usage: slotfile get DB RECNO [--format kv|json|csv|raw]\n"
    "\n"
    "Shows record RECNO; the first one is 0. Exit code 1 when there is none or it was deleted, "
    "and\n"
    "when its block does not fit its checksum: then the record is shown all the same.\n"
    "\n"
    "  --format kv             lines of name=value, with \\\\ \\n \\r \\t \\xNN for backslashes "
    "and\n"
    "                          control characters; without fields the bytes in hexadecimal\n"
    "                          digits; the default\n"
    "  --format json           an object; numbers as numbers, all else as text\n"
    "  --format csv            a header and a row\n"
    "  --format raw            the bytes of the record\n" CLI_OPEN_HELP "\n"
    "Example: slotfile get people.slots 123456\n";

typedef struct record_view {
    const slot_schema *schema;
    const csv_table *table;
    const unsigned char *record;
    char *text; /* room for the longest value and for a row */
} record_view;

typedef int (*show_fn)(const record_view *view);

/* The text of a value, or what is there instead of one. */
static int value_text(const record_view *view, const slot_field *field, size_t *n)
{
    if (slot_field_format(field, view->record, view->text, n) == SLOT_OK)
        return CLI_DONE;
    cli_say("field \"%s\": the bytes are not a value of its type (--format raw shows them)",
            field->name);
    return CLI_REFUSED;
}

/* Before the first byte is shown: what is shown in part looks like a record with fewer fields. */
static int check_values(const record_view *view)
{
    int code = CLI_DONE;
    size_t n;

    for (size_t i = 0; i < view->table->columns && code == CLI_DONE; i++)
        code = value_text(view, view->table->column[i], &n);
    return code;
}

static void print_hex(const unsigned char *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        putchar(digits[bytes[i] >> 4]);
        putchar(digits[bytes[i] & 15]);
    }
}

/* ---- name=value ---- */

static void print_plain(const char *text, size_t n)
{
    static const char named[] = "\\\\\nn\rr\tt";
    bool plain;

    for (size_t i = 0, length; i < n; i += length) {
        const char *name = NULL;

        length = printable_unit(text + i, n - i, &plain);
        for (const char *p = named; *p != '\0' && name == NULL; p += 2)
            name = *p == text[i] ? p + 1 : NULL;
        if (name != NULL)
            printf("\\%c", *name);
        else if (plain)
            fwrite(text + i, 1, length, stdout);
        for (size_t j = i; j < i + length && name == NULL && !plain; j++)
            printf("\\x%02x", (unsigned char)text[j]);
    }
}

static int show_kv(const record_view *view)
{
    size_t n;

    if (view->table->columns == 0) {
        print_hex(view->record, slot_schema_record_size(view->schema));
        putchar('\n');
        return CLI_DONE;
    }
    for (size_t i = 0; i < view->table->columns; i++) {
        const slot_field *field = view->table->column[i];

        if (value_text(view, field, &n) != CLI_DONE)
            return CLI_REFUSED;
        print_plain(field->name, strlen(field->name));
        putchar('=');
        print_plain(view->text, n);
        putchar('\n');
    }
    return CLI_DONE;
}

/* ---- JSON ---- */

/* Numbers and booleans stand as they are; inf and nan, which JSON lacks, do not. */
static bool is_bare_in_json(const slot_field *field, const char *text, size_t n)
{
    const char *digit = n > 1 && text[0] == '-' ? text + 1 : text;

    switch (field->type) {
    case SLOT_TEXT:
    case SLOT_BYTES:
    case SLOT_DATE:
    case SLOT_TIMESTAMP:
        return false;
    case SLOT_F32:
    case SLOT_F64:
        return *digit >= '0' && *digit <= '9';
    default:
        return true;
    }
}

static int show_json(const record_view *view)
{
    const char *separator = "{";
    size_t n;

    if (view->table->columns == 0) {
        fputs("{\"hex\":\"", stdout);
        print_hex(view->record, slot_schema_record_size(view->schema));
        fputs("\"}\n", stdout);
        return CLI_DONE;
    }
    for (size_t i = 0; i < view->table->columns; i++) {
        const slot_field *field = view->table->column[i];

        if (value_text(view, field, &n) != CLI_DONE)
            return CLI_REFUSED;
        fputs(separator, stdout);
        cli_print_json_text(field->name, strlen(field->name));
        putchar(':');
        if (is_bare_in_json(field, view->text, n))
            fwrite(view->text, 1, n, stdout);
        else
            cli_print_json_text(view->text, n);
        separator = ",";
    }
    fputs("}\n", stdout);
    return CLI_DONE;
}

/* ---- CSV and raw ---- */

static int show_csv(const record_view *view)
{
    const slot_field *bad = NULL;
    size_t n;
    int code;

    if (view->table->columns == 0)
        return cli_usage("get", "without fields there is no --format csv");
    n = table_write_header(view->table, "\n", view->text);
    code = cli_write(view->text, n);
    n = table_write_row(view->table, view->record, "\n", view->text, &bad);
    if (n == 0)
        return value_text(view, bad, &n);
    return code == CLI_DONE ? cli_write(view->text, n) : code;
}

static int show_raw(const record_view *view)
{
    return cli_write(view->record, slot_schema_record_size(view->schema));
}

static show_fn find_format(const char *name)
{
    static const struct {
        const char *name;
        show_fn show;
    } formats[] = {{"kv", show_kv}, {"json", show_json}, {"csv", show_csv}, {"raw", show_raw}};

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(name, formats[i].name) == 0)
            return formats[i].show;
    }
    return NULL;
}

/* ---- The record ---- */

/* *found: it is there to be shown, in spite of what was said. */
static int fetch(const char *path, slot_db *db, uint64_t recno, void *record, bool *found)
{
    slot_txn *txn = NULL;
    slot_error err;
    int code = CLI_DONE;

    cli_warn_of_stale_sums(path, db);
    if (slot_begin(db, SLOT_READ, &txn, &err) != SLOT_OK ||
        slot_get(txn, recno, record, &err) != SLOT_OK)
        code = cli_error(path, &err);
    else if (slot_get_checked(txn, recno, 1, record, &err) != SLOT_OK)
        code = cli_error(path, &err);
    *found = code == CLI_DONE || (code == CLI_REFUSED && err.status == SLOT_DAMAGED);
    slot_end(txn);
    return code;
}

static int get(const char *path, slot_db *db, uint64_t recno, show_fn show)
{
    csv_table table;
    record_view view = {.schema = slot_db_schema(db), .table = &table};
    unsigned char *record = malloc(slot_schema_record_size(view.schema));
    bool ready = table_init(&table, view.schema);
    bool found = false;
    int code;

    view.record = record;
    view.text = malloc(table.text_max);
    if (!ready || record == NULL || view.text == NULL)
        code = cli_no_memory();
    else
        code = fetch(path, db, recno, record, &found);
    if (found) {
        int shown = show == show_raw ? CLI_DONE : check_values(&view);

        if (shown == CLI_DONE)
            shown = show(&view);
        code = code == CLI_DONE ? shown : code;
    }
    free(view.text);
    table_release(&table);
    free(record);
    return code;
}

int cmd_get(int argc, char **argv)
{
    cli_open_options open_options;
    const char *format = "kv";
    const cli_option options[] = {
        {"--format", CLI_TEXT, &format}, CLI_OPEN_OPTIONS(open_options), {NULL, CLI_FLAG, NULL}};
    slot_db *db = NULL;
    uint64_t recno = 0;
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 2, 2);
    if (code == CLI_DONE && !cli_parse_count(argv[2], strlen(argv[2]), &recno))
        code = cli_usage(argv[0], "\"%s\" is not a record number", argv[2]);
    if (code == CLI_DONE && find_format(format) == NULL)
        code = cli_usage(argv[0], "--format: \"%s\" is none of kv, json, csv and raw", format);
    if (code == CLI_DONE)
        code = cli_open_to_read(argv[0], argv[1], &open_options, &db, NULL);
    if (code != CLI_DONE)
        return code;
    code = get(argv[1], db, recno, find_format(format));
    return cli_close(argv[1], db, code);
}
