/*
 * A writer is killed in slot_commit when its transaction is whole in the log and it has not said
 * so. The header says (slot_begin): the next write transaction makes it part of the database, read
 * transactions do not see it before.
 *
 * Right: what was acknowledged is seen by everybody at once; the rest by the next writer, whole;
 * and by every reader after him. Not right: that it shows up between two reads, or in part.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define RECORD_SIZE 64
#define BATCH       50 /* records in a commit: over several blocks */
#define ROUNDS      6

static struct {
    int acknowledged; /* commits */
} * shared;
static int kill_in; /* syncs until the process ends itself, the last one done */

int fdatasync(int fd)
{
    int result = (int)syscall(SYS_fdatasync, fd);

    if (kill_in > 0 && --kill_in == 0)
        raise(SIGKILL);
    return result;
}

static void append(slot_db *db)
{
    slot_error error = {0};
    char record[RECORD_SIZE] = "x";
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (int i = 0; i < BATCH; i++)
        MUST(slot_append(txn, record, 1, NULL, &error));
    MUST(slot_commit(txn, &error));
    shared->acknowledged++;
}

static void commit_and_die(const char *path)
{
    slot_error error = {0};
    slot_db *db;

    MUST(slot_open(path, NULL, &db, &error));
    append(db);
    kill_in = 1;
    append(db);
    exit(FAULT_SETUP);
}

static long long count(slot_db *db, slot_mode mode)
{
    slot_error error = {0};
    long long records;
    slot_txn *txn;

    MUST(slot_begin(db, mode, &txn, &error));
    records = (long long)slot_records(txn);
    if (mode == SLOT_READ)
        slot_end(txn);
    else
        slot_abort(txn);
    return records;
}

int main(int argc, char **argv)
{
    slot_error error = {0};
    slot_db *db;
    int surprises = 0;

    if (argc < 2)
        return FAULT_SETUP;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_SIZE);
    MUST(slot_open(argv[1], NULL, &db, &error)); /* keeps the session alive */
    for (int i = 0; i < ROUNDS; i++) {
        long long told, read, again, written, after;
        pid_t child = fork();

        if (child == 0)
            commit_and_die(argv[1]);
        if (child < 0 || waitpid(child, NULL, 0) != child)
            return FAULT_SETUP;
        told = (long long)shared->acknowledged * BATCH;
        read = count(db, SLOT_READ);
        again = count(db, SLOT_READ);
        written = count(db, SLOT_WRITE);
        after = count(db, SLOT_READ);
        if (read != told || again != told || (written != told && written != told + BATCH) ||
            after != written) {
            printf("acknowledged %lld, read %lld and %lld, writer %lld, read %lld\n", told, read,
                   again, written, after);
            return FAULT_WRONG;
        }
        if (written != told) {
            surprises++;
            shared->acknowledged++;
        }
    }
    MUST(slot_verify(db, NULL, NULL, &error));
    MUST(slot_close(db, &error));
    printf("%d of %d commits showed up with the next writer\n", surprises, ROUNDS);
    return surprises > 0 ? FAULT_RIGHT : FAULT_SETUP;
}
