/*
 * Scans: by runs and by cursors, in each direction, with strides and in parts, of records that are
 * in the file, in the log, deleted or appended and not written yet, in views large and small:
 * always the records that a loop of gets would give, each once and in order.
 */
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"

#define N       125u
#define RECORDS 12000u

/* What record `recno` is: its version, or UINT64_MAX when it is deleted. */
static uint64_t version_of[RECORDS + 5000];

static bool is_record(const void *bytes, uint64_t recno)
{
    static const uint8_t zeros[N];

    return version_of[recno] == UINT64_MAX ? memcmp(bytes, zeros, N) == 0
                                           : record_is(bytes, N, recno, version_of[recno]);
}

/* Every so manieth record changed, some deleted, in a transaction of its own. */
static void change(struct fixture *f, uint64_t every, uint64_t version)
{
    slot_txn *txn = fixture_begin(f, SLOT_WRITE);
    uint8_t record[N];

    for (uint64_t recno = version; recno < RECORDS; recno += every) {
        if (version_of[recno] == UINT64_MAX)
            continue;
        if (recno % 7 == 3 && f->options.access == SLOT_TRANSACTIONAL) {
            assert_ok(f, slot_delete(txn, recno, &f->err));
            version_of[recno] = UINT64_MAX;
        } else {
            record_fill(record, N, recno, version);
            assert_ok(f, slot_put(txn, recno, record, &f->err));
            version_of[recno] = version;
        }
    }
    fixture_commit(f, txn);
}

static void make(struct fixture *f, uint64_t budget)
{
    memset(version_of, 0, sizeof version_of);
    if (budget != 0)
        fixture_budget(f, budget);
    fixture_create(f, N);
    fixture_append(f, RECORDS);
}

/* The cursor gives first, first + step, ... as long as they are in [low, high). */
static void expect_cursor(struct fixture *f, slot_cursor *cursor, uint64_t first, uint64_t low,
                          uint64_t high)
{
    uint64_t recno = first;
    slot_run run;
    slot_status status;

    while ((status = slot_cursor_next(cursor, &run, &f->err)) == SLOT_OK) {
        assert_true(run.count > 0);
        assert_int_equal(run.first, recno);
        for (uint64_t i = 0; i < run.count; i++) {
            const uint8_t *bytes =
                (const uint8_t *)run.records + (int64_t)i * run.step * (int64_t)N;

            assert_in_range(recno, low, high - 1);
            assert_true(is_record(bytes, recno));
            recno += (uint64_t)run.step;
        }
    }
    assert_int_equal(status, SLOT_NOT_FOUND);
    assert_int_equal(cursor->left, 0);
    assert_true(recno >= high || recno < low); /* none is missing at the end */
}

static void check_cursor(struct fixture *f, slot_txn *txn, const slot_scan_options *options)
{
    uint64_t end = options->end < slot_records(txn) ? options->end : slot_records(txn);
    uint64_t stride = options->stride != 0 ? options->stride : 1, last;
    slot_cursor cursor;

    assert_ok(f, slot_cursor_init(&cursor, txn, options, &f->err));
    if (options->first >= end) {
        assert_int_equal(cursor.left, 0);
        return;
    }
    last = options->first + (end - 1 - options->first) / stride * stride;
    expect_cursor(f, &cursor, options->backward ? last : options->first, options->first, end);
}

static void check_all(struct fixture *f, slot_txn *txn)
{
    static const uint64_t strides[] = {0, 2, 31, 32, 33, 1000, 20000, UINT64_MAX};
    uint64_t seed = 11;

    for (int backward = 0; backward < 2; backward++) {
        for (size_t i = 0; i < sizeof strides / sizeof strides[0]; i++) {
            slot_scan_options options = {.end = UINT64_MAX, .stride = strides[i]};

            options.backward = backward != 0;
            check_cursor(f, txn, &options);
            options.first = random_next(&seed) % RECORDS;
            options.end = options.first + random_next(&seed) % 4000;
            check_cursor(f, txn, &options);
        }
    }
}

static void test_scan__of_the_file(void **state)
{
    slot_txn *txn;

    make(*state, 0);
    txn = fixture_begin(*state, SLOT_READ);
    check_all(*state, txn);
    slot_end(txn);
}

static void test_scan__in_small_views(void **state)
{
    slot_txn *txn;

    make(*state, 1 << 20);
    change(*state, 50, 1);
    txn = fixture_begin(*state, SLOT_READ);
    check_all(*state, txn);
    slot_end(txn);
}

/* Single blocks in the log, then long runs of them, then all. */
static void test_scan__of_the_log(void **state)
{
    static const uint64_t every[] = {900, 40, 5};

    make(*state, 0);
    for (uint64_t i = 0; i < 3; i++) {
        slot_txn *txn;

        change(*state, every[i], i + 1);
        txn = fixture_begin(*state, SLOT_READ);
        check_all(*state, txn);
        slot_end(txn);
    }
}

static void test_scan__of_what_was_appended(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N];
    slot_txn *txn;

    make(f, 0);
    txn = fixture_begin(f, SLOT_WRITE);
    for (uint64_t recno = RECORDS; recno < RECORDS + 5000; recno++) {
        uint64_t given;

        record_fill(record, N, recno, 0);
        assert_ok(f, slot_append(txn, record, 1, &given, &f->err));
    }
    check_all(f, txn);
    slot_abort(txn);
}

/* All parts together are the whole, in order, and no two have a block in common. */
static void test_scan__in_parts(void **state)
{
    struct fixture *f = *state;
    static const uint32_t parts[] = {1, 2, 3, 16, 1000};
    slot_txn *txn;

    make(f, 0);
    change(f, 40, 1);
    txn = fixture_begin(f, SLOT_READ);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (uint64_t stride = 1; stride < 40; stride += 19) {
            slot_scan_options options = {.first = 77, .end = RECORDS - 50, .stride = stride};
            uint64_t recno = options.first, least = UINT64_MAX, most = 0;

            options.parts = parts[i];
            for (options.part = 0; options.part < parts[i]; options.part++) {
                slot_cursor cursor;
                uint64_t count;

                assert_ok(f, slot_cursor_init(&cursor, txn, &options, &f->err));
                count = cursor.left;
                if (count == 0)
                    continue;
                assert_int_equal(cursor.next, recno);
                expect_cursor(f, &cursor, recno, recno, recno + (count - 1) * stride + 1);
                recno += count * stride;
                least = count < least ? count : least;
                most = count > most ? count : most;
            }
            assert_in_range(recno, RECORDS - 50, RECORDS - 50 + stride);
            if (parts[i] <= 16)
                assert_true(most - least <= 64 / stride + 2);
        }
    }
    slot_end(txn);
}

/* Whoever goes on gets long runs, in both directions. */
static void test_scan__long_runs(void **state)
{
    struct fixture *f = *state;
    const uint64_t records = 100000, bytes = records * N;
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, records);
    txn = fixture_begin(f, SLOT_READ);
    for (int backward = 0; backward < 2; backward++) {
        slot_scan_options options = {.end = UINT64_MAX, .backward = backward != 0};
        slot_cursor cursor;
        slot_run run;
        uint64_t runs = 0;

        assert_ok(f, slot_cursor_init(&cursor, txn, &options, &f->err));
        while (slot_cursor_next(&cursor, &run, &f->err) == SLOT_OK)
            runs++;
        assert_in_range(runs, bytes >> 21, (bytes >> 21) + 4);
    }
    slot_end(txn);
}

/* The last view was mapped when the file was shorter. */
static void test_scan__of_a_file_that_grows(void **state)
{
    struct fixture *f = *state;

    memset(version_of, 0, sizeof version_of);
    fixture_create(f, N);
    for (uint64_t i = 1; i <= 16; i++) {
        const slot_scan_options options = {.end = UINT64_MAX, .backward = true};
        slot_txn *txn;

        fixture_append(f, i * 120);
        if (f->options.access == SLOT_TRANSACTIONAL)
            assert_ok(f, slot_checkpoint(f->db, &f->err));
        txn = fixture_begin(f, SLOT_READ);
        check_cursor(f, txn, &options);
        slot_end(txn);
    }
}

static void test_scan__wrong_parts(void **state)
{
    struct fixture *f = *state;
    slot_scan_options options = {.end = UINT64_MAX, .part = 2, .parts = 2};
    slot_cursor cursor;
    slot_run run;
    slot_txn *txn;

    make(f, 0);
    txn = fixture_begin(f, SLOT_READ);
    assert_status(f, slot_cursor_init(&cursor, txn, &options, &f->err), SLOT_E_ARG);
    options = (slot_scan_options){.first = RECORDS, .end = UINT64_MAX};
    assert_ok(f, slot_cursor_init(&cursor, txn, &options, &f->err));
    assert_status(f, slot_cursor_next(&cursor, &run, &f->err), SLOT_NOT_FOUND);
    slot_end(txn);
}

/* A hint changes nothing, whatever it is given. */
static void test_scan__prefetch(void **state)
{
    struct fixture *f = *state;
    uint64_t recnos[300], seed = 5;
    uint8_t record[N];
    slot_txn *txn;

    make(f, 0);
    change(f, 40, 1);
    txn = fixture_begin(f, SLOT_READ);
    slot_prefetch(txn, NULL, 0);
    for (int i = 0; i < 300; i++)
        recnos[i] = i % 10 == 0 ? random_next(&seed) : random_next(&seed) % RECORDS;
    slot_prefetch(txn, recnos, 300);
    for (int i = 0; i < 300; i++) {
        slot_status status = slot_get(txn, recnos[i], record, &f->err);

        if (recnos[i] >= RECORDS)
            assert_int_equal(status, SLOT_NOT_FOUND);
        else if (version_of[recnos[i]] == UINT64_MAX)
            assert_int_equal(status, SLOT_DELETED);
        else
            assert_true(status == SLOT_OK && is_record(record, recnos[i]));
    }
    slot_end(txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_both(test_scan__of_the_file),
        fixture_test_both(test_scan__in_small_views),
        fixture_test_both(test_scan__of_the_log),
        fixture_test_both(test_scan__of_what_was_appended),
        fixture_test_both(test_scan__in_parts),
        fixture_test_both(test_scan__long_runs),
        fixture_test_both(test_scan__of_a_file_that_grows),
        fixture_test_both(test_scan__wrong_parts),
        fixture_test_both(test_scan__prefetch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
