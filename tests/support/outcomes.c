#include "support/outcomes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the database ---- */

void outcomes_init(struct outcomes *run, struct fixture *f)
{
    memset(run, 0, sizeof *run);
    run->f = f;
    run->transactional = f->options.access == SLOT_TRANSACTIONAL;
    os_faulty_init(&run->faulty, slot__os_native());
}

void outcomes_release(struct outcomes *run)
{
    outcomes_close(run);
    os_faulty_release(&run->faulty);
}

void outcomes_open(struct outcomes *run)
{
    assert_ok(run->f, slot__db_open_on(&run->faulty.os, run->f->path, &run->f->options, &run->db,
                                       &run->f->err));
    run->db->io_bytes = 16384;
    run->db->lend_bytes = 8192;
}

void outcomes_close(struct outcomes *run)
{
    if (run->db != NULL)
        assert_ok(run->f, slot_close(run->db, &run->f->err));
    run->db = NULL;
}

void outcomes_fresh(struct outcomes *run, uint32_t bytes, uint64_t base)
{
    struct fixture *f = run->f;

    if (run->db != NULL) {
        outcomes_close(run);
        assert_ok(f, slot_destroy(f->path, NULL, &f->err));
    }
    assert_true(bytes <= OUTCOMES_BYTES && base <= OUTCOMES_RECORDS);
    run->bytes = bytes;
    memset(&run->model, 0, sizeof run->model);
    fixture_create(f, bytes);
    fixture_append(f, base);
    fixture_close(f);
    run->model.records = base;
    outcomes_open(run);
}

/* ---- one transaction ---- */

slot_txn *outcomes_begin(struct outcomes *run)
{
    slot_txn *txn;

    assert_ok(run->f, slot_begin(run->db, SLOT_WRITE, &txn, &run->f->err));
    run->now = run->model;
    run->doomed = run->failed = false;
    return txn;
}

bool outcomes_done(struct outcomes *run, enum outcome_call call, slot_status status)
{
    enum outcome class = slot__outcome_class(run->transactional, call, status);

    if (status == SLOT_OK)
        return true;
    run->failed = true;
    if (!run->doomed)
        run->pairs[status][call]++;
    assert_true(run->doomed || class != OUTCOME_never);
    run->doomed = run->doomed || class == OUTCOME_doomed;
    return false;
}

void outcomes_put(struct outcomes *run, slot_txn *txn, uint64_t recno)
{
    uint8_t record[OUTCOMES_BYTES];

    record_fill(record, run->bytes, recno, ++run->version);
    if (outcomes_done(run, OUTCOME_OF_WRITE, slot_put(txn, recno, record, NULL)))
        run->now.version[recno] = run->version;
    else if (!run->transactional)
        run->now.version[recno] = run->model.version[recno] = OUTCOMES_UNSURE;
}

void outcomes_edit(struct outcomes *run, slot_txn *txn, uint64_t recno)
{
    void *lent;

    if (!outcomes_done(run, OUTCOME_OF_WRITE, slot_edit(txn, recno, &lent, NULL)))
        return;
    record_fill(lent, run->bytes, recno, ++run->version);
    run->now.version[recno] = run->version;
}

void outcomes_append(struct outcomes *run, slot_txn *txn, uint64_t count)
{
    static uint8_t records[OUTCOMES_APPENDS * OUTCOMES_BYTES];
    uint64_t first = run->now.records;

    assert_true(count <= OUTCOMES_APPENDS);
    run->version++;
    for (uint64_t i = 0; i < count; i++)
        record_fill(records + i * run->bytes, run->bytes, first + i, run->version);
    if (outcomes_done(run, OUTCOME_OF_APPEND, slot_append(txn, records, count, NULL, NULL))) {
        for (uint64_t i = 0; i < count; i++)
            run->now.version[first + i] = run->version;
        run->now.records += count;
    }
}

void outcomes_extend(struct outcomes *run, slot_txn *txn, uint64_t count)
{
    if (!outcomes_done(run, OUTCOME_OF_APPEND, slot_extend(txn, count, NULL, NULL)))
        return;
    for (uint64_t i = 0; i < count; i++)
        run->now.version[run->now.records + i] = OUTCOMES_UNSURE;
    run->now.records += count;
}

static void delete_and_insert(struct outcomes *run, slot_txn *txn, uint64_t recno)
{
    uint8_t record[OUTCOMES_BYTES];
    uint64_t found = 0;

    if (outcomes_done(run, OUTCOME_OF_WRITE, slot_delete(txn, recno, NULL)))
        run->now.version[recno] = OUTCOMES_DELETED;
    if (slot_count(txn) == slot_records(txn))
        return; /* slot_insert would append */
    record_fill(record, run->bytes, recno, ++run->version);
    if (outcomes_done(run, OUTCOME_OF_APPEND, slot_insert(txn, record, &found, NULL)) &&
        found == recno)
        run->now.version[recno] = run->version;
}

void outcomes_look(struct outcomes *run, slot_txn *txn, uint64_t recno)
{
    uint8_t record[OUTCOMES_BYTES];
    const void *lent;
    slot_status status = slot_get(txn, recno, record, NULL);
    uint32_t version = run->now.version[recno];

    if (status == SLOT_DELETED)
        assert_int_equal(version, OUTCOMES_DELETED);
    if (outcomes_done(run, OUTCOME_OF_READ, status) && !run->doomed && version != OUTCOMES_UNSURE)
        assert_true(record_is(record, run->bytes, recno, version));
    status = slot_ref(txn, recno, &lent, NULL);
    if (outcomes_done(run, OUTCOME_OF_READ, status) && !run->doomed && version != OUTCOMES_UNSURE)
        assert_true(record_is(lent, run->bytes, recno, version));
}

/* ---- its end ---- */

/* Nothing fails any more. */
static void mend(struct outcomes *run)
{
    if (run->breaker != NULL)
        run->met = run->breaker->mend(run, run->breaker);
    run->breaker = NULL;
    os_faulty_mend(&run->faulty);
}

void outcomes_compare(struct outcomes *run)
{
    uint8_t record[OUTCOMES_BYTES];
    slot_txn *txn;

    assert_ok(run->f, slot_begin(run->db, SLOT_READ, &txn, &run->f->err));
    assert_int_equal(slot_records(txn), run->model.records);
    for (uint64_t n = 0; n < run->model.records; n++) {
        slot_status status = slot_get(txn, n, record, &run->f->err);
        uint32_t version = run->model.version[n];

        if (version == OUTCOMES_UNSURE)
            continue;
        assert_int_equal(status, version == OUTCOMES_DELETED ? SLOT_DELETED : SLOT_OK);
        if (version != OUTCOMES_DELETED && !record_is(record, run->bytes, n, version))
            fail_msg("%s: record %u is not version %u", run->f->note, (unsigned)n, version);
    }
    slot_end(txn);
}

void outcomes_find_out(struct outcomes *run)
{
    slot_txn *txn;

    (void)slot_close(run->db, NULL);
    outcomes_open(run);
    if (!run->transactional) /* what was changed in place may be there or not */
        assert_ok(run->f, slot_rebuild_sums(run->db, &run->f->err));
    assert_ok(run->f, slot_begin(run->db, SLOT_READ, &txn, &run->f->err));
    if (slot_records(txn) == run->now.records && run->now.records != run->model.records)
        run->model = run->now;
    slot_end(txn);
}

/* In direct access what was changed in place stays; only what was appended goes. */
static void gone(struct outcomes *run)
{
    uint64_t records = run->model.records;

    if (run->transactional)
        return;
    run->model = run->now;
    run->model.records = records;
}

slot_status outcomes_end(struct outcomes *run, slot_txn *txn)
{
    slot_status status = slot_commit(txn, &run->f->err);

    if (status == SLOT_OK) {
        assert_false(run->doomed);
        run->model = run->now;
        return status;
    }
    if (!run->doomed)
        run->pairs[status][OUTCOME_OF_COMMIT]++;
    gone(run);
    mend(run);
    if (slot__outcome_class(run->transactional, OUTCOME_OF_COMMIT, status) == OUTCOME_unknown)
        outcomes_find_out(run);
    return status;
}

/* ---- sweeps ---- */

#define WORK_STEPS    12
#define SWEPT_RECORDS 6000u /* no large appends beyond */
#define FRAMES_LEFT   2u    /* of the segment, when a transaction begins */

/* The changes of one transaction; who stops at the first failure commits what he has. */
static void work(struct outcomes *run, slot_txn *txn, uint64_t round)
{
    uint64_t at = round * 37 % 150;
    bool many = round % 4 == 0 && run->now.records < SWEPT_RECORDS;

    for (int step = 0; step < WORK_STEPS && !(run->failed && run->breaker->stops); step++) {
        switch (step) {
        case 0:
            outcomes_put(run, txn, at);
            break;
        case 1:
            outcomes_edit(run, txn, at + 40);
            break;
        case 2:
            outcomes_put(run, txn, at + 40);
            break;
        case 3:
            outcomes_look(run, txn, at + 40);
            break;
        case 4:
            outcomes_append(run, txn, 3);
            break;
        case 5:
            outcomes_edit(run, txn, at + 80);
            break;
        case 6:
            outcomes_edit(run, txn, at + 120);
            break;
        case 7:
            if (run->transactional)
                delete_and_insert(run, txn, at + 1);
            break;
        case 8:
            outcomes_append(run, txn, many ? OUTCOMES_APPENDS : 2);
            break;
        case 9:
            outcomes_look(run, txn, run->now.records - 1);
            break;
        case 10:
            outcomes_put(run, txn, run->now.records - 1);
            break;
        default:
            outcomes_look(run, txn, at);
            outcomes_append(run, txn, 1); /* in the buffer: the commit's */
        }
    }
}

/* So that the next transaction begins a segment in its midst. */
static void fill_segment(struct outcomes *run)
{
    const struct log_head *head = &run->db->writer.head;
    const struct log *log = &run->db->log;
    uint64_t left = 0;

    for (uint64_t n = 0; run->transactional && (left < FRAMES_LEFT || left >= 2 * FRAMES_LEFT);
         n++) {
        slot_txn *txn = outcomes_begin(run);

        outcomes_put(run, txn, n % run->model.records);
        assert_int_equal(outcomes_end(run, txn), SLOT_OK);
        left = (log->segment_bytes - (head->lsn - head->start)) / slot__log_frame_max(log);
    }
}

/* One transaction in which the nth call fails; false: there are not so many. */
static bool fails_at(struct outcomes *run, const struct outcomes_breaker *breaker, uint64_t nth)
{
    slot_txn *txn;

    snprintf(run->f->note, sizeof run->f->note, "%s %u, %s, %d", breaker->name, (unsigned)nth,
             slot_status_text(breaker->status), breaker->how);
    if (breaker->stops) { /* a new log, so that segments are made and not begun again */
        outcomes_fresh(run, SWEPT_BYTES, SWEPT_BASE);
        fill_segment(run);
    }
    txn = outcomes_begin(run);
    run->breaker = breaker;
    breaker->arm(run, breaker, nth);
    work(run, txn, nth);
    (void)outcomes_end(run, txn);
    mend(run);
    if (slot_begin(run->db, SLOT_WRITE, &txn, &run->f->err) == SLOT_E_POISONED)
        outcomes_find_out(run);
    else
        slot_abort(txn);
    outcomes_compare(run);
    return run->met;
}

void outcomes_sweep(struct outcomes *run, const struct outcomes_breaker *breaker)
{
    for (uint64_t nth = 1; fails_at(run, breaker, nth); nth++)
        ;
    assert_ok(run->f, slot_verify(run->db, NULL, NULL, &run->f->err));
    run->f->note[0] = '\0';
}
