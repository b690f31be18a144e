/*
 * Transactions in direct access, and reading in read-only access: begin, commit, abort, end. A
 * write transaction is the gate held alone; its commit is, in this order,
 *
 *   1  buffered records written, changed views settled (checksums) and flushed
 *   2  sync of `records`: FlushViewOfFile + FlushFileBuffers, msync + fdatasync
 *   3  when the number of records changed: the new count, by the other slot of `meta`, synced
 *
 * `sums` is written in step 1 and synced at close only: while meta says that somebody has the
 * database open in direct access, nobody trusts the checksums after a crash anyway.
 */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "db/handle.h"
#include "format/sums.h"

/* ---- begin ---- */

/* What an abort or a crash has left behind the last record goes, before anything is appended. */
static slot_status cut_tails(slot_db *db, slot_error *err)
{
    uint64_t size = 0;
    os_result result = db->os->size(db->os, db->files.records, &size);

    if (os_ok(result) && size > db->records.size) {
        slot__view_drop_all(&db->cache, &db->records); /* a file that is mapped cannot be cut */
        result = db->os->resize(db->os, db->files.records, db->records.size);
        if (os_ok(result)) /* its length is what a torn slot of meta is measured by */
            result = db->os->sync(db->os, db->files.records);
    }
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS, db->records.size,
                              "what lies behind the last record cannot be cut off");
    return slot__sums_flush(&db->sums, slot__db_blocks_of(db, db->meta.records), err);
}

/* Before the first change of this handle: say in meta that the files are being changed in place. */
static slot_status mark_open(slot_db *db, slot_error *err)
{
    struct meta next = db->meta;
    slot_status status;

    if (db->marked)
        return SLOT_OK;
    status = cut_tails(db, err);
    if (status != SLOT_OK)
        return status;
    if (next.access != META_ACCESS_CLEAN)
        next.sums_stale = true;
    next.access = META_ACCESS_DIRECT;
    status = slot__db_meta_write_both(db, &next, err);
    if (status == SLOT_OK) {
        slot__os_mutex_lock(&db->stat_mutex);
        db->marked = true;
        slot__os_mutex_unlock(&db->stat_mutex);
    }
    return status;
}

static slot_status begin_writing(slot_db *db, slot_error *err)
{
    slot_status status = SLOT_OK;

    if (atomic_load_explicit(&db->poisoned, memory_order_relaxed))
        return slot__error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET, NULL);
    if (db->scratch == NULL) {
        db->scratch = malloc((size_t)db->block_bytes);
        if (db->scratch == NULL)
            return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    }
    status = mark_open(db, err);
    if (status == SLOT_OK)
        slot__lent_begin(&db->lent);
    if (status == SLOT_OK)
        slot__sums_begin(&db->sums, slot__db_blocks_of(db, db->meta.records));
    return status;
}

slot_status slot__direct_begin(slot_db *db, slot_mode mode, slot_txn **txn, slot_error *err)
{
    bool writing = mode == SLOT_WRITE;
    slot_txn *begun = NULL;
    slot_status status = slot__gate_enter(&db->gate, db->os, writing, db->wait_ms, err);

    if (status != SLOT_OK)
        return status;
    status = slot__reader_take(db, &begun, err);
    if (status == SLOT_OK && writing)
        status = begin_writing(db, err);
    if (status != SLOT_OK) {
        if (begun != NULL)
            slot__reader_give(begun);
        slot__gate_leave(&db->gate, writing);
        return status;
    }
    begun->writing = writing;
    begun->records = db->meta.records;
    begun->deleted = db->meta.deleted;
    begun->in_file = begun->records;
    begun->changed = false;
    begun->doomed = SLOT_OK;
    begun->doom_told = false;
    memset(&begun->append, 0, sizeof begun->append);
    begun->c = 0;              /* nobody else makes checkpoints */
    begun->live_known = false; /* there is no log, or it is not shared */
    begun->log_pins.cache = NULL;
    begun->lent = false;
    begun->loans = false; /* what is deleted is not lent for writing here */
    if (db->overlay.in_use)
        slot__overlay_begin(begun);
    slot__db_read_init(begun);
    *txn = begun;
    return SLOT_OK;
}

/* ---- the end of any transaction ---- */

static void finish(slot_txn *txn)
{
    slot_db *db = txn->db;
    bool writing = txn->writing;

    slot__pins_release(&txn->pins);
    if (txn->log_pins.cache != NULL)
        slot__pins_release(&txn->log_pins);
    db_run_release(txn);
    db_marks_release(txn);
    free(txn->append.bytes);
    txn->append.bytes = NULL;
    slot__reader_give(txn);
    slot__gate_leave(&db->gate, writing);
}

void slot__direct_end(slot_txn *txn)
{
    finish(txn);
}

/* ---- abort ---- */

/* The block that the records end in was longer for a while: its checksum as it is now. */
static slot_status sum_last_block(slot_db *db, slot_error *err)
{
    uint64_t block = db->records.size / db->block_bytes;
    uint64_t n = db->records.size % db->block_bytes;
    os_result result;

    if (n == 0)
        return SLOT_OK;
    result =
        db->os->read_at(db->os, db->files.records, block * db->block_bytes, db->scratch, (size_t)n);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS,
                              block * db->block_bytes, "the last block cannot be read");
    return slot__sums_set(&db->sums, block,
                          slot__sums_of_block(db->sums.seed, block, db->scratch, (size_t)n), err);
}

/* Cut `records` back to where the transaction found it. No view of it may be mapped then. */
static slot_status cut_records(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t size = 0;
    slot_status status =
        slot__db_not_cut(db->os, db->files.records, FILE_RECORDS, db->records.size, &size, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    slot__pins_release(&txn->pins);
    slot__view_drop_all(&db->cache, &db->records);
    result = db->os->resize(db->os, db->files.records, db->records.size);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS, db->records.size,
                              "appended records cannot be taken back");
    return SLOT_OK;
}

/*
 * Take back what was appended; bring the checksums up to date with what was changed in place. Most
 * aborts come from a disk that is full, so that this needs no space: the checksums of what is taken
 * back go first, and those that are written had their space before their blocks were changed.
 */
static slot_status roll_back(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    bool longer = db->records.size > db->meta.records * db->record_size;
    slot_status status = SLOT_OK;

    if (!txn->changed)
        return SLOT_OK;
    db->sync_needed = true;
    db->records.size = db->meta.records * db->record_size;
    status = slot__sums_cut_appended(&db->sums, err);
    if (status == SLOT_OK)
        status = slot__db_block_renew_fresh(db, err);
    if (status == SLOT_OK)
        status = slot__view_flush_all(&db->cache, err);
    if (status == SLOT_OK && longer)
        status = sum_last_block(db, err);
    if (status == SLOT_OK)
        status = cut_records(txn, err);
    if (status == SLOT_OK)
        status = slot__sums_write(&db->sums, err);
    if (status != SLOT_OK)
        slot__db_poison(db, status);
    return status;
}

void slot__direct_abort(slot_txn *txn)
{
    (void)roll_back(txn, NULL);
    finish(txn);
}

/* ---- commit ---- */

/* Step 1: everything is on its way, nothing counts yet. A failure here can be rolled back. */
static slot_status hand_over(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    slot_status status = slot__db_may_write(txn, err);

    if (status == SLOT_OK)
        status = slot__db_append_flush(txn, err);
    if (status == SLOT_OK)
        status = slot__db_block_renew_fresh(db, err);
    if (status == SLOT_OK)
        status = slot__view_flush_all(&db->cache, err);
    if (status == SLOT_OK)
        status = slot__sums_flush(&db->sums, slot__db_blocks_of(db, txn->records), err);
    return status;
}

/* Steps 2 and 3. After a failure here nobody knows what is on disk. */
static slot_status make_durable(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    struct meta next = db->meta;
    uint64_t size = 0;
    /* A file that another program has cut takes our stores, and loses them. */
    slot_status status =
        slot__db_not_cut(db->os, db->files.records, FILE_RECORDS, db->records.size, &size, err);

    if (status != SLOT_OK)
        return status;
    status = slot__flush_file(db, FLUSH_RECORDS,
                              "changes cannot be made durable: it is unknown what is on disk", err);
    if (status != SLOT_OK)
        return status;
    db->sync_needed = false;
    if (txn->records == db->meta.records)
        return SLOT_OK;
    next.records = txn->records;
    next.sums_root = db->sums.root;
    return slot__db_meta_write(db, &next, err);
}

slot_status slot__direct_commit(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    slot_status status;

    status = hand_over(txn, err);
    if (status != SLOT_OK) {
        (void)roll_back(txn, NULL);
    } else if (txn->changed) {
        status = make_durable(txn, err);
        if (status != SLOT_OK)
            slot__db_poison(db, status);
    }
    finish(txn);
    return status;
}

/* ---- close ---- */

slot_status slot__direct_sync_sums(slot_db *db, slot_error *err)
{
    slot_status status;

    if (!db->sums.unsynced)
        return SLOT_OK;
    status = slot__flush_file(db, FLUSH_SUMS, "checksums cannot be made durable", err);
    if (status == SLOT_OK)
        db->sums.unsynced = false;
    return status;
}

/*
 * Everything that was changed is durable, then meta says clean: in both slots, so that rot in one
 * of them takes nothing away.
 */
static slot_status close_cleanly(slot_db *db, slot_error *err)
{
    struct meta next = db->meta;
    slot_status status = slot__db_block_renew_all(db, err);

    if (status == SLOT_OK && (db->sync_needed || db->lent.count > 0))
        status = slot__flush_file(db, FLUSH_RECORDS, "records cannot be made durable", err);
    next.access = META_ACCESS_CLEAN;
    next.sums_root = db->sums.root;
    if (status == SLOT_OK)
        status = slot__sums_write(&db->sums, err);
    if (status == SLOT_OK)
        status = slot__direct_sync_sums(db, err);
    return status == SLOT_OK ? slot__db_meta_write_both(db, &next, err) : status;
}

slot_status slot__direct_close(slot_db *db, slot_error *err)
{
    if (atomic_load(&db->poisoned))
        return slot__error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET,
                               db->marked ? "an earlier failure has left a change unfinished: not "
                                            "closed cleanly, the checksums are stale"
                                          : NULL);
    return db->marked ? close_cleanly(db, err) : SLOT_OK;
}
