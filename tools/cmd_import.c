/*
 * import: one write transaction that appends everything or nothing. Rows become records in a batch
 * of about 256 KiB, which goes to slot_append when it is full.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "csv.h"
#include "host.h"
#include "table.h"

const char cmd_import_help[] =
    "Usage: slotfile import DB FILE|- [--format csv|raw] [--no-header]\n"
    "                       [--schema SPEC | --schema-file FILE | --record-size N]\n"
    "\n"
    "Appends the records of FILE to the database: all of them, or none if one is refused.\n"
    "A schema or record size is needed when DB does not exist, and creates it; when it does,\n"
    "the schema must be the database's own.\n"
    "\n"
    "  --format csv            comma-separated values as in RFC 4180, with a header that names\n"
    "                          the fields in any order; the default when there are fields\n"
    "  --format raw            the bytes of the records\n"
    "  --no-header             the first line is a row; columns are in the order of the schema\n"
    "\n" CLI_SCHEMA_HELP CLI_OPEN_HELP "\n"
    "Example: slotfile import people.slots people.csv --schema 'id:u64,name:text[20]'\n";

#define BATCH_BYTES  (256u * 1024u)
#define BUFFER_BYTES (1024u * 1024u)

typedef struct import {
    const char *path;
    const char *name; /* of the input, for messages */
    FILE *file;
    bool raw;
    bool no_header;
    slot_txn *txn;
    const slot_schema *schema;
    size_t record_size;
    char *batch;
    size_t batch_records; /* room */
    size_t filled;        /* records in it */
    uint64_t imported;
} import;

static int flush_batch(import *job)
{
    slot_error err;

    if (job->filled == 0)
        return CLI_DONE;
    if (slot_append(job->txn, job->batch, job->filled, NULL, &err) != SLOT_OK)
        return cli_error(job->path, &err);
    job->imported += job->filled;
    job->filled = 0;
    return CLI_DONE;
}

static int read_failed(const import *job)
{
    cli_say("%s: cannot read: %s", job->name, strerror(errno));
    return CLI_IO;
}

/* ---- Raw ---- */

static int import_raw(import *job)
{
    size_t room = job->batch_records * job->record_size;
    uint64_t bytes = 0;
    size_t n;
    int code = CLI_DONE;

    do {
        n = fread(job->batch, 1, room, job->file);
        bytes += n;
        job->filled = n / job->record_size;
        if (n < room && ferror(job->file))
            return read_failed(job);
        if (n % job->record_size == 0)
            code = flush_batch(job);
    } while (n == room && code == CLI_DONE);
    if (code == CLI_DONE && bytes % job->record_size != 0) {
        cli_say("%s: %" PRIu64 " bytes are left over: its %" PRIu64
                " bytes are not a multiple of the record size, %zu (nothing was imported)",
                job->name, bytes % job->record_size, bytes, job->record_size);
        code = CLI_REFUSED;
    }
    return code;
}

/* ---- CSV ---- */

static size_t read_input(void *context, void *buf, size_t n)
{
    const import *job = context;

    return fread(buf, 1, n, job->file);
}

/* The name with what would confuse a terminal or a reader of lines replaced. */
static void say_name(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];

        fputc(c < 0x20 || c == 0x7f ? '?' : c, stderr);
    }
}

static int refused(const import *job, const table_problem *problem)
{
    fprintf(stderr, "%s:%" PRIu64 ":%" PRIu64 ": field \"", job->name, problem->line,
            problem->column);
    say_name(problem->field, problem->field_n);
    fprintf(stderr, "\": %s\n", problem->reason);
    return CLI_REFUSED;
}

/* What to do when csv_next has not given a row. */
static int no_row(const import *job, const csv_table *table, const csv_reader *reader,
                  csv_result result, bool is_header)
{
    table_problem problem;

    if (ferror(job->file))
        return read_failed(job);
    if (result == CSV_OUT_OF_MEMORY)
        return cli_no_memory();
    if (result == CSV_END && is_header) {
        fprintf(stderr,
                "%s:1:1: the file is empty (a header with the names of the fields, or "
                "--no-header, is needed)\n",
                job->name);
        return CLI_REFUSED;
    }
    if (result == CSV_END)
        return CLI_DONE;
    table_explain(table, reader, result, is_header, &problem);
    return refused(job, &problem);
}

static int import_header(const import *job, csv_table *table, csv_reader *reader)
{
    csv_result result = csv_next(reader);
    table_problem problem;

    if (result != CSV_ROW)
        return no_row(job, table, reader, result, true);
    if (!table_read_header(table, reader, &problem))
        return refused(job, &problem);
    return CLI_DONE;
}

static int import_rows(import *job, const csv_table *table, csv_reader *reader)
{
    csv_result result;
    table_problem problem;
    int code = CLI_DONE;

    while (code == CLI_DONE && (result = csv_next(reader)) == CSV_ROW) {
        char *record = job->batch + job->filled * job->record_size;

        if (!table_read_row(table, reader, record, &problem))
            return refused(job, &problem);
        if (++job->filled == job->batch_records)
            code = flush_batch(job);
    }
    if (code == CLI_DONE)
        code = no_row(job, table, reader, result, false);
    if (code == CLI_DONE)
        code = flush_batch(job);
    return code;
}

static int import_csv(import *job)
{
    csv_table table;
    csv_reader reader = {0};
    csv_config config = {.read = read_input, .context = job, .buffer = BUFFER_BYTES};
    bool ready = table_init(&table, job->schema);
    int code = CLI_DONE;

    config.limit = table.row_max > BUFFER_BYTES ? table.row_max : BUFFER_BYTES;
    config.fields_max = table_fields_max(&table);
    if (!ready || !csv_open(&reader, &config))
        code = cli_no_memory();
    if (code == CLI_DONE && !job->no_header)
        code = import_header(job, &table, &reader);
    if (code == CLI_DONE)
        code = import_rows(job, &table, &reader);
    csv_close(&reader);
    table_release(&table);
    return code;
}

/* ---- The transaction ---- */

static int import_all(import *job, slot_db *db)
{
    slot_error err;
    int code;

    job->record_size = slot_schema_record_size(job->schema);
    job->batch_records = job->record_size < BATCH_BYTES ? BATCH_BYTES / job->record_size : 1;
    job->batch = malloc(job->batch_records * job->record_size);
    if (job->batch == NULL) {
        code = cli_no_memory();
    } else if (slot_begin(db, SLOT_WRITE, &job->txn, &err) != SLOT_OK) {
        code = cli_error(job->path, &err);
    } else {
        code = job->raw ? import_raw(job) : import_csv(job);
        if (code != CLI_DONE)
            slot_abort(job->txn);
        else if (slot_commit(job->txn, &err) != SLOT_OK)
            code = cli_error(job->path, &err);
    }
    free(job->batch);
    return code;
}

/* Find out how to read the input, and that it can be. */
static int choose_format(import *job, const char *format)
{
    bool has_columns = cli_schema_columns(job->schema) > 0;

    if (format == NULL)
        format = has_columns ? "csv" : "raw";
    job->raw = strcmp(format, "raw") == 0;
    if (!job->raw && strcmp(format, "csv") != 0)
        return cli_usage("import", "--format: \"%s\" is neither csv nor raw", format);
    if (!job->raw && !has_columns)
        return cli_usage("import", "%s has no fields: only --format raw is possible", job->path);
    return CLI_DONE;
}

/* Open the database; create it when it does not exist and there is a schema for it. */
static int open_or_create(const char *path, const slot_schema *schema,
                          const cli_open_options *open_options, bool *created, slot_db **db)
{
    slot_options options;
    slot_error err;
    int code = cli_open_translate("import", open_options, SLOT_DIRECT, &options);
    slot_status status;

    if (code != CLI_DONE)
        return code;
    status = slot_open(path, &options, db, &err);
    if (status == SLOT_E_NO_FILE && schema != NULL) {
        status = slot_create(path, schema, &options, &err);
        *created = status == SLOT_OK;
        if (*created)
            status = slot_open(path, &options, db, &err);
    }
    if (status != SLOT_OK)
        code = cli_error(path, &err);
    if (status == SLOT_E_NO_FILE && schema == NULL)
        cli_say("to create the database, give --schema, --schema-file or --record-size");
    return code;
}

/* Import into the database at job->path. Whatever fails, a database that was created is removed. */
static int import_into(import *job, const slot_schema *schema, const char *format,
                       const cli_open_options *open_options)
{
    slot_db *db = NULL;
    bool created = false;
    int code = open_or_create(job->path, schema, open_options, &created, &db);

    if (db != NULL) {
        job->schema = slot_db_schema(db);
        if (schema != NULL && !slot_schema_equal(schema, job->schema))
            code = cli_usage(
                "import", "%s has another schema: leave --schema away, or give its own", job->path);
        if (code == CLI_DONE)
            code = choose_format(job, format);
        if (code == CLI_DONE)
            code = import_all(job, db);
        code = cli_close(job->path, db, code);
    }
    if (created && code != CLI_DONE)
        slot_destroy(job->path, NULL, NULL);
    return code;
}

static int open_input(import *job, const char *name)
{
    const char *reason = "";

    if (strcmp(name, "-") == 0) {
        job->name = "standard input";
        job->file = stdin;
        return CLI_DONE;
    }
    job->name = name;
    job->file = host_open_input(name, &reason);
    if (job->file != NULL)
        return CLI_DONE;
    cli_say("%s: cannot open the file: %s", name, reason);
    return CLI_IO;
}

int cmd_import(int argc, char **argv)
{
    cli_schema_options schema_options = CLI_SCHEMA_NONE;
    cli_open_options open_options;
    const char *format = NULL;
import job = {0 };
    const cli_option options[] = {CLI_SCHEMA_OPTIONS(schema_options),
                                  {"--format", CLI_TEXT, &format},
                                  {"--no-header", CLI_FLAG, &job.no_header},
                                  CLI_OPEN_OPTIONS(open_options),
                                  {NULL, CLI_FLAG, NULL}};
    slot_schema *schema = NULL;
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 2, 2);
    if (code == CLI_DONE && cli_schema_given(&schema_options))
        code = cli_schema_make(argv[0], &schema_options, &schema);
    if (code == CLI_DONE)
        code = open_input(&job, argv[2]);
    if (code == CLI_DONE) {
        job.path = argv[1];
        code = import_into(&job, schema, format, &open_options);
        if (code == CLI_DONE)
            fprintf(stderr, "%" PRIu64 " records imported\n", job.imported);
    }
    if (job.file != NULL && job.file != stdin)
        fclose(job.file);
    slot_schema_free(schema);
    return code;
}
