/*
 * Threads: readers side by side, under a budget that makes them evict each other's views, and a
 * writer in between, in both accesses. Meant for the thread sanitizer as well.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"
#include "support/thread.h"

#define N       125
#define RECORDS 30000u
#define THREADS 4

struct job {
    struct fixture *f;
    uint64_t seed;
    atomic_int *failures;
    int rounds;
};

/* No cmocka in here: its assertions may be used by the main thread only. */
static bool read_some(slot_txn *txn, uint64_t *seed)
{
    uint8_t record[N], range[N * 40];
    const void *lent = NULL;
    slot_run run;
    uint64_t recno = random_next(seed) % (RECORDS - 40);
    slot_status status;
    bool good;

    good = slot_get(txn, recno, record, NULL) == SLOT_OK && record_is(record, N, recno, 0);
    if (good && recno % 3 == 0) {
        status = slot_ref(txn, recno, &lent, NULL);
        good = status == SLOT_E_BUDGET || (status == SLOT_OK && record_is(lent, N, recno, 0));
        if (status == SLOT_E_BUDGET || recno % 9 == 0)
            slot_unpin(txn);
    }
    if (good && recno % 5 == 0) {
        status = slot_scan(txn, recno, recno + 200, &run, NULL);
        good =
            status == SLOT_E_BUDGET || (status == SLOT_OK && record_is(run.records, N, recno, 0));
    }
    if (good && recno % 7 == 0)
        good = slot_get_range(txn, recno, 40, range, NULL) == SLOT_OK &&
               record_is(range + 39 * N, N, recno + 39, 0);
    return good;
}

static void reader(void *context)
{
    struct job *job = context;

    for (int round = 0; round < job->rounds; round++) {
        slot_txn *txn = NULL;

        if (slot_begin(job->f->db, SLOT_READ, &txn, NULL) != SLOT_OK) {
            atomic_fetch_add(job->failures, 1);
            continue;
        }
        for (int i = 0; i < 200; i++) {
            if (!read_some(txn, &job->seed))
                atomic_fetch_add(job->failures, 1);
        }
        slot_end(txn);
    }
}

/*
 * Puts the bytes that are there already, so that readers can tell. What they have lent may leave no
 * room in the budget: then the transaction is given up.
 */
static bool write_some(slot_txn *txn, uint64_t *seed)
{
    slot_status status = SLOT_OK;
    uint8_t record[N];

    for (int i = 0; i < 100 && status == SLOT_OK; i++) {
        uint64_t recno = random_next(seed) % RECORDS;

        record_fill(record, N, recno, 0);
        status = slot_put(txn, recno, record, NULL);
    }
    if (status == SLOT_OK)
        status = slot_commit(txn, NULL);
    else
        slot_abort(txn);
    return status == SLOT_OK || status == SLOT_E_BUDGET;
}

static void writer(void *context)
{
    struct job *job = context;

    for (int round = 0; round < job->rounds; round++) {
        slot_stat_info info = {.size = sizeof info};
        slot_txn *txn = NULL;
        bool good = slot_begin(job->f->db, SLOT_WRITE, &txn, NULL) == SLOT_OK;

        if (good)
            good = write_some(txn, &job->seed);
        good = slot_stat(job->f->db, &info, NULL) == SLOT_OK && good;
        if (!good)
            atomic_fetch_add(job->failures, 1);
    }
}

static void run(struct fixture *f, uint64_t budget, int writers)
{
    struct test_thread *threads[THREADS];
    struct job jobs[THREADS];
    atomic_int failures = 0;

    if (budget != 0)
        fixture_budget(f, budget);
    fixture_create(f, N);
    fixture_append(f, RECORDS);
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){f, (uint64_t)i + 1, &failures, i < writers ? 10 : 30};
        threads[i] = test_thread_start(i < writers ? writer : reader, &jobs[i]);
    }
    for (int i = 0; i < THREADS; i++)
        test_thread_join(threads[i]);
    assert_int_equal(atomic_load(&failures), 0);
    fixture_check_records(f, RECORDS);
}

static void test_threads__readers_with_all_views(void **state)
{
    run(*state, 0, 0);
}

static void test_threads__readers_that_evict_each_other(void **state)
{
    run(*state, 1 << 20, 0);
}

static void test_threads__readers_and_a_writer(void **state)
{
    run(*state, 0, 1);
}

static void test_threads__readers_and_writers_that_evict(void **state)
{
    run(*state, 1 << 20, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_both(test_threads__readers_with_all_views),
        fixture_test_both(test_threads__readers_that_evict_each_other),
        fixture_test_both(test_threads__readers_and_a_writer),
        fixture_test_both(test_threads__readers_and_writers_that_evict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
