/*
 * Records of every awkward size, through every way in and out, at every awkward boundary, in both
 * accesses.
 */
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"

static const uint32_t sizes[] = {1, 2, 125, 128, 4095, 4096, 4097, 65537, 1048576};

/* Enough records to fill some views of the smallest size, not too many bytes. */
static uint64_t count_for(uint32_t n)
{
    uint64_t count = (UINT64_C(1) << 20) / n + 3;

    return count < 20000 ? count : 20000;
}

static void append_read_reopen(struct fixture *f, uint32_t n)
{
    uint64_t count = count_for(n);

    fixture_create(f, n);
    fixture_append(f, count);
    fixture_check_records(f, count);
    fixture_close(f);
    fixture_open(f);
    fixture_check_records(f, count);
    fixture_append(f, 2);
    fixture_check_records(f, count + 2);
}

#define SIZE_TEST(name, index, budget)                                                             \
    static void test_records__##name(void **state)                                                 \
    {                                                                                              \
        struct fixture *f = *state;                                                                \
        if ((budget) != 0)                                                                         \
            fixture_budget(f, budget);                                                             \
        append_read_reopen(f, sizes[index]);                                                       \
    }
SIZE_TEST(of_1_byte, 0, 0)
SIZE_TEST(of_2_bytes, 1, 0)
SIZE_TEST(of_125_bytes, 2, 0)
SIZE_TEST(of_128_bytes, 3, 0)
SIZE_TEST(of_4095_bytes, 4, 0)
SIZE_TEST(of_4096_bytes, 5, 0)
SIZE_TEST(of_4097_bytes, 6, 0)
SIZE_TEST(of_65537_bytes, 7, 0)
SIZE_TEST(of_1_mib, 8, 0)
SIZE_TEST(of_125_bytes_small_budget, 2, 600 << 10)
SIZE_TEST(of_4097_bytes_small_budget, 6, 600 << 10)
SIZE_TEST(of_1_mib_small_budget, 8, 4 << 20)

/* Put, get, edit, ref, write and read the records at and around each multiple of `boundary`. */
static void change_around(struct fixture *f, uint64_t boundary, uint64_t end)
{
    slot_txn *txn = fixture_begin(f, SLOT_WRITE);
    uint8_t record[125], got[125];

    for (uint64_t at = boundary; at + 250 < end; at += boundary) {
        for (uint64_t recno = at / 125 - 1; recno <= at / 125 + 1; recno++) {
            void *edit = NULL;

            record_fill(record, 125, recno, boundary);
            assert_ok(f, slot_put(txn, recno, record, &f->err));
            assert_ok(f, slot_get(txn, recno, got, &f->err));
            assert_memory_equal(got, record, 125);
            assert_ok(f, slot_edit(txn, recno, &edit, &f->err));
            assert_memory_equal(edit, record, 125);
            ((uint8_t *)edit)[124] ^= 1;
            assert_ok(f, slot_read(txn, recno, 120, 5, got, &f->err));
            assert_int_equal(got[4], record[124] ^ 1);
            assert_ok(f, slot_write(txn, recno, 124, 1, record + 124, &f->err));
            record_fill(record, 125, recno, 0);
            assert_ok(f, slot_put(txn, recno, record, &f->err));
        }
        slot_unpin(txn);
    }
    fixture_commit(f, txn);
}

static void test_records__125_against_page_and_view_edges(void **state)
{
    struct fixture *f = *state;
    uint64_t count = 8000; /* 1,000,000 bytes */

    fixture_budget(f, 700 << 10); /* views of 256 KiB: their edges are in the file */
    fixture_create(f, 125);
    fixture_append(f, count);
    change_around(f, 4096, count * 125);
    change_around(f, 16384, count * 125);
    change_around(f, 65536, count * 125);
    change_around(f, 262144, count * 125);
    fixture_check_records(f, count);
    fixture_close(f);
    fixture_open(f);
    fixture_check_records(f, count);
}

static void test_records__file_is_exactly_the_records(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes;
    size_t n;

    fixture_create(f, 125);
    fixture_append(f, 1000);
    fixture_close(f);
    bytes = fixture_read_file(f, "records", &n);
    assert_int_equal(n, 125000);
    for (uint64_t recno = 0; recno < 1000; recno++)
        assert_true(record_is(bytes + recno * 125, 125, recno, 0));
    free(bytes);
}

/* The classic: 1,000,000 records of 125 bytes are a file of exactly 125,000,000 bytes. */
static void test_records__a_million_of_125_bytes(void **state)
{
    struct fixture *f = *state;
    uint8_t *batch = malloc(1000 * 125);
    slot_stat_info info = {.size = sizeof info};
    uint8_t *bytes;
    slot_txn *txn;
    size_t n;

    assert_non_null(batch);
    f->options.map_budget = 4 << 20;
    fixture_create(f, 125);
    txn = fixture_begin(f, SLOT_WRITE);
    for (uint64_t first = 0; first < 1000000; first += 1000) {
        for (uint64_t i = 0; i < 1000; i++)
            record_fill(batch + i * 125, 125, first + i, 0);
        assert_ok(f, slot_append(txn, batch, 1000, NULL, &f->err));
    }
    fixture_commit(f, txn);
    fixture_check_records(f, 1000000);
    assert_ok(f, slot_stat(f->db, &info, &f->err));
    assert_int_equal(info.records_bytes, 125000000);
    assert_true(info.mapped_peak <= 4 << 20);
    fixture_close(f);
    bytes = fixture_read_file(f, "records", &n);
    assert_int_equal(n, 125000000);
    free(bytes);
    free(batch);
}

/* slot_get_range over any piece equals the records one by one. */
static void test_records__ranges(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 7;
    uint8_t *got = malloc(3000 * 125);
    slot_txn *txn;

    assert_non_null(got);
    fixture_budget(f, 700 << 10);
    fixture_create(f, 125);
    fixture_append(f, 9000);
    txn = fixture_begin(f, SLOT_READ);
    for (int i = 0; i < 300; i++) {
        uint64_t first = random_next(&seed) % 9001;
        uint64_t count = random_next(&seed) % 3000;
        slot_status want = first + count <= 9000 ? SLOT_OK : SLOT_NOT_FOUND;

        assert_status(f, slot_get_range(txn, first, count, got, &f->err), want);
        for (uint64_t k = 0; want == SLOT_OK && k < count; k++)
            assert_true(record_is(got + k * 125, 125, first + k, 0));
    }
    slot_end(txn);
    free(got);
}

/* Appends, puts and reads in one transaction, mixed: a transaction sees its own changes. */
static void test_records__own_changes_are_seen(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 11, versions[600] = {0}, count = 0;
    uint8_t record[1000];
    slot_txn *txn;

    fixture_create(f, 1000);
    for (int round = 0; round < 20; round++) {
        txn = fixture_begin(f, SLOT_WRITE);
        for (int i = 0; i < 60; i++) {
            uint64_t recno = count > 0 ? random_next(&seed) % count : 0;

            if (count == 0 || (random_next(&seed) % 3 == 0 && count < 600)) {
                record_fill(record, 1000, count, 0);
                assert_ok(f, slot_append(txn, record, 1, NULL, &f->err));
                versions[count++] = 0;
            } else if (random_next(&seed) % 2 == 0) {
                record_fill(record, 1000, recno, ++versions[recno]);
                assert_ok(f, slot_put(txn, recno, record, &f->err));
            }
            if (count > 0 && random_next(&seed) % 4 == 0) {
                slot_run run;

                recno = random_next(&seed) % count;
                assert_ok(f, slot_scan(txn, recno, UINT64_MAX, &run, &f->err));
                assert_true(record_is(run.records, 1000, recno, versions[recno]));
            }
            if (count > 0) {
                recno = random_next(&seed) % count;
                assert_ok(f, slot_get(txn, recno, record, &f->err));
                assert_true(record_is(record, 1000, recno, versions[recno]));
            }
        }
        fixture_commit(f, txn);
        if (round % 7 == 6) {
            fixture_close(f);
            fixture_open(f);
        }
        assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    }
    txn = fixture_begin(f, SLOT_READ);
    for (uint64_t recno = 0; recno < count; recno++) {
        assert_ok(f, slot_get(txn, recno, record, &f->err));
        assert_true(record_is(record, 1000, recno, versions[recno]));
    }
    slot_end(txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_both(test_records__of_1_byte),
        fixture_test_both(test_records__of_2_bytes),
        fixture_test_both(test_records__of_125_bytes),
        fixture_test_both(test_records__of_128_bytes),
        fixture_test_both(test_records__of_4095_bytes),
        fixture_test_both(test_records__of_4096_bytes),
        fixture_test_both(test_records__of_4097_bytes),
        fixture_test_both(test_records__of_65537_bytes),
        fixture_test_both(test_records__of_1_mib),
        fixture_test_both(test_records__of_125_bytes_small_budget),
        fixture_test_both(test_records__of_4097_bytes_small_budget),
        fixture_test_both(test_records__of_1_mib_small_budget),
        fixture_test_both(test_records__125_against_page_and_view_edges),
        fixture_test_both(test_records__file_is_exactly_the_records),
        fixture_test_both(test_records__a_million_of_125_bytes),
        fixture_test_both(test_records__ranges),
        fixture_test_both(test_records__own_changes_are_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
