/*
 * import: one write transaction that appends everything or nothing, or one for each --batch of
 * records. Rows become records in a chunk of about 256 KiB, which goes to slot_append when it is
 * full. A transaction begins with the first chunk, not with the first row, so that who waits for a
 * slow input does not keep others from writing before there is something to write.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "csv.h"
#include "printable.h"
#include "table.h"

const char cmd_import_help[] =
    "Usage: slotfile import DB FILE|- [--format csv|raw] [--no-header] [--batch N] [--direct]\n"
    "                       [--schema SPEC | --schema-file FILE | --record-size N]\n"
    "\n"
    "Appends the records of FILE to the database: all of them, or none if one is refused or the\n"
    "import is killed. Others read meanwhile, and write when it is done.\n"
    "A schema or record size is needed when DB does not exist, and creates it; when it does,\n"
    "the schema must be the database's own.\n"
    "\n"
    "  --format csv            comma-separated values as in RFC 4180, with a header that names\n"
    "                          the fields in any order; the default when there are fields\n"
    "  --format raw            the bytes of the records, as they are: no value is checked\n"
    "  --no-header             the first line is a row; columns are in the order of the schema\n"
    "  --batch N               commit after every N records, as they come in: what was committed\n"
    "                          stays when a later one is refused, and others can write in\n"
    "                          between\n"
    "  --direct                write in place, without a log: nobody else may have the database\n"
    "                          open, and when it is killed the checksums are stale\n"
    "                          (see: slotfile help verify)\n"
    "\n" CLI_SCHEMA_HELP CLI_SYNC_HELP CLI_OPEN_HELP "\n"
    "Example: slotfile import people.slots people.csv --schema 'id:u64,name:text[20]'\n";

#define CHUNK_BYTES  (256u * 1024u)
#define BUFFER_BYTES (1024u * 1024u)
#define CREATE_TRIES 10
#define UNDO_WAIT_MS 200 /* for who only has a look */

typedef struct import_job {
    const char *path;
    const char *name; /* of the input, for messages */
    FILE *file;
    int failure; /* errno of the read that failed */
    bool raw;
    bool no_header;
    bool direct;
    uint64_t batch; /* records of a transaction; UINT64_MAX: all */
    slot_db *db;
    slot_txn *txn; /* NULL: none has begun */
    const slot_schema *schema;
    size_t record_size;
    char *chunk;
    size_t chunk_records; /* room */
    size_t wanted;        /* so many are appended together */
    size_t filled;        /* records in it */
    uint64_t appended;    /* in this transaction */
    uint64_t committed;
} import_job;

/* ---- The transaction ---- */

static int commit(import_job *job)
{
    slot_txn *txn = job->txn;
    slot_error err;

    job->txn = NULL;
    if (txn == NULL)
        return CLI_DONE;
    if (slot_commit(txn, &err) != SLOT_OK)
        return cli_error(job->path, &err);
    job->committed += job->appended;
    job->appended = 0;
    return CLI_DONE;
}

static void abandon(import_job *job)
{
    if (job->txn != NULL)
        slot_abort(job->txn);
    job->txn = NULL;
}

/* A chunk ends where the transaction does. */
static void begin_chunk(import_job *job)
{
    uint64_t left = job->batch - job->appended;

    job->filled = 0;
    job->wanted = left < job->chunk_records ? (size_t)left : job->chunk_records;
}

static int flush_chunk(import_job *job)
{
    slot_error err;
    int code = CLI_DONE;

    if (host_interrupted())
        return CLI_IO;
    if (job->filled == 0)
        return CLI_DONE;
    if (job->txn == NULL && slot_begin(job->db, SLOT_WRITE, &job->txn, &err) != SLOT_OK)
        return cli_error(job->path, &err);
    if (slot_append(job->txn, job->chunk, job->filled, NULL, &err) != SLOT_OK)
        return cli_error(job->path, &err);
    job->appended += job->filled;
    if (job->appended == job->batch)
        code = commit(job);
    begin_chunk(job);
    return code;
}

/* What is there, at most n bytes; it waits for the first of them only, so that rows of a live
 * stream are committed as they come. *got is 0 at the end. False after a failure. */
static bool read_input(void *context, void *buf, size_t n, size_t *got)
{
    import_job *job = context;

    *got = 0;
    if (host_read(job->file, buf, n, got))
        return true;
    job->failure = errno;
    return false;
}

static int read_failed(const import_job *job)
{
    if (!host_interrupted())
        cli_say("%s: cannot read: %s", job->name, strerror(job->failure));
    return CLI_IO;
}

/* ---- Raw ---- */

/* As many of the n bytes as there are before the end. */
static bool read_fully(import_job *job, size_t n, size_t *filled)
{
    size_t got = 0;

    *filled = 0;
    do {
        if (!read_input(job, job->chunk + *filled, n - *filled, &got))
            return false;
        *filled += got;
    } while (got > 0 && *filled < n);
    return true;
}

static int import_raw(import_job *job)
{
    uint64_t bytes = 0;
    size_t room, n;
    int code = CLI_DONE;

    do {
        room = job->wanted * job->record_size;
        if (!read_fully(job, room, &n))
            return read_failed(job);
        bytes += n;
        job->filled = n / job->record_size;
        if (n % job->record_size == 0)
            code = flush_chunk(job);
    } while (n == room && code == CLI_DONE);
    if (code == CLI_DONE && bytes % job->record_size != 0) {
        cli_say("%s: %" PRIu64 " bytes are left over: its %" PRIu64
                " bytes are not a multiple of the record size, %zu",
                job->name, bytes % job->record_size, bytes, job->record_size);
        code = CLI_REFUSED;
    }
    return code;
}

/* ---- CSV ---- */

static int refused(const import_job *job, const table_problem *problem)
{
    char name[SLOT_NAME_BYTES_MAX * PRINTABLE_GROWTH + 1];
    size_t n = problem->field_n;
    bool is_long = n > SLOT_NAME_BYTES_MAX;

    name[printable(problem->field, is_long ? SLOT_NAME_BYTES_MAX : n, name)] = '\0';
    cli_line("%s:%" PRIu64 ":%" PRIu64 ": field \"%s%s\": %s", job->name, problem->line,
             problem->column, name, is_long ? "..." : "", problem->reason);
    return CLI_REFUSED;
}

/* What to do when csv_next has not given a row. */
static int no_row(const import_job *job, const csv_table *table, const csv_reader *reader,
                  csv_result result, bool is_header)
{
    table_problem problem;

    if (result == CSV_UNREADABLE)
        return read_failed(job);
    if (result == CSV_OUT_OF_MEMORY)
        return cli_no_memory();
    if (result == CSV_END && is_header) {
        cli_line("%s:1:1: the file is empty (a header with the names of the fields, or "
                 "--no-header, is needed)",
                 job->name);
        return CLI_REFUSED;
    }
    if (result == CSV_END)
        return CLI_DONE;
    table_explain(table, reader, result, is_header, &problem);
    return refused(job, &problem);
}

static int import_header(const import_job *job, csv_table *table, csv_reader *reader)
{
    csv_result result = csv_next(reader);
    table_problem problem;

    if (result != CSV_ROW)
        return no_row(job, table, reader, result, true);
    if (!table_read_header(table, reader, &problem))
        return refused(job, &problem);
    return CLI_DONE;
}

static int import_rows(import_job *job, const csv_table *table, csv_reader *reader)
{
    csv_result result;
    table_problem problem;
    int code = CLI_DONE;

    while (code == CLI_DONE && (result = csv_next(reader)) == CSV_ROW) {
        char *record = job->chunk + job->filled * job->record_size;

        if (!table_read_row(table, reader, record, &problem))
            return refused(job, &problem);
        if (++job->filled == job->wanted)
            code = flush_chunk(job);
    }
    if (code == CLI_DONE)
        code = no_row(job, table, reader, result, false);
    if (code == CLI_DONE)
        code = flush_chunk(job);
    return code;
}

static int import_csv(import_job *job)
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

/* ---- The database ---- */

static int import_all(import_job *job)
{
    int code;

    job->record_size = slot_schema_record_size(job->schema);
    job->chunk_records = job->record_size < CHUNK_BYTES ? CHUNK_BYTES / job->record_size : 1;
    job->chunk = malloc(job->chunk_records * job->record_size);
    begin_chunk(job);
    if (job->chunk == NULL)
        code = cli_no_memory();
    else
        code = job->raw ? import_raw(job) : import_csv(job);
    if (code == CLI_DONE)
        code = commit(job);
    abandon(job);
    if (code != CLI_DONE && job->committed > 0)
        cli_say("%s: %" PRIu64 " records were imported before that", job->path, job->committed);
    else if (code == CLI_REFUSED)
        cli_say("%s: nothing was imported", job->path);
    free(job->chunk);
    return code;
}

/* Find out how to read the input, and that it can be. */
static int choose_format(import_job *job, const char *format)
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

/* Create it, and open it. Others may do so at the same time: then theirs is taken. */
static slot_status create_and_open(import_job *job, const slot_schema *schema,
                                   const slot_options *options, bool *created, slot_error *err)
{
    slot_status status = slot_create(job->path, schema, options, err);

    *created = status == SLOT_OK;
    if (status == SLOT_OK || status == SLOT_E_EXISTS)
        status = slot_open(job->path, options, &job->db, err);
    return status;
}

/* Open the database; create it when it does not exist and there is a schema for it. */
static int open_or_create(import_job *job, const slot_schema *schema,
                          const cli_open_options *open_options, bool *created)
{
    slot_options options;
    slot_error err;
    int code = cli_open_translate("import", open_options,
                                  job->direct ? SLOT_DIRECT : SLOT_TRANSACTIONAL, &options);
    slot_status status;

    if (code == CLI_DONE)
        code = cli_check_streams("import", job->path);
    if (code != CLI_DONE)
        return code;
    status = slot_open(job->path, &options, &job->db, &err);
    if (status == SLOT_E_NO_FILE && schema != NULL)
        host_hold_interrupts(); /* what is created now is removed again when nothing gets into it */
    for (int tries = 0; status == SLOT_E_NO_FILE && schema != NULL && tries < CREATE_TRIES; tries++)
        status = create_and_open(job, schema, &options, created, &err);
    if (status != SLOT_OK)
        code = cli_error(job->path, &err);
    if (status == SLOT_E_NO_FILE && schema == NULL)
        cli_say("to create the database, give --schema, --schema-file or --record-size");
    return code;
}

/* Remove the database that was created for this import, unless something is in it, of ours or of
 * others, or somebody has it open and may put something into it. */
static void undo_create(const import_job *job)
{
    slot_options options;

    slot_options_init(&options);
    options.wait_ms = UNDO_WAIT_MS;
    slot_destroy_empty(job->path, &options, NULL);
}

/* Records that are appended to the file that they are read from would never end. */
static int check_input(const import_job *job)
{
    if (host_is_inside(job->file, job->path))
        return cli_usage("import", "%s is the database's own file: copy it first", job->name);
    return CLI_DONE;
}

/* Import into the database at job->path. When it fails, a database that was created for it and is
 * still empty is removed. */
static int import_into(import_job *job, const slot_schema *schema, const char *format,
                       const cli_open_options *open_options)
{
    bool created = false;
    int code = open_or_create(job, schema, open_options, &created);

    if (job->db != NULL) {
        job->schema = slot_db_schema(job->db);
        if (schema != NULL && !slot_schema_equal(schema, job->schema))
            code = cli_usage(
                "import", "%s has another schema: leave --schema away, or give its own", job->path);
        if (code == CLI_DONE)
            code = check_input(job);
        if (code == CLI_DONE)
            code = choose_format(job, format);
        if (code == CLI_DONE)
            code = import_all(job);
        code = cli_close(job->path, job->db, code);
    }
    if (created && code != CLI_DONE)
        undo_create(job);
    return code;
}

static int open_input(import_job *job, const char *name)
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

static int check_use(const import_job *job, const cli_open_options *open_options,
                     const char *schema_file, const char *input)
{
    if (schema_file != NULL && host_is_same_stream(schema_file, input))
        return cli_usage("import", "the schema and the records cannot both come from %s",
                         strcmp(input, "-") == 0 ? "standard input" : input);
    if (job->batch == 0)
        return cli_usage("import", "--batch: at least 1");
    if (job->direct && open_options->sync != NULL)
        return cli_usage("import", "--sync means nothing with --direct");
    return CLI_DONE;
}

int cmd_import(int argc, char **argv)
{
    cli_schema_options schema_options = CLI_SCHEMA_NONE;
    cli_open_options open_options;
    const char *format = NULL;
    import_job job = {.batch = UINT64_MAX};
    const cli_option options[] = {CLI_SCHEMA_OPTIONS(schema_options),
                                  {"--format", CLI_TEXT, &format},
                                  {"--no-header", CLI_FLAG, &job.no_header},
                                  {"--batch", CLI_COUNT, &job.batch},
                                  {"--direct", CLI_FLAG, &job.direct},
                                  CLI_SYNC_OPTION(open_options),
                                  CLI_OPEN_OPTIONS(open_options),
                                  {NULL, CLI_FLAG, NULL}};
    slot_schema *schema = NULL;
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 2, 2);
    if (code == CLI_DONE)
        code = check_use(&job, &open_options, schema_options.file, argv[2]);
    if (code == CLI_DONE && cli_schema_given(&schema_options))
        code = cli_schema_make(argv[0], &schema_options, &schema);
    if (code == CLI_DONE)
        code = open_input(&job, argv[2]);
    if (code == CLI_DONE) {
        job.path = argv[1];
        code = import_into(&job, schema, format, &open_options);
        if (code == CLI_DONE)
            cli_line("%" PRIu64 " records imported", job.committed);
    }
    if (job.file != NULL && job.file != stdin)
        fclose(job.file);
    slot_schema_free(schema);
    return code;
}
