/*
 * Transactional access: what readers see while others commit and checkpoint, who has to wait for
 * whom, several handles of one database (which are to each other as processes are), the log and its
 * limits, what slot_stat says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "os/os.h"
#include "support/by_path.h"
#include "support/fixture.h"

#define N     125
#define COUNT 500u
#define LIMIT (256u << 10) /* the smallest log: four segments */

static void put_by(struct fixture *f, slot_txn *txn, uint64_t recno, uint64_t version)
{
    uint8_t record[N];

    record_fill(record, N, recno, version);
    assert_ok(f, slot_put(txn, recno, record, &f->err));
}

/* One transaction that puts every `step`th record. */
static void put_all(struct fixture *f, slot_db *db, uint64_t step, uint64_t version)
{
    slot_txn *txn = NULL;

    assert_ok(f, slot_begin(db, SLOT_WRITE, &txn, &f->err));
    for (uint64_t recno = 0; recno < slot_records(txn); recno += step)
        put_by(f, txn, recno, version);
    assert_ok(f, slot_commit(txn, &f->err));
}

static bool is_version(struct fixture *f, slot_txn *txn, uint64_t recno, uint64_t version)
{
    uint8_t record[N];

    assert_ok(f, slot_get(txn, recno, record, &f->err));
    return record_is(record, N, recno, version);
}

static slot_db *second(struct fixture *f)
{
    slot_db *db = NULL;

    assert_ok(f, slot_open(f->path, &f->options, &db, &f->err));
    return db;
}

static slot_stat_info stat_of(struct fixture *f, slot_db *db)
{
    slot_stat_info info = {.size = sizeof info};

    assert_ok(f, slot_stat(db, &info, &f->err));
    return info;
}

/* ---- snapshots ---- */

/* Everything that the transaction sees is `version`, by every way of reading. */
static void check_snapshot(struct fixture *f, slot_txn *txn, uint64_t version)
{
    static uint8_t range[COUNT * N];
    const void *lent;
    slot_run run;

    assert_int_equal(slot_records(txn), COUNT);
    assert_ok(f, slot_get_range(txn, 0, COUNT, range, &f->err));
    for (uint64_t recno = 0; recno < COUNT; recno++) {
        assert_true(is_version(f, txn, recno, version));
        assert_true(record_is(range + recno * N, N, recno, version));
        assert_ok(f, slot_ref(txn, recno, &lent, &f->err));
        assert_true(record_is(lent, N, recno, version));
    }
    for (uint64_t recno = 0; recno < COUNT; recno += run.count) {
        assert_ok(f, slot_scan(txn, recno, UINT64_MAX, &run, &f->err));
        for (uint64_t i = 0; i < run.count; i++)
            assert_true(record_is((const uint8_t *)run.records + i * N, N, recno + i, version));
    }
}

/* Readers of every version live while all versions are made and brought home. */
static void test_transactions__readers_keep_their_snapshot(void **state)
{
    struct fixture *f = *state;
    slot_txn *reader[8];

    fixture_create(f, N);
    fixture_append(f, COUNT);
    for (uint64_t version = 0; version < 8; version++) {
        if (version > 0)
            put_all(f, f->db, 1, version);
        reader[version] = fixture_begin(f, SLOT_READ);
        if (version % 3 == 1)
            assert_ok(f, slot_checkpoint(f->db, &f->err));
        for (uint64_t old = 0; old <= version; old++)
            check_snapshot(f, reader[old], old);
    }
    for (uint64_t i = 0; i < 8; i++) {
        uint64_t version = i * 3 % 8; /* not the oldest first */

        slot_end(reader[version]);
        reader[version] = NULL;
        assert_ok(f, slot_checkpoint(f->db, &f->err));
        for (uint64_t left = 0; left < 8; left++) {
            if (reader[left] != NULL)
                check_snapshot(f, reader[left], left);
        }
    }
}

/* What was lent stays as it is, byte by byte, whatever is committed and checkpointed behind it. */
static void test_transactions__lent_pointers_never_change(void **state)
{
    struct fixture *f = *state;
    const void *lent[COUNT / 50], *in_log;
    slot_txn *old, *newer;
    slot_run run;

    fixture_create(f, N);
    fixture_append(f, COUNT);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    old = fixture_begin(f, SLOT_READ);
    for (uint64_t i = 0; i < COUNT / 50; i++)
        assert_ok(f, slot_ref(old, i * 50, &lent[i], &f->err));
    assert_ok(f, slot_scan(old, 0, UINT64_MAX, &run, &f->err));
    put_all(f, f->db, 1, 1);
    newer = fixture_begin(f, SLOT_READ);
    assert_ok(f, slot_ref(newer, 77, &in_log, &f->err));
    for (uint64_t version = 2; version < 30; version++) {
        put_all(f, f->db, 1, version);
        assert_ok(f, slot_checkpoint(f->db, &f->err));
        for (uint64_t i = 0; i < COUNT / 50; i++)
            assert_true(record_is(lent[i], N, i * 50, 0));
        for (uint64_t i = 0; i < run.count; i++)
            assert_true(record_is((const uint8_t *)run.records + i * N, N, i, 0));
        assert_true(record_is(in_log, N, 77, 1));
    }
    slot_end(old);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    put_all(f, f->db, 1, 30);
    assert_true(record_is(in_log, N, 77, 1));
    check_snapshot(f, newer, 1);
    slot_end(newer);
}

/* Records that are appended later, or deleted, or gone, are so for later readers alone. */
static void test_transactions__counts_belong_to_the_snapshot(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N];
    slot_txn *old, *txn;

    fixture_create(f, N);
    fixture_append(f, COUNT);
    old = fixture_begin(f, SLOT_READ);
    fixture_append(f, 100);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_delete(txn, 3, &f->err));
    assert_ok(f, slot_delete(txn, COUNT + 3, &f->err));
    fixture_commit(f, txn);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    assert_int_equal(slot_count(old), COUNT);
    assert_true(is_version(f, old, 3, 0));
    assert_status(f, slot_get(old, COUNT, record, &f->err), SLOT_NOT_FOUND);
    txn = fixture_begin(f, SLOT_READ);
    assert_int_equal(slot_records(txn), COUNT + 100);
    assert_int_equal(slot_count(txn), COUNT + 98);
    assert_status(f, slot_get(txn, 3, record, &f->err), SLOT_DELETED);
    slot_end(txn);
    slot_end(old);
}

/* An abort leaves the bytes of the files as they are, and nothing to be seen. */
static void test_transactions__abort_changes_nothing(void **state)
{
    struct fixture *f = *state;
    uint8_t *before, *after, record[N] = {1};
    size_t n, m;
    slot_txn *txn;

    fixture_create(f, N);
    fixture_append(f, COUNT);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    before = fixture_read_file(f, "records", &n);
    txn = fixture_begin(f, SLOT_WRITE);
    for (uint64_t recno = 0; recno < COUNT; recno += 2) {
        put_by(f, txn, recno, 1);
        assert_ok(f, slot_delete(txn, recno + 1, &f->err));
    }
    for (int i = 0; i < 1000; i++)
        assert_ok(f, slot_append(txn, record, 1, NULL, &f->err));
    assert_ok(f, slot_extend(txn, 1000, NULL, &f->err));
    assert_ok(f, slot_insert(txn, record, NULL, &f->err));
    slot_abort(txn);
    after = fixture_read_file(f, "records", &m);
    assert_true(m >= n);
    assert_memory_equal(before, after, COUNT * N);
    txn = fixture_begin(f, SLOT_READ);
    check_snapshot(f, txn, 0);
    slot_end(txn);
    fixture_close(f);
    free(after);
    after = fixture_read_file(f, "records", &m);
    assert_int_equal(m, COUNT * N);
    assert_memory_equal(before, after, m);
    fixture_open(f);
    fixture_check_records(f, COUNT);
    free(before);
    free(after);
}

/* ---- several handles ---- */

static void test_transactions__two_handles_write_in_turn(void **state)
{
    struct fixture *f = *state;
    slot_db *one, *two;

    fixture_create(f, N);
    fixture_append(f, COUNT);
    one = f->db;
    f->options.sync = SLOT_SYNC_NORMAL;
    two = second(f);
    for (uint64_t version = 1; version < 60; version++) {
        slot_txn *before = fixture_begin(f, SLOT_READ), *after = NULL;

        put_all(f, version % 2 == 0 ? one : two, 7, version);
        if (version % 5 == 0)
            assert_ok(f, slot_checkpoint(version % 3 == 0 ? one : two, &f->err));
        assert_ok(f, slot_begin(version % 2 == 0 ? two : one, SLOT_READ, &after, &f->err));
        for (uint64_t recno = 0; recno < COUNT; recno++) {
            assert_true(is_version(f, before, recno, recno % 7 == 0 ? version - 1 : 0));
            assert_true(is_version(f, after, recno, recno % 7 == 0 ? version : 0));
        }
        slot_end(before);
        slot_end(after);
    }
    assert_ok(f, slot_close(two, &f->err));
    put_all(f, one, 1, 60);
    two = second(f);
    assert_ok(f, slot_verify(two, NULL, NULL, &f->err));
    put_all(f, two, 1, 0);
    fixture_close(f);
    f->db = two;
    fixture_check_records(f, COUNT);
}

static void test_transactions__one_writer_of_all_handles(void **state)
{
    struct fixture *f = *state;
    slot_txn *txn, *other = NULL;
    slot_db *two;

    f->options.wait_ms = 30;
    fixture_create(f, N);
    fixture_append(f, COUNT);
    two = second(f);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_status(f, slot_begin(two, SLOT_WRITE, &other, &f->err), SLOT_E_BUSY);
    assert_non_null(strstr(f->err.what, "30 ms"));
    assert_status(f, slot_begin(f->db, SLOT_WRITE, &other, &f->err), SLOT_E_BUSY);
    put_by(f, txn, 1, 1);
    assert_ok(f, slot_begin(two, SLOT_READ, &other, &f->err)); /* readers wait for nobody */
    assert_true(is_version(f, other, 1, 0));
    slot_end(other);
    fixture_commit(f, txn);
    assert_ok(f, slot_begin(two, SLOT_WRITE, &other, &f->err));
    assert_true(is_version(f, other, 1, 1));
    slot_abort(other);
    txn = fixture_begin(f, SLOT_WRITE);
    assert_true(is_version(f, txn, 1, 1));
    slot_abort(txn);
    assert_ok(f, slot_close(two, &f->err));
}

static uint64_t size_of_file(struct fixture *f, const char *name)
{
    size_t n;

    free(fixture_read_file(f, name, &n));
    return n;
}

static bool note_name(void *context, const char *name)
{
    (void)name;
    ++*(int *)context;
    return true;
}

static int names_in_log(struct fixture *f)
{
    char path[5000];
    int names = 0;

    snprintf(path, sizeof path, "%s/log", f->path);
    if (!os_ok(by_path_list(slot__os_native(), path, note_name, &names)))
        return 0;
    return names;
}

static void test_transactions__the_last_close_tidies_up(void **state)
{
    struct fixture *f = *state;
    slot_db *two, *three;

    f->options.log_limit_bytes = 1 << 20; /* so that there are some segments */
    fixture_create(f, N);
    two = second(f);
    fixture_append(f, 1001);
    three = second(f);
    assert_true(names_in_log(f) > 2);
    fixture_close(f);
    assert_true(names_in_log(f) >= 2);
    assert_ok(f, slot_close(three, &f->err));
    assert_true(names_in_log(f) >= 2);
    assert_false(stat_of(f, two).clean);
    assert_ok(f, slot_close(two, &f->err));
    assert_int_equal(names_in_log(f), 2); /* one that is not used, for the day of a full disk */
    assert_int_equal(size_of_file(f, "records"), 1001 * N);
    fixture_open(f);
    assert_true(stat_of(f, f->db).clean);
    fixture_check_records(f, 1001);
}

/* Whoever opens for reading only, or directly, has it alone; and the other way round. */
static void test_transactions__other_accesses_stay_out(void **state)
{
    struct fixture *f = *state;
    slot_options options = f->options;
    slot_db *other = NULL;

    options.wait_ms = 20;
    fixture_create(f, N);
    fixture_append(f, 10);
    options.access = SLOT_DIRECT;
    assert_status(f, slot_open(f->path, &options, &other, &f->err), SLOT_E_BUSY);
    options.access = SLOT_READ_ONLY;
    assert_status(f, slot_open(f->path, &options, &other, &f->err), SLOT_E_BUSY);
    assert_status(f, slot_destroy(f->path, &options, &f->err), SLOT_E_BUSY);
    fixture_close(f);
    options.access = SLOT_DIRECT;
    assert_ok(f, slot_open(f->path, &options, &other, &f->err));
    options.access = SLOT_TRANSACTIONAL;
    assert_status(f, slot_open(f->path, &options, &f->db, &f->err), SLOT_E_BUSY);
    assert_ok(f, slot_close(other, &f->err));
    options.access = SLOT_READ_ONLY;
    assert_ok(f, slot_open(f->path, &options, &other, &f->err));
    options.access = SLOT_TRANSACTIONAL;
    assert_status(f, slot_open(f->path, &options, &f->db, &f->err), SLOT_E_BUSY);
    assert_ok(f, slot_close(other, &f->err));
}

/* ---- the log and its limits ---- */

/* Commit until the log is full; returns how many there were. */
static int fill_log(struct fixture *f, slot_status *status)
{
    int commits = 0;

    for (*status = SLOT_OK; *status == SLOT_OK && commits < 1000; commits++) {
        slot_txn *txn = fixture_begin(f, SLOT_WRITE);

        for (uint64_t recno = 0; recno < COUNT && *status == SLOT_OK; recno += 32) {
            uint8_t record[N];

            record_fill(record, N, recno, 0);
            *status = slot_put(txn, recno, record, &f->err);
        }
        if (*status == SLOT_OK)
            *status = slot_commit(txn, &f->err);
        else
            slot_abort(txn);
    }
    return commits;
}

static void test_transactions__a_reader_fills_the_log(void **state)
{
    struct fixture *f = *state;
    char process[40];
    slot_status status;
    slot_txn *reader;

    f->options.log_limit_bytes = LIMIT;
    fixture_create(f, N);
    fixture_append(f, COUNT);
    reader = fixture_begin(f, SLOT_READ);
    assert_in_range(fill_log(f, &status), 2, 100);
    assert_int_equal(status, SLOT_E_LOG_FULL);
    snprintf(process, sizeof process, "of process %llu",
             (unsigned long long)slot__os_native()->process(slot__os_native()));
    assert_non_null(strstr(f->err.what, process));
    assert_non_null(strstr(f->err.what, "in slot "));
    assert_true(stat_of(f, f->db).log_bytes <= LIMIT);
    fill_log(f, &status); /* no change by itself */
    assert_int_equal(status, SLOT_E_LOG_FULL);
    check_snapshot(f, reader, 0);
    slot_end(reader);
    assert_int_equal(fill_log(f, &status), 1000);
    assert_int_equal(status, SLOT_OK);
    assert_true(stat_of(f, f->db).log_bytes <= LIMIT);
    fixture_check_records(f, COUNT);
}

static void test_transactions__too_large_for_the_log(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N];
    slot_status status = SLOT_OK;
    slot_txn *txn;

    f->options.log_limit_bytes = LIMIT;
    fixture_create(f, N);
    for (int i = 0; i < 6; i++)
        fixture_append(f, COUNT);
    txn = fixture_begin(f, SLOT_WRITE);
    for (uint64_t recno = 0; recno < 6 * COUNT && status == SLOT_OK; recno += 32) {
        record_fill(record, N, recno, 1);
        status = slot_put(txn, recno, record, &f->err);
    }
    assert_int_equal(status, SLOT_E_TXN_TOO_LARGE);
    assert_non_null(strstr(f->err.what, "log_limit_bytes"));
    slot_abort(txn);
    fixture_check_records(f, 6 * COUNT);
    fixture_append(f, 5);
    fixture_check_records(f, 6 * COUNT + 5);
}

/* Frames of one transaction that do not fit the map budget all at once. */
static void test_transactions__larger_than_the_budget(void **state)
{
    struct fixture *f = *state;
    slot_txn *txn;

    fixture_budget(f, 1 << 20);
    fixture_create(f, N);
    fixture_append(f, 50000);
    txn = fixture_begin(f, SLOT_WRITE);
    for (uint64_t recno = 0; recno < 50000; recno += 16)
        put_by(f, txn, recno, 1);
    for (uint64_t recno = 0; recno < 50000; recno += 16)
        assert_true(is_version(f, txn, recno, 1));
    for (uint64_t recno = 0; recno < 50000; recno += 16)
        put_by(f, txn, recno, 0);
    fixture_commit(f, txn);
    assert_true(stat_of(f, f->db).mapped_peak <= f->options.map_budget);
    fixture_check_records(f, 50000);
}

/* Commits make checkpoints by themselves, so that the log stays small. */
static void test_transactions__checkpoints_come_by_themselves(void **state)
{
    struct fixture *f = *state;

    f->options.log_limit_bytes = 64 << 20;
    f->options.checkpoint_bytes = 256 << 10;
    fixture_create(f, N);
    fixture_append(f, COUNT);
    for (uint64_t version = 1; version <= 100; version++) {
        slot_stat_info info;

        put_all(f, f->db, 1, version);
        info = stat_of(f, f->db);
        assert_true(info.published_lsn - info.checkpoint_lsn < 512 << 10);
    }
    assert_true(stat_of(f, f->db).log_bytes <= 4 << 20);
    put_all(f, f->db, 1, 0);
    fixture_check_records(f, COUNT);
}

/* The first who opens decides about the limit. */
static void test_transactions__the_limit_is_shared(void **state)
{
    struct fixture *f = *state;
    slot_db *two;

    f->options.log_limit_bytes = 1 << 20;
    fixture_create(f, N);
    f->options.log_limit_bytes = 16 << 20;
    two = second(f);
    assert_int_equal(stat_of(f, two).log_limit_bytes, 1 << 20);
    put_all(f, two, 1, 1);
    assert_ok(f, slot_close(two, &f->err));
    fixture_append(f, 10);
    fixture_check_records(f, 10);
}

static void test_transactions__all_reader_slots(void **state)
{
    struct fixture *f = *state;
    uint32_t slots;
    slot_txn **txns, *one_more = NULL;
    slot_db *two;

    fixture_create(f, N);
    fixture_append(f, 10);
    two = second(f);
    slots = stat_of(f, f->db).reader_slots;
    assert_int_equal(slots, 992);
    txns = calloc(slots, sizeof(slot_txn *));
    assert_non_null(txns);
    /* The append has left one idle transaction in the first handle: use it first. */
    for (uint32_t i = 0; i < slots; i++) {
        slot_db *db = i % 2 == 0 ? f->db : two;

        assert_ok(f, slot_begin(db, SLOT_READ, &txns[i], &f->err));
        assert_true(is_version(f, txns[i], i % 10, 0));
    }
    assert_int_equal(stat_of(f, two).readers, slots);
    assert_status(f, slot_begin(f->db, SLOT_READ, &one_more, &f->err), SLOT_E_READERS_FULL);
    assert_non_null(strstr(f->err.what, "992"));
    assert_status(f, slot_begin(two, SLOT_WRITE, &one_more, &f->err), SLOT_E_READERS_FULL);
    slot_end(txns[1]); /* a slot of the second handle stays that handle's */
    assert_status(f, slot_begin(f->db, SLOT_READ, &one_more, &f->err), SLOT_E_READERS_FULL);
    assert_ok(f, slot_begin(two, SLOT_WRITE, &one_more, &f->err));
    slot_abort(one_more);
    for (uint32_t i = 3; i < slots; i += 2)
        slot_end(txns[i]);
    assert_ok(f, slot_close(two, &f->err));
    assert_ok(f, slot_begin(f->db, SLOT_READ, &one_more, &f->err)); /* those of a closed one */
    slot_end(one_more);
    for (uint32_t i = 0; i < slots; i += 2)
        slot_end(txns[i]);
    free(txns);
}

/* ---- sync, stat, checkpoint ---- */

static void test_transactions__sync_normal(void **state)
{
    struct fixture *f = *state;
    slot_stat_info info;
    slot_db *full;

    f->options.sync = SLOT_SYNC_NORMAL;
    fixture_create(f, N);
    fixture_append(f, COUNT);
    info = stat_of(f, f->db);
    assert_true(info.durable_lsn < info.published_lsn);
    f->options.sync = SLOT_SYNC_FULL;
    full = second(f);
    put_all(f, full, 100, 1); /* flushes what came before it too */
    info = stat_of(f, f->db);
    assert_int_equal(info.durable_lsn, info.published_lsn);
    put_all(f, f->db, 100, 0);
    info = stat_of(f, f->db);
    assert_true(info.durable_lsn < info.published_lsn);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    info = stat_of(f, f->db);
    assert_int_equal(info.durable_lsn, info.published_lsn);
    assert_int_equal(info.checkpoint_lsn, info.published_lsn);
    assert_ok(f, slot_close(full, &f->err));
    fixture_close(f);
    fixture_open(f);
    fixture_check_records(f, COUNT);
}

static void test_transactions__stat(void **state)
{
    struct fixture *f = *state;
    slot_stat_info empty, info;
    slot_txn *one, *two;

    f->options.log_limit_bytes = 1 << 20;
    fixture_create(f, N);
    empty = stat_of(f, f->db);
    assert_true(empty.clean);
    assert_int_equal(empty.log_bytes, 0);
    assert_int_equal(empty.segments, 0);
    assert_int_equal(empty.published_lsn, empty.checkpoint_lsn);
    assert_true(empty.oldest_reader_lsn == UINT64_MAX);
    fixture_append(f, COUNT);
    one = fixture_begin(f, SLOT_READ);
    put_all(f, f->db, 1, 1);
    two = fixture_begin(f, SLOT_READ);
    info = stat_of(f, f->db);
    assert_int_equal(info.records, COUNT);
    assert_int_equal(info.records_bytes, COUNT * N);
    assert_int_equal(info.readers, 2);
    assert_true(info.segments >= 1);
    assert_int_equal(info.log_bytes, info.segments * (UINT64_C(64) << 10));
    assert_int_equal(info.log_limit_bytes, 1 << 20);
    assert_true(info.oldest_reader_lsn < info.published_lsn);
    assert_int_equal(info.durable_lsn, info.published_lsn);
    assert_int_equal(info.checkpoint_lsn, empty.checkpoint_lsn);
    assert_false(info.clean);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    info = stat_of(f, f->db);
    assert_int_equal(info.checkpoint_lsn, info.oldest_reader_lsn);
    slot_end(one);
    slot_end(two);
    one = fixture_begin(f, SLOT_WRITE);
    assert_ok(f, slot_delete(one, 5, &f->err));
    assert_int_equal(stat_of(f, f->db).deleted, 0); /* committed ones */
    fixture_commit(f, one);
    info = stat_of(f, f->db);
    assert_int_equal(info.deleted, 1);
    assert_int_equal(info.readers, 0);
    assert_memory_equal(info.file_id, empty.file_id, sizeof info.file_id);
    assert_true(info.view_bytes > 0 && info.mapped <= info.mapped_peak);
}

static void test_transactions__checkpoint_in_each_access(void **state)
{
    struct fixture *f = *state;

    fixture_create(f, N);
    assert_ok(f, slot_checkpoint(f->db, &f->err)); /* nothing to do */
    fixture_append(f, COUNT);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    assert_true(size_of_file(f, "records") >= COUNT * N);
    fixture_close(f);
    f->options.access = SLOT_DIRECT;
    fixture_open(f);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    fixture_close(f);
    f->options.access = SLOT_READ_ONLY;
    fixture_open(f);
    assert_status(f, slot_checkpoint(f->db, &f->err), SLOT_E_READ_ONLY);
    fixture_check_records(f, COUNT);
}

/* A transaction that ends with what the one before has left in the handle starts afresh. */
static void test_transactions__errors_do_not_stick(void **state)
{
    struct fixture *f = *state;
    uint8_t record[N] = {0};
    slot_txn *txn;
    void *edit;

    fixture_create(f, N);
    fixture_append(f, 3);
    for (uint32_t i = 0; i < 5; i++) {
        txn = fixture_begin(f, SLOT_WRITE);
        assert_status(f, slot_put(txn, 3, record, &f->err), SLOT_NOT_FOUND);
        assert_status(f, slot_edit(txn, UINT64_MAX, &edit, &f->err), SLOT_NOT_FOUND);
        assert_status(f, slot_delete(txn, 3, &f->err), SLOT_NOT_FOUND);
        assert_status(f, slot_write(txn, 0, N, 1, record, &f->err), SLOT_E_ARG);
        assert_status(f, slot_append(txn, record, UINT64_MAX, NULL, &f->err), SLOT_E_LIMIT);
        put_by(f, txn, 2, i);
        fixture_commit(f, txn);
        txn = fixture_begin(f, SLOT_READ);
        assert_status(f, slot_put(txn, 0, record, &f->err), SLOT_E_ARG);
        assert_status(f, slot_delete(txn, 0, &f->err), SLOT_E_ARG);
        assert_status(f, slot_insert(txn, record, NULL, &f->err), SLOT_E_ARG);
        assert_true(is_version(f, txn, 2, i));
        slot_end(txn);
    }
}

/* ---- a scan that looks twice ---- */

/* The native system, but at the nth look at an index word others write. */
struct interruption {
    struct os os;
    struct fixture *f;
    int left;
    uint64_t version;
};

static void interrupt(const struct os *os, const char *where)
{
    struct interruption *here = (struct interruption *)(uintptr_t)os;
    struct fixture *f = here->f;
    uint8_t record[125];
    slot_txn *txn;

    if (strcmp(where, "index") != 0 || here->left == 0 || --here->left > 0)
        return;
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    txn = fixture_begin(f, SLOT_WRITE);
    record_fill(record, sizeof record, 5, here->version + 1);
    assert_ok(f, slot_put(txn, 5, record, &f->err));
    fixture_commit(f, txn);
}

/* A checkpoint brings the block home, and a newer version does not lead to the older one any more:
 * between any two looks of the scan. */
static void test_transactions__a_scan_is_interrupted(void **state)
{
    struct fixture *f = *state;
    struct interruption here = {.os = *slot__os_native(), .f = f};
    slot_db *db = NULL;
    slot_run run;

    here.os.yield = interrupt;
    fixture_create(f, 125);
    fixture_append(f, 100);
    assert_ok(f, slot__db_open_on(&here.os, f->path, &f->options, &db, &f->err));
    for (int nth = 1; nth < 8; nth++) {
        slot_txn *txn = fixture_begin(f, SLOT_WRITE), *reader = NULL;
        uint8_t record[125];

        here.version += 2;
        record_fill(record, sizeof record, 5, here.version);
        assert_ok(f, slot_put(txn, 5, record, &f->err));
        fixture_commit(f, txn);
        assert_ok(f, slot_begin(db, SLOT_READ, &reader, &f->err));
        here.left = nth;
        assert_ok(f, slot_scan(reader, 5, 6, &run, &f->err));
        here.left = 0;
        assert_memory_equal(run.records, record, sizeof record);
        slot_end(reader);
    }
    assert_ok(f, slot_close(db, &f->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_transactions__a_scan_is_interrupted),
        fixture_test(test_transactions__readers_keep_their_snapshot),
        fixture_test(test_transactions__lent_pointers_never_change),
        fixture_test(test_transactions__counts_belong_to_the_snapshot),
        fixture_test(test_transactions__abort_changes_nothing),
        fixture_test(test_transactions__two_handles_write_in_turn),
        fixture_test(test_transactions__one_writer_of_all_handles),
        fixture_test(test_transactions__the_last_close_tidies_up),
        fixture_test(test_transactions__other_accesses_stay_out),
        fixture_test(test_transactions__a_reader_fills_the_log),
        fixture_test(test_transactions__too_large_for_the_log),
        fixture_test(test_transactions__larger_than_the_budget),
        fixture_test(test_transactions__checkpoints_come_by_themselves),
        fixture_test(test_transactions__the_limit_is_shared),
        fixture_test(test_transactions__all_reader_slots),
        fixture_test(test_transactions__sync_normal),
        fixture_test(test_transactions__stat),
        fixture_test(test_transactions__checkpoint_in_each_access),
        fixture_test(test_transactions__errors_do_not_stick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
