/* insert: one more record, in the place of a deleted one if there is any. */
#include "cli.h"
#include "commands.h"
#include "record.h"

const char cmd_insert_help[] =
    "Usage: slotfile insert DB FIELD=VALUE...\n"
    "       slotfile insert DB --raw FILE|-\n"
    "\n"
    "Stores a record under the lowest number that was deleted, or behind the last record when\n"
    "there is none, and prints the number. Fields that are not named are zero or empty.\n"
    "\n" RECORD_HELP CLI_SYNC_HELP CLI_OPEN_HELP "\n"
    "Example: slotfile insert people.slots id=1000000 first=Ada visits=1\n";

int cmd_insert(int argc, char **argv)
{
    return record_add(argc, argv, slot_insert);
}
