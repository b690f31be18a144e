/*
 * Read-only access to a database that was not closed cleanly: by every way of reading it gives what
 * a recovery would give, and no file of the directory changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "db/handle.h"
#include "support/fixture.h"
#include "support/tmpdir.h"

#define CHUNK 977u

static char *image_path;

/* ---- a database that is left open ---- */

static void put_some(struct fixture *f, slot_txn *txn, uint32_t n, uint64_t step, uint64_t version)
{
    uint8_t *record = malloc(n);

    assert_non_null(record);
    for (uint64_t recno = 3; recno < slot_records(txn); recno += step) {
        record_fill(record, n, recno, version);
        if (slot_put(txn, recno, record, &f->err) != SLOT_OK)
            assert_status(f, f->err.status, SLOT_DELETED);
    }
    free(record);
}

static void append_some(struct fixture *f, slot_txn *txn, uint32_t n, uint64_t count)
{
    uint8_t *records = malloc((size_t)count * n);
    uint64_t first = slot_records(txn);

    assert_non_null(records);
    for (uint64_t i = 0; i < count; i++)
        record_fill(records + i * n, n, first + i, 0);
    assert_ok(f, slot_append(txn, records, count, NULL, &f->err));
    free(records);
}

/* Everything that a log can hold: changes, marks, appended records of both kinds, an extension. */
static void play(struct fixture *f, uint32_t n, uint64_t base, bool home_first)
{
    slot_txn *txn;

    fixture_create(f, n);
    fixture_append(f, base);
    if (home_first)
        assert_ok(f, slot_checkpoint(f->db, &f->err));
    txn = fixture_begin(f, SLOT_WRITE);
    put_some(f, txn, n, base / 7 + 1, 1);
    assert_ok(f, slot_delete(txn, base / 2, &f->err));
    assert_ok(f, slot_delete(txn, 0, &f->err));
    append_some(f, txn, n, 3);
    fixture_commit(f, txn);
    txn = fixture_begin(f, SLOT_WRITE);
    append_some(f, txn, n, (UINT64_C(5) << 18) / n + 1); /* past the log, but for the ends */
    fixture_commit(f, txn);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_extend(txn, 1000, NULL, &f->err));
    put_some(f, txn, n, slot_records(txn) / 5 + 1, 2);
    assert_ok(f, slot_delete(txn, slot_records(txn) - 1, &f->err));
    fixture_commit(f, txn);
    txn = fixture_begin(f, SLOT_WRITE); /* and one that was not committed */
    put_some(f, txn, n, base / 3 + 1, 9);
    fixture_copy_tree(f->path, image_path);
    slot_abort(txn);
    fixture_close(f);
}

/* ---- comparing ---- */

struct pair {
    struct fixture *f;
    slot_txn *overlaid, *recovered;
    uint32_t n;
    uint64_t records;
};

static void compare_records(struct pair *pair)
{
    struct fixture *f = pair->f;
    uint8_t *a = malloc(pair->n), *b = malloc(pair->n);
    const void *lent = NULL;

    assert_true(a != NULL && b != NULL);
    for (uint64_t recno = 0; recno < pair->records; recno += pair->records / 3000 + 1) {
        slot_status want = slot_get(pair->recovered, recno, b, &f->err);

        assert_status(f, slot_get(pair->overlaid, recno, a, &f->err), want);
        assert_status(f, slot_ref(pair->overlaid, recno, &lent, &f->err), want);
        assert_status(
            f, slot_read(pair->overlaid, recno, pair->n / 2, pair->n - pair->n / 2, a, &f->err),
            want);
        if (want != SLOT_OK)
            continue;
        assert_memory_equal(a, b + pair->n / 2, pair->n - pair->n / 2);
        assert_memory_equal(lent, b, pair->n);
        assert_ok(f, slot_get(pair->overlaid, recno, a, &f->err));
        assert_memory_equal(a, b, pair->n);
        slot_unpin(pair->overlaid);
    }
    free(a);
    free(b);
}

static void compare_ranges(struct pair *pair)
{
    struct fixture *f = pair->f;
    uint8_t *a = malloc(CHUNK * pair->n), *b = malloc(CHUNK * pair->n);

    assert_true(a != NULL && b != NULL);
    for (uint64_t recno = 0, count; recno < pair->records; recno += count) {
        count = pair->records - recno < CHUNK ? pair->records - recno : CHUNK;
        assert_ok(f, slot_get_range(pair->overlaid, recno, count, a, &f->err));
        assert_ok(f, slot_get_range(pair->recovered, recno, count, b, &f->err));
        assert_memory_equal(a, b, (size_t)count * pair->n);
        assert_ok(f, slot_get_checked(pair->overlaid, recno, count, a, &f->err));
        assert_memory_equal(a, b, (size_t)count * pair->n);
    }
    free(a);
    free(b);
}

/* Both ways: the runs need not be the same, the bytes are. */
static uint64_t scan_sum(struct fixture *f, slot_txn *txn, uint32_t n, bool reverse)
{
    slot_scan_options options = {.end = UINT64_MAX, .backward = reverse};
    slot_cursor cursor;
    slot_status status;
    slot_run run;
    uint64_t sum = 0;

    assert_ok(f, slot_cursor_init(&cursor, txn, &options, &f->err));
    while ((status = slot_cursor_next(&cursor, &run, &f->err)) == SLOT_OK) {
        for (int64_t i = 0; i < (int64_t)run.count; i++)
            sum = slot__checksum((const uint8_t *)run.records + i * run.step * (int64_t)n, n, sum);
    }
    assert_status(f, status, SLOT_NOT_FOUND);
    return sum;
}

static void compare(struct fixture *f, uint32_t n)
{
    slot_db *overlaid = NULL, *recovered = NULL;
    struct pair pair = {.f = f, .n = n};
    slot_options options = f->options;

    fixture_copy_tree(image_path, f->path);
    assert_ok(f, slot_open(f->path, &options, &recovered, &f->err));
    options.access = SLOT_READ_ONLY;
    assert_ok(f, slot_open(image_path, &options, &overlaid, &f->err));
    assert_true(overlaid->overlay.in_use && overlaid->overlay.n > 0);
    assert_ok(f, slot_verify(overlaid, NULL, NULL, &f->err));
    assert_ok(f, slot_begin(overlaid, SLOT_READ, &pair.overlaid, &f->err));
    assert_ok(f, slot_begin(recovered, SLOT_READ, &pair.recovered, &f->err));
    pair.records = slot_records(pair.recovered);
    assert_int_equal(slot_records(pair.overlaid), pair.records);
    assert_int_equal(slot_count(pair.overlaid), slot_count(pair.recovered));
    compare_records(&pair);
    compare_ranges(&pair);
    for (int reverse = 0; reverse < 2; reverse++)
        assert_true(scan_sum(f, pair.overlaid, n, reverse) ==
                    scan_sum(f, pair.recovered, n, reverse));
    slot_end(pair.overlaid);
    slot_end(pair.recovered);
    assert_ok(f, slot_close(overlaid, &f->err));
    assert_ok(f, slot_close(recovered, &f->err));
}

/* ---- that nothing changes ---- */

static uint64_t add_file(const char *name, uint64_t sum)
{
    char *path = tmpdir_join(image_path, name);
    FILE *file = fopen(path, "rb");
    static uint8_t bytes[1 << 16];
    size_t n;

    sum = slot__checksum(name, strlen(name), sum);
    for (n = 0; file != NULL && (n = fread(bytes, 1, sizeof bytes, file)) > 0;)
        sum = slot__checksum(bytes, n, sum);
    if (file != NULL)
        fclose(file);
    free(path);
    return sum + (file != NULL);
}

/* A number for all that is in the directory. */
static uint64_t fingerprint(void)
{
    static const char *const names[] = {"meta", "schema",  "records", "sums",
                                        "lock", "deleted", "shared"};
    uint64_t sum = 0;
    char name[40];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        sum = add_file(names[i], sum);
    for (int i = 0; i < 64; i++) {
        snprintf(name, sizeof name, "log/%02d", i);
        sum = add_file(name, sum);
        snprintf(name, sizeof name, "log/%02d.index", i);
        sum = add_file(name, sum);
    }
    return sum;
}

static void test_all(struct fixture *f, uint32_t n, uint64_t base, bool home_first)
{
    uint64_t before;

    image_path = tmpdir_join(f->dir, "image.slots");
    f->options.log_limit_bytes = n > 4096 ? 32 << 20 : 4 << 20;
    play(f, n, base, home_first);
    before = fingerprint();
    compare(f, n);
    assert_true(fingerprint() == before);
    free(image_path);
}

static void test_overlay__blocks_of_many_records(void **state)
{
    test_all(*state, 100, 900, true);
}

static void test_overlay__nothing_is_home(void **state)
{
    test_all(*state, 125, 500, false);
}

static void test_overlay__large_records(void **state)
{
    test_all(*state, 70000, 20, true);
}

static void test_overlay__small_budget(void **state)
{
    struct fixture *f = *state;

    fixture_budget(f, 2 << 20);
    test_all(f, 100, 900, true);
}

/* Sixteen bytes for a frame; nobody writes while somebody reads so; and who may write does not have
 * to wait for a recovery by somebody else. */
static void test_overlay__what_it_takes(void **state)
{
    struct fixture *f = *state;
    slot_options options = f->options;
    slot_db *db = NULL, *other = NULL;
    slot_txn *txn = NULL;

    image_path = tmpdir_join(f->dir, "image.slots");
    play(f, 100, 900, true);
    assert_true(sizeof(struct overlay_entry) < 32);
    options.access = SLOT_READ_ONLY;
    options.wait_ms = 0;
    assert_ok(f, slot_open(image_path, &options, &db, &f->err));
    assert_status(f, slot_begin(db, SLOT_WRITE, &txn, &f->err), SLOT_E_READ_ONLY);
    options.access = SLOT_TRANSACTIONAL;
    assert_status(f, slot_open(image_path, &options, &other, &f->err), SLOT_E_BUSY);
    options.access = SLOT_DIRECT;
    assert_status(f, slot_open(image_path, &options, &other, &f->err), SLOT_E_BUSY);
    assert_ok(f, slot_close(db, &f->err));
    options.access = SLOT_TRANSACTIONAL;
    assert_ok(f, slot_open(image_path, &options, &other, &f->err));
    assert_ok(f, slot_verify(other, NULL, NULL, &f->err));
    assert_ok(f, slot_close(other, &f->err));
    free(image_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_overlay__blocks_of_many_records),
        fixture_test(test_overlay__nothing_is_home),
        fixture_test(test_overlay__large_records),
        fixture_test(test_overlay__small_budget),
        fixture_test(test_overlay__what_it_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
