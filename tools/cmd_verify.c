/* verify: check everything, one line for each finding. */
#include <inttypes.h>

#include "cli.h"
#include "commands.h"

const char cmd_verify_help[] =
    "Usage: slotfile verify DB [--rebuild-sums]\n"
    "\n"
    "Checks everything that can be checked: one line on standard error for each finding, a\n"
    "summary on standard output. Exit code 1 when there is damage, 4 when there is so much that\n"
    "the database cannot be opened. Others may write meanwhile.\n"
    "\n"
    "  --rebuild-sums          first take all records as they are and compute their checksums\n"
    "                          anew, as is needed after a crash in the middle of a direct\n"
    "                          change (this writes to the database, which nobody else may\n"
    "                          have open)\n" CLI_OPEN_HELP;

typedef struct verify_job {
    const char *path;
    uint64_t findings;
} verify_job;

static bool report(void *context, const slot_finding *finding)
{
    verify_job *job = context;

    char place[160] = "";
    int n = 0;

    job->findings += !finding->note;
    if (finding->offset != SLOT_NO_OFFSET)
        n = snprintf(place, sizeof place, ": offset %" PRIu64, finding->offset);
    if (finding->length > 0)
        n += snprintf(place + n, sizeof place - (size_t)n, ", %" PRIu64 " bytes", finding->length);
    if (finding->record_count > 0)
        snprintf(place + n, sizeof place - (size_t)n, ", records %" PRIu64 ":%" PRIu64,
                 finding->first_record, finding->first_record + finding->record_count);
    cli_say("%s%s/%s%s: %s", finding->note ? "note: " : "", job->path, finding->file, place,
            finding->what);
    return true;
}

static int verify(verify_job *job, slot_db *db)
{
    slot_stat_info info = {.size = sizeof info};
    slot_error err;
    slot_status status = slot_verify(db, report, job, &err);

    if (status != SLOT_OK && status != SLOT_DAMAGED)
        return cli_error(job->path, &err);
    if (slot_stat(db, &info, &err) != SLOT_OK)
        return cli_error(job->path, &err);
    cli_print_path(job->path);
    if (status == SLOT_OK)
        printf(": %" PRIu64 " records, no damage found\n", info.records);
    else
        printf(": %" PRIu64 " records, damage found in %" PRIu64 " place%s\n", info.records,
               job->findings, job->findings == 1 ? "" : "s");
    return cli_exit_code(status);
}

int cmd_verify(int argc, char **argv)
{
    cli_open_options open_options;
    bool rebuild = false;
    const cli_option options[] = {{"--rebuild-sums", CLI_FLAG, &rebuild},
                                  CLI_OPEN_OPTIONS(open_options),
                                  {NULL, CLI_FLAG, NULL}};
    verify_job job = {0};
    slot_db *db = NULL;
    slot_error err;
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 1, 1);
    if (code == CLI_DONE && rebuild)
        code = cli_open(argv[0], argv[1], &open_options, SLOT_DIRECT, &db);
    else if (code == CLI_DONE)
        code = cli_open_to_read(argv[0], argv[1], &open_options, &db, NULL);
    if (code != CLI_DONE)
        return code;
    job.path = argv[1];
    if (rebuild && slot_rebuild_sums(db, &err) != SLOT_OK)
        code = cli_error(job.path, &err);
    if (code == CLI_DONE)
        code = verify(&job, db);
    return cli_close(job.path, db, code);
}
