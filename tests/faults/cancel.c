/*
 * A thread that leads a flush for all is asked to end (pthread_cancel) while it is in fdatasync,
 * which the system takes as a place to end a thread. Would it end there, everybody who waits for
 * that flush would wait for ever, and nobody else could write.
 *
 * Right: the thread ends outside of the library, and a commit of another thread is done.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

enum { RECORD_SIZE = 4096, ROUNDS = 20, WAIT_MS = 5000 };

static slot_db *db;
static atomic_int syncing, done;

int fdatasync(int fd)
{
    int failed;

    atomic_store(&syncing, 1);
    usleep(2000); /* a place to end a thread as well, should it be allowed here */
    failed = (int)syscall(SYS_fdatasync, fd);
    return failed;
}

static slot_status commit_one(void)
{
    char record[RECORD_SIZE];
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, NULL);

    memset(record, 1, sizeof record);
    if (status != SLOT_OK)
        return status;
    status = slot_put(txn, 0, record, NULL);
    if (status == SLOT_OK)
        return slot_commit(txn, NULL);
    slot_abort(txn);
    return status;
}

/* Ends between two transactions, where nothing of the library is held. */
static void *commit_for_ever(void *unused)
{
    for (;;) {
        (void)commit_one();
        pthread_testcancel();
    }
    return unused;
}

static void *commit_once(void *status)
{
    *(slot_status *)status = commit_one();
    atomic_store(&done, 1);
    return NULL;
}

/* Whether another thread can commit after one was cancelled in a sync. */
static bool survives(void)
{
    pthread_t victim, other;
    slot_status status = SLOT_E_BUSY;

    atomic_store(&syncing, 0);
    atomic_store(&done, 0);
    if (pthread_create(&victim, NULL, commit_for_ever, NULL) != 0)
        exit(FAULT_SETUP);
    while (!atomic_load(&syncing))
        usleep(50);
    pthread_cancel(victim);
    pthread_join(victim, NULL);
    if (pthread_create(&other, NULL, commit_once, &status) != 0)
        exit(FAULT_SETUP);
    for (int i = 0; i < WAIT_MS && !atomic_load(&done); i++)
        usleep(1000);
    if (!atomic_load(&done)) {
        puts("a commit still waits for the flush of a thread that was cancelled");
        return false;
    }
    pthread_join(other, NULL);
    if (status != SLOT_OK)
        printf("a commit after one that was cancelled: %s\n", slot_status_text(status));
    return status == SLOT_OK;
}

int main(int argc, char **argv)
{
    slot_error error = {0};
    slot_txn *txn;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_SIZE);
    MUST(slot_open(argv[1], NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_extend(txn, 10, NULL, &error));
    MUST(slot_commit(txn, &error));
    for (int i = 0; i < ROUNDS; i++) {
        if (!survives())
            return FAULT_WRONG;
    }
    MUST(slot_close(db, &error));
    return FAULT_RIGHT;
}
