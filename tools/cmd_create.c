#include "cli.h"
#include "commands.h"

const char cmd_create_help[] =
    "Usage: slotfile create DB (--schema SPEC | --schema-file FILE | --record-size N)\n"
    "                          [--records N]\n"
    "\n"
    "Makes a new database, the directory DB.\n"
    "\n" CLI_SCHEMA_HELP
    "  --records N             begin with N records of zeros; they take no space\n"
    "                          where the file system can leave holes\n" CLI_OPEN_HELP "\n"
    "Example: slotfile create people.slots --schema 'id:u64,name:text[20],born:date'\n";

/* Append so many records of zeros. */
static slot_status extend_by(void *records, slot_txn *txn, slot_error *err)
{
    return slot_extend(txn, *(const uint64_t *)records, NULL, err);
}

static int extend(const char *path, const cli_open_options *options, uint64_t records)
{
    slot_db *db = NULL;
    int code = cli_open("create", path, options, SLOT_TRANSACTIONAL, &db);

    if (code != CLI_DONE)
        return code;
    code = cli_change(path, db, extend_by, &records);
    return cli_close(path, db, code);
}

static int create(const char *path, const slot_schema *schema, const cli_open_options *options,
                  uint64_t records)
{
    slot_options library_options;
    slot_error err;
    int code = cli_open_translate("create", options, SLOT_TRANSACTIONAL, &library_options);

    if (code != CLI_DONE)
        return code;
    host_hold_interrupts();
    if (slot_create(path, schema, &library_options, &err) != SLOT_OK)
        return cli_error(path, &err);
    if (records > 0)
        code = extend(path, options, records);
    if (host_interrupted())
        code = CLI_IO;
    if (code != CLI_DONE)
        slot_destroy_empty(path, &library_options, NULL);
    return code;
}

int cmd_create(int argc, char **argv)
{
    cli_schema_options schema_options = CLI_SCHEMA_NONE;
    cli_open_options open_options;
    uint64_t records = 0;
    const cli_option options[] = {CLI_SCHEMA_OPTIONS(schema_options),
                                  {"--records", CLI_COUNT, &records},
                                  CLI_OPEN_OPTIONS(open_options),
                                  {NULL, CLI_FLAG, NULL}};
    slot_schema *schema = NULL;
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 1, 1);
    if (code == CLI_DONE)
        code = cli_schema_make(argv[0], &schema_options, &schema);
    if (code == CLI_DONE)
        code = create(argv[1], schema, &open_options, records);
    slot_schema_free(schema);
    return code;
}
