/*
 * Every malloc, calloc and realloc of the library fails once, in turn, and then all from the nth
 * on: in create, open, recover, read, commit, checkpoint, verify, close. The answer is
 * SLOT_E_NO_MEMORY or success, nothing is leaked (the address sanitizer looks), and the database is
 * what the answers say.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oom/memory.h"
#include "support/fixture.h"
#include "support/tmpdir.h"

#define N      125
#define BASE   200u
#define ROUNDS 2000u /* more allocations than any operation makes */

/* ---- what is done ---- */

struct outcome {
    slot_status status; /* the first that was not SLOT_OK */
    uint64_t version;   /* acknowledged */
    bool unknown;
};

static void note(struct outcome *outcome, slot_status status)
{
    if (outcome->status == SLOT_OK)
        outcome->status = status;
}

/* Version v of the database: the records below BASE / 2 are in version v, and v were appended. */
static slot_status change(slot_txn *txn, uint64_t version)
{
    slot_status status = SLOT_OK;
    uint8_t record[N];
    void *edit = NULL;

    for (uint64_t recno = 0; recno < BASE / 2 && status == SLOT_OK; recno++) {
        record_fill(record, N, recno, version);
        if (recno % 2 == 0) {
            status = slot_put(txn, recno, record, NULL);
        } else {
            status = slot_edit(txn, recno, &edit, NULL);
            if (status == SLOT_OK)
                memcpy(edit, record, N);
        }
    }
    record_fill(record, N, slot_records(txn), 0);
    if (status == SLOT_OK)
        status = slot_append(txn, record, 1, NULL, NULL);
    if (status == SLOT_OK)
        status = slot_delete(txn, BASE - 1, NULL);
    record_fill(record, N, BASE - 1, 0);
    if (status == SLOT_OK)
        status = slot_insert(txn, record, NULL, NULL);
    return status;
}

static void transaction(slot_db *db, struct outcome *outcome)
{
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, NULL);

    note(outcome, status);
    if (status != SLOT_OK)
        return;
    status = change(txn, outcome->version + 1);
    note(outcome, status);
    if (status != SLOT_OK) {
        slot_abort(txn);
        return;
    }
    status = slot_commit(txn, NULL);
    note(outcome, status);
    if (status == SLOT_OK)
        outcome->version++;
    outcome->unknown = outcome->unknown || status == SLOT_E_UNKNOWN;
}

/* By every way of reading; what is read is right. */
static void look(slot_db *db, struct outcome *outcome)
{
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_READ, &txn, NULL);
    uint8_t record[N], range[10 * N];
    const void *lent;
    slot_run run;

    note(outcome, status);
    if (status != SLOT_OK)
        return;
    for (uint64_t recno = 0; recno < BASE && status == SLOT_OK; recno += 40) {
        uint64_t version = recno < BASE / 2 ? outcome->version : 0;

        status = slot_get(txn, recno, record, NULL);
        if (status == SLOT_OK && !outcome->unknown)
            assert_true(record_is(record, N, recno, version));
        if (status == SLOT_OK)
            status = slot_ref(txn, recno, &lent, NULL);
        if (status == SLOT_OK)
            assert_memory_equal(lent, record, N);
        if (status == SLOT_OK)
            status = slot_get_range(txn, recno, 10, range, NULL);
        if (status == SLOT_OK)
            assert_memory_equal(range, record, N);
        if (status == SLOT_OK)
            status = slot_scan(txn, recno, BASE, &run, NULL);
        if (status == SLOT_OK)
            assert_memory_equal(run.records, record, N);
    }
    note(outcome, status);
    slot_end(txn);
}

static struct outcome work(struct fixture *f, uint64_t version)
{
    struct outcome outcome = {SLOT_OK, version, false};
    slot_db *db = NULL;

    outcome.status = slot_open(f->path, &f->options, &db, &f->err);
    if (outcome.status != SLOT_OK)
        return outcome;
    look(db, &outcome);
    transaction(db, &outcome);
    note(&outcome, slot_checkpoint(db, NULL));
    transaction(db, &outcome);
    look(db, &outcome);
    note(&outcome, slot_verify(db, NULL, NULL, NULL));
    note(&outcome, slot_close(db, NULL));
    return outcome;
}

/* ---- what is left ---- */

static bool is_version(struct fixture *f, uint64_t version)
{
    slot_txn *txn = fixture_begin(f, SLOT_READ);
    bool same = slot_records(txn) == BASE + version;
    uint8_t record[N];

    for (uint64_t recno = 0; recno < slot_records(txn) && same; recno++) {
        assert_ok(f, slot_get(txn, recno, record, &f->err));
        same = record_is(record, N, recno, recno < BASE / 2 ? version : 0);
    }
    slot_end(txn);
    return same;
}

static void check(struct fixture *f, struct outcome outcome)
{
    fixture_open(f);
    if (!is_version(f, outcome.version))
        assert_true(outcome.unknown && is_version(f, outcome.version + 1));
    assert_ok(f, slot_verify(f->db, NULL, NULL, &f->err));
    fixture_close(f);
}

/* One operation again and again, each time with another allocation that fails. */
static void sweep(struct fixture *f, const char *image, uint64_t version, bool forever)
{
    uint64_t nth = 1, unknown = 0;

    for (bool met = true; met; nth += forever ? 5 : 1) {
        struct outcome outcome;

        assert_true(nth < ROUNDS);
        snprintf(f->note, sizeof f->note, "allocation %llu", (unsigned long long)nth);
        fixture_copy_tree(image, f->path);
        memory_arm(nth, forever);
        outcome = work(f, version);
        met = memory_disarm() > 0;
        unknown += outcome.unknown;
        if (!met)
            assert_int_equal(outcome.status, SLOT_OK);
        else if (outcome.status != SLOT_OK && !outcome.unknown)
            assert_int_equal(outcome.status, SLOT_E_NO_MEMORY);
        check(f, outcome);
    }
    f->note[0] = '\0';
    print_message("%u allocations, %u commits unknown\n", (unsigned)nth - 1, (unsigned)unknown);
}

static void both(struct fixture *f, bool crashed)
{
    struct outcome outcome = {SLOT_OK, 0, false};
    char image[5000];

    f->options.log_limit_bytes = 512 << 10; /* small files: there are many runs */
    snprintf(image, sizeof image, "%s/image", f->dir);
    fixture_create(f, N);
    fixture_append(f, BASE);
    assert_ok(f, slot_checkpoint(f->db, &f->err));
    transaction(f->db, &outcome);
    assert_int_equal(outcome.status, SLOT_OK);
    if (crashed)
        fixture_copy_tree(f->path, image);
    fixture_close(f);
    if (!crashed)
        fixture_copy_tree(f->path, image);
    sweep(f, image, 1, false);
    sweep(f, image, 1, true);
}

static void test_oom__transactions(void **state)
{
    both(*state, false);
}

static void test_oom__recovery(void **state)
{
    both(*state, true);
}

static void test_oom__small_budget(void **state)
{
    struct fixture *f = *state;

    fixture_budget(f, 600 << 10);
    both(f, true);
}

/* A handle meets segments of another one for the first time, and there is no memory for it. */
static void test_oom__second_handle(void **state)
{
    struct fixture *f = *state;
    uint64_t nth = 1;

    f->options.log_limit_bytes = 512 << 10;
    fixture_create(f, N);
    fixture_append(f, BASE);
    fixture_close(f);
    for (bool met = true; met; nth += 3) {
        struct outcome first = {SLOT_OK, 0, false}, second;

        assert_true(nth < ROUNDS);
        snprintf(f->note, sizeof f->note, "allocation %llu", (unsigned long long)nth);
        tmpdir_remove_tree(f->path);
        fixture_create(f, N);
        fixture_append(f, BASE);
        transaction(f->db, &first);
        assert_int_equal(first.status, SLOT_OK);
        memory_arm(nth, false);
        second = work(f, first.version);
        met = memory_disarm() > 0;
        if (second.status != SLOT_OK && !second.unknown)
            assert_int_equal(second.status, SLOT_E_NO_MEMORY);
        (void)slot_close(f->db, NULL);
        f->db = NULL;
        check(f, second);
    }
    f->note[0] = '\0';
    assert_true(nth > 10);
}

/* Created whole, or not at all. */
static void test_oom__create(void **state)
{
    struct fixture *f = *state;
    uint64_t nth = 1;

    for (bool met = true; met; nth++) {
        slot_schema *schema = NULL;
        slot_status status;

        memory_arm(nth, false);
        status = slot_schema_parse("id:u64,name:text[20]", 20, &schema, &f->err);
        if (status == SLOT_OK)
            status = slot_create(f->path, schema, &f->options, &f->err);
        slot_schema_free(schema);
        met = memory_disarm() > 0;
        if (status == SLOT_OK) {
            fixture_open(f);
            fixture_close(f);
            assert_ok(f, slot_destroy(f->path, NULL, &f->err));
        } else {
            assert_int_equal(status, SLOT_E_NO_MEMORY);
            assert_status(f, slot_open(f->path, NULL, &f->db, &f->err), SLOT_E_NO_FILE);
        }
    }
    assert_true(nth > 5);
}

static void test_oom__destroy(void **state)
{
    struct fixture *f = *state;
    bool met = true;

    for (uint64_t nth = 1; met; nth++) {
        slot_status status;

        fixture_create(f, N);
        fixture_append(f, 10);
        fixture_close(f);
        memory_arm(nth, false);
        status = slot_destroy(f->path, &f->options, &f->err);
        met = memory_disarm() > 0;
        if (status == SLOT_OK)
            continue;
        assert_int_equal(status, SLOT_E_NO_MEMORY);
        f->damaged = true;
        if (slot_destroy(f->path, NULL, &f->err) != SLOT_OK)
            assert_true(f->err.status == SLOT_E_NO_FILE || f->err.status >= SLOT_E_NOT_SLOTFILE);
        f->damaged = false;
        tmpdir_remove_tree(f->path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_oom__create),       fixture_test(test_oom__destroy),
        fixture_test(test_oom__transactions), fixture_test(test_oom__recovery),
        fixture_test(test_oom__small_budget), fixture_test(test_oom__second_handle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
