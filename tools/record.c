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

/* What an assignment may mean. */
typedef struct meaning {
    const slot_field *field; /* NULL: none that the schema has */
    const char *value;
    const slot_field *other; /* a field that may be meant just as well, or NULL */
} meaning;

/* The n bytes of `name` may be a field, with `value` behind them. */
static void consider(const slot_schema *schema, const char *name, size_t n, const char *value,
                     meaning *found)
{
    const slot_field *field = slot_schema_find(schema, name, n);

    if (field == NULL || field->type == SLOT_PAD)
        return;
    if (found->field != NULL) {
        found->other = field;
        return;
    }
    found->field = field;
    found->value = value;
}

/* A name in double quotes, "" for a quote in it, as in a schema. */
static void consider_quoted(const slot_schema *schema, const char *assignment, meaning *found)
{
    char name[SLOT_NAME_BYTES_MAX];
    const char *p = assignment + 1;
    size_t n = 0;

    while (*p != '\0' && n < sizeof name && (*p != '"' || p[1] == '"')) {
        p += *p == '"';
        name[n++] = *p++;
    }
    if (assignment[0] == '"' && p[0] == '"' && p[1] == '=')
        consider(schema, name, n, p + 2, found);
}

/* A name may hold = itself, so every = is tried. */
static meaning find_field(const slot_schema *schema, const char *assignment)
{
    meaning found = {NULL, NULL, NULL};
    const char *equals;

    if (assignment[0] == '"')
        consider_quoted(schema, assignment, &found);
    for (equals = strchr(assignment, '='); equals != NULL; equals = strchr(equals + 1, '='))
        consider(schema, assignment, (size_t)(equals - assignment), equals + 1, &found);
    return found;
}

/* `given` has a byte for each byte of a record: whether a field that begins there had its value. */
static int parse_assignment(const record_input *input, const char *assignment, char *given)
{
    const char *reason = "not a value of the field's type (correct it)";
    meaning found = find_field(input->schema, assignment);

    if (strchr(assignment, '=') == NULL)
        return cli_usage(input->command, "\"%s\" is not FIELD=VALUE", assignment);
    if (found.field == NULL)
        return cli_usage(input->command, "%s has no such field: %s", input->path, assignment);
    if (found.other != NULL)
        return cli_usage(input->command,
                         "%s: is it the field \"%s\" or \"%s\"? write the one that is meant "
                         "in double quotes, as '\"%s\"=VALUE'",
                         assignment, found.field->name, found.other->name, found.field->name);
    if (given[found.field->offset]++ != 0)
        return cli_usage(input->command, "field \"%s\" is given twice", found.field->name);
    if (slot_field_parse(found.field, found.value, strlen(found.value), input->bytes, &reason) ==
        SLOT_OK)
        return CLI_DONE;
    cli_say("field \"%s\": %s", found.field->name, reason);
    return CLI_REFUSED;
}

static int parse_assignments(const record_input *input)
{
    char *given = calloc(1, input->record_size);
    int code = given != NULL ? CLI_DONE : cli_no_memory();

    for (int i = 0; i < input->count && code == CLI_DONE; i++)
        code = parse_assignment(input, input->assignments[i], given);
    free(given);
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
        const slot_field *field = find_field(input->schema, input->assignments[i]).field;

        memcpy((char *)record + field->offset, input->bytes + field->offset, field->size);
    }
}

void record_release(record_input *input)
{
    free(input->bytes);
    input->bytes = NULL;
}

/* ---- append and insert ---- */

/* Tell the number that the new record got: it stays, whatever becomes of what is written here. */
static int print_number(const char *path, uint64_t recno)
{
    int code = CLI_DONE;

    printf("%" PRIu64 "\n", recno);
    errno = EIO; /* should stdio keep the reason to itself */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        code = cli_stdout_failed();
        cli_say("%s: record %" PRIu64 " was added", path, recno);
    }
    return code;
}

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
        code = print_number(argv[1], job.recno);
    record_release(&job.input);
    return cli_close(argv[1], db, code);
}
