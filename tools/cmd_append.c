/* append: one more record at the end. */
#include "cli.h"
#include "commands.h"
#include "record.h"

const char cmd_append_help[] =
    "Usage: slotfile append DB FIELD=VALUE...\n"
    "       slotfile append DB --raw FILE|-\n"
    "\n"
    "Adds a record behind the last one and prints its number. Fields that are not named are\n"
    "zero or empty. (For many records there is import.)\n"
    "\n" RECORD_HELP CLI_SYNC_HELP CLI_OPEN_HELP "\n"
    "Example: slotfile append people.slots id=1000000 first=Ada visits=1\n";

static slot_status append_one(slot_txn *txn, const void *record, uint64_t *recno, slot_error *err)
{
    return slot_append(txn, record, 1, recno, err);
}

int cmd_append(int argc, char **argv)
{
    return record_add(argc, argv, append_one);
}
