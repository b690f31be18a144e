/*
 * Damaged, cut, missing and foreign files: an error that names the file and the place, or a finding
 * of verify; never a crash, a wrong OK, or a changed byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "os/os.h"
#include "support/by_path.h"
#include "support/fixture.h"

#define N 125

/* A clean database of 1,000 records in 32 blocks, closed. */
static void make(struct fixture *f)
{
    fixture_create(f, N);
    fixture_append(f, 1000);
    fixture_close(f);
    f->damaged = true;
}

static slot_status try_open(struct fixture *f, slot_access access)
{
    slot_db *db = NULL;
    slot_status status;

    f->options.access = access;
    status = slot_open(f->path, &f->options, &db, &f->err);
    if (status == SLOT_OK)
        slot_close(db, NULL);
    return status;
}

static void expect_refused(struct fixture *f, slot_status want, const char *file)
{
    assert_status(f, try_open(f, SLOT_DIRECT), want);
    assert_status(f, try_open(f, SLOT_TRANSACTIONAL), want);
    assert_string_equal(f->err.file, file);
    assert_true(strlen(f->err.what) > 10);
    assert_status(f, try_open(f, SLOT_READ_ONLY), want);
}

static void cut(struct fixture *f, const char *name, size_t by)
{
    size_t n;
    uint8_t *bytes = fixture_read_file(f, name, &n);

    fixture_write_file(f, name, bytes, n - by);
    free(bytes);
}

static void flip(struct fixture *f, const char *name, size_t at)
{
    size_t n;
    uint8_t *bytes = fixture_read_file(f, name, &n);

    bytes[at] ^= 0x10;
    fixture_write_file(f, name, bytes, n);
    free(bytes);
}

static void remove_file(struct fixture *f, const char *name)
{
    char path[5000];

    snprintf(path, sizeof path, "%s/%s", f->path, name);
    assert_true(os_ok(by_path_remove_file(slot__os_native(), path)));
}

static void test_damage__records_cut_by_one_byte(void **state)
{
    struct fixture *f = *state;

    make(f);
    cut(f, "records", 1);
    expect_refused(f, SLOT_E_TRUNCATED, "records");
    assert_int_equal(f->err.offset, 1000 * N - 1);
}

static void test_damage__records_longer_is_normal(void **state)
{
    struct fixture *f = *state;
    size_t n;
    uint8_t *bytes;

    make(f);
    bytes = fixture_read_file(f, "records", &n);
    bytes = realloc(bytes, n + 77);
    assert_non_null(bytes);
    memset(bytes + n, 0xee, 77);
    fixture_write_file(f, "records", bytes, n + 77);
    free(bytes);
    f->damaged = false; /* verify at teardown finds nothing */
    fixture_open(f);
    fixture_check_records(f, 1000);
    fixture_append(f, 10);
    fixture_check_records(f, 1010);
}

static void test_damage__missing_files(void **state)
{
    static const char *const names[] = {"records", "schema", "sums", "lock"};
    struct fixture *f = *state;
    slot_access access = f->options.access;

    for (int i = 0; i < 4; i++) {
        f->options.access = access;
        make(f);
        remove_file(f, names[i]);
        expect_refused(f, SLOT_E_CORRUPT, names[i]);
        assert_non_null(strstr(f->err.what, "missing"));
        assert_status(f, slot_destroy(f->path, NULL, &f->err), i == 3 ? SLOT_E_CORRUPT : SLOT_OK);
    }
}

static void test_damage__meta_cut(void **state)
{
    struct fixture *f = *state;

    make(f);
    cut(f, "meta", 1);
    expect_refused(f, SLOT_E_TRUNCATED, "meta");
}

static bool count_notes(void *context, const slot_finding *finding)
{
    if (finding->note && strcmp(finding->file, "meta") == 0)
        ++*(int *)context;
    return true;
}

/* The other slot says the same: nothing is lost, and the next to write mends it. */
static void test_damage__meta_one_slot(void **state)
{
    struct fixture *f = *state;
    slot_access access = f->options.access;
    int notes = 0;

    make(f);
    flip(f, "meta", 4096 + 60);
    for (int opening = 0; opening < 3; opening++) {
        f->options.access = opening == 1 ? access : SLOT_READ_ONLY;
        fixture_open(f);
        fixture_check_records(f, 1000);
        assert_ok(f, slot_verify(f->db, count_notes, &notes, &f->err));
        fixture_close(f);
        assert_int_equal(notes, 1); /* at the first opening */
    }
}

static void test_damage__meta_both_slots(void **state)
{
    struct fixture *f = *state;

    make(f);
    flip(f, "meta", 60);
    flip(f, "meta", 4096 + 60);
    expect_refused(f, SLOT_E_CORRUPT, "meta");
    assert_int_equal(f->err.offset, 4088);
}

static void test_damage__schema(void **state)
{
    struct fixture *f = *state;

    make(f);
    flip(f, "schema", 5);
    expect_refused(f, SLOT_E_CORRUPT, "schema");
    flip(f, "schema", 5);
    cut(f, "schema", 1);
    expect_refused(f, SLOT_E_CORRUPT, "schema");
}

/* A schema that is no schema, and a meta made to fit it by hand. */
static void test_damage__schema_forged(void **state)
{
    struct fixture *f = *state;
    size_t n;
    uint8_t *meta;

    make(f);
    fixture_write_file(f, "schema", "slotfile-schema 1 record_size 0125\n", 35);
    meta = fixture_read_file(f, "meta", &n);
    for (size_t slot = 0; slot < n; slot += 4096) {
        put_u64(meta + slot + 96, slot__checksum("slotfile-schema 1 record_size 0125\n", 35, 0));
        put_u64(meta + slot + 104, 35);
        put_u64(meta + slot + 4088, slot__checksum(meta + slot, 4088, 0));
    }
    fixture_write_file(f, "meta", meta, n);
    expect_refused(f, SLOT_E_CORRUPT, "schema");
    fixture_write_file(f, "schema", "slotfile-schema 1 record_size 126\n", 34);
    for (size_t slot = 0; slot < n; slot += 4096) {
        put_u64(meta + slot + 96, slot__checksum("slotfile-schema 1 record_size 126\n", 34, 0));
        put_u64(meta + slot + 104, 34);
        put_u64(meta + slot + 4088, slot__checksum(meta + slot, 4088, 0));
    }
    fixture_write_file(f, "meta", meta, n);
    expect_refused(f, SLOT_E_CORRUPT, "schema");
    free(meta);
}

/* Numbers in a well-made meta that no file can back: refused without allocating or walking. */
static void test_damage__meta_forged_counts(void **state)
{
    static const struct {
        size_t at;
        uint64_t value;
        slot_status want;
    } forged[] = {
        {56, UINT64_C(1) << 42, SLOT_E_TRUNCATED},
        {56, 1001, SLOT_E_TRUNCATED},
        {104, UINT64_C(4) << 20, SLOT_E_CORRUPT},
        {112, 4096, SLOT_E_UNSUPPORTED},
        {64, 1001, SLOT_E_CORRUPT},
        {120, 1, SLOT_E_UNSUPPORTED},
    };
    struct fixture *f = *state;
    size_t n;
    uint8_t *good, *meta;

    make(f);
    good = fixture_read_file(f, "meta", &n);
    meta = malloc(n);
    assert_non_null(meta);
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        memcpy(meta, good, n);
        for (size_t slot = 0; slot < n; slot += 4096) {
            put_u64(meta + slot + forged[i].at, forged[i].value);
            put_u64(meta + slot + 4088, slot__checksum(meta + slot, 4088, 0));
        }
        fixture_write_file(f, "meta", meta, n);
        assert_status(f, try_open(f, SLOT_DIRECT), forged[i].want);
        assert_status(f, try_open(f, SLOT_TRANSACTIONAL), forged[i].want);
    }
    free(meta);
    free(good);
}

struct seen {
    int count;
    slot_finding first, last;
};

static bool note(void *context, const slot_finding *finding)
{
    struct seen *seen = context;

    if (seen->count++ == 0)
        seen->first = *finding;
    seen->last = *finding;
    return true;
}

static void test_damage__verify_finds_every_flipped_block(void **state)
{
    struct fixture *f = *state;

    make(f);
    f->options.access = SLOT_READ_ONLY;
    for (size_t at = 3; at < 1000 * N; at += 3989) {
        struct seen seen = {0};

        flip(f, "records", at);
        fixture_open(f);
        assert_status(f, slot_verify(f->db, note, &seen, &f->err), SLOT_DAMAGED);
        fixture_close(f);
        assert_int_equal(seen.count, 1);
        assert_string_equal(seen.last.file, "records");
        assert_int_equal(seen.last.offset, at / 4000 * 4000);
        assert_int_equal(seen.last.first_record, at / 4000 * 32);
        flip(f, "records", at);
    }
    f->damaged = false;
}

static void test_damage__verify_finds_swapped_blocks(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    uint8_t block[4000], *bytes;
    size_t n;

    make(f);
    bytes = fixture_read_file(f, "records", &n);
    memcpy(block, bytes, 4000);
    memcpy(bytes, bytes + 8000, 4000);
    memcpy(bytes + 8000, block, 4000);
    fixture_write_file(f, "records", bytes, n);
    free(bytes);
    fixture_open(f);
    assert_status(f, slot_verify(f->db, note, &seen, &f->err), SLOT_DAMAGED);
    assert_int_equal(seen.count, 2);
}

/* A checksum that was damaged: its block does not fit, and the root tells which of them is wrong.
 */
static void test_damage__verify_finds_damaged_sums(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};

    make(f);
    flip(f, "sums", 9);
    fixture_open(f);
    assert_status(f, slot_verify(f->db, note, &seen, &f->err), SLOT_DAMAGED);
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.first.file, "sums");
    assert_string_equal(seen.last.file, "records");
    assert_int_equal(seen.last.offset, 4000);
}

/* A number of deleted records that no marks stand for. */
static void test_damage__verify_finds_a_forged_deleted_count(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    uint8_t *meta, record[N];
    slot_txn *txn;
    size_t n;

    make(f);
    meta = fixture_read_file(f, "meta", &n);
    for (size_t slot = 0; slot < n; slot += 4096) {
        put_u64(meta + slot + 64, 3);
        put_u64(meta + slot + 4088, slot__checksum(meta + slot, 4088, 0));
    }
    fixture_write_file(f, "meta", meta, n);
    free(meta);
    fixture_open(f);
    assert_status(f, slot_verify(f->db, note, &seen, &f->err), SLOT_DAMAGED);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.first.file, "deleted");
    txn = fixture_begin(f, SLOT_WRITE);
    assert_int_equal(slot_count(txn), 997);
    record_fill(record, N, 0, 0);
    if (f->options.access == SLOT_TRANSACTIONAL)
        assert_status(f, slot_insert(txn, record, NULL, &f->err), SLOT_E_CORRUPT);
    slot_abort(txn);
}

static void test_damage__sums_cut(void **state)
{
    struct fixture *f = *state;

    make(f);
    cut(f, "sums", 8);
    expect_refused(f, SLOT_E_TRUNCATED, "sums");
}

/* A damaged block is not changed: that would give its wrong bytes a right checksum. */
static void test_damage__put_refuses_a_damaged_block(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N] = {0};
    slot_txn *txn;
    void *edit;

    make(f);
    flip(f, "records", 4000 * 5 + 1);
    fixture_open(f);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_status(f, slot_put(txn, 5 * 32 + 3, record, &f->err), SLOT_E_CORRUPT);
    assert_string_equal(f->err.file, "records");
    assert_int_equal(f->err.offset, 4000 * 5);
    assert_status(f, slot_edit(txn, 5 * 32 + 3, &edit, &f->err), SLOT_E_CORRUPT);
    assert_ok(f, slot_put(txn, 6 * 32, record, &f->err));
    fixture_commit(f, txn);
    assert_status(f, slot_verify(f->db, NULL, NULL, &f->err), SLOT_DAMAGED);
}

static void test_damage__append_refuses_a_damaged_last_block(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N] = {0};
    slot_txn *txn;

    make(f);
    flip(f, "records", 1000 * N - 1);
    fixture_open(f);
    txn = fixture_begin(f, SLOT_WRITE);
    if (f->options.access == SLOT_DIRECT) {
        assert_ok(f, slot_append(txn, record, 1, NULL, &f->err));
        assert_status(f, slot_commit(txn, &f->err), SLOT_E_CORRUPT);
    } else {
        assert_status(f, slot_append(txn, record, 1, NULL, &f->err), SLOT_E_CORRUPT);
        assert_int_equal(slot_records(txn), 1000);
        slot_abort(txn);
    }
    txn = fixture_begin(f, SLOT_READ);
    assert_int_equal(slot_records(txn), 1000);
    slot_end(txn);
}

/* Copy the files of an open, changed database: what a crash would leave behind. */
static void crash(struct fixture *f)
{
    static const char *const names[] = {"records", "sums", "meta"};
    uint8_t *bytes[3];
    size_t n[3];

    for (int i = 0; i < 3; i++)
        bytes[i] = fixture_read_file(f, names[i], &n[i]);
    fixture_close(f);
    for (int i = 0; i < 3; i++) {
        fixture_write_file(f, names[i], bytes[i], n[i]);
        free(bytes[i]);
    }
}

static void test_damage__after_a_crash_sums_are_stale_until_rebuilt(void **state)
{
    struct fixture *f = *state;
    slot_stat_info info = {.size = sizeof info};
    struct seen seen = {0};

    fixture_create(f, N);
    fixture_append(f, 1000);
    crash(f);
    f->options.access = SLOT_READ_ONLY;
    fixture_open(f);
    fixture_check_records(f, 1000); /* committed, so it is there */
    assert_ok(f, slot_stat(f->db, &info, &f->err));
    assert_false(info.clean);
    assert_true(info.sums_stale);
    assert_status(f, slot_verify(f->db, note, &seen, &f->err), SLOT_DAMAGED);
    assert_int_equal(seen.count, 1);
    fixture_close(f);

    f->options.access = SLOT_DIRECT;
    fixture_open(f);
    fixture_append(f, 5);
    fixture_close(f);
    fixture_open(f); /* closed cleanly, and still nobody knows */
    assert_status(f, slot_verify(f->db, note, &seen, &f->err), SLOT_DAMAGED);
    assert_ok(f, slot_rebuild_sums(f->db, &f->err));
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    fixture_close(f);
    fixture_open(f);
    fixture_check_records(f, 1005);
    assert_ok(f, slot_stat(f->db, &info, &f->err));
    assert_false(info.sums_stale);
}

static bool stop(void *context, const slot_finding *finding)
{
    (void)finding;
    ++*(int *)context;
    return false;
}

static void test_damage__verify_stops_when_told(void **state)
{
    struct fixture *f = *state;
    int count = 0;

    make(f);
    flip(f, "records", 1);
    flip(f, "records", 50001);
    fixture_open(f);
    assert_status(f, slot_verify(f->db, stop, &count, &f->err), SLOT_DAMAGED);
    assert_int_equal(count, 1);
}

/* Any bytes in any file: open, read everything, verify, change something; only statuses. */
static void test_damage__random_bytes_in_every_file(void **state)
{
    static const char *const names[] = {"meta", "schema", "sums", "records"};
    struct fixture *f = *state;
    uint64_t seed = 20260131;
    uint8_t *good[4], record[N];
    size_t n[4];

    make(f);
    for (int i = 0; i < 4; i++)
        good[i] = fixture_read_file(f, names[i], &n[i]);
    for (int round = 0; round < 400; round++) {
        size_t which = (size_t)(random_next(&seed) % 4);
        uint8_t *bytes = malloc(n[which] + 100);
        size_t length = n[which];
        slot_txn *txn;

        assert_non_null(bytes);
        memcpy(bytes, good[which], length);
        if (random_next(&seed) % 4 == 0)
            length = (size_t)(random_next(&seed) % (length + 100));
        for (uint64_t k = random_next(&seed) % 8; k > 0 && length > 0; k--)
            bytes[random_next(&seed) % length] = (uint8_t)random_next(&seed);
        fixture_write_file(f, names[which], bytes, length);
        free(bytes);
        if (slot_open(f->path, &f->options, &f->db, &f->err) == SLOT_OK) {
            (void)slot_verify(f->db, NULL, NULL, &f->err);
            txn = fixture_begin(f, SLOT_WRITE);
            for (uint64_t recno = 0; recno < slot_records(txn); recno += 31) {
                (void)slot_get(txn, recno, record, NULL);
                (void)slot_put(txn, recno, record, NULL);
            }
            (void)slot_append(txn, record, 1, NULL, NULL);
            (void)slot_commit(txn, &f->err);
            (void)slot_close(f->db, &f->err);
            f->db = NULL;
        }
        for (int i = 0; i < 4; i++)
            fixture_write_file(f, names[i], good[i], n[i]);
    }
    for (int i = 0; i < 4; i++)
        free(good[i]);
    f->damaged = false;
}

/* Cut while it is open: every copying call says so, none raises a signal. Where a mapped file
 * cannot be cut, there is nothing to test. */
static void test_damage__cut_while_open(void **state)
{
    struct fixture *f = *state;
    const struct os *os = slot__os_native();
    struct os_file *file = NULL;
    uint8_t record[N], range[N * 50];
    slot_txn *txn;
    char path[5000];
    bool is_cut;

    make(f);
    fixture_open(f);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_get(txn, 999, record, &f->err));
    snprintf(path, sizeof path, "%s/records", f->path);
    assert_true(os_ok(by_path_open(os, path, OS_WRITE, &file)));
    is_cut = os_ok(os->resize(os, file, 4096));
    os->close(os, file);
    if (!is_cut) {
        slot_abort(txn);
        skip();
    }
    assert_status(f, slot_get(txn, 999, record, &f->err), SLOT_E_LOST);
    assert_status(f, slot_read(txn, 998, 1, 2, record, &f->err), SLOT_E_LOST);
    assert_status(f, slot_get_range(txn, 900, 50, range, &f->err), SLOT_E_LOST);
    assert_status(f, slot_put(txn, 999, record, &f->err), SLOT_E_LOST);
    assert_status(f, slot_put(txn, 0, record, &f->err), SLOT_E_LOST); /* doomed */
    slot_abort(txn);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_get(txn, 0, record, &f->err));
    assert_ok(f, slot_put(txn, 0, record, &f->err));
    assert_status(f, slot_commit(txn, &f->err), SLOT_E_TRUNCATED);
    assert_string_equal(f->err.file, "records");
    assert_status(f, slot_begin(f->db, SLOT_WRITE, &txn, &f->err), SLOT_E_POISONED);
    assert_status(f, slot_verify(f->db, NULL, NULL, &f->err), SLOT_DAMAGED);
    assert_status(f, slot_close(f->db, &f->err), SLOT_E_POISONED);
    f->db = NULL;
    expect_refused(f, SLOT_E_TRUNCATED, "records");
}

/* The same in transactional access: what is in the log is not lost, what was cut off is. */
static void test_damage__cut_while_open_with_a_log(void **state)
{
    struct fixture *f = *state;
    const struct os *os = slot__os_native();
    struct os_file *file = NULL;
    uint8_t record[N], range[N * 50];
    slot_txn *txn;
    char path[5000];
    bool is_cut;

    make(f);
    fixture_open(f);
    txn = fixture_begin(f, SLOT_WRITE);
    record_fill(record, N, 5, 0);
    assert_ok(f, slot_put(txn, 5, record, &f->err));
    fixture_commit(f, txn);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_get(txn, 999, record, &f->err));
    snprintf(path, sizeof path, "%s/records", f->path);
    assert_true(os_ok(by_path_open(os, path, OS_WRITE, &file)));
    is_cut = os_ok(os->resize(os, file, 4096));
    os->close(os, file);
    if (!is_cut) {
        slot_abort(txn);
        skip();
    }
    assert_status(f, slot_get(txn, 999, record, &f->err), SLOT_E_LOST);
    assert_status(f, slot_read(txn, 998, 1, 2, record, &f->err), SLOT_E_LOST);
    assert_status(f, slot_get_range(txn, 900, 50, range, &f->err), SLOT_E_LOST);
    assert_status(f, slot_put(txn, 999, record, &f->err), SLOT_E_LOST);
    assert_ok(f, slot_get(txn, 5, record, &f->err));
    assert_true(record_is(record, N, 5, 0));
    slot_abort(txn);
    assert_status(f, slot_verify(f->db, NULL, NULL, &f->err), SLOT_DAMAGED);
    (void)slot_close(f->db, &f->err);
    f->db = NULL;
}

/* Block 5, records 160 to 191, is damaged: each range that touches it, and no other, says so, and
 * all are copied. */
static void test_damage__checked_reads(void **state)
{
    static const uint64_t firsts[] = {0, 1, 31, 159, 160, 170, 191, 192, 500, 999};
    static const uint64_t counts[] = {0, 1, 2, 31, 32, 33, 160, 161, 500, 1000};
    struct fixture *f = *state;
    uint8_t *checked = malloc(1000 * N), *plain = malloc(1000 * N);
    slot_txn *txn;

    assert_non_null(checked);
    assert_non_null(plain);
    make(f);
    flip(f, "records", 170 * N);
    fixture_open(f);
    txn = fixture_begin(f, SLOT_READ);
    for (size_t i = 0; i < 100; i++) {
        uint64_t first = firsts[i / 10], count = counts[i % 10];
        bool touched = count > 0 && first < 192 && first + count > 160;

        if (first + count > 1000) {
            assert_status(f, slot_get_checked(txn, first, count, checked, &f->err), SLOT_NOT_FOUND);
            continue;
        }
        memset(checked, 0, (size_t)count * N);
        assert_status(f, slot_get_checked(txn, first, count, checked, &f->err),
                      touched ? SLOT_DAMAGED : SLOT_OK);
        assert_ok(f, slot_get_range(txn, first, count, plain, &f->err));
        assert_memory_equal(checked, plain, (size_t)count * N);
        if (touched)
            assert_int_equal(f->err.offset, 160 * N);
    }
    slot_end(txn);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_status(f, slot_get_checked(txn, 0, 1, checked, &f->err), SLOT_E_ARG);
    slot_abort(txn);
    fixture_close(f);
    free(checked);
    free(plain);
}

/* Versions in the log, a last block that grows, and a checkpoint beside the reader. */
static void test_damage__checked_reads_beside_a_writer(void **state)
{
    struct fixture *f = *state;
    uint8_t records[300 * N], record[N];
    slot_txn *reader, *writer;

    fixture_create(f, N);
    fixture_append(f, 250);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    for (uint64_t round = 0; round < 20; round++) {
        reader = fixture_begin(f, SLOT_READ);
        writer = fixture_begin(f, SLOT_WRITE);
        for (uint64_t recno = round; recno < 250; recno += 40) {
            record_fill(record, N, recno, round);
            assert_ok(f, slot_put(writer, recno, record, &f->err));
        }
        record_fill(record, N, 250 + round, 0);
        assert_ok(f, slot_append(writer, record, 1, NULL, &f->err));
        assert_ok(f, slot_get_checked(reader, 0, 250 + round, records, &f->err));
        fixture_commit(f, writer);
        assert_ok(f, slot_get_checked(reader, 0, 250 + round, records, &f->err));
        assert_ok(f, slot_checkpoint(f->db, &f->err));
        assert_ok(f, slot_get_checked(reader, 0, 250 + round, records, &f->err));
        slot_end(reader);
        if (round % 2 == 0)
            assert_ok(f, slot_checkpoint(f->db, &f->err));
        reader = fixture_begin(f, SLOT_READ);
        assert_ok(f, slot_get_checked(reader, 0, 251 + round, records, &f->err));
        slot_end(reader);
    }
}

/* The first segment of another database that was not closed. */
static uint8_t *foreign_segment(struct fixture *f, size_t *n)
{
    struct fixture other = {.dir = f->dir, .options = f->options};
    uint8_t *bytes;

    snprintf(other.path, sizeof other.path, "%s/other.slots", f->dir);
    fixture_create(&other, 125);
    fixture_append(&other, 100);
    bytes = fixture_read_file(&other, "log/00", n);
    fixture_close(&other);
    assert_ok(f, slot_destroy(other.path, NULL, &f->err));
    return bytes;
}

static void make_file(struct fixture *f, const char *name)
{
    const struct os *os = slot__os_native();
    struct os_file *file = NULL;
    char path[5000];

    snprintf(path, sizeof path, "%s/%s", f->path, name);
    assert_true(os_ok(by_path_open(os, path, OS_READ | OS_WRITE | OS_CREATE_NEW, &file)));
    os->close(os, file);
}

/* Whatever is in the way of a new segment is removed when it is ours, and only then. */
static void test_damage__a_foreign_segment_stays(void **state)
{
    struct fixture *f = *state;
    uint8_t *foreign, *found;
    slot_status status = SLOT_OK;
    size_t n, size;

    f->options.log_limit_bytes = 1 << 20;
    f->options.checkpoint_bytes = 1 << 20;
    foreign = foreign_segment(f, &n);
    fixture_create(f, 125);
    fixture_append(f, 100); /* the log is begun, with its first segment */
    make_file(f, "log/01");
    fixture_write_file(f, "log/01", foreign, n);
    for (int i = 0; i < 100 && status == SLOT_OK; i++) {
        uint8_t record[125] = {1};
        slot_txn *txn = fixture_begin(f, SLOT_WRITE);

        for (uint64_t recno = 0; recno < 100 && status == SLOT_OK; recno += 30)
            status = slot_put(txn, recno, record, &f->err);
        if (status == SLOT_OK)
            status = slot_commit(txn, &f->err);
        else
            slot_abort(txn);
    }
    assert_int_equal(status, SLOT_E_CORRUPT);
    assert_string_equal(f->err.file, "log/01");
    found = fixture_read_file(f, "log/01", &size);
    assert_int_equal(size, n);
    assert_memory_equal(found, foreign, n);
    free(found);
    free(foreign);
    fixture_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_both(test_damage__records_cut_by_one_byte),
        fixture_test_both(test_damage__records_longer_is_normal),
        fixture_test_both(test_damage__missing_files),
        fixture_test_both(test_damage__meta_cut),
        fixture_test_both(test_damage__meta_one_slot),
        fixture_test_both(test_damage__meta_both_slots),
        fixture_test_both(test_damage__schema),
        fixture_test_both(test_damage__schema_forged),
        fixture_test_both(test_damage__meta_forged_counts),
        fixture_test_both(test_damage__verify_finds_every_flipped_block),
        fixture_test_both(test_damage__verify_finds_swapped_blocks),
        fixture_test_both(test_damage__verify_finds_damaged_sums),
        fixture_test_both(test_damage__verify_finds_a_forged_deleted_count),
        fixture_test_both(test_damage__sums_cut),
        fixture_test_both(test_damage__put_refuses_a_damaged_block),
        fixture_test_both(test_damage__append_refuses_a_damaged_last_block),
        fixture_test_direct(test_damage__after_a_crash_sums_are_stale_until_rebuilt),
        fixture_test_both(test_damage__verify_stops_when_told),
        fixture_test_both(test_damage__random_bytes_in_every_file),
        fixture_test_direct(test_damage__cut_while_open),
        fixture_test(test_damage__cut_while_open_with_a_log),
        fixture_test_both(test_damage__checked_reads),
        fixture_test(test_damage__checked_reads_beside_a_writer),
        fixture_test(test_damage__a_foreign_segment_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
