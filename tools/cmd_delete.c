/* delete: some records in one transaction, all of them or none. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"

const char cmd_delete_help[] =
    "Usage: slotfile delete DB RECNO...\n"
    "\n"
    "Deletes records: all of them, or none when there is no such record or one was deleted\n"
    "before; then the exit code is 1. The numbers of the others stay; insert uses those of\n"
    "deleted records again.\n"
    "\n" CLI_SYNC_HELP CLI_OPEN_HELP "\n"
    "Example: slotfile delete people.slots 17 123456\n";

typedef struct delete_job {
    uint64_t *numbers;
    size_t count;
} delete_job;

static slot_status delete_all(void *context, slot_txn *txn, slot_error *err)
{
    const delete_job *job = context;
    slot_status status = SLOT_OK;

    for (size_t i = 0; i < job->count && status == SLOT_OK; i++)
        status = slot_delete(txn, job->numbers[i], err);
    return status;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Deleting a record a second time would be refused as if somebody had deleted it before. */
static int refuse_repeated(const char *command, const delete_job *job)
{
    uint64_t *sorted = malloc(job->count * sizeof *sorted);
    int code = CLI_DONE;

    if (sorted == NULL)
        return cli_no_memory();
    memcpy(sorted, job->numbers, job->count * sizeof *sorted);
    qsort(sorted, job->count, sizeof *sorted, compare);
    for (size_t i = 1; i < job->count && code == CLI_DONE; i++) {
        if (sorted[i] == sorted[i - 1])
            code = cli_usage(command, "record %" PRIu64 " is given twice", sorted[i]);
    }
    free(sorted);
    return code;
}

/* The record numbers among the arguments, in fresh memory. */
static int parse_numbers(const char *command, char **texts, delete_job *job)
{
    job->numbers = calloc(job->count, sizeof *job->numbers);
    if (job->numbers == NULL)
        return cli_no_memory();
    for (size_t i = 0; i < job->count; i++) {
        if (!cli_parse_count(texts[i], strlen(texts[i]), &job->numbers[i]))
            return cli_usage(command, "\"%s\" is not a record number", texts[i]);
    }
    return refuse_repeated(command, job);
}

int cmd_delete(int argc, char **argv)
{
    cli_open_options open_options;
    const cli_option options[] = {
        CLI_SYNC_OPTION(open_options), CLI_OPEN_OPTIONS(open_options), {NULL, CLI_FLAG, NULL}};
    delete_job job = {0};
    slot_db *db = NULL;
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 2, argc);
    if (code == CLI_DONE) {
        job.count = (size_t)argc - 2;
        code = parse_numbers(argv[0], argv + 2, &job);
    }
    if (code == CLI_DONE)
        code = cli_open(argv[0], argv[1], &open_options, SLOT_TRANSACTIONAL, &db);
    if (code == CLI_DONE) {
        code = cli_change(argv[1], db, delete_all, &job);
        if (code == CLI_REFUSED)
            cli_say("%s: nothing was deleted", argv[1]);
        code = cli_close(argv[1], db, code);
    }
    free(job.numbers);
    return code;
}
