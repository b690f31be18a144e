/*
 * Checkpoints: bringing the log home while others read and write (docs/protocol.md section 6).
 *
 *   1  announce the target, fence, scan the slots: C = the oldest live snapshot, or the target
 *   2  the log durable up to C; only now may `records` be touched
 *   3  newest versions before C home; checksums; meta (home.c)
 *   4  checkpoint = C
 *   5  fence, scan the slots once more: segments that every reader's checkpoint has left behind can
 *      be used again
 *
 * One at a time: a turn in the handle, byte LOCK_BYTE_CHECKPOINTER between processes. One that is
 * killed leaves blocks that readers do not look at, and perhaps checksums that are half renewed:
 * `settling` says so.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "log/scan.h"

slot_status slot__checkpoint_lock(slot_db *db, uint32_t wait_ms, slot_error *err)
{
    slot_status status = slot__turn_take(db->os, &db->checkpointer, wait_ms,
                                         "another checkpoint of this handle is being made", err);

    if (status != SLOT_OK)
        return status;
    status = slot__db_lock(db->os, db->files.lock, LOCK_BYTE_CHECKPOINTER, true, wait_ms, err);
    if (status != SLOT_OK)
        slot__turn_give(db->os, &db->checkpointer);
    return status;
}

void slot__checkpoint_unlock(slot_db *db)
{
    db->os->unlock(db->os, db->files.lock, LOCK_BYTE_CHECKPOINTER);
    slot__turn_give(db->os, &db->checkpointer);
}

/* ---- the steps ---- */

/* Everybody who takes a snapshot from now on takes one at or behind the target, or is seen here. */
static uint64_t choose(slot_db *db)
{
    uint64_t target = shared_snapshot(&db->shared).lsn;
    struct oldest_reader oldest;

    shared_set_target(&db->shared, max_u64(target, shared_target(&db->shared)));
    atomic_thread_fence(memory_order_seq_cst);
    oldest = slot__reader_oldest(db, SHARED_SLOTS);
    return min_u64(target, oldest.snap);
}

/*
 * A checkpointer was killed when its meta slot was written: what that says is true, but perhaps not
 * durable. Write it once more.
 */
static slot_status finish_dead(slot_db *db, slot_error *err)
{
    struct meta again = db->meta;
    slot_status status = slot__db_meta_write_both(db, &again, err);

    if (status == SLOT_OK) {
        shared_set_settling(&db->shared, 0);
        shared_set_checkpoint(&db->shared, again.checkpoint_lsn);
    }
    return status;
}

static slot_status bring_home(slot_db *db, uint64_t from, uint64_t to, slot_error *err)
{
    struct meta next = db->meta;
    struct log_live live;
    struct log_scan scan;
    struct home home;
    bool whole_root = shared_settling(&db->shared) != 0;
    slot_status status;

    slot__home_init(&home);
    slot__log_live(&db->log, from, to, &live);
    status = slot__scan_init(&scan, &db->log, &live, from, db->meta.checkpoint_chain, err);
    if (status == SLOT_OK)
        status = slot__home_collect(&home, &scan, to, err);
    slot__scan_release(&scan);
    if (status == SLOT_OK) {
        next.checkpoint_lsn = to;
        next.checkpoint_chain = home.end.chain;
        shared_set_settling(&db->shared, 1);
        status = slot__home_copy(db, &home, &next, whole_root, err);
    }
    if (status == SLOT_OK) {
        shared_set_checkpoint(&db->shared, to);
        shared_set_settling(&db->shared, 0);
    } else if (atomic_load_explicit(&db->poisoned, memory_order_relaxed)) {
        shared_set_poison(&db->shared, 1);
    }
    slot__home_release(&home);
    return status;
}

/* A segment ends where the next one starts; it is free when that lies before `end`. */
static void recycle(slot_db *db)
{
    struct log_live live;
    uint64_t end;

    atomic_thread_fence(memory_order_seq_cst);
    end = min_u64(shared_checkpoint(&db->shared), slot__reader_oldest(db, SHARED_SLOTS).c);
    slot__log_live(&db->log, 0, end, &live);
    if (live.n == 0)
        return;
    /* The newest of them may go on beyond `end`. */
    for (uint32_t i = 1; i < live.n; i++)
        shared_set_segment(&db->shared, live.file[i], SHARED_FREE);
    if (live.n > 1)
        shared_set_recycled(&db->shared, live.start[0]);
}

/* All that was published is home, and no reader needs any of the log: the newest segment, too, can
 * be used again. */
bool slot__checkpoint_free_all(slot_db *db, uint64_t published)
{
    bool all;

    if (slot__checkpoint_lock(db, db->wait_ms, NULL) != SLOT_OK)
        return false;
    atomic_thread_fence(memory_order_seq_cst);
    all = !slot__db_is_poisoned(db) && shared_checkpoint(&db->shared) >= published &&
          slot__reader_oldest(db, SHARED_SLOTS).c >= published;
    for (uint32_t i = 0; i < LOG_SEGMENTS && all; i++) {
        if (shared_segment(&db->shared, i) != SHARED_FREE)
            shared_set_segment(&db->shared, i, SHARED_FREE);
    }
    if (all)
        shared_set_recycled(&db->shared, published);
    slot__checkpoint_unlock(db);
    return all;
}

static slot_status checkpoint_locked(slot_db *db, slot_error *err)
{
    slot_status status;
    uint64_t from, to;

    if (slot__db_is_poisoned(db))
        return slot__error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET, NULL);
    status = slot__db_meta_refresh(db, err);
    if (status != SLOT_OK)
        return status;
    from = shared_checkpoint(&db->shared);
    if (db->meta.checkpoint_lsn > from) {
        status = finish_dead(db, err);
        from = db->meta.checkpoint_lsn;
    }
    to = choose(db);
    if (status == SLOT_OK && to > from) {
        status = slot__flush_log(db, SHARED_CHECKPOINTER, SHARED_SLOTS, to, err);
        if (status == SLOT_OK)
            status = bring_home(db, from, to, err);
    }
    if (status == SLOT_OK)
        recycle(db);
    return status;
}

/* ---- what others call ---- */

slot_status slot__checkpoint_now(slot_db *db, uint32_t wait_ms, slot_error *err)
{
    slot_status status = slot__checkpoint_lock(db, wait_ms, err);
    uint64_t published, due;

    if (status != SLOT_OK)
        return status;
    status = checkpoint_locked(db, err);
    /* Not again for nothing: when a reader holds the checkpoint back, wait for some growth. */
    published = shared_snapshot(&db->shared).lsn;
    due = max_u64(shared_checkpoint(&db->shared) + db->checkpoint_bytes,
                  published + db->checkpoint_bytes / 8);
    atomic_store_explicit(&db->checkpoint_due, due, memory_order_relaxed);
    slot__checkpoint_unlock(db);
    return status;
}

void slot__checkpoint_if_due(slot_db *db)
{
    uint64_t published = shared_snapshot(&db->shared).lsn;

    if (published >= atomic_load_explicit(&db->checkpoint_due, memory_order_relaxed) &&
        published - shared_checkpoint(&db->shared) >= db->checkpoint_bytes)
        (void)slot__checkpoint_now(db, 0,
                                   NULL); /* who fails will be told at the limit, or at close */
}

slot_status slot_checkpoint(slot_db *db, slot_error *err)
{
    slot_status status = db_check_process(db, err);

    if (status != SLOT_OK || db->access == SLOT_DIRECT)
        return status;
    if (db->access == SLOT_READ_ONLY)
        return slot__error_set(err, SLOT_E_READ_ONLY, "", SLOT_NO_OFFSET,
                               "the database was opened for reading only");
    return slot__checkpoint_now(db, db->wait_ms, err);
}

slot_status slot__checkpoint_mark(slot_db *db, slot_error *err)
{
    slot_status status = slot__checkpoint_lock(db, db->wait_ms, err);

    if (status != SLOT_OK)
        return status;
    if (shared_marked(&db->shared) == 0)
        status = slot__db_meta_refresh(db, err);
    if (status == SLOT_OK && shared_marked(&db->shared) == 0) {
        struct meta next = db->meta;

        if (next.access == META_ACCESS_DIRECT)
            next.sums_stale = true; /* a crash in direct access: see format/meta.h */
        next.access = META_ACCESS_TRANSACTIONAL;
        status = slot__db_meta_write_both(db, &next, err);
        if (status == SLOT_OK)
            shared_set_marked(&db->shared, 1);
    }
    slot__checkpoint_unlock(db);
    return status;
}

/* ---- the last close ---- */

/* Both slots of meta say clean; the log of a next life shares nothing with that of this one. */
static slot_status mark_clean(slot_db *db, slot_error *err)
{
    struct meta next = db->meta;
    slot_status status =
        slot__log_next_life(&db->log, &next.checkpoint_lsn, &next.checkpoint_chain, err);

    next.access = META_ACCESS_CLEAN;
    return status == SLOT_OK ? slot__db_meta_write_both(db, &next, err) : status;
}

static slot_status close_marked(slot_db *db, slot_error *err)
{
    slot_status status =
        slot__writer_begin(db, err); /* takes over, should the last writer be dead */

    if (status == SLOT_OK)
        slot__writer_end(db);
    if (status == SLOT_OK)
        status = slot__checkpoint_now(db, 0, err);
    if (status == SLOT_OK && shared_checkpoint(&db->shared) != shared_snapshot(&db->shared).lsn)
        status = slot__error_set(err, SLOT_E_BUSY, "", SLOT_NO_OFFSET,
                                 "a read transaction is still open: the log stays");
    if (status == SLOT_OK)
        status = slot__home_cut(db, err);
    if (status == SLOT_OK)
        status = mark_clean(db, err);
    if (status == SLOT_OK) {
        slot__log_close_segments(&db->log);
        status = slot__db_keep_log(db, true, err);
    }
    return status;
}

/* Cut and remove what does not belong to a database that was closed cleanly. */
static slot_status tidy_up(slot_db *db, slot_error *err)
{
    slot_status status = slot__home_cut(db, err);

    return status == SLOT_OK ? slot__db_keep_log(db, false, err) : status;
}

slot_status slot__checkpoint_close(slot_db *db, slot_error *err)
{
    if (slot__db_is_poisoned(db))
        return SLOT_OK; /* recovery's business */
    /* Nothing was written; but whoever closed or recovered it before may have died on the way. */
    if (shared_marked(&db->shared) == 0)
        return db->meta.access == META_ACCESS_CLEAN ? tidy_up(db, err) : SLOT_OK;
    return close_marked(db, err);
}
