/*
 * Large and sparse: 800,000,000 records of 125 bytes are 100 GB of file in a 4 MiB budget. Nothing
 * in open, close or verify walks what was never written, where the system tells holes from data.
 * In both accesses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "support/by_path.h"
#include "support/fixture.h"

#define N       125
#define SPREAD  10000u /* records changed, and read again */
#define FEW     500u   /* the same where each of them drags in the whole read-ahead of the device */
#define RECORDS UINT64_C(800000000)

/* Whether holes can be told, so that verifying 100 GB of them takes no time. */
static bool knows_holes(struct fixture *f)
{
    const struct os *os = slot__os_native();
    struct os_file *file = NULL;
    char path[5000];
    bool knows;

    snprintf(path, sizeof path, "%s/hole", f->dir);
    assert_true(os_ok(by_path_open(os, path, OS_WRITE | OS_CREATE_NEW, &file)));
    assert_true(os_ok(os->resize(os, file, 1 << 20)));
    knows = os->next_data(os, file, 0) == 1 << 20;
    os->close(os, file);
    return knows;
}

static void change_spread(struct fixture *f, uint64_t records, uint64_t spread)
{
    slot_txn *txn = fixture_begin(f, SLOT_WRITE);
    uint64_t seed = 3;
    uint8_t record[N];

    for (uint64_t i = 0; i < spread; i++) {
        uint64_t recno = random_next(&seed) % records;

        record_fill(record, N, recno, 0);
        assert_ok(f, slot_put(txn, recno, record, &f->err));
    }
    fixture_commit(f, txn);
}

static void check_spread(struct fixture *f, uint64_t records, uint64_t spread)
{
    slot_txn *txn = fixture_begin(f, SLOT_READ);
    uint64_t seed = 3;
    uint8_t record[N];

    for (uint64_t i = 0; i < spread; i++) {
        uint64_t recno = random_next(&seed) % records;

        assert_ok(f, slot_get(txn, recno, record, &f->err));
        assert_true(record_is(record, N, recno, 0));
    }
    assert_ok(f, slot_get(txn, records - 1, record, &f->err));
    assert_status(f, slot_get(txn, records, record, &f->err), SLOT_NOT_FOUND);
    slot_end(txn);
}

static void test_extend__a_hundred_gigabytes_in_4_mib(void **state)
{
    struct fixture *f = *state;
    slot_stat_info info = {.size = sizeof info};
    uint64_t first = 1, spread = SPREAD;
    slot_txn *txn;

    f->options.map_budget = 4 << 20;
    if (!knows_holes(f)) {
        f->damaged = true; /* verifying would read all of it */
        spread = FEW;
    }
    fixture_create(f, N);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_extend(txn, RECORDS, &first, &f->err));
    assert_int_equal(first, 0);
    fixture_commit(f, txn);
    change_spread(f, RECORDS, spread);
    check_spread(f, RECORDS, spread);
    fixture_close(f);
    fixture_open(f);
    check_spread(f, RECORDS, spread);
    assert_ok(f, slot_stat(f->db, &info, &f->err));
    assert_true(info.records_bytes == RECORDS * N);
    assert_true(info.mapped_peak <= 4 << 20);
}

/* Zeros that were never written read as zeros and may be changed, alone or with what is around. */
static void test_extend__between_appends(void **state)
{
    struct fixture *f = *state;
    static const uint64_t counts[] = {1, 31, 32, 33, 100, 5000};
    uint8_t record[N], zero[N] = {0};
    uint64_t first = 0, records = 0;

    fixture_create(f, N);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        slot_txn *txn = fixture_begin(f, SLOT_WRITE);

        record_fill(record, N, records, 0);
        assert_ok(f, slot_append(txn, record, 1, NULL, &f->err));
        assert_ok(f, slot_extend(txn, counts[i], &first, &f->err));
        assert_int_equal(first, records + 1);
        assert_ok(f, slot_extend(txn, 0, NULL, &f->err));
        assert_ok(f, slot_get(txn, first + counts[i] - 1, record, &f->err));
        assert_memory_equal(record, zero, N);
        record_fill(record, N, first + counts[i] / 2, 0);
        assert_ok(f, slot_put(txn, first + counts[i] / 2, record, &f->err));
        fixture_commit(f, txn);
        records += 1 + counts[i];
        assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
        txn = fixture_begin(f, SLOT_READ);
        assert_ok(f, slot_get(txn, first - 1, record, &f->err));
        assert_true(record_is(record, N, first - 1, 0));
        assert_ok(f, slot_get(txn, first + counts[i] / 2, record, &f->err));
        assert_true(record_is(record, N, first + counts[i] / 2, 0));
        slot_end(txn);
    }
}

static void test_extend__aborted(void **state)
{
    struct fixture *f = *state;
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, 40);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_extend(txn, 1000000, NULL, &f->err));
    slot_abort(txn);
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    fixture_append(f, 1);
    fixture_check_records(f, 41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_both(test_extend__a_hundred_gigabytes_in_4_mib),
        fixture_test_both(test_extend__between_appends),
        fixture_test_both(test_extend__aborted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
