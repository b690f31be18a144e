/*
 * Direct access: every call of the operating system fails once, and from then on, in every way, one
 * after the other: create, append, put, commit, abort, close. Whatever happens, no call returns a
 * wrong OK, nothing is leaked, and the database that is left opens, holds what was acknowledged,
 * and verifies once its checksums may be trusted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "support/by_path.h"
#include "support/fixture.h"
#include "support/os_faulty.h"
#include "support/tmpdir.h"

#define N      125
#define BASE   100u /* records before the swept operation */
#define ADDED  50u
#define ROUNDS 3000u /* more calls than any operation makes */

static const struct {
    slot_status status;
    int code;
} faults[] = {{SLOT_E_IO, 5}, {SLOT_E_NO_SPACE, 28}, {SLOT_E_NO_MEMORY, 12}};

static const int ways[] = {OS_FAULTY_ONCE, OS_FAULTY_FOREVER, OS_FAULTY_ONCE | OS_FAULTY_HALF,
                           OS_FAULTY_FOREVER | OS_FAULTY_HALF};

/* What one run of the operation has been told. */
struct outcome {
    slot_status status; /* of the whole */
    bool committed;     /* the commit was acknowledged */
};

typedef struct outcome (*operation_fn)(struct fixture *f, const struct os *os);

static slot_db *open_on(struct fixture *f, const struct os *os, slot_status *status)
{
    slot_db *db = NULL;

    *status = slot__db_open_on(os, f->path, &f->options, &db, &f->err);
    return *status == SLOT_OK ? db : NULL;
}

/* ---- create ---- */

static struct outcome create(struct fixture *f, const struct os *os)
{
    struct outcome outcome = {SLOT_OK, false};
    slot_schema *schema = NULL;

    assert_int_equal(slot_schema_sized(N, &schema, NULL), SLOT_OK);
    outcome.status = slot__db_create_on(os, f->path, schema, &f->options, &f->err);
    slot_schema_free(schema);
    return outcome;
}

/*
 * Created: whole and empty. Not created: nothing there, unless removing it failed as well; but even
 * then never a half.
 */
static void check_created(struct fixture *f, struct outcome outcome)
{
    if (by_path_kind(slot__os_native(), f->path) == OS_KIND_NONE) {
        assert_int_not_equal(outcome.status, SLOT_OK);
        return;
    }
    if (outcome.status != SLOT_OK && slot_open(f->path, &f->options, &f->db, &f->err) != SLOT_OK) {
        assert_int_equal(f->err.status, SLOT_E_NOT_SLOTFILE); /* removed in part */
        tmpdir_remove_tree(f->path);
        return;
    }
    if (f->db == NULL)
        fixture_open(f);
    fixture_check_records(f, 0);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    fixture_close(f);
    assert_ok(f, slot_destroy(f->path, NULL, &f->err));
}

/* ---- open, change, commit, close ---- */

static slot_status change(slot_txn *txn, struct fixture *f)
{
    slot_status status = SLOT_OK;
    uint8_t record[N];
    void *edit;

    for (uint64_t recno = 0; recno < BASE && status == SLOT_OK; recno += 40) {
        record_fill(record, N, recno, 0); /* the same bytes: the outcome cannot depend on them */
        status = slot_put(txn, recno, record, &f->err);
        if (status == SLOT_OK)
            status = slot_edit(txn, recno, &edit, &f->err);
    }
    for (uint64_t i = 0; i < ADDED && status == SLOT_OK; i++) {
        record_fill(record, N, BASE + i, 0);
        status = slot_append(txn, record, 1, NULL, &f->err);
        if (i == 20 && status == SLOT_OK)
            status = slot_get(txn, BASE + i, record, &f->err); /* writes the buffer */
        if (i == 20 && status == SLOT_OK)
            assert_true(record_is(record, N, BASE + i, 0));
    }
    return status;
}

static struct outcome commit(struct fixture *f, const struct os *os)
{
    struct outcome outcome = {SLOT_OK, false};
    slot_db *db = open_on(f, os, &outcome.status);
    slot_txn *txn = NULL;
    slot_status closed;

    if (db == NULL)
        return outcome;
    outcome.status = slot_begin(db, SLOT_WRITE, &txn, &f->err);
    if (outcome.status == SLOT_OK) {
        outcome.status = change(txn, f);
        if (outcome.status == SLOT_OK) {
            outcome.status = slot_commit(txn, &f->err);
            outcome.committed = outcome.status == SLOT_OK;
        } else {
            slot_abort(txn);
        }
    }
    closed = slot_close(db, &f->err);
    if (outcome.status == SLOT_OK)
        outcome.status = closed;
    return outcome;
}

static struct outcome abort_it(struct fixture *f, const struct os *os)
{
    struct outcome outcome = {SLOT_OK, false};
    slot_db *db = open_on(f, os, &outcome.status);
    slot_txn *txn = NULL;
    slot_status closed;

    if (db == NULL)
        return outcome;
    outcome.status = slot_begin(db, SLOT_WRITE, &txn, &f->err);
    if (outcome.status == SLOT_OK) {
        outcome.status = change(txn, f);
        slot_abort(txn);
    }
    closed = slot_close(db, &f->err);
    if (outcome.status == SLOT_OK)
        outcome.status = closed;
    return outcome;
}

/* All records are those of before, and after an acknowledged commit those that it added. */
static void check_changed(struct fixture *f, struct outcome outcome)
{
    slot_stat_info info = {.size = sizeof info};

    fixture_open(f);
    assert_ok(f, slot_stat(f->db, &info, &f->err));
    if (outcome.committed)
        assert_int_equal(info.records, BASE + ADDED);
    else
        assert_true(info.records == BASE || info.records == BASE + ADDED);
    if (outcome.status == SLOT_OK)
        assert_true(info.clean);
    fixture_check_records(f, info.records);
    if (info.sums_stale)
        assert_ok(f, slot_rebuild_sums(f->db, &f->err));
    fixture_append(f, 3);
    fixture_check_records(f, info.records + 3);
    fixture_close(f);
    fixture_open(f);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err)); /* a torn meta slot is mended too */
    fixture_close(f);
    assert_ok(f, slot_destroy(f->path, NULL, &f->err));
}

static void prepare_records(struct fixture *f)
{
    fixture_create(f, N);
    fixture_append(f, BASE);
    fixture_close(f);
}

/* ---- the sweep ---- */

/* Whether the run met its failure; the caller goes on until it does not. */
static bool run_once(struct fixture *f, operation_fn operation, uint64_t nth, size_t fault, int way,
                     struct outcome *outcome)
{
    struct os_faulty faulty;
    bool failed;

    os_faulty_init(&faulty, slot__os_native());
    os_faulty_fail(&faulty, nth, way, faults[fault].status, faults[fault].code);
    *outcome = operation(f, &faulty.os);
    failed = faulty.failed > 0;
    if (!os_faulty_is_clean(&faulty))
        fail_msg("call %llu (%s), fault %zu, way %d: something was left open or mapped",
                 (unsigned long long)nth, os_faulty_failed_name(&faulty), fault, way);
    os_faulty_release(&faulty);
    return failed;
}

static void sweep(struct fixture *f, operation_fn operation, void (*prepare)(struct fixture *),
                  void (*check)(struct fixture *, struct outcome))
{
    uint64_t total = 0;

    f->options.wait_ms = 0;
    for (size_t fault = 0; fault < sizeof faults / sizeof faults[0]; fault++) {
        for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
            uint64_t nth = 1;
            struct outcome outcome;

            for (bool met = true; met; nth++) {
                assert_true(nth < ROUNDS);
                if (prepare != NULL)
                    prepare(f);
                met = run_once(f, operation, nth, fault, ways[way], &outcome);
                if (!met)
                    assert_int_equal(outcome.status, SLOT_OK);
                check(f, outcome);
            }
            total += nth;
        }
    }
    print_message("%llu runs\n", (unsigned long long)total);
}

static void test_fault_sweep__create(void **state)
{
    sweep(*state, create, NULL, check_created);
}

static void test_fault_sweep__commit(void **state)
{
    sweep(*state, commit, prepare_records, check_changed);
}

static void test_fault_sweep__abort(void **state)
{
    sweep(*state, abort_it, prepare_records, check_changed);
}

/* A failed flush is never retried: the handle takes no more writes, and says so at close. */
static void test_fault_sweep__failed_sync_poisons(void **state)
{
    struct fixture *f = *state;
    struct os_faulty faulty;
    uint8_t record[N];
    slot_db *db = NULL;
    slot_txn *txn = NULL;

    prepare_records(f);
    os_faulty_init(&faulty, slot__os_native());
    assert_ok(f, slot__db_open_on(&faulty.os, f->path, &f->options, &db, &f->err));
    assert_ok(f, slot_begin(db, SLOT_WRITE, &txn, &f->err));
    record_fill(record, N, 7, 0);
    assert_ok(f, slot_put(txn, 7, record, &f->err));
    os_faulty_fail_only(&faulty, "sync", 1, OS_FAULTY_ONCE, SLOT_E_IO, 5);
    assert_status(f, slot_commit(txn, &f->err), SLOT_E_IO);
    assert_string_equal(f->err.file, "records");
    assert_int_equal(f->err.os_code, 5);
    assert_status(f, slot_begin(db, SLOT_WRITE, &txn, &f->err), SLOT_E_POISONED);
    assert_ok(f, slot_begin(db, SLOT_READ, &txn, &f->err));
    assert_ok(f, slot_get(txn, 7, record, &f->err));
    slot_end(txn);
    assert_status(f, slot_close(db, &f->err), SLOT_E_POISONED);
    assert_true(os_faulty_is_clean(&faulty));
    os_faulty_release(&faulty);
    fixture_open(f);
    assert_ok(f, slot_rebuild_sums(f->db, &f->err));
}

/*
 * The same for a view that cannot be flushed, at commit or when it is evicted: flushing it again
 * may well succeed and prove nothing. A commit that forgets to flush views does not pass either.
 */
static void failed_flush(struct fixture *f, uint64_t records, uint64_t step)
{
    struct os_faulty faulty;
    slot_status status = SLOT_OK;
    uint8_t record[N];
    slot_db *db = NULL;
    slot_txn *txn = NULL;

    fixture_create(f, N);
    fixture_append(f, records);
    fixture_close(f);
    os_faulty_init(&faulty, slot__os_native());
    assert_ok(f, slot__db_open_on(&faulty.os, f->path, &f->options, &db, &f->err));
    assert_ok(f, slot_begin(db, SLOT_WRITE, &txn, &f->err));
    os_faulty_fail_only(&faulty, "flush", 1, OS_FAULTY_ONCE, SLOT_E_IO, 5);
    for (uint64_t recno = 0; recno < records && status == SLOT_OK; recno += step) {
        record_fill(record, N, recno, 0);
        status = slot_put(txn, recno, record, &f->err);
    }
    assert_int_not_equal(slot_commit(txn, &f->err), SLOT_OK);
    assert_int_equal(faulty.failed, 1);
    assert_int_equal(os_faulty_count(&faulty, "flush"), 1); /* not once more */
    assert_status(f, slot_begin(db, SLOT_WRITE, &txn, &f->err), SLOT_E_POISONED);
    assert_status(f, slot_close(db, &f->err), SLOT_E_POISONED);
    assert_true(os_faulty_is_clean(&faulty));
    os_faulty_release(&faulty);
    fixture_open(f);
    assert_ok(f, slot_rebuild_sums(f->db, &f->err));
}

static void test_fault_sweep__failed_flush_poisons(void **state)
{
    failed_flush(*state, BASE, BASE);
}

static void test_fault_sweep__failed_flush_at_eviction_poisons(void **state)
{
    struct fixture *f = *state;

    f->options.map_budget = 700 << 10; /* two views of 256 KiB */
    failed_flush(f, 20000, 2500);
}

/* A disk that is full is an error that says so, and takes nothing of what was there. */
static void test_fault_sweep__no_space_while_appending(void **state)
{
    struct fixture *f = *state;
    struct os_faulty faulty;
    uint8_t *records = calloc(20000, N);
    slot_db *db = NULL;
    slot_txn *txn = NULL;

    assert_non_null(records);
    prepare_records(f);
    os_faulty_init(&faulty, slot__os_native());
    assert_ok(f, slot__db_open_on(&faulty.os, f->path, &f->options, &db, &f->err));
    assert_ok(f, slot_begin(db, SLOT_WRITE, &txn, &f->err));
    os_faulty_fail_only(&faulty, "write_at", 2, OS_FAULTY_FOREVER | OS_FAULTY_HALF, SLOT_E_NO_SPACE,
                        28);
    assert_status(f, slot_append(txn, records, 20000, NULL, &f->err), SLOT_E_NO_SPACE);
    os_faulty_mend(&faulty);
    assert_status(f, slot_append(txn, records, 1, NULL, &f->err), SLOT_E_NO_SPACE);
    assert_status(f, slot_commit(txn, &f->err), SLOT_E_NO_SPACE);
    assert_ok(f, slot_verify(db, NULL, NULL, &f->err));
    assert_ok(f, slot_close(db, &f->err));
    os_faulty_release(&faulty);
    free(records);
    fixture_open(f);
    fixture_check_records(f, BASE);
}

/* The budget is what the system was really asked to map, at any moment. */
static void test_fault_sweep__budget_is_hard(void **state)
{
    struct fixture *f = *state;
    struct os_faulty faulty;
    uint64_t seed = 5;
    uint8_t record[N];
    slot_db *db = NULL;
    slot_txn *txn = NULL;

    fixture_create(f, N);
    fixture_append(f, 60000); /* 7.5 MB */
    fixture_close(f);
    os_faulty_init(&faulty, slot__os_native());
    f->options.map_budget = 1500000;
    assert_ok(f, slot__db_open_on(&faulty.os, f->path, &f->options, &db, &f->err));
    for (int round = 0; round < 20; round++) {
        assert_ok(f, slot_begin(db, SLOT_WRITE, &txn, &f->err));
        for (int i = 0; i < 500; i++) {
            uint64_t recno = random_next(&seed) % 60000;
            const void *lent;

            record_fill(record, N, recno, 0);
            if (slot_ref(txn, recno, &lent, &f->err) == SLOT_E_BUDGET)
                slot_unpin(txn);
            if (slot_put(txn, recno, record, &f->err) == SLOT_E_BUDGET)
                slot_unpin(txn);
            assert_ok(f, slot_get(txn, recno, record, &f->err));
            assert_true(record_is(record, N, recno, 0));
        }
        fixture_commit(f, txn);
    }
    assert_ok(f, slot_close(db, &f->err));
    assert_true(faulty.mapped_peak <= 1500000);
    assert_true(faulty.mapped_peak > 1000000);
    assert_true(os_faulty_is_clean(&faulty));
    os_faulty_release(&faulty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_direct(test_fault_sweep__create),
        fixture_test_direct(test_fault_sweep__commit),
        fixture_test_direct(test_fault_sweep__abort),
        fixture_test_direct(test_fault_sweep__failed_sync_poisons),
        fixture_test_direct(test_fault_sweep__failed_flush_poisons),
        fixture_test_direct(test_fault_sweep__failed_flush_at_eviction_poisons),
        fixture_test_direct(test_fault_sweep__no_space_while_appending),
        fixture_test_direct(test_fault_sweep__budget_is_hard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
