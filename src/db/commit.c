/*
 * A write transaction in transactional access, from begin to commit or abort.
 *
 *   begin    the writer's turn and lock, a snapshot like a reader's, and the head of the log
 *   changes  frames in the log (touch.c, append.c), nothing visible
 *   commit   direct blocks and their checksums flushed -> frames sealed -> log flushed -> published
 *   abort    the head goes back; what was written to `records` lies behind its end and is garbage
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"

uint32_t slot__db_log_limit(const slot_db *db)
{
    uint64_t segments = db->log_limit_bytes / db->log.segment_bytes;

    return (uint32_t)min_u64(max_u64(segments, 2), LOG_SEGMENTS);
}

/* ---- begin ---- */

static slot_status prepare(slot_db *db, slot_txn *txn, slot_error *err)
{
    uint64_t scratch_bytes = max_u64(db->block_bytes, BITMAP_BLOCK_BYTES);

    if (db->writer.scratch == NULL)
        db->writer.scratch = malloc((size_t)scratch_bytes);
    db->writer.bodies.bytes = (uint32_t)scratch_bytes;
    txn->pending = malloc(sizeof *txn->pending);
    if (db->writer.scratch == NULL || txn->pending == NULL) {
        free(txn->pending);
        txn->pending = NULL;
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    }
    return SLOT_OK;
}

/* The transaction sees everything that was appended, published or not. */
static void start(slot_txn *txn)
{
    slot_db *db = txn->db;

    slot__reader_begin(txn);
    txn->seen = db->writer.state;
    txn->records = txn->seen.records;
    txn->deleted = txn->seen.deleted;
    txn->in_file = txn->c >= txn->seen.lsn ? txn->records : 0;
    txn->writing = true;
    txn->changed = false;
    txn->doomed = SLOT_OK;
    txn->doom_told = false;
    txn->loans = false;
    txn->direct_blocks = 0;
    txn->direct_end = 0;
    memset(&txn->append, 0, sizeof txn->append);
    slot__batch_init(&txn->batch, &db->writer.head);
    shared_set_begun(&db->shared, db->writer.head.lsn);
    if (db->writer.sums_c != txn->c)
        slot__sums_forget(&db->sums); /* others have written, or a checkpoint was made */
    db->writer.sums_c = txn->c;
    slot__db_read_init(txn);
}

slot_status slot__commit_begin(slot_db *db, slot_txn **txn, slot_error *err)
{
    slot_txn *begun = NULL;
    slot_status status = slot__writer_begin(db, err);

    if (status != SLOT_OK)
        return status;
    /* No transaction is so long that its end would be beyond all positions. */
    if (db->writer.head.lsn > LOG_LSN_LAST)
        status = slot__error_set(err, SLOT_E_LIMIT, "log", SLOT_NO_OFFSET,
                                 "no log positions are left: export and import the database");
    if (status == SLOT_OK)
        status = slot__reader_take(db, &begun, err);
    if (status == SLOT_OK)
        status = prepare(db, begun, err);
    if (status != SLOT_OK) {
        if (begun != NULL)
            slot__reader_give(begun);
        slot__writer_end(db);
        return status;
    }
    start(begun);
    *txn = begun;
    return SLOT_OK;
}

/* ---- the end ---- */

/* Nothing that was lent may be used any more. */
static void give_back(slot_txn *txn)
{
    slot__pins_release(&txn->pins);
    db_run_release(txn);
    db_marks_release(txn);
    if (txn->log_pins.cache != NULL)
        slot__pins_release(&txn->log_pins);
    if (txn->frame_pins.cache != NULL)
        slot__pins_release(&txn->frame_pins);
    slot__db_close_loans(txn);
    txn->lent = false;
}

/* Views and memory go back; the turn is given back by the caller. */
static void let_go(slot_txn *txn)
{
    give_back(txn);
    slot__batch_end_bodies(&txn->batch);
    slot__bodies_give(&txn->db->writer.bodies);
    free(txn->append.bytes);
    memset(&txn->append, 0, sizeof txn->append);
    slot__reader_end(txn);
}

static void finish(slot_txn *txn)
{
    free(txn->pending);
    txn->pending = NULL;
    slot__batch_release(&txn->batch);
    slot__reader_give(txn);
}

void slot__commit_abort(slot_txn *txn)
{
    slot_db *db = txn->db;

    let_go(txn);
    slot__batch_forget(&db->log, &db->writer.head, &txn->batch);
    db->writer.insert_from = 0; /* marks that were taken are there again */
    if (txn->direct_end > 0)
        db->writer.records_space = 0;
    slot__writer_end(db);
    finish(txn);
}

/* ---- commit ---- */

/* Blocks that were written to `records` itself are durable before the first frame is sealed. */
static slot_status flush_direct(slot_txn *txn, slot_error *err)
{
    static const char what[] = "appended records cannot be made durable";
    slot_status status;

    if (txn->direct_end == 0)
        return SLOT_OK;
    status = slot__flush_file(txn->db, FLUSH_RECORDS, what, err);
    if (status == SLOT_OK)
        status = slot__flush_file(txn->db, FLUSH_SUMS, what, err);
    return status;
}

/* For log_commit. */
static slot_status intact(void *context, uint32_t file, slot_error *err)
{
    const slot_txn *txn = context;

    return slot__flush_intact(txn->db, file, err);
}

static slot_status seal(slot_txn *txn, struct snapshot *state, slot_error *err)
{
    slot_db *db = txn->db;
    struct writer *writer = &db->writer;
    slot_error own;
    const struct log_commit commit = {txn->records,         txn->deleted, txn->direct_blocks,
                                      slot__deleted_settle, intact,       txn};
    slot_status status = slot__batch_seal(&db->log, &writer->head, &txn->batch, &commit,
                                          slot__db_log_limit(db), writer->scratch, &own);

    if (status == SLOT_E_LOG_FULL || status == SLOT_E_NO_SPACE) {
        status = slot__commit_make_room(txn, err);
        if (status == SLOT_OK)
            status = slot__batch_seal(&db->log, &writer->head, &txn->batch, &commit,
                                      slot__db_log_limit(db), writer->scratch, err);
    } else {
        status = error_hand_on(err, &own, status);
    }
    if (status == SLOT_OK) {
        const struct snapshot made = {writer->head.lsn, txn->records, txn->deleted,
                                      writer->head.chain};

        *state = made;
    }
    return status;
}

static bool has_changes(const slot_txn *txn)
{
    return txn->batch.n > 0 || txn->records != txn->seen.records;
}

slot_status slot__commit_now(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    struct snapshot state;
    slot_status status = slot__db_may_write(txn, err);

    if (status == SLOT_OK)
        status = slot__db_append_flush(txn, err);
    if (status == SLOT_OK && !has_changes(txn)) {
        slot__commit_abort(txn);
        return SLOT_OK;
    }
    if (status == SLOT_OK && slot__db_is_poisoned(db))
        status = slot__error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET, NULL);
    if (status == SLOT_OK)
        status = flush_direct(txn, err);
    give_back(txn); /* sealing may need all of the budget */
    if (status == SLOT_OK)
        status = seal(txn, &state, err);
    if (status != SLOT_OK) {
        slot__commit_abort(txn);
        return status;
    }
    let_go(txn);
    status = slot__writer_publish(txn, &state, err);
    finish(txn);
    if (status == SLOT_OK)
        slot__checkpoint_if_due(db);
    return status;
}

/* ---- room in the log ---- */

static slot_status log_full(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    struct oldest_reader oldest;
    uint64_t own = txn->batch.begun_n * db->log.segment_bytes;

    if (txn->batch.begun_n + 1 >= slot__db_log_limit(db))
        return slot__error_set(
            err, SLOT_E_TXN_TOO_LARGE, "log", SLOT_NO_OFFSET,
            "the transaction needs more than the %llu bytes that log_limit_bytes "
            "allows: raise it, or commit more often",
            (unsigned long long)db->log_limit_bytes);
    oldest = slot__reader_oldest(db, txn->slot);
    if (oldest.slot == SHARED_SLOTS)
        return slot__error_set(
            err, SLOT_E_LOG_FULL, "log", SLOT_NO_OFFSET,
            "the log has reached %llu bytes, %llu of them this transaction's, and "
            "cannot be brought home: raise log_limit_bytes",
            (unsigned long long)db->log_limit_bytes, (unsigned long long)own);
    return slot__error_set(
        err, SLOT_E_LOG_FULL, "log", SLOT_NO_OFFSET,
        "the log has reached %llu bytes: the read transaction in slot %u of process "
        "%llu keeps it from being used again; end it, or raise log_limit_bytes",
        (unsigned long long)db->log_limit_bytes, oldest.slot, (unsigned long long)oldest.process);
}

/* Whether a segment is free within the limit. */
static bool has_room(const slot_db *db)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < LOG_SEGMENTS; i++)
        used += shared_segment(&db->shared, i) != SHARED_FREE;
    return used < slot__db_log_limit(db);
}

/*
 * Nothing of this transaction is in the log, and perhaps nothing of others that somebody needs:
 * then it begins anew, in a segment that has its space.
 */
static void begin_anew(slot_txn *txn)
{
    slot_db *db = txn->db;
    struct log_head *head = &db->writer.head;

    if (txn->batch.n > 0 || txn->batch.begun_n > 0 || head->file == LOG_SEGMENTS ||
        shared_snapshot(&db->shared).lsn != head->lsn || !slot__checkpoint_free_all(db, head->lsn))
        return;
    head->file = LOG_SEGMENTS;
    txn->batch.before = *head;
    txn->live_known = false;
}

/* Our own snapshot keeps the log from before it: take one of now. Nothing was lent from the old. */
static void raise_own(slot_txn *txn)
{
    slot_db *db = txn->db;
    struct snapshot published;

    if (txn->log_pins.cache != NULL)
        slot__pins_unlend(&txn->log_pins);
    db_marks_release(txn);
    txn->c = shared_slot_raise(&db->shared, txn->slot, &published);
    txn->live_known = false;
    slot__sums_forget(&db->sums); /* blocks that were in the log are in `records` now */
    db->writer.sums_c = txn->c;
}

slot_status slot__commit_make_room(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    bool may_end = txn->batch.begun_n + 1 < slot__db_log_limit(db);
    /* What waits for its flush is in the log, too, and no checkpoint can bring it home. */
    slot_status status = slot__writer_settle(db, err);

    if (status == SLOT_OK && !txn->lent)
        raise_own(txn); /* so that the checkpoint goes up to what was published until now */
    if (status == SLOT_OK && may_end)
        status = slot__checkpoint_now(db, db->wait_ms, err);
    if (status == SLOT_OK && !txn->lent) {
        raise_own(txn); /* and what is home can be freed */
        status = slot__checkpoint_now(db, db->wait_ms, err);
        if (status == SLOT_OK)
            begin_anew(txn);
    }
    if (status == SLOT_OK && !has_room(db))
        status = log_full(txn, err);
    return status;
}
