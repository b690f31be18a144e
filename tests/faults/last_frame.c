/*
 * Three commits are acknowledged, the process is killed, and one bit of the last commit's frame
 * rots while the system goes on running: it looks like a torn tail, and it is none.
 *
 * Right: refused with a message that names the log, because `shared` still knows how far the log
 * was durable; or three records. After a restart of the system nobody can know, and neither of
 * commits with sync=normal, which were never durable: docs/durability.md.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define RECORD_SIZE 125
#define COMMITS     3
#define LOG_BYTES   (256 << 10)

static void commit_and_die(const char *path)
{
    slot_error error = {0};
    char record[RECORD_SIZE];
    slot_db *db;
    slot_txn *txn;

    MUST(slot_open(path, NULL, &db, &error));
    for (int i = 0; i < COMMITS; i++) {
        memset(record, 'a' + i, sizeof record);
        MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
        MUST(slot_append(txn, record, 1, NULL, &error));
        MUST(slot_commit(txn, &error));
    }
    raise(SIGKILL);
}

/* The last byte of the third record in the first segment of the log. */
static void flip_last(const char *path)
{
    static char bytes[LOG_BYTES];
    const char last = 'a' + COMMITS - 1;
    char name[4096];
    ssize_t n, at = -1;
    int file;

    snprintf(name, sizeof name, "%s/log/00", path);
    file = open(name, O_RDWR);
    n = file < 0 ? -1 : pread(file, bytes, sizeof bytes, 0);
    for (ssize_t i = 1; i < n; i++) {
        if (bytes[i] == last && bytes[i - 1] == last)
            at = i;
    }
    if (at < 0)
        exit(FAULT_SETUP);
    bytes[at] ^= 1;
    if (pwrite(file, bytes + at, 1, at) != 1 || close(file) != 0)
        exit(FAULT_SETUP);
}

static int look(const char *path)
{
    slot_error error = {0};
    unsigned long long records;
    slot_db *db;
    slot_txn *txn;
    slot_status status = slot_open(path, NULL, &db, &error);

    if (status != SLOT_OK) {
        printf("refused, %s: %s\n", error.file, error.what);
        return status == SLOT_E_CORRUPT && strncmp(error.file, "log", 3) == 0 ? FAULT_RIGHT
                                                                              : FAULT_WRONG;
    }
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    records = slot_records(txn);
    slot_end(txn);
    MUST(slot_close(db, &error));
    printf("%llu of %d acknowledged records\n", records, COMMITS);
    return records == COMMITS ? FAULT_RIGHT : FAULT_WRONG;
}

int main(int argc, char **argv)
{
    pid_t child;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_SIZE);
    child = fork();
    if (child == 0)
        commit_and_die(argv[1]);
    if (child < 0 || waitpid(child, NULL, 0) != child)
        return FAULT_SETUP;
    flip_last(argv[1]);
    return look(argv[1]);
}
