/*
 * What a failed call has done to its write transaction is what outcome.h says of the call and the
 * status. Each call of the system fails in turn, in each way, within transactions that use every
 * call; the caller goes on after "same", ends what is doomed, commits, and compares with a model.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "db/outcome.h"
#include "support/fixture.h"
#include "support/os_faulty.h"

#define RECORD  100u
#define BASE    300u
#define MOST    (BASE + 2000u)
#define APPENDS 500u /* more than the buffer of this test holds */

/* What the records are: the version of each. */
#define UNSURE  UINT32_MAX /* one version or another */
#define DELETED (UINT32_MAX - 1)
struct model {
    uint32_t version[MOST];
    uint64_t records;
};

struct run {
    struct fixture *f;
    struct os_faulty faulty;
    slot_db *db;
    bool transactional;
    struct model model, now; /* committed; as the open transaction has left it */
    bool doomed;
    uint32_t version;
    uint64_t pairs[2][64][4]; /* how often each was met */
};

static void open_db(struct run *run)
{
    assert_ok(run->f, slot__db_open_on(&run->faulty.os, run->f->path, &run->f->options, &run->db,
                                       &run->f->err));
    run->db->io_bytes = 16384;
    run->db->lend_bytes = 8192;
}

/* Whether the call did what it should; else what its status says is noted. */
static bool done(struct run *run, enum outcome_call call, slot_status status)
{
    enum outcome class = slot__outcome_class(run->transactional, call, status);

    if (status == SLOT_OK)
        return true;
    run->pairs[run->transactional][status][call]++;
    assert_true(run->doomed || class != OUTCOME_never);
    run->doomed = run->doomed || class == OUTCOME_doomed;
    return false;
}

static void put(struct run *run, slot_txn *txn, uint64_t recno)
{
    uint8_t record[RECORD];

    record_fill(record, RECORD, recno, ++run->version);
    if (done(run, OUTCOME_OF_WRITE, slot_put(txn, recno, record, NULL)))
        run->now.version[recno] = run->version;
    else if (!run->transactional)
        run->now.version[recno] = run->model.version[recno] = UNSURE;
}

static void edit(struct run *run, slot_txn *txn, uint64_t recno)
{
    void *lent;

    if (!done(run, OUTCOME_OF_WRITE, slot_edit(txn, recno, &lent, NULL)))
        return;
    record_fill(lent, RECORD, recno, ++run->version);
    run->now.version[recno] = run->version;
}

static void append(struct run *run, slot_txn *txn, uint64_t count)
{
    static uint8_t records[APPENDS * RECORD];
    uint64_t first = run->now.records;

    run->version++;
    for (uint64_t i = 0; i < count; i++)
        record_fill(records + i * RECORD, RECORD, first + i, run->version);
    if (!done(run, OUTCOME_OF_APPEND, slot_append(txn, records, count, NULL, NULL)))
        return;
    for (uint64_t i = 0; i < count; i++)
        run->now.version[first + i] = run->version;
    run->now.records += count;
}

static void delete_and_insert(struct run *run, slot_txn *txn, uint64_t recno)
{
    uint8_t record[RECORD];
    uint64_t found = 0;

    if (done(run, OUTCOME_OF_WRITE, slot_delete(txn, recno, NULL)))
        run->now.version[recno] = DELETED;
    if (slot_count(txn) == slot_records(txn))
        return; /* slot_insert would append */
    record_fill(record, RECORD, recno, ++run->version);
    if (done(run, OUTCOME_OF_APPEND, slot_insert(txn, record, &found, NULL)) && found == recno)
        run->now.version[recno] = run->version;
}

/* What the transaction sees of a record is the model, or an answer that says why not. */
static void look(struct run *run, slot_txn *txn, uint64_t recno)
{
    uint8_t record[RECORD];
    const void *lent;
    slot_status status = slot_get(txn, recno, record, NULL);
    uint32_t version = run->now.version[recno];

    if (status == SLOT_DELETED)
        assert_int_equal(version, DELETED);
    else if (done(run, OUTCOME_OF_READ, status) && !run->doomed && version != UNSURE)
        assert_true(record_is(record, RECORD, recno, version));
    status = slot_ref(txn, recno, &lent, NULL);
    if (status != SLOT_DELETED && done(run, OUTCOME_OF_READ, status) && !run->doomed &&
        version != UNSURE)
        assert_true(record_is(lent, RECORD, recno, version));
}

static void work(struct run *run, slot_txn *txn, uint64_t round)
{
    uint64_t at = round * 37 % (BASE - 150);

    put(run, txn, at);
    edit(run, txn, at + 40);
    put(run, txn, at + 40);
    look(run, txn, at + 40);
    append(run, txn, 3);
    edit(run, txn, at + 80);
    edit(run, txn, at + 120);
    if (run->transactional)
        delete_and_insert(run, txn, at + 1);
    append(run, txn, round % 4 == 0 && run->now.records < MOST - 2 * APPENDS ? APPENDS : 2);
    look(run, txn, run->now.records - 1);
    put(run, txn, run->now.records - 1);
    look(run, txn, at);
}

static void compare(struct run *run)
{
    uint8_t record[RECORD];
    slot_txn *txn;

    assert_ok(run->f, slot_begin(run->db, SLOT_READ, &txn, &run->f->err));
    assert_int_equal(slot_records(txn), run->model.records);
    for (uint64_t n = 0; n < run->model.records; n++) {
        slot_status status = slot_get(txn, n, record, &run->f->err);
        uint32_t version = run->model.version[n];

        if (version == UNSURE)
            continue;
        assert_int_equal(status, version == DELETED ? SLOT_DELETED : SLOT_OK);
        if (version != DELETED && !record_is(record, RECORD, n, version))
            fail_msg("%s: record %u is not version %u", run->f->note, (unsigned)n, version);
    }
    slot_end(txn);
}

/* After an unknown outcome the next open tells: the old state or the new one. */
static void find_out(struct run *run)
{
    slot_txn *txn;

    (void)slot_close(run->db, NULL);
    open_db(run);
    if (!run->transactional) /* what was changed in place may be there or not */
        assert_ok(run->f, slot_rebuild_sums(run->db, &run->f->err));
    assert_ok(run->f, slot_begin(run->db, SLOT_READ, &txn, &run->f->err));
    if (slot_records(txn) == run->now.records && run->now.records != run->model.records)
        run->model = run->now;
    slot_end(txn);
}

/* In direct access what was changed in place stays; only what was appended goes. */
static void gone(struct run *run)
{
    uint64_t records = run->model.records;

    if (run->transactional)
        return;
    run->model = run->now;
    run->model.records = records;
}

static void end(struct run *run, slot_txn *txn)
{
    slot_status status = slot_commit(txn, &run->f->err);

    if (status == SLOT_OK) {
        assert_false(run->doomed);
        run->model = run->now;
        return;
    }
    if (!run->doomed)
        run->pairs[run->transactional][status][OUTCOME_OF_COMMIT]++;
    gone(run);
    os_faulty_mend(&run->faulty);
    if (slot__outcome_class(run->transactional, OUTCOME_OF_COMMIT, status) == OUTCOME_unknown)
        find_out(run);
}

/* One transaction in which the nth call from its begin on fails; false: there are not so many. */
static bool fails_at(struct run *run, uint64_t nth, slot_status status, int how)
{
    slot_txn *txn;
    bool met;

    snprintf(run->f->note, sizeof run->f->note, "call %u, %s, %d", (unsigned)nth,
             slot_status_text(status), how);
    assert_ok(run->f, slot_begin(run->db, SLOT_WRITE, &txn, &run->f->err));
    run->now = run->model;
    run->doomed = false;
    run->faulty.failed = 0;
    os_faulty_fail(&run->faulty, nth, how, status, 5);
    work(run, txn, nth);
    end(run, txn);
    met = run->faulty.failed > 0;
    os_faulty_mend(&run->faulty);
    if (slot_begin(run->db, SLOT_WRITE, &txn, &run->f->err) == SLOT_E_POISONED)
        find_out(run);
    else
        slot_abort(txn);
    compare(run);
    return met;
}

static void sweep(struct run *run, slot_status status, int how)
{
    for (uint64_t nth = 1; fails_at(run, nth, status, how); nth++)
        ;
    assert_ok(run->f, slot_verify(run->db, NULL, NULL, &run->f->err));
}

static void print_pairs(const struct run *run)
{
    for (int status = 0; status < 64; status++) {
        const uint64_t *met = run->pairs[run->transactional][status];

        if (met[0] + met[1] + met[2] + met[3] > 0)
            print_message("%-40s reads %u writes %u appends %u commit %u\n",
                          slot_status_text((slot_status)status), (unsigned)met[0], (unsigned)met[1],
                          (unsigned)met[2], (unsigned)met[3]);
    }
}

static void test_outcomes__each_call_fails(void **state)
{
    static const slot_status statuses[] = {SLOT_E_IO, SLOT_E_NO_SPACE, SLOT_E_NO_MEMORY,
                                           SLOT_E_LOST};
    struct run *run = calloc(1, sizeof *run);
    struct fixture *f = *state;

    f->options.sync =
        SLOT_SYNC_NORMAL; /* a flush that fails is an unknown commit: test_fault_log */
    f->options.log_limit_bytes = 1 << 20;
    run->f = f;
    run->transactional = f->options.access == SLOT_TRANSACTIONAL;
    fixture_create(f, RECORD);
    fixture_append(f, BASE);
    fixture_close(f);
    run->model.records = BASE;
    os_faulty_init(&run->faulty, slot__os_native());
    open_db(run);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        sweep(run, statuses[i], OS_FAULTY_ONCE);
        sweep(run, statuses[i], OS_FAULTY_FOREVER);
    }
    print_pairs(run);
    assert_ok(f, slot_close(run->db, &f->err));
    os_faulty_release(&run->faulty);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_both(test_outcomes__each_call_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
