/*
 * What users call to begin and end transactions: checks that hold for all, then the access that the
 * database was opened with. commit.c and reader.c are transactional access, direct.c the others.
 */
#include <string.h>

#include "base/status.h"
#include "db/handle.h"
#include "db/outcome.h"

slot_status slot__db_poison(slot_db *db, slot_status status)
{
    atomic_store_explicit(&db->poisoned, true, memory_order_relaxed);
    return status;
}

slot_status slot__db_poison_all(slot_db *db, slot_status status)
{
    shared_set_poison(&db->shared, 1);
    return slot__db_poison(db, status);
}

bool slot__db_is_poisoned(const slot_db *db)
{
    return atomic_load_explicit(&db->poisoned, memory_order_relaxed) ||
           (db->session != 0 && shared_poison(&db->shared) != 0);
}

SLOT_COLD slot_status slot__db_forked(slot_error *err)
{
    return slot__error_set(err, SLOT_E_FORKED, "", SLOT_NO_OFFSET,
                           "the database was opened before the fork: open it in the child");
}

slot_status slot__db_may_write(const slot_txn *txn, slot_error *err)
{
    if (!txn->writing)
        return slot__error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET,
                               "this transaction reads only: begin one with SLOT_WRITE");
    if (txn->doomed != SLOT_OK)
        return slot__error_set(err, txn->doomed, "", SLOT_NO_OFFSET,
                               "an earlier write of this transaction failed: abort it");
    return db_check_process(txn->db, err);
}

/* A read transaction in transactional access. */
static slot_status read_begin(slot_db *db, slot_txn **txn, slot_error *err)
{
    slot_txn *begun = NULL;
    slot_status status = slot__reader_take(db, &begun, err);

    if (status != SLOT_OK)
        return status;
    slot__reader_begin(begun);
    begun->writing = false;
    begun->changed = false;
    begun->loans = false;
    begun->doomed = SLOT_OK;
    begun->doom_told = false;
    begun->records = begun->seen.records;
    begun->deleted = begun->seen.deleted;
    begun->in_file = begun->c >= begun->seen.lsn ? begun->records : 0;
    slot__db_read_init(begun);
    *txn = begun;
    return SLOT_OK;
}

static void read_end(slot_txn *txn)
{
    slot__pins_release(&txn->pins);
    db_run_release(txn);
    db_marks_release(txn);
    if (txn->log_pins.cache != NULL)
        slot__pins_release(&txn->log_pins);
    slot__reader_end(txn);
    slot__reader_give(txn);
}

slot_status slot_begin(slot_db *db, slot_mode mode, slot_txn **txn, slot_error *err)
{
    slot_status status = db_check_process(db, err);

    if (status != SLOT_OK)
        return status;
    if (mode != SLOT_READ && mode != SLOT_WRITE)
        return slot__error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET,
                               "there is no mode %d: SLOT_READ or SLOT_WRITE", (int)mode);
    if (mode == SLOT_WRITE && db->access == SLOT_READ_ONLY)
        return slot__error_set(err, SLOT_E_READ_ONLY, "", SLOT_NO_OFFSET,
                               "the database was opened for reading only");
    if (db->access != SLOT_TRANSACTIONAL)
        status = slot__direct_begin(db, mode, txn, err);
    else if (mode == SLOT_WRITE)
        status = slot__commit_begin(db, txn, err);
    else
        status = read_begin(db, txn, err);
    if (status == SLOT_OK)
        atomic_fetch_add_explicit(&db->open_count, 1, memory_order_relaxed);
    return status;
}

/* The transaction has ended, and is not looked at any more. Who closed the handle meanwhile has
 * left that to the last one; not in a child made by fork, where nothing is closed. */
static void count_end(slot_db *db, bool ours)
{
    int before = atomic_fetch_sub_explicit(&db->open_count, 1, memory_order_acq_rel);

    if (ours && before == DB_CLOSED + 1)
        (void)slot__db_close_now(db, NULL);
}

static void end_reading(slot_txn *txn)
{
    if (txn->db->access == SLOT_TRANSACTIONAL)
        read_end(txn);
    else
        slot__direct_end(txn);
}

static void give_up(slot_txn *txn)
{
    if (txn->db->access == SLOT_TRANSACTIONAL)
        slot__commit_abort(txn);
    else
        slot__direct_abort(txn);
}

slot_status slot_commit(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    bool transactional = db->access == SLOT_TRANSACTIONAL;
    slot_status status = db_check_process(db, err);
    bool ours = status == SLOT_OK;

    if (ours && !txn->writing)
        end_reading(txn);
    else if (ours)
        status = transactional ? slot__commit_now(txn, err) : slot__direct_commit(txn, err);
    count_end(db, ours);
    return slot__outcome_of_commit(transactional, status);
}

void slot_end(slot_txn *txn)
{
    slot_db *db;
    bool ours;

    if (txn == NULL)
        return;
    db = txn->db;
    ours = db_check_process(db, NULL) == SLOT_OK;
    if (ours && txn->writing)
        give_up(txn);
    else if (ours)
        end_reading(txn);
    count_end(db, ours);
}

void slot_abort(slot_txn *txn)
{
    slot_end(txn);
}

void slot_unpin(slot_txn *txn)
{
    bool in_log = txn->db->access == SLOT_TRANSACTIONAL;

    slot__pins_unlend(&txn->pins);
    db_run_release(txn);
    db_marks_release(txn);
    if (in_log && txn->log_pins.cache != NULL)
        slot__pins_unlend(&txn->log_pins);
    if (in_log && txn->frame_pins.cache != NULL)
        slot__pins_unlend(&txn->frame_pins);
    if (in_log && txn->lent_pins.cache != NULL)
        slot__pins_unlend(&txn->lent_pins);
    txn->lent = false;
}

uint64_t slot_records(const slot_txn *txn)
{
    return txn->records;
}

uint64_t slot_count(const slot_txn *txn)
{
    return txn->records - txn->deleted;
}
