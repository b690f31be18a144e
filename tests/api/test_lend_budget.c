/*
 * How much can be lent before slot_ref is SLOT_E_BUDGET: as many views as the header says, for each
 * budget and size of records, whatever else the transaction has looked at; and soon after that, it
 * is refused, and changes nothing.
 */
#include "support/fixture.h"

#include "db/handle.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)

/* The header's words, not the library's. */
struct promise {
    uint64_t view; /* bytes */
    uint64_t beside;
    uint64_t least, most; /* views */
};

static struct promise promised(uint64_t budget, uint64_t record_size)
{
    uint64_t block = record_size <= 4096 ? 4096 / record_size * record_size : record_size;
    struct promise promise = {.view = 64 * MIB, .beside = (block + 4095) / 4096 * 4096 + 4096};

    while (promise.view > 256 * KIB &&
           (promise.view > budget / 4 || 3 * (promise.view + promise.beside) + 128 * KIB > budget))
        promise.view /= 2;
    promise.least = (budget * 7 / 8 - 128 * KIB) / (promise.view + promise.beside);
    promise.most = (budget - 128 * KIB) / promise.view;
    return promise;
}

/* Records of zeros, and no space for them; some at the end get a version in the log. */
static void make(struct fixture *f, const struct promise *promise, uint32_t record_size,
                 bool with_log)
{
    uint64_t records = (promise->most + 2) * promise->view / record_size;
    uint64_t first = records - promise->view / record_size; /* of those in the log */
    uint8_t record[8192] = {1};
    slot_txn *txn;

    assert_true(record_size <= sizeof record);
    fixture_create(f, record_size);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_extend(txn, records, NULL, &f->err));
    fixture_commit(f, txn);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    if (!with_log)
        return;
    txn = fixture_begin(f, SLOT_WRITE);
    for (uint64_t n = first; n < records; n += (records - first) / 300 + 1)
        assert_ok(f, slot_put(txn, n, record, &f->err));
    fixture_commit(f, txn);
}

/* Lend one record from each view of `records`; how many there were. */
static uint64_t lend(struct fixture *f, slot_txn *txn, const struct promise *promise,
                     uint32_t record_size)
{
    uint64_t count = 0;
    slot_status status = SLOT_OK;
    const uint8_t *lent = NULL;

    while (status == SLOT_OK) {
        uint64_t recno = (count * promise->view + record_size) / record_size + 1;

        assert_true(recno < slot_records(txn));
        status = slot_ref(txn, recno, (const void **)&lent, &f->err);
        if (status == SLOT_OK)
            assert_int_equal(lent[0], 0);
        count += status == SLOT_OK;
    }
    assert_int_equal(status, SLOT_E_BUDGET);
    return count;
}

static void check(struct fixture *f, uint64_t budget, uint32_t record_size, bool with_log)
{
    struct promise promise = promised(budget, record_size);
    uint8_t record[8192];
    uint64_t count;
    slot_txn *txn;

    f->options.map_budget = budget;
    make(f, &promise, record_size, with_log);
    assert_int_equal(f->db->cache.view_size, promise.view);
    txn = fixture_begin(f, SLOT_READ);
    for (uint64_t n = 0; n < slot_records(txn); n += slot_records(txn) / 5000 + 1)
        assert_ok(f, slot_get(txn, n, record, &f->err)); /* views for speed alone */
    count = lend(f, txn, &promise, record_size);
    if (count < promise.least || count > promise.most)
        print_error("budget %llu, records of %u bytes: %llu views were lent, not %llu to %llu\n",
                    (unsigned long long)budget, record_size, (unsigned long long)count,
                    (unsigned long long)promise.least, (unsigned long long)promise.most);
    assert_in_range(count, promise.least, promise.most);
    assert_true(promise.least >= 2);
    slot_unpin(txn);
    assert_int_equal(lend(f, txn, &promise, record_size), count); /* nothing was lost of it */
    slot_end(txn);
    fixture_close(f);
    assert_ok(f, slot_destroy(f->path, NULL, &f->err));
}

static void all_sizes(struct fixture *f, bool with_log)
{
    static const uint64_t budgets[] = {950 * KIB, 1500 * KIB, 4 * MIB, 10 * MIB, 64 * MIB};
    static const uint32_t sizes[] = {1, 100, 125, 4096, 5000};

    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++)
            check(f, budgets[i], sizes[j], with_log);
    }
}

static void test_lend_budget__records(void **state)
{
    all_sizes(*state, false);
}

static void test_lend_budget__beside_versions_in_the_log(void **state)
{
    all_sizes(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_lend_budget__records),
        fixture_test(test_lend_budget__beside_versions_in_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
