/*
 * export: records are copied out in batches and written as they are or as rows. An output file
 * appears whole or not at all.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "table.h"

const char cmd_export_help[] =
    "Usage: slotfile export DB [-o FILE|-] [--format csv|raw] [--range A:B] [--crlf]\n"
    "\n"
    "Writes records to standard output or to FILE, which appears when it is complete and on disk,\n"
    "with the owner and the rights of the file that it replaces: all as they were when it began,\n"
    "whatever others change meanwhile. Deleted records are left out. A block that does not fit\n"
    "its checksum ends it, with exit code 1 (see: slotfile help verify).\n"
    "\n"
    "  -o FILE                 write to FILE\n"
    "  --format csv            comma-separated values with a header; importing them gives the\n"
    "                          same records; the default when there are fields\n"
    "  --format raw            the bytes of the records\n"
    "  --range A:B             records A to B - 1; without A from the first, without B to the\n"
    "                          last\n"
    "  --crlf                  end lines with CR LF\n" CLI_OPEN_HELP "\n"
    "Example: slotfile export people.slots --range 1000:2000 -o some.csv\n";

#define BATCH_BYTES (256u * 1024u)
#define TEXT_BYTES  (1024u * 1024u)

typedef struct range {
    uint64_t first;
    uint64_t end;
} range;

typedef struct export_job {
    const char *path;
    const char *output; /* a file name, or NULL for stdout */
    FILE *file;
    bool raw;
    bool crlf;
    range range;
    const slot_schema *schema;
    size_t record_size;
    slot_txn *txn;
    bool has_deleted; /* anywhere in the database */
    char *batch;
    size_t batch_records;
    char *text;
    size_t text_n;
} export_job;

static int write_failed(const export_job *job)
{
    if (job->output == NULL)
        return cli_stdout_failed();
    cli_say("%s: cannot write: %s", job->output, strerror(errno));
    return CLI_IO;
}

static int write_bytes(const export_job *job, const char *bytes, size_t n)
{
    return fwrite(bytes, 1, n, job->file) == n ? CLI_DONE : write_failed(job);
}

static int flush_text(export_job *job)
{
    size_t n = job->text_n;

    job->text_n = 0;
    return n > 0 ? write_bytes(job, job->text, n) : CLI_DONE;
}

/* The record holds a value that its field cannot have. */
static int bad_value(const export_job *job, uint64_t recno, const slot_field *field)
{
    cli_say("%s/records: offset %" PRIu64 ": record %" PRIu64
            ", field \"%s\": the bytes are not a value of its type (put one, or export raw)",
            job->path, recno * job->record_size + field->offset, recno, field->name);
    return CLI_REFUSED;
}

static int write_row(export_job *job, const csv_table *table, uint64_t recno, const char *record)
{
    const slot_field *bad = NULL;
    size_t n =
        table_write_row(table, record, job->crlf ? "\r\n" : "\n", job->text + job->text_n, &bad);

    job->text_n += n;
    if (n == 0)
        return bad_value(job, recno, bad);
    return job->text_n >= TEXT_BYTES ? flush_text(job) : CLI_DONE;
}

/* Whether it was deleted. Such a record is all zeros, so that few have to be asked for; one that
 * was not keeps its bytes. */
static slot_status look_for_deletion(const export_job *job, uint64_t recno, char *record,
                                     bool *deleted, slot_error *err)
{
    bool zeros = record[0] == 0 && memcmp(record, record + 1, job->record_size - 1) == 0;
    slot_status status = SLOT_OK;

    *deleted = false;
    if (job->has_deleted && zeros)
        status = slot_get(job->txn, recno, record, err);
    if (status != SLOT_DELETED)
        return status;
    *deleted = true;
    return SLOT_OK;
}

static int write_batch(export_job *job, const csv_table *table, uint64_t first, size_t count)
{
    slot_error err;
    bool deleted;
    int code = CLI_DONE;

    if (job->raw && !job->has_deleted)
        return write_bytes(job, job->batch, count * job->record_size);
    for (size_t i = 0; i < count && code == CLI_DONE; i++) {
        char *record = job->batch + i * job->record_size;

        if (look_for_deletion(job, first + i, record, &deleted, &err) != SLOT_OK)
            code = cli_error(job->path, &err);
        else if (!deleted && job->raw)
            code = write_bytes(job, record, job->record_size);
        else if (!deleted)
            code = write_row(job, table, first + i, record);
    }
    return code;
}

static int export_records(export_job *job, const csv_table *table)
{
    slot_error err;
    int code = CLI_DONE;

    for (uint64_t n = job->range.first; n < job->range.end && code == CLI_DONE;) {
        uint64_t left = job->range.end - n;
        size_t count = left < job->batch_records ? (size_t)left : job->batch_records;

        if (slot_get_checked(job->txn, n, count, job->batch, &err) != SLOT_OK)
            code = cli_error(job->path, &err);
        else
            code = write_batch(job, table, n, count);
        n += count;
    }
    return code;
}

static int export_all(export_job *job)
{
    csv_table table;
    bool ready = table_init(&table, job->schema);
    int code;

    job->batch_records = job->record_size < BATCH_BYTES ? BATCH_BYTES / job->record_size : 1;
    job->batch = malloc(job->batch_records * job->record_size);
    job->text = malloc(TEXT_BYTES + table.text_max);
    if (!ready || job->batch == NULL || job->text == NULL) {
        code = cli_no_memory();
    } else {
        if (!job->raw)
            job->text_n = table_write_header(&table, job->crlf ? "\r\n" : "\n", job->text);
        code = export_records(job, &table);
        if (code == CLI_DONE)
            code = flush_text(job);
    }
    free(job->text);
    free(job->batch);
    table_release(&table);
    return code;
}

/* Export to where the job says. */
static int export_to(export_job *job)
{
    host_output output;
    int code;

    if (job->output == NULL) {
        job->file = stdout;
        return export_all(job);
    }
    code = cli_output_open("export", &output, job->output, job->path);
    if (code != CLI_DONE)
        return code;
    job->file = output.file;
    return cli_output_end(&output, job->output, export_all(job));
}

static int choose_format(export_job *job, const char *format)
{
    bool has_columns = cli_schema_columns(job->schema) > 0;

    if (format == NULL)
        format = has_columns ? "csv" : "raw";
    job->raw = strcmp(format, "raw") == 0;
    if (!job->raw && strcmp(format, "csv") != 0)
        return cli_usage("export", "--format: \"%s\" is neither csv nor raw", format);
    if (!job->raw && !has_columns)
        return cli_usage("export", "%s has no fields: only --format raw is possible", job->path);
    return CLI_DONE;
}

/* A:B, where both may be missing. */
static int parse_range(const char *text, range *wanted)
{
    const char *colon = strchr(text, ':');
    bool good = colon != NULL;

    if (good && colon > text)
        good = cli_parse_count(text, (size_t)(colon - text), &wanted->first);
    if (good && colon[1] != '\0')
        good = cli_parse_count(colon + 1, strlen(colon + 1), &wanted->end);
    if (!good || wanted->first > wanted->end)
        return cli_usage("export", "--range: \"%s\" is not A:B with A not beyond B", text);
    return CLI_DONE;
}

static int export_from(export_job *job, slot_db *db)
{
    slot_error err;
    int code;

    cli_warn_of_stale_sums(job->path, db);
    if (slot_begin(db, SLOT_READ, &job->txn, &err) != SLOT_OK)
        return cli_error(job->path, &err);
    if (job->range.end > slot_records(job->txn))
        job->range.end = slot_records(job->txn);
    job->has_deleted = slot_count(job->txn) != slot_records(job->txn);
    code = export_to(job);
    slot_end(job->txn);
    return code;
}

int cmd_export(int argc, char **argv)
{
    cli_open_options open_options;
    const char *format = NULL;
    const char *range_text = ":";
    export_job job = {.range = {0, UINT64_MAX}};
    const cli_option options[] = {
        {"-o", CLI_TEXT, &job.output},      {"--format", CLI_TEXT, &format},
        {"--range", CLI_TEXT, &range_text}, {"--crlf", CLI_FLAG, &job.crlf},
        CLI_OPEN_OPTIONS(open_options),     {NULL, CLI_FLAG, NULL}};
    slot_db *db = NULL;
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 1, 1);
    if (code == CLI_DONE)
        code = parse_range(range_text, &job.range);
    if (code == CLI_DONE)
        code = cli_open_to_read(argv[0], argv[1], &open_options, &db, NULL);
    if (code != CLI_DONE)
        return code;
    job.path = argv[1];
    job.schema = slot_db_schema(db);
    job.record_size = slot_schema_record_size(job.schema);
    if (job.output != NULL && strcmp(job.output, "-") == 0)
        job.output = NULL;
    code = choose_format(&job, format);
    if (code == CLI_DONE)
        code = export_from(&job, db);
    return cli_close(job.path, db, code);
}
