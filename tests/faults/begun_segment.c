/*
 * A put needs the next segment of the log, the system has no space or no memory for it, and nothing
 * was changed, as the put says. The caller commits what had worked before.
 *
 * Right: that commit is all there, to the next transaction, to a checkpoint, and after a new open.
 * (The head of the log was left in the segment that could not be had; the commit was acknowledged
 * and lost.)
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define RECORD_BYTES 2100
#define RECORDS      200

static int failing_writes, failing_populates, failed;

static ssize_t write_or_fail(int fd, const void *from, size_t n, off64_t at)
{
    const char *bytes = from;

    if (failing_writes && n >= 4096 && bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0) {
        failing_writes = 0, failed++, errno = EIO;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, from, n, at);
}

ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at)
{
    return write_or_fail(fd, from, n, at);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    return write_or_fail(fd, from, n, at);
}

int madvise(void *address, size_t n, int advice)
{
    if (failing_populates && advice == MADV_POPULATE_WRITE) {
        failing_populates = 0, failed++, errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_madvise, address, n, advice);
}

/* Put record after record until one fails; those before it are what has to be there. */
static uint64_t put_until_failure(slot_txn *txn, slot_sync sync)
{
    char record[RECORD_BYTES];
    slot_error error;

    memset(record, 100, sizeof record);
    for (uint64_t n = 0; n < RECORDS; n++) {
        if (n == 3) { /* from now on the next new segment cannot be had */
            failing_writes = sync == SLOT_SYNC_NORMAL;
            failing_populates = sync == SLOT_SYNC_FULL;
        }
        if (slot_put(txn, n, record, &error) != SLOT_OK)
            return n;
    }
    return RECORDS;
}

static bool is_there(slot_db *db, uint64_t count, const char *when)
{
    char record[RECORD_BYTES];
    slot_error error;
    slot_txn *txn;
    bool there = true;

    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    for (uint64_t n = 0; n < count && there; n++) {
        slot_status status = slot_get(txn, n, record, &error);

        there = status == SLOT_OK && record[0] == 100;
        if (!there)
            printf("%s: record %llu of the commit: %s, %d\n", when, (unsigned long long)n,
                   slot_status_text(status), record[0]);
    }
    slot_end(txn);
    return there;
}

static int right_or_wrong(slot_db *db, const char *path, uint64_t count)
{
    slot_error error;
    slot_status status = slot_checkpoint(db, &error);
    bool right = is_there(db, count, "after a checkpoint") && status == SLOT_OK;

    status = slot_close(db, &error);
    right = right && status == SLOT_OK;
    if (slot_open(path, NULL, &db, &error) != SLOT_OK)
        return FAULT_WRONG;
    right = is_there(db, count, "opened again") && right;
    status = slot_verify(db, NULL, NULL, &error);
    right = right && status == SLOT_OK;
    MUST(slot_close(db, &error));
    return right ? FAULT_RIGHT : FAULT_WRONG;
}

static int try(const char *path, slot_sync sync)
{
    slot_error error;
    slot_options options;
    slot_db *db;
    slot_txn *txn;
    uint64_t count;
    int result;

    fault_create(path, RECORD_BYTES);
    slot_options_init(&options);
    options.sync = sync;
    options.log_limit_bytes = 1 << 20; /* 16 segments of 64 KiB */
    MUST(slot_open(path, &options, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_extend(txn, RECORDS, NULL, &error));
    MUST(slot_commit(txn, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    failed = 0;
    count = put_until_failure(txn, sync);
    failing_writes = failing_populates = 0;
    if (failed != 1)
        return FAULT_SETUP; /* the library asks the system in another way now */
    MUST(slot_commit(txn, &error));
    result = right_or_wrong(db, path, count);
    MUST(slot_destroy(path, NULL, &error));
    return result;
}

int main(int argc, char **argv)
{
    int normal, full;

    if (argc < 2)
        return FAULT_SETUP;
    normal = try(argv[1], SLOT_SYNC_NORMAL);
    full = try(argv[1], SLOT_SYNC_FULL);
    return normal > full ? normal : full;
}
