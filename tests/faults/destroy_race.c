/*
 * While slot_destroy removes the files, another opens the database. It once let go of its locks
 * first: the opener was told OK for open and commit, and had nothing. Here the opener runs at the
 * first removal of a file; any other process can run there.
 *
 * Right: the opener is refused.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

static const char *database;
static int armed, opened, committed;

static void open_meanwhile(void)
{
    slot_error error = {0};
    slot_options options;
    char record[128] = {1};
    slot_db *db;
    slot_txn *txn;

    armed = 0;
    slot_options_init(&options);
    options.wait_ms = 50;
    opened = slot_open(database, &options, &db, &error) == SLOT_OK;
    if (!opened) {
        printf("refused: %s: %s\n", slot_status_text(error.status), error.what);
        return;
    }
    if (slot_begin(db, SLOT_WRITE, &txn, &error) == SLOT_OK &&
        slot_append(txn, record, 1, NULL, &error) == SLOT_OK)
        committed = slot_commit(txn, &error) == SLOT_OK;
}

int unlink(const char *path)
{
    if (armed)
        open_meanwhile();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int unlinkat(int directory, const char *name, int flags)
{
    if (armed)
        open_meanwhile();
    return (int)syscall(SYS_unlinkat, directory, name, flags);
}

int main(int argc, char **argv)
{
    slot_error error = {0};
    char meta[4096];

    if (argc < 2)
        return FAULT_SETUP;
    database = argv[1];
    snprintf(meta, sizeof meta, "%s/meta", database);
    fault_create(database, 128);
    armed = 1;
    MUST(slot_destroy(database, NULL, &error));
    if (armed || access(meta, F_OK) == 0)
        return FAULT_SETUP;
    if (opened)
        printf("opened%s, and nothing is there\n", committed ? ", committed" : "");
    return opened ? FAULT_WRONG : FAULT_RIGHT;
}
