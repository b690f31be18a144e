/*
 * What was measured on other databases of this kind, as tests of ours (D1 .. D6): records lost
 * after a kill, bytes left over by an abort, a damaged file called good, signals for a full disk
 * and for a cut file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "support/fixture.h"
#include "support/tmpdir.h"
#include "torture/process.h"

#define N 125

static const char *program;

static void cut(struct fixture *f, const char *name, uint64_t size)
{
    char *path = tmpdir_join(f->path, name);

    assert_true(process_cut(path, size));
    free(path);
}

/* Records that follow each other; false at the first thing that fails. */
static bool append(slot_db *db, uint64_t first, uint64_t end)
{
    slot_txn *txn = NULL;
    char record[N];
    bool done = slot_begin(db, SLOT_WRITE, &txn, NULL) == SLOT_OK;

    for (uint64_t recno = first; done && recno < end; recno++) {
        record_fill(record, N, recno, 0);
        done = slot_append(txn, record, 1, NULL, NULL) == SLOT_OK;
    }
    return done && slot_commit(txn, NULL) == SLOT_OK;
}

static bool delete_all(slot_db *db, uint64_t first, uint64_t end)
{
    slot_txn *txn = NULL;
    bool done = slot_begin(db, SLOT_WRITE, &txn, NULL) == SLOT_OK;

    for (uint64_t recno = first; done && recno < end; recno++)
        done = slot_delete(txn, recno, NULL) == SLOT_OK;
    return done && slot_commit(txn, NULL) == SLOT_OK;
}

/* ---- D1: killed after a sync ----------------------------------------------------------------- */

/* 100 records, synced; 900 more, not synced; 50 deleted; killed. */
static int d1_child(const char *path)
{
    slot_options options;
    slot_db *db = NULL;

    slot_options_init(&options);
    if (slot_open(path, &options, &db, NULL) != SLOT_OK || !append(db, 0, 100) ||
        slot_close(db, NULL) != SLOT_OK)
        return 1;
    options.sync = SLOT_SYNC_NORMAL;
    if (slot_open(path, &options, &db, NULL) == SLOT_OK && append(db, 100, 1000) &&
        delete_all(db, 0, 50))
        process_kill_self();
    return 1;
}

static void d1_check(struct fixture *f)
{
    slot_txn *txn = fixture_begin(f, SLOT_READ);
    char record[N];

    assert_int_equal(slot_records(txn), 1000);
    assert_int_equal(slot_count(txn), 950);
    for (uint64_t recno = 0; recno < 1000; recno++) {
        slot_status want = recno < 50 ? SLOT_DELETED : SLOT_OK;

        assert_status(f, slot_get(txn, recno, record, &f->err), want);
        assert_true(recno < 50 || record_is(record, N, recno, 0));
    }
    slot_end(txn);
}

/* The next records go where none is: first the deleted numbers, then the end. */
static void d1_insert(struct fixture *f)
{
    slot_txn *txn = fixture_begin(f, SLOT_WRITE);
    uint64_t recno = 0;
    char record[N];

    for (uint64_t i = 0; i < 60; i++) {
        uint64_t want = i < 50 ? i : 950 + i;

        record_fill(record, N, want, 0);
        assert_ok(f, slot_insert(txn, record, &recno, &f->err));
        assert_int_equal(recno, want);
    }
    assert_int_equal(slot_count(txn), 1010);
    fixture_commit(f, txn);
}

static void test_peers__d1_killed_after_a_sync(void **state)
{
    struct fixture *f = *state;
    const char *arguments[] = {"--d1", f->path, NULL};
    struct process_end end = {false, 0};
    struct process *child;

    fixture_create(f, N);
    fixture_close(f);
    child = process_start(program, arguments);
    assert_true(process_wait(child, 60000, &end));
    assert_true(end.killed);
    process_release(child);
    fixture_open(f);
    d1_check(f);
    fixture_close(f);
    fixture_open(f);
    d1_check(f);
    d1_insert(f);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    fixture_check_records(f, 1010);
    fixture_close(f);
    fixture_open(f);
    fixture_check_records(f, 1010);
}

/* ---- D2: abort ------------------------------------------------------------------------------- */

/* Overwrite record 0 whole, by each call that can, and abort. */
static void d2_overwrite(struct fixture *f, uint32_t width, int how)
{
    slot_txn *txn = fixture_begin(f, SLOT_WRITE);
    char record[4097];
    void *place = NULL;

    memset(record, 'B', width);
    if (how == 0) {
        assert_ok(f, slot_put(txn, 0, record, &f->err));
    } else if (how == 1) {
        assert_ok(f, slot_edit(txn, 0, &place, &f->err));
        memcpy(place, record, width);
    } else if (how == 2) {
        assert_ok(f, slot_write(txn, 0, width - 1, 1, record, &f->err));
    } else {
        assert_ok(f, slot_delete(txn, 0, &f->err));
        assert_ok(f, slot_insert(txn, record, NULL, &f->err));
    }
    slot_abort(txn);
}

static void d2_check(struct fixture *f, uint32_t width)
{
    slot_txn *txn = fixture_begin(f, SLOT_READ);
    char record[4097], want[4097];

    memset(want, 'A', width);
    for (uint64_t recno = 0; recno < 2; recno++) {
        assert_ok(f, slot_get(txn, recno, record, &f->err));
        assert_memory_equal(record, want, width);
    }
    assert_int_equal(slot_records(txn), 2);
    slot_end(txn);
}

static void test_peers__d2_abort_leaves_the_old_bytes(void **state)
{
    static const uint32_t widths[] = {1, 2, 4, 16, 125, 300, 4096, 4097};
    struct fixture *f = *state;

    for (int i = 0; i < 8; i++) {
        char records[2 * 4097];
        slot_txn *txn;

        memset(records, 'A', sizeof records);
        fixture_create(f, widths[i]);
        txn = fixture_begin(f, SLOT_WRITE);
        assert_ok(f, slot_append(txn, records, 2, NULL, &f->err));
        fixture_commit(f, txn);
        for (int how = 0; how < 4; how++) {
            d2_overwrite(f, widths[i], how);
            d2_check(f, widths[i]);
        }
        fixture_close(f);
        fixture_open(f);
        d2_check(f, widths[i]);
        fixture_close(f);
        assert_ok(f, slot_destroy(f->path, NULL, &f->err));
    }
}

/* ---- D3, D6: cut files ----------------------------------------------------------------------- */

static void make_closed(struct fixture *f, uint64_t count)
{
    fixture_create(f, N);
    fixture_append(f, count);
    fixture_close(f);
    f->damaged = true;
}

static bool count_finding(void *context, const slot_finding *finding)
{
    (void)finding;
    ++*(unsigned *)context;
    return true;
}

/* Whoever gets it open finds the damage, and says so by status and by finding. */
static void expect_damage(struct fixture *f)
{
    for (int access = SLOT_TRANSACTIONAL; access <= SLOT_READ_ONLY; access++) {
        unsigned findings = 0;
        slot_status status;

        f->options.access = (slot_access)access;
        status = slot_open(f->path, &f->options, &f->db, &f->err);
        if (status == SLOT_OK) {
            assert_status(f, slot_verify(f->db, count_finding, &findings, &f->err), SLOT_DAMAGED);
            assert_true(findings > 0);
            (void)slot_close(f->db, &f->err);
            f->db = NULL;
        } else {
            assert_true(status == SLOT_E_TRUNCATED || status == SLOT_E_CORRUPT);
            assert_true(f->err.file[0] != '\0');
        }
    }
}

static void test_peers__d3_cut_data_file(void **state)
{
    struct fixture *f = *state;

    make_closed(f, 400000);
    cut(f, "records", 8 << 20);
    expect_damage(f);
    /* Nobody sees all of its entries, or fewer without an error. */
    f->options.access = SLOT_TRANSACTIONAL;
    assert_status(f, slot_open(f->path, &f->options, &f->db, &f->err), SLOT_E_TRUNCATED);
    assert_string_equal(f->err.file, "records");
}

static void test_peers__d6_verify_of_a_cut_file(void **state)
{
    static const struct {
        const char *name;
        uint64_t to;
    } cuts[] = {{"records", 5000}, {"records", 124990}, {"sums", 5},    {"sums", 248},
                {"meta", 8000},    {"meta", 4096},      {"meta", 4000}, {"schema", 3}};
    struct fixture *f = *state;

    for (int i = 0; i < 8; i++) {
        f->options.access = SLOT_TRANSACTIONAL;
        make_closed(f, 1000);
        cut(f, cuts[i].name, cuts[i].to);
        expect_damage(f);
        tmpdir_remove_tree(f->path);
    }
}

/* ---- D5: cut under a reader ------------------------------------------------------------------ */

/* Copying calls: a status for what is gone; the right bytes, or a status, for what is beside it. */
static void d5_read_all(struct fixture *f, slot_txn *txn, uint64_t count, uint64_t left)
{
    uint64_t lost = 0;
    char record[N];

    for (uint64_t recno = 0; recno < count; recno++) {
        slot_status status = slot_get(txn, recno, record, &f->err);

        if (status != SLOT_OK) {
            assert_true(status >= 40);
            assert_true(strlen(f->err.what) > 10);
            lost++;
        } else if (recno < left) {
            assert_true(record_is(record, N, recno, 0));
        }
    }
    /* All but what lies on the last page, whose rest the system fills with zeros. */
    assert_true(lost + 4096 / N + 1 >= count - left);
}

static void test_peers__d5_cut_under_a_reader(void **state)
{
    static const uint64_t budgets[] = {0, 1 << 20};
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        char *path = tmpdir_join(f->path, "records");
        slot_txn *txn;
        char record[N];

        f->options.map_budget = budgets[i];
        make_closed(f, 100000);
        fixture_open(f);
        txn = fixture_begin(f, SLOT_READ);
        for (uint64_t recno = 0; recno < 100000; recno += 7)
            assert_ok(f, slot_get(txn, recno, record, &f->err));
        if (process_cut(path, 1 << 20)) {
            d5_read_all(f, txn, 100000, (1 << 20) / N);
            slot_end(txn);
            assert_int_not_equal(slot_verify(f->db, NULL, NULL, &f->err), SLOT_OK);
        } else {
            slot_end(txn);
        }
        (void)slot_close(f->db, &f->err);
        f->db = NULL;
        tmpdir_remove_tree(f->path);
        free(path);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_peers__d1_killed_after_a_sync),
        fixture_test(test_peers__d2_abort_leaves_the_old_bytes),
        fixture_test(test_peers__d3_cut_data_file),
        fixture_test(test_peers__d5_cut_under_a_reader),
        fixture_test(test_peers__d6_verify_of_a_cut_file),
    };

    if (argc == 3 && strcmp(argv[1], "--d1") == 0)
        return d1_child(argv[2]);
    program = argv[0];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
