#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

int record_operands(record_input *input, int argc, char **argv, int first)
{
    input->command = argv[0];
    input->path = argv[1];
    input->assignments = argv + first;
    input->count = argc - first;
    if ((input->count > 0) == (input->raw != NULL))
        return cli_usage(argv[0], "give either FIELD=VALUE or --raw FILE");
    return CLI_DONE;
}

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

static int parse_assignment(const record_input *input, const char *assignment)
{
    const char *value = NULL;
    const char *reason = "not a value of the field's type (correct it)";
    const slot_field *field = find_field(input->schema, assignment, &value);

    if (strchr(assignment, '=') == NULL)
        return cli_usage(input->command, "\"%s\" is not FIELD=VALUE", assignment);
    if (field == NULL)
        return cli_usage(input->command, "%s has no such field: %s", input->path, assignment);
    if (slot_field_parse(field, value, strlen(value), input->bytes, &reason) == SLOT_OK)
        return CLI_DONE;
    cli_say("field \"%s\": %s", field->name, reason);
    return CLI_REFUSED;
}

static int parse_assignments(const record_input *input)
{
    int code = CLI_DONE;

    for (int i = 0; i < input->count && code == CLI_DONE; i++)
        code = parse_assignment(input, input->assignments[i]);
    return code;
}

/* Read exactly one record from the file. */
static int read_raw(const record_input *input)
{
    const char *reason = "";
    bool is_stdin = strcmp(input->raw, "-") == 0;
    FILE *file = is_stdin ? stdin : host_open_input(input->raw, &reason);
    int code = CLI_DONE;
    size_t n;

    if (file == NULL) {
        cli_say("%s: cannot open the file: %s", input->raw, reason);
        return CLI_IO;
    }
    n = fread(input->bytes, 1, input->record_size, file);
    if (n == input->record_size && fgetc(file) != EOF)
        n++;
    if (ferror(file)) {
        cli_say("%s: cannot read: %s", input->raw, strerror(errno));
        code = CLI_IO;
    } else if (n != input->record_size) {
        cli_say("%s: %s than the %zu bytes of a record", input->raw,
                n < input->record_size ? "less" : "more", input->record_size);
        code = CLI_REFUSED;
    }
    if (!is_stdin)
        fclose(file);
    return code;
}

int record_read(record_input *input, const slot_db *db)
{
    input->schema = slot_db_schema(db);
    input->record_size = slot_schema_record_size(input->schema);
    input->bytes = calloc(1, input->record_size);
    if (input->bytes == NULL)
        return cli_no_memory();
    return input->raw != NULL ? read_raw(input) : parse_assignments(input);
}

void record_assign(const record_input *input, void *record)
{
    if (input->raw != NULL)
        memcpy(record, input->bytes, input->record_size);
    for (int i = 0; i < input->count; i++) {
        const char *value;
        const slot_field *field = find_field(input->schema, input->assignments[i], &value);

        memcpy((char *)record + field->offset, input->bytes + field->offset, field->size);
    }
}

void record_release(record_input *input)
{
    free(input->bytes);
    input->bytes = NULL;
}

/* ---- append and insert ---- */

typedef struct add_job {
    record_input input;
    record_add_fn add;
    uint64_t recno;
} add_job;

static slot_status add_record(void *context, slot_txn *txn, slot_error *err)
{
    add_job *job = context;

    return job->add(txn, job->input.bytes, &job->recno, err);
}

int record_add(int argc, char **argv, record_add_fn add)
{
    cli_open_options open_options;
    add_job job = {.add = add};
    const cli_option options[] = {{"--raw", CLI_TEXT, &job.input.raw},
                                  CLI_SYNC_OPTION(open_options),
                                  CLI_OPEN_OPTIONS(open_options),
                                  {NULL, CLI_FLAG, NULL}};
    slot_db *db = NULL;
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 1, argc);
    if (code == CLI_DONE)
        code = record_operands(&job.input, argc, argv, 2);
    if (code == CLI_DONE)
        code = cli_open(argv[0], argv[1], &open_options, SLOT_TRANSACTIONAL, &db);
    if (code != CLI_DONE)
        return code;
    code = record_read(&job.input, db);
    if (code == CLI_DONE)
        code = cli_change(argv[1], db, add_record, &job);
    if (code == CLI_DONE)
        printf("%" PRIu64 "\n", job.recno);
    record_release(&job.input);
    return cli_close(argv[1], db, code);
}
