/*
 * put: change one record. All values are checked before a transaction begins, so that a refused one
 * leaves the files untouched.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "host.h"

const char cmd_put_help[] =
    "Usage: slotfile put DB RECNO FIELD=VALUE...\n"
    "       slotfile put DB RECNO --raw FILE|-\n"
    "\n"
    "Changes record RECNO: the named fields, all at once, or all its bytes.\n"
    "\n"
    "  --raw FILE              the new bytes, exactly one record\n" CLI_OPEN_HELP "\n"
    "Example: slotfile put people.slots 123456 visits=7 active=true\n";

typedef struct put_job {
    const char *path;
    uint64_t recno;
    const char *raw;    /* a file name or "-"; NULL: fields */
    char **assignments; /* FIELD=VALUE */
    int count;
    slot_db *db;
    const slot_schema *schema;
    size_t record_size;
    char *values; /* a record that holds the new values in their places */
    char *record;
} put_job;

/* The field that an assignment names. A name may hold = itself, so every = is tried. */
static const slot_field *find_field(const slot_schema *schema, const char *assignment,
                                    const char **value)
{
    const slot_field *field = NULL;
    const char *equals = strchr(assignment, '=');

    while (equals != NULL && field == NULL) {
        *value = equals + 1;
        field = slot_schema_find(schema, assignment, (size_t)(equals - assignment));
        equals = strchr(equals + 1, '=');
    }
    return field != NULL && field->type != SLOT_PAD ? field : NULL;
}

static int parse_assignment(const put_job *job, const char *assignment)
{
    const char *value = NULL;
    const char *reason = "not a value of the field's type (correct it)";
    const slot_field *field = find_field(job->schema, assignment, &value);

    if (strchr(assignment, '=') == NULL)
        return cli_usage("put", "\"%s\" is not FIELD=VALUE", assignment);
    if (field == NULL)
        return cli_usage("put", "%s has no such field: %s", job->path, assignment);
    if (slot_field_parse(field, value, strlen(value), job->values, &reason) == SLOT_OK)
        return CLI_DONE;
    cli_say("field \"%s\": %s", field->name, reason);
    return CLI_REFUSED;
}

static int parse_assignments(const put_job *job)
{
    int code = CLI_DONE;

    for (int i = 0; i < job->count && code == CLI_DONE; i++)
        code = parse_assignment(job, job->assignments[i]);
    return code;
}

/* Copy the named fields into the record. */
static void assign(const put_job *job)
{
    for (int i = 0; i < job->count; i++) {
        const char *value;
        const slot_field *field = find_field(job->schema, job->assignments[i], &value);

        memcpy(job->record + field->offset, job->values + field->offset, field->size);
    }
}

/* Read exactly one record from the file. */
static int read_raw(const put_job *job)
{
    const char *reason = "";
    bool is_stdin = strcmp(job->raw, "-") == 0;
    FILE *file = is_stdin ? stdin : host_open_input(job->raw, &reason);
    int code = CLI_DONE;
    size_t n;

    if (file == NULL) {
        cli_say("%s: cannot open the file: %s", job->raw, reason);
        return CLI_IO;
    }
    n = fread(job->record, 1, job->record_size, file);
    if (n == job->record_size && fgetc(file) != EOF)
        n++;
    if (ferror(file)) {
        cli_say("%s: cannot read: %s", job->raw, strerror(errno));
        code = CLI_IO;
    } else if (n != job->record_size) {
        cli_say("%s: %s than the %zu bytes of a record", job->raw,
                n < job->record_size ? "less" : "more", job->record_size);
        code = CLI_REFUSED;
    }
    if (!is_stdin)
        fclose(file);
    return code;
}

static int change(const put_job *job)
{
    slot_txn *txn = NULL;
    slot_error err;
    slot_status status = slot_begin(job->db, SLOT_WRITE, &txn, &err);

    if (status != SLOT_OK)
        return cli_error(job->path, &err);
    if (job->raw == NULL)
        status = slot_get(txn, job->recno, job->record, &err);
    if (status == SLOT_OK) {
        assign(job);
        status = slot_put(txn, job->recno, job->record, &err);
    }
    if (status == SLOT_OK)
        status = slot_commit(txn, &err);
    else
        slot_abort(txn);
    return status == SLOT_OK ? CLI_DONE : cli_error(job->path, &err);
}

static int put(put_job *job)
{
    int code;

    job->schema = slot_db_schema(job->db);
    job->record_size = slot_schema_record_size(job->schema);
    job->record = malloc(job->record_size);
    job->values = calloc(1, job->record_size);
    if (job->record == NULL || job->values == NULL)
        code = cli_no_memory();
    else
        code = job->raw != NULL ? read_raw(job) : parse_assignments(job);
    if (code == CLI_DONE)
        code = change(job);
    free(job->values);
    free(job->record);
    return code;
}

int cmd_put(int argc, char **argv)
{
    cli_open_options open_options;
    put_job job = {0};
    const cli_option options[] = {
        {"--raw", CLI_TEXT, &job.raw}, CLI_OPEN_OPTIONS(open_options), {NULL, CLI_FLAG, NULL}};
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 2, argc);
    if (code == CLI_DONE && !cli_parse_count(argv[2], strlen(argv[2]), &job.recno))
        code = cli_usage(argv[0], "\"%s\" is not a record number", argv[2]);
    if (code == CLI_DONE && (argc > 3) == (job.raw != NULL))
        code = cli_usage(argv[0], "give either FIELD=VALUE or --raw FILE");
    if (code == CLI_DONE)
        code = cli_open(argv[0], argv[1], &open_options, SLOT_DIRECT, &job.db);
    if (code != CLI_DONE)
        return code;
    job.path = argv[1];
    job.assignments = argv + 3;
    job.count = argc - 3;
    code = put(&job);
    return cli_close(job.path, job.db, code);
}
