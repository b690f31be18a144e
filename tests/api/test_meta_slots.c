/*
 * Damage to one slot of `meta`, at every kind of byte, in every state that a database can be left
 * in: what was acknowledged is there, all of it, or the database is refused and the message names
 * the slot. And a write of a slot that a power cut has torn, which is never refused.
 *
 * A life is played with a system whose writes of slots are watched: before, between the halves of
 * each, and after it, the directory is copied, as a kill or a power cut would leave it, and the
 * copy is tried. Nothing waits for the disk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "support/fixture.h"
#include "support/tmpdir.h"

#define N           125
#define RECORDS_MAX 1000

/* What commit number i has made. */
struct model {
    uint64_t records, deleted;
    uint8_t version[RECORDS_MAX]; /* 0: deleted */
};

static struct {
    struct os os; /* that plays the life */
    struct fixture *f;
    struct model now;
    const struct model *next; /* that a commit which is under way makes, or NULL */
    bool direct;              /* a commit that is under way may be there in part */
    bool closed;              /* images are of a closed database: no slot may be missed at all */
    unsigned images, refused, given;
} play;

static os_result no_sync(const struct os *os, struct os_file *file)
{
    (void)os, (void)file;
    return os_success();
}

/* ---- trying a copy ---- */

static char *image_path(void)
{
    return tmpdir_join(play.f->dir, "image.slots");
}

static void damage(const char *path, size_t at)
{
    char *name = tmpdir_join(path, "meta");
    FILE *file = fopen(name, "r+b");
    int byte;

    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    byte = fgetc(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ 0x01, file), EOF);
    assert_int_equal(fclose(file), 0);
    free(name);
}

static bool is_version(const struct model *model, uint64_t i, slot_status status,
                       const uint8_t *record)
{
    return model->version[i] == 0 ? status == SLOT_DELETED
                                  : status == SLOT_OK && record_is(record, N, i, model->version[i]);
}

static bool is_model(slot_txn *txn, const struct model *model)
{
    const struct model *next = play.direct && play.next != NULL ? play.next : model;
    uint8_t record[N];

    if (slot_records(txn) != model->records || slot_count(txn) != model->records - model->deleted)
        return false;
    for (uint64_t i = 0; i < model->records; i++) {
        slot_status status = slot_get(txn, i, record, NULL);

        if (!is_version(model, i, status, record) && !is_version(next, i, status, record))
            return false;
    }
    return true;
}

static void check(slot_db *db)
{
    struct fixture *f = play.f;
    slot_txn *txn = NULL;

    assert_ok(f, slot_begin(db, SLOT_READ, &txn, &f->err));
    assert_true(is_model(txn, &play.now) || (play.next != NULL && is_model(txn, play.next)));
    slot_end(txn);
}

/* A fresh copy with one flipped bit, or none: `at` SIZE_MAX. */
static slot_status try_copy(size_t at)
{
    struct fixture *f = play.f;
    struct os os = *slot__os_native();
    char *path = image_path();
    slot_db *db = NULL;
    slot_status status;

    os.sync = no_sync;
    fixture_copy_tree(f->path, path);
    if (at != SIZE_MAX)
        damage(path, at);
    f->options.access = SLOT_TRANSACTIONAL;
    status = slot__db_open_on(&os, path, &f->options, &db, &f->err);
    if (status == SLOT_OK) {
        check(db);
        assert_ok(f, slot_close(db, &f->err));
        if (at != SIZE_MAX) /* the slot is whole again, and the other one can be missed */
            damage(path, (at + META_SLOT_BYTES) % ((size_t)META_SLOTS * META_SLOT_BYTES));
        assert_ok(f, slot__db_open_on(&os, path, &f->options, &db, &f->err));
        check(db);
        assert_ok(f, slot_close(db, &f->err));
    }
    tmpdir_remove_tree(path);
    free(path);
    return status;
}

/* One byte of each kind: magic, version, size, features, id, generation (all of a low and a high
 * byte), record size, access, counts, position, chain, blocks, schema, offset, flags, root,
 * reserved, checksum. */
static const size_t kinds[] = {0,  8,  12, 16, 24,  40,  47,  48,  52,  56,  57,   64,   72,
                               73, 80, 88, 96, 104, 112, 120, 124, 128, 136, 3000, 4088, 4095};
#define KINDS (sizeof kinds / sizeof kinds[0])

static void try_image(size_t step, const char *note)
{
    struct fixture *f = play.f;

    play.images++;
    snprintf(f->note, sizeof f->note, "image %u, %s", play.images, note);
    assert_status(f, try_copy(SIZE_MAX), SLOT_OK);
    for (size_t slot = 0; slot < META_SLOTS; slot++) {
        for (size_t i = play.images % step; i < KINDS; i += step) {
            slot_status status;

            snprintf(f->note, sizeof f->note, "image %u, %s, slot %zu, byte %zu", play.images, note,
                     slot, kinds[i]);
            status = try_copy(slot * META_SLOT_BYTES + kinds[i]);
            if (status == SLOT_OK) {
                play.given++;
                continue;
            }
            assert_status(f, status, SLOT_E_CORRUPT);
            assert_string_equal(f->err.file, "meta");
            assert_true(f->err.offset / META_SLOT_BYTES == slot || strstr(note, "torn") != NULL);
            assert_false(play.closed);
            play.refused++;
        }
    }
    f->note[0] = '\0';
}

/* ---- the life ---- */

static os_result watched_write(const struct os *os, struct os_file *file, uint64_t offset,
                               const void *bytes, size_t n)
{
    const struct os *native = slot__os_native();
    const uint8_t *from = bytes;
    uint8_t old[META_SLOT_BYTES];
    size_t half = META_SLOT_BYTES / 2;

    (void)os;
    if (n != META_SLOT_BYTES || memcmp(bytes, "SLOTMETA", 8) != 0)
        return native->write_at(native, file, offset, bytes, n);
    assert_true(os_ok(native->read_at(native, file, offset, old, n)));
    if (memcmp(old, bytes, n) == 0)
        return os_success();
    assert_true(os_ok(native->write_at(native, file, offset, from, half)));
    try_image(9, "torn: front");
    assert_true(os_ok(native->write_at(native, file, offset, old, half)));
    assert_true(os_ok(native->write_at(native, file, offset + half, from + half, n - half)));
    try_image(9, "torn: back");
    assert_true(os_ok(native->write_at(native, file, offset, bytes, n)));
    try_image(5, "whole");
    return os_success();
}

static void start(struct fixture *f, slot_access access)
{
    memset(&play, 0, sizeof play);
    play.f = f;
    play.os = *slot__os_native();
    play.os.sync = no_sync;
    play.os.write_at = watched_write;
    f->options.log_limit_bytes = 1 << 20;
    f->options.access = access;
    fixture_create(f, N);
    fixture_close(f);
}

static void open_played(slot_access access)
{
    struct fixture *f = play.f;

    play.closed = false;
    play.direct = access == SLOT_DIRECT;
    f->options.access = access;
    assert_ok(f, slot__db_open_on(&play.os, f->path, &f->options, &f->db, &f->err));
}

static void close_played(void)
{
    fixture_close(play.f);
    play.closed = true;
    try_image(1, "closed");
    play.closed = false;
}

static void append(slot_txn *txn, struct model *model, unsigned n, uint8_t version)
{
    struct fixture *f = play.f;
    uint8_t record[N];

    for (unsigned i = 0; i < n; i++) {
        record_fill(record, N, model->records, version);
        assert_ok(f, slot_append(txn, record, 1, NULL, &f->err));
        model->version[model->records++] = version;
    }
}

static void put(slot_txn *txn, struct model *model, uint64_t first, unsigned n, uint8_t version)
{
    struct fixture *f = play.f;
    uint8_t record[N];

    for (uint64_t i = first; i < first + n; i++) {
        record_fill(record, N, i, version);
        assert_ok(f, slot_put(txn, i, record, &f->err));
        model->version[i] = version;
    }
}

static void commit(unsigned appended, unsigned puts, uint8_t version)
{
    struct model next = play.now;
    slot_txn *txn = fixture_begin(play.f, SLOT_WRITE);

    append(txn, &next, appended, version);
    put(txn, &next, 0, puts, version);
    play.next = &next;
    fixture_commit(play.f, txn);
    play.now = next;
    play.next = NULL;
}

static void delete_some(uint64_t first, unsigned n)
{
    struct model next = play.now;
    slot_txn *txn = fixture_begin(play.f, SLOT_WRITE);

    for (uint64_t i = first; i < first + n; i++) {
        assert_ok(play.f, slot_delete(txn, i, &play.f->err));
        next.version[i] = 0;
        next.deleted++;
    }
    play.next = &next;
    fixture_commit(play.f, txn);
    play.now = next;
    play.next = NULL;
}

/* The copies have been tried; and they were not all refused, nor all believed. */
static void finish(unsigned least_images)
{
    assert_true(play.images >= least_images);
    assert_true(play.given > 0);
    assert_true(play.refused > 0);
}

/* A life whose last moment is a kill: the database goes on as the copy of the open one. `all`: of
 * which no slot may be missed. */
static void killed(bool all)
{
    struct fixture *f = play.f;
    char *path = tmpdir_join(f->dir, "killed.slots");

    play.closed = all;
    try_image(1, "killed");
    play.closed = false;
    fixture_copy_tree(f->path, path);
    fixture_close(f);
    fixture_copy_tree(path, f->path);
    tmpdir_remove_tree(path);
    free(path);
}

static void test_meta_slots__transactional(void **state)
{
    struct fixture *f = *state;

    start(f, SLOT_TRANSACTIONAL);
    open_played(SLOT_TRANSACTIONAL);
    commit(300, 0, 1); /* marks */
    commit(0, 100, 2);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    commit(10, 20, 3);
    delete_some(100, 5);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    delete_some(200, 1);
    close_played();
    open_played(SLOT_TRANSACTIONAL);
    commit(0, 1, 4);
    close_played();
    finish(20);
}

static void test_meta_slots__recovered(void **state)
{
    struct fixture *f = *state;

    start(f, SLOT_TRANSACTIONAL);
    open_played(SLOT_TRANSACTIONAL);
    commit(300, 0, 1);
    delete_some(7, 3);
    play.os.write_at = slot__os_native()->write_at; /* this close does not count */
    killed(true);
    play.os.write_at = watched_write;
    open_played(SLOT_TRANSACTIONAL); /* recovers */
    play.closed = true;
    try_image(1, "recovered");
    play.closed = false;
    close_played();
    finish(6);
}

/* A checkpoint has brought all of the log home: the recovery has nothing to do but to say so. */
static void test_meta_slots__recovered_without_log(void **state)
{
    struct fixture *f = *state;

    start(f, SLOT_TRANSACTIONAL);
    open_played(SLOT_TRANSACTIONAL);
    commit(300, 0, 1);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    play.os.write_at = slot__os_native()->write_at;
    killed(true);
    play.os.write_at = watched_write;
    open_played(SLOT_TRANSACTIONAL); /* recovers */
    play.closed = true;
    try_image(1, "recovered");
    play.closed = false;
    close_played();
    finish(5);
}

static void test_meta_slots__direct(void **state)
{
    struct fixture *f = *state;

    start(f, SLOT_DIRECT);
    open_played(SLOT_DIRECT);
    commit(300, 0, 1); /* marks */
    commit(0, 10, 2);
    commit(40, 10, 3);
    commit(1, 0, 4);
    play.os.write_at = slot__os_native()->write_at;
    killed(false);
    play.os.write_at = watched_write;
    open_played(SLOT_DIRECT);
    commit(3, 3, 5);
    assert_ok(f, slot_rebuild_sums(f->db, &f->err));
    close_played();
    open_played(SLOT_TRANSACTIONAL);
    commit(3, 3, 6);
    close_played();
    finish(20);
}

/* A log that a crash in direct access has come before. */
static void test_meta_slots__direct_then_transactional(void **state)
{
    struct fixture *f = *state;

    start(f, SLOT_DIRECT);
    open_played(SLOT_DIRECT);
    commit(300, 0, 1);
    play.os.write_at = slot__os_native()->write_at;
    killed(false);
    play.os.write_at = watched_write;
    open_played(SLOT_TRANSACTIONAL);
    commit(5, 5, 2);
    close_played();
    finish(6);
    f->damaged = true; /* its checksums are stale, and stay so */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_meta_slots__transactional),
        fixture_test(test_meta_slots__recovered),
        fixture_test(test_meta_slots__recovered_without_log),
        fixture_test(test_meta_slots__direct),
        fixture_test(test_meta_slots__direct_then_transactional),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
