/*
 * Threads that commit to one handle at the same time, and share its flushes; readers and
 * checkpoints beside them. Meant for the thread sanitizer as well.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"
#include "support/thread.h"

#define N        64
#define ACCOUNTS 64u
#define START    1000
#define WRITERS  8
#define READERS  3
#define ROUNDS   40

struct shared_state {
    struct fixture *f;
    slot_db *other; /* a second handle, or NULL */
    atomic_int failures;
    atomic_int writing; /* threads that still are */
};

struct job {
    struct shared_state *shared;
    uint64_t seed;
    slot_db *db;
};

/* No cmocka in here: its assertions may be used by the main thread only. */
static void expect_at(struct job *job, bool good, const char *what, int line)
{
    if (good)
        return;
    fprintf(stderr, "line %d: not so: %s\n", line, what);
    atomic_fetch_add(&job->shared->failures, 1);
}

#define expect(job, good) expect_at(job, good, #good, __LINE__)

static int64_t balance_of(const uint8_t *record)
{
    int64_t balance;

    memcpy(&balance, record, sizeof balance);
    return balance;
}

/* All bytes of a record say the same, so that a torn one is seen. */
static void account_fill(uint8_t *record, int64_t balance)
{
    for (size_t at = 0; at < N; at += sizeof balance)
        memcpy(record + at, &balance, sizeof balance);
}

static bool account_is_whole(const uint8_t *record)
{
    return memcmp(record, record + sizeof(int64_t), N - sizeof(int64_t)) == 0;
}

/* Move an amount from one account to another. */
static slot_status move(slot_txn *txn, uint64_t from, uint64_t to, int64_t amount)
{
    uint8_t a[N], b[N];
    slot_status status = slot_get(txn, from, a, NULL);

    if (status == SLOT_OK)
        status = slot_get(txn, to, b, NULL);
    if (status != SLOT_OK || from == to)
        return status;
    account_fill(a, balance_of(a) - amount);
    account_fill(b, balance_of(b) + amount);
    status = slot_put(txn, from, a, NULL);
    if (status == SLOT_OK)
        status = slot_put(txn, to, b, NULL);
    return status;
}

/* Three moves and a new record, committed or aborted. */
static slot_status write_once(struct job *job, bool aborted)
{
    slot_txn *txn = NULL;
    slot_status status = slot_begin(job->db, SLOT_WRITE, &txn, NULL);
    uint8_t record[N];

    if (status != SLOT_OK)
        return status;
    for (int i = 0; i < 3 && status == SLOT_OK; i++)
        status =
            move(txn, random_next(&job->seed) % ACCOUNTS, random_next(&job->seed) % ACCOUNTS, 7);
    account_fill(record, 0);
    if (status == SLOT_OK)
        status = slot_append(txn, record, 1, NULL, NULL);
    if (status == SLOT_OK && !aborted)
        return slot_commit(txn, NULL);
    slot_abort(txn);
    return status;
}

/* A reader that is stopped for a while can fill a small log: then once more. */
static void writer(void *context)
{
    struct job *job = context;

    for (int round = 0; round < ROUNDS; round++) {
        slot_status status;

        do
            status = write_once(job, round % 10 == 9);
        while (status == SLOT_E_LOG_FULL);
        if (status != SLOT_OK)
            fprintf(stderr, "a writer got %d (%s)\n", status, slot_status_text(status));
        expect(job, status == SLOT_OK);
    }
    atomic_fetch_sub(&job->shared->writing, 1);
}

static void check_sum(struct job *job, slot_txn *txn)
{
    int64_t sum = 0;
    uint8_t record[N];

    for (uint64_t recno = 0; recno < ACCOUNTS; recno++) {
        bool good = slot_get(txn, recno, record, NULL) == SLOT_OK && account_is_whole(record);

        expect(job, good);
        if (good)
            sum += balance_of(record);
    }
    expect(job, sum == ACCOUNTS * START);
}

/* A snapshot has all of the money, and is the same at every look. */
static void reader(void *context)
{
    struct job *job = context;
    uint64_t before = 0;

    while (atomic_load(&job->shared->writing) > 0) {
        slot_txn *txn = NULL;
        uint8_t record[N], again[N];
        uint64_t recno = random_next(&job->seed) % ACCOUNTS;

        expect(job, slot_begin(job->db, SLOT_READ, &txn, NULL) == SLOT_OK);
        if (txn == NULL)
            continue;
        expect(job, slot_records(txn) >= before); /* time does not go back */
        before = slot_records(txn);
        expect(job, slot_get(txn, recno, record, NULL) == SLOT_OK);
        check_sum(job, txn);
        expect(job, slot_get(txn, recno, again, NULL) == SLOT_OK);
        expect(job, memcmp(record, again, N) == 0);
        slot_end(txn);
    }
}

static void checkpointer(void *context)
{
    struct job *job = context;

    while (atomic_load(&job->shared->writing) > 0) {
        slot_stat_info info = {.size = sizeof info};

        expect(job, slot_checkpoint(job->db, NULL) == SLOT_OK);
        expect(job, slot_stat(job->db, &info, NULL) == SLOT_OK);
        expect(job, info.checkpoint_lsn <= info.published_lsn);
    }
}

static void make_accounts(struct fixture *f)
{
    slot_txn *txn;
    uint8_t record[N];

    fixture_create(f, N);
    account_fill(record, START);
    txn = fixture_begin(f, SLOT_WRITE);
    for (uint64_t i = 0; i < ACCOUNTS; i++)
        assert_ok(f, slot_append(txn, record, 1, NULL, &f->err));
    fixture_commit(f, txn);
}

static void run(struct fixture *f, bool two_handles, bool checkpoints)
{
    struct shared_state shared = {.f = f};
    struct test_thread *threads[WRITERS + READERS + 1];
    struct job jobs[WRITERS + READERS + 1];
    int n = 0;
    slot_txn *txn;

    make_accounts(f);
    if (two_handles)
        assert_ok(f, slot_open(f->path, &f->options, &shared.other, &f->err));
    atomic_store(&shared.writing, WRITERS);
    for (; n < WRITERS + READERS + (checkpoints ? 1 : 0); n++) {
        slot_db *db = two_handles && n % 2 == 1 ? shared.other : f->db;

        jobs[n] = (struct job){&shared, (uint64_t)n + 1, db};
        threads[n] = test_thread_start(n < WRITERS             ? writer
                                       : n < WRITERS + READERS ? reader
                                                               : checkpointer,
                                       &jobs[n]);
    }
    while (n > 0)
        test_thread_join(threads[--n]);
    assert_int_equal(atomic_load(&shared.failures), 0);
    assert_ok(f, slot_close(shared.other, &f->err));
    fixture_close(f);
    fixture_open(f);
    txn = fixture_begin(f, SLOT_READ);
    assert_int_equal(slot_records(txn), ACCOUNTS + WRITERS * ROUNDS * 9 / 10);
    check_sum(&(struct job){&shared, 1, f->db}, txn);
    slot_end(txn);
    assert_int_equal(atomic_load(&shared.failures), 0);
}

static void test_group_commit__threads_of_a_handle(void **state)
{
    run(*state, false, false);
}

static void test_group_commit__with_checkpoints(void **state)
{
    run(*state, false, true);
}

static void test_group_commit__with_a_small_log(void **state)
{
    struct fixture *f = *state;

    f->options.log_limit_bytes = 512 << 10;
    f->options.wait_ms = 60000;
    run(f, false, true);
}

static void test_group_commit__of_two_handles(void **state)
{
    struct fixture *f = *state;

    f->options.wait_ms = 60000;
    run(f, true, true);
}

static void test_group_commit__sync_normal(void **state)
{
    struct fixture *f = *state;

    f->options.sync = SLOT_SYNC_NORMAL;
    run(f, false, true);
}

/* Commits until it is told to stop. */
static void endless_writer(void *context)
{
    struct job *job = context;

    while (atomic_load(&job->shared->writing) > 0)
        expect(job, write_once(job, false) == SLOT_OK);
}

/* One that commits in a loop lets the lock go for some microseconds at a time: others must be able
 * to write all the same. */
static void test_group_commit__others_get_their_turn(void **state)
{
    struct fixture *f = *state;
    struct shared_state shared = {.f = f};
    struct test_thread *thread;
    struct job job = {&shared, 1, NULL}, own = {&shared, 2, NULL};

    f->options.wait_ms = 3000;
    make_accounts(f);
    job.db = f->db;
    assert_ok(f, slot_open(f->path, &f->options, &own.db, &f->err));
    atomic_store(&shared.writing, 1);
    thread = test_thread_start(endless_writer, &job);
    for (int i = 0; i < 150; i++)
        expect(&own, write_once(&own, false) == SLOT_OK);
    atomic_store(&shared.writing, 0);
    test_thread_join(thread);
    assert_int_equal(atomic_load(&shared.failures), 0);
    assert_ok(f, slot_close(own.db, &f->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_group_commit__threads_of_a_handle),
        fixture_test(test_group_commit__with_checkpoints),
        fixture_test(test_group_commit__with_a_small_log),
        fixture_test(test_group_commit__of_two_handles),
        fixture_test(test_group_commit__sync_normal),
        fixture_test(test_group_commit__others_get_their_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
