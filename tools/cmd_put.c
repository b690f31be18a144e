/* put: change one record. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "record.h"

const char cmd_put_help[] =
    "Usage: slotfile put DB RECNO FIELD=VALUE...\n"
    "       slotfile put DB RECNO --raw FILE|-\n"
    "\n"
    "Changes record RECNO: the named fields, all at once, or all its bytes. Exit code 1 when\n"
    "there is no such record or it was deleted.\n"
    "\n" RECORD_HELP CLI_SYNC_HELP CLI_OPEN_HELP "\n"
    "Example: slotfile put people.slots 123456 visits=7 active=true\n";

typedef struct put_job {
    record_input input;
    uint64_t recno;
    char *record;
} put_job;

static slot_status change(void *context, slot_txn *txn, slot_error *err)
{
    const put_job *job = context;
    slot_status status = SLOT_OK;

    if (job->input.raw == NULL)
        status = slot_get(txn, job->recno, job->record, err);
    if (status != SLOT_OK)
        return status;
    record_assign(&job->input, job->record);
    return slot_put(txn, job->recno, job->record, err);
}

static int put(put_job *job, slot_db *db)
{
    int code = record_read(&job->input, db);

    if (code == CLI_DONE) {
        job->record = malloc(job->input.record_size);
        code = job->record != NULL ? cli_change(job->input.path, db, change, job) : cli_no_memory();
    }
    free(job->record);
    record_release(&job->input);
    return code;
}

int cmd_put(int argc, char **argv)
{
    cli_open_options open_options;
    put_job job = {0};
    const cli_option options[] = {{"--raw", CLI_TEXT, &job.input.raw},
                                  CLI_SYNC_OPTION(open_options),
                                  CLI_OPEN_OPTIONS(open_options),
                                  {NULL, CLI_FLAG, NULL}};
    slot_db *db = NULL;
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 2, argc);
    if (code == CLI_DONE && !cli_parse_count(argv[2], strlen(argv[2]), &job.recno))
        code = cli_usage(argv[0], "\"%s\" is not a record number", argv[2]);
    if (code == CLI_DONE)
        code = record_operands(&job.input, argc, argv, 3);
    if (code == CLI_DONE)
        code = cli_open(argv[0], argv[1], &open_options, SLOT_TRANSACTIONAL, &db);
    if (code != CLI_DONE)
        return code;
    code = put(&job, db);
    return cli_close(argv[1], db, code);
}
