/*
 * A flush of the log fails: the page with the segment's header was lost, the frames were written,
 * and the system keeps the lost page in memory as if it were on the disk. Recovery that reads the
 * header before it syncs and forgets what is cached goes on with bytes that the disk never had.
 *
 * fdatasync of the log fails once; posix_fadvise(DONTNEED) of it then shows what is on the disk:
 * zeros where the header was.
 *
 * Right: no open says that the log is damaged, and every open finds the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

#define RECORD_SIZE 4096

static int fail_next, page_lost;

static int is_segment(int fd)
{
    static const char suffix[] = "/log/00";
    char link[64], path[4096] = "";
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    return n > (ssize_t)sizeof suffix && strcmp(path + n - (sizeof suffix - 1), suffix) == 0;
}

int fdatasync(int fd)
{
    if (fail_next && is_segment(fd)) {
        fail_next = 0;
        page_lost = 1;
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static int forget(int fd, int advice)
{
    static const char zeros[4096];

    if (page_lost && advice == POSIX_FADV_DONTNEED && is_segment(fd)) {
        page_lost = 0;
        if (pwrite(fd, zeros, sizeof zeros, 0) != sizeof zeros)
            return EIO;
    }
    return 0;
}

int posix_fadvise(int fd, off_t at, off_t n, int advice)
{
    (void)at, (void)n;
    return forget(fd, advice);
}

#ifdef __USE_LARGEFILE64
int posix_fadvise64(int fd, off64_t at, off64_t n, int advice)
{
    (void)at, (void)n;
    return forget(fd, advice);
}
#endif

static unsigned long long count(slot_db *db)
{
    slot_error error = {0};
    unsigned long long records;
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    records = slot_records(txn);
    slot_end(txn);
    return records;
}

int main(int argc, char **argv)
{
    slot_error error = {0};
    char record[RECORD_SIZE] = {5};
    unsigned long long records[2] = {0, 0};
    slot_db *db;
    slot_txn *txn;
    slot_status status;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_SIZE);
    MUST(slot_open(argv[1], NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_append(txn, record, 1, NULL, &error));
    fail_next = 1;
    status = slot_commit(txn, &error);
    if (status != SLOT_E_UNKNOWN || fail_next)
        return printf("the commit was %s\n", slot_status_text(status)), FAULT_SETUP;
    (void)slot_close(db, &error);
    for (int i = 0; i < 2; i++) {
        status = slot_open(argv[1], NULL, &db, &error);
        if (status != SLOT_OK)
            return printf("open %d: %s: %s\n", i + 1, error.file, error.what), FAULT_WRONG;
        records[i] = count(db);
        MUST(slot_close(db, &error));
    }
    if (page_lost || records[0] != records[1])
        return printf("%llu records, then %llu\n", records[0], records[1]), FAULT_WRONG;
    return FAULT_RIGHT;
}
