/*
 * Deleted records: what is there of them, which number an insert takes, and that numbers are never
 * moved. In transactional access; direct access reads what it finds and changes none of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "support/by_path.h"
#include "support/fixture.h"

#define N       125
#define ONE_BIT 32768u /* records of one block of marks */

static void delete_by(struct fixture *f, slot_txn *txn, uint64_t recno)
{
    assert_ok(f, slot_delete(txn, recno, &f->err));
}

static uint64_t insert_by(struct fixture *f, slot_txn *txn, uint64_t version)
{
    uint8_t record[N];
    uint64_t recno = UINT64_MAX;

    record_fill(record, N, version, version);
    assert_ok(f, slot_insert(txn, record, &recno, &f->err));
    return recno;
}

static void test_deleted__is_told_from_never_there(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N], zero[3 * N] = {0}, range[3 * N];
    const void *lent;
    void *edit;
    slot_run run;
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, 10);
    txn = fixture_begin(f, SLOT_WRITE);
    delete_by(f, txn, 4);
    assert_status(f, slot_delete(txn, 4, &f->err), SLOT_DELETED);
    assert_status(f, slot_delete(txn, 10, &f->err), SLOT_NOT_FOUND);
    fixture_commit(f, txn);
    for (int round = 0; round < 2; round++) {
        txn = fixture_begin(f, SLOT_WRITE);
        assert_int_equal(slot_records(txn), 10);
        assert_int_equal(slot_count(txn), 9);
        assert_status(f, slot_get(txn, 4, record, &f->err), SLOT_DELETED);
        assert_int_equal(f->err.offset, 4 * N);
        assert_status(f, slot_read(txn, 4, 1, 2, record, &f->err), SLOT_DELETED);
        assert_status(f, slot_ref(txn, 4, &lent, &f->err), SLOT_DELETED);
        assert_status(f, slot_put(txn, 4, record, &f->err), SLOT_DELETED);
        assert_status(f, slot_write(txn, 4, 0, 1, record, &f->err), SLOT_DELETED);
        assert_status(f, slot_edit(txn, 4, &edit, &f->err), SLOT_DELETED);
        assert_status(f, slot_delete(txn, 4, &f->err), SLOT_DELETED);
        assert_status(f, slot_get(txn, 10, record, &f->err), SLOT_NOT_FOUND);
        assert_ok(f, slot_get_range(txn, 3, 3, range, &f->err));
        assert_memory_equal(range + N, zero, N);
        assert_ok(f, slot_scan(txn, 4, 5, &run, &f->err));
        assert_memory_equal(run.records, zero, N);
        slot_abort(txn);
        fixture_close(f);
        fixture_open(f);
    }
}

/* A record of zeros is a record. */
static void test_deleted__zeros_are_not_deleted(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N];
    slot_txn *txn;

    fixture_create(f, N);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_extend(txn, 100, NULL, &f->err));
    delete_by(f, txn, 50);
    fixture_commit(f, txn);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    txn = fixture_begin(f, SLOT_READ);
    for (uint64_t recno = 0; recno < 100; recno++)
        assert_status(f, slot_get(txn, recno, record, &f->err), recno == 50 ? SLOT_DELETED : 0);
    slot_end(txn);
}

static void test_deleted__insert_takes_the_lowest(void **state)
{
    struct fixture *f = *state;
    static const uint64_t gone[] = {900, 3, 77, 4, 899, 0};
    static const uint64_t order[] = {0, 3, 4, 77, 899, 900, 1000, 1001};
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, 1000);
    for (size_t i = 0; i < 6; i++) {
        txn = fixture_begin(f, SLOT_WRITE);
        delete_by(f, txn, gone[i]);
        fixture_commit(f, txn);
    }
    for (size_t i = 0; i < 8; i++) {
        txn = fixture_begin(f, SLOT_WRITE);
        assert_int_equal(insert_by(f, txn, i), order[i]);
        slot_abort(txn); /* gives the number back */
        if (i % 2 == 0)
            assert_ok(f, slot_checkpoint(f->db, &f->err));
        if (i % 3 == 0) {
            fixture_close(f);
            fixture_open(f);
        }
        txn = fixture_begin(f, SLOT_WRITE);
        assert_int_equal(insert_by(f, txn, i), order[i]);
        fixture_commit(f, txn);
    }
    txn = fixture_begin(f, SLOT_READ);
    assert_int_equal(slot_count(txn), 1002);
    for (size_t i = 0; i < 8; i++) {
        uint8_t record[N];

        assert_ok(f, slot_get(txn, order[i], record, &f->err));
        assert_true(record_is(record, N, i, i));
    }
    slot_end(txn);
}

/* In one transaction: what was deleted just now is taken first, and appends never take any. */
static void test_deleted__within_a_transaction(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N] = {1};
    uint64_t first = 0;
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, 100);
    txn = fixture_begin(f, SLOT_WRITE);
    delete_by(f, txn, 60);
    assert_int_equal(insert_by(f, txn, 1), 60);
    assert_int_equal(insert_by(f, txn, 2), 100);
    delete_by(f, txn, 100); /* one that was appended here */
    delete_by(f, txn, 20);
    assert_ok(f, slot_append(txn, record, 1, &first, &f->err));
    assert_int_equal(first, 101);
    assert_ok(f, slot_extend(txn, 5, &first, &f->err));
    assert_int_equal(first, 102);
    assert_int_equal(slot_count(txn), 105);
    assert_int_equal(insert_by(f, txn, 3), 20);
    assert_int_equal(insert_by(f, txn, 4), 100);
    assert_int_equal(insert_by(f, txn, 5), 107);
    fixture_commit(f, txn);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
}

static void test_deleted__across_blocks_of_marks(void **state)
{
    struct fixture *f = *state;
    static const uint64_t gone[] = {ONE_BIT - 1, ONE_BIT, 2 * ONE_BIT - 1, 2 * ONE_BIT + 1};
    uint8_t record[7];
    uint64_t recno = 0;
    slot_txn *txn;

    fixture_create(f, 7);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_extend(txn, ONE_BIT - 10, NULL, &f->err));
    delete_by(f, txn, 5);
    fixture_commit(f, txn);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_extend(txn, 2 * ONE_BIT, NULL, &f->err)); /* across: no mark is there */
    for (int i = 3; i >= 0; i--)
        delete_by(f, txn, gone[i]);
    fixture_commit(f, txn);
    for (int round = 0; round < 3; round++) {
        if (round == 1)
            assert_ok(f, slot_checkpoint(f->db, &f->err));
        if (round == 2) {
            fixture_close(f);
            fixture_open(f);
        }
        assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
        txn = fixture_begin(f, SLOT_READ);
        assert_int_equal(slot_count(txn), 3 * ONE_BIT - 15);
        for (int i = 0; i < 4; i++)
            assert_status(f, slot_get(txn, gone[i], record, &f->err), SLOT_DELETED);
        slot_end(txn);
    }
    txn = fixture_begin(f, SLOT_WRITE);
    record_fill(record, 7, 1, 1);
    for (int i = -1; i < 4; i++) {
        assert_ok(f, slot_insert(txn, record, &recno, &f->err));
        assert_int_equal(recno, i < 0 ? 5 : gone[i]);
    }
    assert_ok(f, slot_insert(txn, record, &recno, &f->err));
    assert_int_equal(recno, 3 * ONE_BIT - 10);
    fixture_commit(f, txn);
}

/* The file of marks is there, with space, before something was deleted; but meta counts its blocks
 * only then. */
static void test_deleted__its_file(void **state)
{
    struct fixture *f = *state;
    const struct os *os = slot__os_native();
    char path[5000];
    slot_txn *txn;
    size_t n;

    snprintf(path, sizeof path, "%s/deleted", f->path);
    fixture_create(f, N);
    fixture_append(f, 10);
    fixture_close(f);
    free(fixture_read_file(f, "deleted", &n));
    assert_int_equal(n, 4096);
    assert_true(os_ok(by_path_remove_file(os, path)));
    fixture_open(f);
    txn = fixture_begin(f, SLOT_WRITE);
    delete_by(f, txn, 9);
    fixture_commit(f, txn);
    fixture_close(f);
    free(fixture_read_file(f, "deleted", &n));
    assert_int_equal(n, 4096);
    f->damaged = true;
    assert_true(os_ok(by_path_remove_file(os, path)));
    assert_status(f, slot_open(f->path, &f->options, &f->db, &f->err), SLOT_E_CORRUPT);
    assert_string_equal(f->err.file, "deleted");
}

static void test_deleted__in_other_accesses(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N] = {0};
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, 10);
    txn = fixture_begin(f, SLOT_WRITE);
    delete_by(f, txn, 3);
    fixture_commit(f, txn);
    fixture_close(f);
    f->options.access = SLOT_DIRECT;
    fixture_open(f);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_int_equal(slot_count(txn), 9);
    assert_status(f, slot_get(txn, 3, record, &f->err), SLOT_DELETED);
    assert_status(f, slot_put(txn, 3, record, &f->err), SLOT_DELETED);
    assert_status(f, slot_delete(txn, 4, &f->err), SLOT_E_UNSUPPORTED);
    assert_status(f, slot_insert(txn, record, NULL, &f->err), SLOT_E_UNSUPPORTED);
    record_fill(record, N, 4, 1);
    assert_ok(f, slot_put(txn, 4, record, &f->err));
    assert_ok(f, slot_append(txn, record, 1, NULL, &f->err));
    assert_int_equal(slot_count(txn), 10);
    fixture_commit(f, txn);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    fixture_close(f);
    f->options.access = SLOT_READ_ONLY;
    fixture_open(f);
    txn = fixture_begin(f, SLOT_READ);
    assert_status(f, slot_get(txn, 3, record, &f->err), SLOT_DELETED);
    assert_int_equal(slot_count(txn), 10);
    slot_end(txn);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    fixture_close(f);
    f->options.access = SLOT_TRANSACTIONAL;
    fixture_open(f);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_int_equal(insert_by(f, txn, 1), 3);
    fixture_commit(f, txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_deleted__is_told_from_never_there),
        fixture_test(test_deleted__zeros_are_not_deleted),
        fixture_test(test_deleted__insert_takes_the_lowest),
        fixture_test(test_deleted__within_a_transaction),
        fixture_test(test_deleted__across_blocks_of_marks),
        fixture_test(test_deleted__its_file),
        fixture_test(test_deleted__in_other_accesses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
