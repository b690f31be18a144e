/*
 * What transactions do in either access, and in direct access alone: who may be in at the same
 * time, what commit and abort do, what lent pointers may rely on. For what only transactional
 * access has, see test_transactions.c.
 */
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"

#define N 125

static void put(struct fixture *f, slot_txn *txn, uint64_t recno, uint64_t version)
{
    uint8_t record[N];

    record_fill(record, N, recno, version);
    assert_ok(f, slot_put(txn, recno, record, &f->err));
}

static void append(struct fixture *f, slot_txn *txn, uint64_t count)
{
    uint8_t record[N];

    for (uint64_t i = 0; i < count; i++) {
        record_fill(record, N, slot_records(txn), 0);
        assert_ok(f, slot_append(txn, record, 1, NULL, &f->err));
    }
}

static void check(struct fixture *f, uint64_t recno, uint64_t version)
{
    slot_txn *txn = fixture_begin(f, SLOT_READ);
    uint8_t record[N];

    assert_ok(f, slot_get(txn, recno, record, &f->err));
    assert_true(record_is(record, N, recno, version));
    slot_end(txn);
}

static void test_txn__commit_is_seen_by_the_next(void **state)
{
    struct fixture *f = *state;
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, 100);
    txn = fixture_begin(f, SLOT_WRITE);
    put(f, txn, 42, 1);
    fixture_commit(f, txn);
    check(f, 42, 1);
    check(f, 41, 0);
    fixture_close(f);
    fixture_open(f);
    check(f, 42, 1);
}

/* A first append of every length around a block (32 records), aborted; then others go in. */
static void test_txn__abort_takes_appended_records_back(void **state)
{
    struct fixture *f = *state;
    uint64_t base = 50;

    fixture_create(f, N);
    fixture_append(f, base);
    for (uint64_t count = 1; count < 80; count += 7) {
        slot_txn *txn = fixture_begin(f, SLOT_WRITE);
        uint8_t record[N];

        append(f, txn, count);
        if (count % 2 == 0) /* so that some of them are in the file already */
            assert_ok(f, slot_get(txn, base + count - 1, record, &f->err));
        put(f, txn, base, 9);
        slot_abort(txn);
        assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
        fixture_check_records(f, base);
        fixture_append(f, 3);
        base += 3;
        fixture_check_records(f, base);
    }
    fixture_close(f);
    fixture_open(f);
    fixture_check_records(f, base);
}

/* What direct access cannot take back stays, and the checksums fit it. */
static void test_txn__abort_leaves_changes_in_place(void **state)
{
    struct fixture *f = *state;
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, 100);
    txn = fixture_begin(f, SLOT_WRITE);
    put(f, txn, 7, 3);
    slot_abort(txn);
    check(f, 7, 3);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
}

static void test_txn__extend_gives_zeros_even_over_an_aborted_append(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N], zero[N] = {0};
    uint64_t first = 0;
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, 10);
    txn = fixture_begin(f, SLOT_WRITE);
    append(f, txn, 1000);
    assert_ok(f, slot_get(txn, 1009, record, &f->err));
    slot_abort(txn);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_extend(txn, 2000, &first, &f->err));
    assert_int_equal(first, 10);
    for (uint64_t recno = 10; recno < 2010; recno++) {
        assert_ok(f, slot_get(txn, recno, record, &f->err));
        assert_memory_equal(record, zero, N);
    }
    append(f, txn, 1);
    fixture_commit(f, txn);
    check(f, 9, 0);
    check(f, 2010, 0);
}

static void test_txn__readers_share_a_writer_waits(void **state)
{
    struct fixture *f = *state;
    slot_txn *one, *two, *writer = NULL;

    f->options.wait_ms = 20;
    fixture_create(f, N);
    fixture_append(f, 3);
    one = fixture_begin(f, SLOT_READ);
    two = fixture_begin(f, SLOT_READ);
    assert_status(f, slot_begin(f->db, SLOT_WRITE, &writer, &f->err), SLOT_E_BUSY);
    slot_end(one);
    assert_status(f, slot_begin(f->db, SLOT_WRITE, &writer, &f->err), SLOT_E_BUSY);
    slot_end(two);
    writer = fixture_begin(f, SLOT_WRITE);
    assert_status(f, slot_begin(f->db, SLOT_READ, &one, &f->err), SLOT_E_BUSY);
    assert_status(f, slot_begin(f->db, SLOT_WRITE, &two, &f->err), SLOT_E_BUSY);
    fixture_commit(f, writer);
    slot_end(fixture_begin(f, SLOT_READ));
}

static void test_txn__readers_cannot_write(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N] = {0};
    void *edit;
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, 3);
    txn = fixture_begin(f, SLOT_READ);
    assert_status(f, slot_put(txn, 0, record, &f->err), SLOT_E_ARG);
    assert_status(f, slot_edit(txn, 0, &edit, &f->err), SLOT_E_ARG);
    assert_status(f, slot_append(txn, record, 1, NULL, &f->err), SLOT_E_ARG);
    assert_status(f, slot_extend(txn, 1, NULL, &f->err), SLOT_E_ARG);
    slot_end(txn);
    slot_end(NULL);
    slot_abort(NULL);
}

static void test_txn__beyond_the_end_and_beyond_the_record(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N] = {0};
    const void *lent;
    void *edit;
    slot_txn *txn;

    fixture_create(f, N);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_status(f, slot_get(txn, 0, record, &f->err), SLOT_NOT_FOUND);
    append(f, txn, 2);
    assert_status(f, slot_get(txn, 2, record, &f->err), SLOT_NOT_FOUND);
    assert_status(f, slot_get(txn, UINT64_MAX, record, &f->err), SLOT_NOT_FOUND);
    assert_status(f, slot_ref(txn, 2, &lent, &f->err), SLOT_NOT_FOUND);
    assert_status(f, slot_put(txn, 2, record, &f->err), SLOT_NOT_FOUND);
    assert_status(f, slot_edit(txn, UINT64_MAX, &edit, &f->err), SLOT_NOT_FOUND);
    assert_status(f, slot_read(txn, 0, 125, 1, record, &f->err), SLOT_E_ARG);
    assert_status(f, slot_read(txn, 0, 1, UINT32_MAX, record, &f->err), SLOT_E_ARG);
    assert_status(f, slot_write(txn, 1, 126, 0, record, &f->err), SLOT_E_ARG);
    assert_ok(f, slot_read(txn, 0, 125, 0, record, &f->err));
    assert_ok(f, slot_append(txn, record, 0, NULL, &f->err));
    assert_status(f, slot_append(txn, record, UINT64_MAX, NULL, &f->err), SLOT_E_LIMIT);
    assert_status(f, slot_extend(txn, SLOT_RECORDS_MAX, NULL, &f->err), SLOT_E_LIMIT);
    fixture_commit(f, txn);
    fixture_check_records(f, 2);
}

/* Lent pointers stay where they are, whatever else the transaction does; then the budget is full.
 */
static void test_txn__lent_pointers_stay(void **state)
{
    struct fixture *f = *state;
    const uint8_t *lent[3];
    slot_status status = SLOT_OK;
    uint8_t record[N];
    uint64_t held = 0;
    slot_txn *txn;

    f->options.map_budget = 1 << 20; /* three views of 256 KiB */
    fixture_create(f, N);
    fixture_append(f, 20000);
    txn = fixture_begin(f, SLOT_WRITE);
    for (held = 0; held < 3; held++) {
        const void *p = NULL;

        status = slot_ref(txn, held * 4000, &p, &f->err);
        if (status != SLOT_OK)
            break;
        lent[held] = p;
    }
    assert_int_equal(status, SLOT_OK);
    for (uint64_t i = 0; i < 3; i++)
        assert_true(record_is(lent[i], N, i * 4000, 0));
    assert_status(f, slot_ref(txn, 12000, (const void **)&lent[0], &f->err), SLOT_E_BUDGET);
    /* Copying still works: from the file. */
    assert_ok(f, slot_get(txn, 12000, record, &f->err));
    assert_true(record_is(record, N, 12000, 0));
    assert_status(f, slot_put(txn, 12000, record, &f->err), SLOT_E_BUDGET);
    slot_unpin(txn);
    put(f, txn, 12000, 0);
    fixture_commit(f, txn);
}

/* An edit pointer into the last, short view stays good while the file grows under it. */
static void test_txn__edit_survives_growth(void **state)
{
    struct fixture *f = *state;
    uint8_t want[N];
    void *edit = NULL;
    slot_run run;
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, 10);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_edit(txn, 5, &edit, &f->err));
    append(f, txn, 5000);
    assert_ok(f, slot_scan(txn, 0, UINT64_MAX, &run, &f->err));
    put(f, txn, 4, 1);
    put(f, txn, 5000, 1);
    record_fill(want, N, 5, 1);
    memcpy(edit, want, N);
    fixture_commit(f, txn);
    check(f, 5, 1);
    check(f, 4, 1);
    check(f, 5000, 1);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
}

static void test_txn__empty_commit_changes_nothing(void **state)
{
    struct fixture *f = *state;
    slot_stat_info before = {.size = sizeof before}, after = {.size = sizeof after};

    fixture_create(f, N);
    fixture_append(f, 1);
    assert_ok(f, slot_stat(f->db, &before, &f->err));
    fixture_commit(f, fixture_begin(f, SLOT_WRITE));
    slot_abort(fixture_begin(f, SLOT_WRITE));
    assert_ok(f, slot_stat(f->db, &after, &f->err));
    assert_int_equal(before.generation, after.generation);
    assert_int_equal(after.records, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_both(test_txn__commit_is_seen_by_the_next),
        fixture_test_both(test_txn__abort_takes_appended_records_back),
        fixture_test_direct(test_txn__abort_leaves_changes_in_place),
        fixture_test_both(test_txn__extend_gives_zeros_even_over_an_aborted_append),
        fixture_test_direct(test_txn__readers_share_a_writer_waits),
        fixture_test_both(test_txn__readers_cannot_write),
        fixture_test_both(test_txn__beyond_the_end_and_beyond_the_record),
        fixture_test_direct(test_txn__lent_pointers_stay),
        fixture_test_both(test_txn__edit_survives_growth),
        fixture_test_both(test_txn__empty_commit_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
