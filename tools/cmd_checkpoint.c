/* checkpoint: bring what is in the log home into `records` now. */
#include <inttypes.h>

#include "cli.h"
#include "commands.h"

const char cmd_checkpoint_help[] =
    "Usage: slotfile checkpoint DB\n"
    "\n"
    "Copies what is in the log into the file `records` and makes it durable. Commits do that by\n"
    "themselves now and then, and so does the last process that closes the database. Nobody has\n"
    "to wait; what a reader still needs stays in the log until it has ended.\n"
    "\n" CLI_OPEN_HELP;

/* Changes that readers hold back are no failure, but who asked for a checkpoint wants to know. */
static int report(const char *path, slot_db *db)
{
    slot_stat_info info = {.size = sizeof info};
    slot_error err;

    if (slot_stat(db, &info, &err) != SLOT_OK)
        return cli_error(path, &err);
    if (info.oldest_reader_lsn < info.published_lsn)
        cli_say("%s: a reader from before the last commits holds them in the log", path);
    return CLI_DONE;
}

int cmd_checkpoint(int argc, char **argv)
{
    cli_open_options open_options;
    const cli_option options[] = {CLI_OPEN_OPTIONS(open_options), {NULL, CLI_FLAG, NULL}};
    slot_db *db = NULL;
    slot_error err;
    int code;

    cli_open_init(&open_options);
    code = cli_parse(&argc, argv, options, 1, 1);
    if (code == CLI_DONE)
        code = cli_open(argv[0], argv[1], &open_options, SLOT_TRANSACTIONAL, &db);
    if (code != CLI_DONE)
        return code;
    if (slot_checkpoint(db, &err) != SLOT_OK)
        code = cli_error(argv[1], &err);
    else
        code = report(argv[1], db);
    return cli_close(argv[1], db, code);
}
