/*
 * One flipped byte in the newest slot of `meta`: after a recovery, which once wrote one slot only
 * and removed the log, so that the other said "open" of long ago; or before it, when the other one
 * said "clean" and the log was ignored.
 *
 * Right: the acknowledged records are all there, or the database is refused. Never fewer with OK.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define SLOT_BYTES  4096
#define GENERATION  40
#define RECORD_SIZE 512
#define COMMITTED   100

static void commit_and_die(const char *path)
{
    slot_error error = {0};
    char record[RECORD_SIZE] = {3};
    slot_db *db;
    slot_txn *txn;

    MUST(slot_open(path, NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (int i = 0; i < COMMITTED; i++)
        MUST(slot_append(txn, record, 1, NULL, &error));
    MUST(slot_commit(txn, &error));
    raise(SIGKILL);
}

static void recover(const char *path)
{
    slot_error error = {0};
    slot_db *db;

    MUST(slot_open(path, NULL, &db, &error));
    MUST(slot_close(db, &error));
}

/* Flip a reserved byte of the slot with the higher generation. */
static void damage_newest(const char *path)
{
    unsigned char slots[2 * SLOT_BYTES];
    unsigned long long generation[2];
    char name[4096];
    int file, newest;

    snprintf(name, sizeof name, "%s/meta", path);
    file = open(name, O_RDWR);
    if (file < 0 || pread(file, slots, sizeof slots, 0) != sizeof slots)
        exit(FAULT_SETUP);
    for (int i = 0; i < 2; i++)
        memcpy(&generation[i], slots + i * SLOT_BYTES + GENERATION, sizeof generation[i]);
    newest = generation[1] > generation[0];
    slots[newest * SLOT_BYTES + 2000] ^= 1;
    if (pwrite(file, slots, sizeof slots, 0) != sizeof slots || close(file) != 0)
        exit(FAULT_SETUP);
}

static int look(const char *path, const char *when)
{
    slot_error error = {0};
    unsigned long long records;
    slot_db *db;
    slot_txn *txn;
    slot_status status = slot_open(path, NULL, &db, &error);

    if (status != SLOT_OK) {
        printf("%s: refused, %s: %s\n", when, error.file, error.what);
        return status == SLOT_E_CORRUPT ? FAULT_RIGHT : FAULT_WRONG;
    }
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    records = slot_records(txn);
    slot_end(txn);
    MUST(slot_close(db, &error));
    printf("%s: %llu of %d records\n", when, records, COMMITTED);
    return records == COMMITTED ? FAULT_RIGHT : FAULT_WRONG;
}

static int play(const char *path, int recovered, const char *when)
{
    pid_t child;

    fault_create(path, RECORD_SIZE);
    child = fork();
    if (child == 0)
        commit_and_die(path);
    if (child < 0 || waitpid(child, NULL, 0) != child)
        exit(FAULT_SETUP);
    if (recovered)
        recover(path);
    damage_newest(path);
    return look(path, when);
}

int main(int argc, char **argv)
{
    char second[4096];
    int before, after;

    if (argc < 2)
        return FAULT_SETUP;
    snprintf(second, sizeof second, "%s2", argv[1]);
    before = play(argv[1], 0, "damaged before recovery");
    after = play(second, 1, "damaged after recovery");
    return before == FAULT_RIGHT ? after : before;
}
