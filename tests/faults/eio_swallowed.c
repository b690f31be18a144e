/*
 * A checkpoint and a commit of one handle sync the same segment. The system reports bytes that it
 * could not write once for each opening: one of the two calls gets EIO, the other OK, about the
 * same bytes. Here the checkpoint's call gets it, and its thread comes back late.
 *
 * Right: the commit, which waits for what the other sync has to tell, is not acknowledged.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

enum { RECORD_SIZE = 4096, LATE_US = 50000 };

static _Thread_local bool in_checkpoint;
static atomic_bool armed, failed;
static slot_db *db, *other;

static bool is_log(int fd)
{
    char link[64], path[4096] = "";

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/log/") != NULL;
}

int fdatasync(int fd)
{
    if (in_checkpoint && atomic_load(&armed) && is_log(fd)) {
        atomic_store(&armed, false);
        atomic_store(&failed, true);
        usleep(LATE_US);
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static void *checkpoint(void *unused)
{
    in_checkpoint = true;
    (void)slot_checkpoint(db, NULL);
    return unused;
}

static slot_status put(slot_db *to, int value)
{
    char record[RECORD_SIZE];
    slot_txn *txn = NULL;
    slot_status status = slot_begin(to, SLOT_WRITE, &txn, NULL);

    memset(record, value, sizeof record);
    if (status != SLOT_OK)
        return status;
    status = slot_put(txn, 0, record, NULL);
    if (status == SLOT_OK)
        return slot_commit(txn, NULL);
    slot_abort(txn);
    return status;
}

int main(int argc, char **argv)
{
    slot_error error = {0};
    slot_options options;
    slot_txn *txn;
    pthread_t thread;
    slot_status status;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_SIZE);
    MUST(slot_open(argv[1], NULL, &db, &error));
    slot_options_init(&options);
    options.sync = SLOT_SYNC_NORMAL; /* leaves something that a checkpoint has to flush */
    MUST(slot_open(argv[1], &options, &other, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_extend(txn, 1, NULL, &error));
    MUST(slot_commit(txn, &error));
    MUST(put(other, 'n'));
    atomic_store(&armed, true);
    if (pthread_create(&thread, NULL, checkpoint, NULL) != 0)
        return FAULT_SETUP;
    while (!atomic_load(&failed))
        usleep(100);
    status = put(db, 'F');
    pthread_join(thread, NULL);
    (void)slot_close(other, NULL);
    (void)slot_close(db, NULL);
    if (status == SLOT_OK)
        puts("a commit was acknowledged whose bytes the system had dropped");
    return status == SLOT_OK ? FAULT_WRONG : FAULT_RIGHT;
}
