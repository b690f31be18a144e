/*
 * A program has functions of its own by names that the library might use inside. `recover` is the
 * dangerous one: an object of an archive whose only name the program has already is not linked, and
 * the library would call the program's function after a crash, and lose acknowledged commits.
 *
 * Right: the program links, and the commit of a killed process is there.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

static int called;

int recover(void);
unsigned checksum(const void *bytes, unsigned n);
void log_init(const char *name);

int recover(void)
{
    return ++called;
}

unsigned checksum(const void *bytes, unsigned n)
{
    return n + (unsigned)(bytes != NULL) + (unsigned)++called;
}

void log_init(const char *name)
{
    printf("%s: %d\n", name, ++called);
}

static void commit_and_die(const char *path)
{
    slot_error error = {0};
    slot_db *db;
    slot_txn *txn;

    MUST(slot_open(path, NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_append(txn, "one record of 21 byte", 1, NULL, &error));
    MUST(slot_commit(txn, &error));
    raise(SIGKILL);
}

int main(int argc, char **argv)
{
    slot_error error = {0};
    slot_db *db;
    slot_txn *txn;
    char record[21];
    pid_t child;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], sizeof record);
    child = fork();
    if (child == 0)
        commit_and_die(argv[1]);
    if (child < 0 || waitpid(child, NULL, 0) != child)
        return FAULT_SETUP;
    MUST(slot_open(argv[1], NULL, &db, &error));
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    if (slot_get(txn, 0, record, &error) != SLOT_OK || called != 0) {
        printf("the acknowledged record is gone, or the library called the program (%d)\n", called);
        return FAULT_WRONG;
    }
    slot_end(txn);
    MUST(slot_close(db, &error));
    return FAULT_RIGHT;
}
