/*
 * Threads fill a small log with commits that wait for their flush; nobody reads. What waits can be
 * brought home as soon as it was flushed.
 *
 * Right: no commit is told that the log is full.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "faults.h"

enum { RECORD_SIZE = 4096, THREADS = 8, COMMITS = 30, PUTS = 40 };

static slot_db *db;
static atomic_int full, others;

static slot_status commit_one(uint64_t from, slot_error *error)
{
    char record[RECORD_SIZE];
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, error);

    memset(record, 1, sizeof record);
    if (status != SLOT_OK)
        return status;
    for (uint64_t i = 0; i < PUTS && status == SLOT_OK; i++)
        status = slot_put(txn, from + i, record, error);
    if (status == SLOT_OK)
        return slot_commit(txn, error);
    slot_abort(txn);
    return status;
}

static void *writer(void *number)
{
    uint64_t from = *(const uint64_t *)number * PUTS;

    for (int n = 0; n < COMMITS; n++) {
        slot_error error = {0};
        slot_status status = commit_one(from, &error);

        if (status == SLOT_E_LOG_FULL && atomic_fetch_add(&full, 1) == 0)
            printf("without any reader: %s\n", error.what);
        else if (status != SLOT_OK && status != SLOT_E_LOG_FULL &&
                 atomic_fetch_add(&others, 1) == 0)
            printf("%s: %s\n", slot_status_text(status), error.what);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    slot_error error = {0};
    slot_options options;
    slot_txn *txn;
    pthread_t threads[THREADS];
    uint64_t numbers[THREADS];

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_SIZE);
    slot_options_init(&options);
    options.log_limit_bytes = 512 << 10; /* 8 segments of 64 KiB; a transaction takes 3 */
    MUST(slot_open(argv[1], &options, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_extend(txn, THREADS * PUTS, NULL, &error));
    MUST(slot_commit(txn, &error));
    for (uint64_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, writer, &numbers[i]) != 0)
            return FAULT_SETUP;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    MUST(slot_close(db, &error));
    printf("%d times full, %d other errors\n", full, others);
    return full + others > 0 ? FAULT_WRONG : FAULT_RIGHT;
}
