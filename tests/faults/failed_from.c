/*
 * Threads commit together, and from some moment on every flush fails. Nothing is published after
 * that. A thread that appends after the failure must not change what those are told whose flush had
 * failed before.
 *
 * Right: what was acknowledged can be read.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

enum { RECORD_SIZE = 4096, THREADS = 24, TRIALS = 60 };

struct job {
    uint64_t number, acknowledged;
};

static slot_db *db;
static atomic_long until_failure = LONG_MAX;

int fdatasync(int fd)
{
    if (atomic_fetch_sub(&until_failure, 1) > 0)
        return (int)syscall(SYS_fdatasync, fd);
    usleep(200);
    errno = EIO;
    return -1;
}

static void *writer(void *argument)
{
    struct job *job = argument;
    char record[RECORD_SIZE] = {0};
    slot_status status = SLOT_OK;

    for (uint64_t n = 1; status == SLOT_OK; n++) {
        slot_txn *txn = NULL;

        usleep((unsigned)((n * 7919 + job->number * 104729) % 300));
        status = slot_begin(db, SLOT_WRITE, &txn, NULL);
        if (status != SLOT_OK)
            break;
        memcpy(record, &n, sizeof n);
        status = slot_put(txn, job->number, record, NULL);
        if (status == SLOT_OK)
            status = slot_commit(txn, NULL);
        else
            slot_abort(txn);
        if (status == SLOT_OK)
            job->acknowledged = n;
    }
    return NULL;
}

static int lost_of(const struct job *jobs)
{
    slot_error error = {0};
    char record[RECORD_SIZE];
    slot_txn *txn;
    int lost = 0;

    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    for (uint64_t i = 0; i < THREADS; i++) {
        uint64_t n;

        MUST(slot_get(txn, i, record, &error));
        memcpy(&n, record, sizeof n);
        lost += n < jobs[i].acknowledged;
    }
    slot_end(txn);
    return lost;
}

static int trial(const char *path, long syncs)
{
    slot_error error = {0};
    struct job jobs[THREADS] = {{0, 0}};
    pthread_t threads[THREADS];
    slot_txn *txn;
    int lost;

    fault_create(path, RECORD_SIZE);
    MUST(slot_open(path, NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_extend(txn, THREADS, NULL, &error));
    MUST(slot_commit(txn, &error));
    MUST(slot_checkpoint(db, &error));
    atomic_store(&until_failure, syncs);
    for (uint64_t i = 0; i < THREADS; i++) {
        jobs[i].number = i;
        if (pthread_create(&threads[i], NULL, writer, &jobs[i]) != 0)
            exit(FAULT_SETUP);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    lost = lost_of(jobs);
    atomic_store(&until_failure, LONG_MAX);
    (void)slot_close(db, NULL);
    return lost;
}

int main(int argc, char **argv)
{
    char path[4096];
    int lost = 0;

    if (argc < 2)
        return FAULT_SETUP;
    for (int i = 0; i < TRIALS && lost == 0; i++) {
        (void)snprintf(path, sizeof path, "%s-%d", argv[1], i);
        lost = trial(path, 20 + i * 7 % 40);
    }
    if (lost > 0)
        printf("%d threads were told OK about commits whose flush had failed\n", lost);
    return lost > 0 ? FAULT_WRONG : FAULT_RIGHT;
}
