/*
 * The right to write, and the way to publish: one writer of all processes, threads of a process one
 * after the other, one flush for all that have gathered (docs/protocol.md sections 5 and 7).
 *
 *   turn      one open write transaction in a handle
 *   lock      byte LOCK_BYTE_WRITER: the handle has it as long as a write transaction is open or
 *             something that was appended is not published; the next process finds everything
 *             published, or a dead writer's work
 *   pending   appended and sealed, waiting for the flush; the next transaction builds on them
 *
 * A thread that has sealed its transaction gives the turn away and then waits for a flush that
 * covers it; the first to find nobody flushing does it for all that are pending by then. Flushes
 * come in rounds: who waits for the one under way and who for the next sleep on different words, so
 * that nobody is woken for nothing, and one of the next is woken to lead it. Those of one round
 * wake one after the other, each by the one before: all at once, they would only wait for the turn.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "log/scan.h"

#define PARK_US          100000u /* longest sleep without looking again */
#define TURN_YIELDS      4u      /* a turn is short: look so often before sleeping */
#define TERM_MS          10u     /* a process may go on writing so long while another waits */
#define GIVE_WAY_MS      20u     /* and then lets it have so long to begin */
#define GIVE_WAY_LOOK_US 50u

/* ---- turns ---- */

enum { TURN_FREE, TURN_TAKEN, TURN_WANTED };

static bool take_free(_Atomic uint32_t *turn)
{
    uint32_t nobody = TURN_FREE;

    return atomic_compare_exchange_strong_explicit(turn, &nobody, TURN_TAKEN, memory_order_acquire,
                                                   memory_order_relaxed);
}

slot_status slot__turn_take(const struct os *os, _Atomic uint32_t *turn, uint32_t wait_ms,
                            const char *what, slot_error *err)
{
    uint64_t deadline;

    for (uint32_t i = 0; i < TURN_YIELDS; i++) {
        if (take_free(turn))
            return SLOT_OK;
        os->sleep_us(os, 0);
    }
    deadline = os->clock_ms(os) + wait_ms;
    /* Whoever has waited takes it as if others still did: one wake too many is the price. */
    while (atomic_exchange_explicit(turn, TURN_WANTED, memory_order_acquire) != TURN_FREE) {
        if (os->clock_ms(os) >= deadline)
            return slot__error_set(err, SLOT_E_BUSY, "", SLOT_NO_OFFSET, "%s (waited %u ms)", what,
                                   wait_ms);
        os->park(os, turn, TURN_WANTED, PARK_US);
    }
    return SLOT_OK;
}

void slot__turn_give(const struct os *os, _Atomic uint32_t *turn)
{
    if (atomic_exchange_explicit(turn, TURN_FREE, memory_order_release) == TURN_WANTED)
        os->unpark(os, turn);
}

/* ---- the lock ---- */

/* Free the segments that begin at or behind `lsn`: nothing published is in them. */
static void free_unpublished(slot_db *db, uint64_t lsn)
{
    for (uint32_t i = 0; i < LOG_SEGMENTS; i++) {
        uint64_t start = shared_segment(&db->shared, i);

        if (start != SHARED_FREE && start >= lsn)
            shared_set_segment(&db->shared, i, SHARED_FREE);
    }
}

/* Where the log goes on after the published state: in the newest segment, if there is one. */
static slot_status load_head(slot_db *db, slot_error *err)
{
    struct writer *writer = &db->writer;
    struct log_live live;
    struct segment_header header;
    bool valid = false;
    slot_status status = SLOT_OK;

    memset(&writer->head, 0, sizeof writer->head);
    writer->head.lsn = writer->head.reserved = writer->state.lsn;
    writer->head.chain = writer->state.chain;
    writer->head.file = LOG_SEGMENTS;
    writer->insert_from = 0;
    writer->records_space = writer->marks_from = writer->marks_to = 0;
    writer->sums_c = SHARED_FREE;
    writer->since_ms = db->os->clock_ms(db->os);
    slot__log_live(&db->log, writer->state.lsn - (writer->state.lsn > 0), writer->state.lsn, &live);
    if (live.n == 0)
        return SLOT_OK;
    status = slot__log_open_segment(&db->log, live.file[0], err);
    if (status == SLOT_OK)
        status = slot__log_wake(&db->log, live.file[0], err);
    if (status == SLOT_OK)
        status = slot__log_read_header(&db->log, live.file[0], &valid, &header, err);
    if (status == SLOT_OK && (!valid || header.start != live.start[0]))
        status = slot__error_set(err, SLOT_E_CORRUPT, slot__log_name(live.file[0]), 0,
                                 "the header of the newest segment was changed by another program");
    if (status != SLOT_OK)
        return status;
    writer->head.file = live.file[0];
    writer->head.start = header.start;
    writer->head.generation = header.generation;
    return SLOT_OK;
}

/* ---- taking over from a writer that was killed ---- */

/* The end of the last whole transaction behind the published state. */
static slot_status find_end(slot_db *db, const struct log_live *live, const struct snapshot *from,
                            uint64_t *end, slot_error *err)
{
    struct snapshot last = *from;
    struct log_scan scan;
    slot_status status = slot__scan_init(&scan, &db->log, live, from->lsn, from->chain, err);

    if (status == SLOT_OK)
        status = slot__scan_find_end(&scan, &last, err);
    slot__scan_release(&scan);
    *end = last.lsn;
    return status;
}

/* One frame of the dead: noted, and with the commit its whole transaction is published. */
static slot_status adopt_frame(slot_db *db, struct log_batch *batch, const struct log_scan *scan,
                               const struct scan_frame *found, slot_error *err)
{
    const struct frame *frame = &found->frame;
    const struct log_entry entry = {.key = frame->key,
                                    .address = found->address,
                                    .lsn = frame->lsn,
                                    .previous = frame->previous};
    struct snapshot state = {scan->lsn, frame->records, frame->deleted, scan->chain};
    slot_status status = SLOT_OK;

    if ((frame->flags & FRAME_BODY) != 0)
        status = slot__batch_note(batch, &entry, err);
    if (status != SLOT_OK || (frame->flags & FRAME_COMMIT) == 0)
        return status;
    status = slot__batch_publish(&db->log, batch, err);
    if (status == SLOT_OK)
        shared_publish(&db->shared, &state);
    slot__batch_release(batch);
    return status;
}

/* Publish, transaction by transaction, what ends at or before `end`, which is durable. */
static slot_status adopt(slot_db *db, const struct log_live *live, const struct snapshot *from,
                         uint64_t end, slot_error *err)
{
    struct log_head none;
    struct log_batch batch;
    struct log_scan scan;
    struct scan_frame found;
    slot_status status = slot__scan_init(&scan, &db->log, live, from->lsn, from->chain, err);

    memset(&none, 0, sizeof none);
    slot__batch_init(&batch, &none);
    while (status == SLOT_OK && scan.lsn < end) {
        status = slot__scan_next(&scan, &found, err);
        if (status == SLOT_OK)
            status = adopt_frame(db, &batch, &scan, &found, err);
    }
    slot__batch_release(&batch);
    slot__scan_release(&scan);
    return status;
}

/*
 * The sync in which a writer or a checkpointer died may have failed, and the system may have
 * dropped some bytes of a transaction and kept others: its headers without its bodies. Whoever made
 * the same change again would complete it. So where the log ends, nothing is left that could go on
 * with it, and that is durable before anything is stored.
 */
static slot_status discard_rest(slot_db *db, const struct log_live *live, uint64_t end,
                                slot_error *err)
{
    static const uint8_t zeros[FRAME_HEADER_BYTES];
    uint8_t there[FRAME_HEADER_BYTES];
    slot_status status = SLOT_OK;

    for (uint32_t i = 0; i < live->n && status == SLOT_OK; i++) {
        uint64_t offset = end - live->start[i];
        os_result result;

        /* A segment that begins at `end` or behind it is begun again, with another generation. */
        if (live->start[i] >= end || offset > db->log.segment_bytes - FRAME_HEADER_BYTES)
            continue;
        status = slot__log_open_segment(&db->log, live->file[i], err);
        if (status != SLOT_OK)
            break;
        result = db->os->read_at(db->os, db->log.files[live->file[i]], offset, there, sizeof there);
        if (os_ok(result) && memcmp(there, zeros, sizeof zeros) == 0)
            continue;
        if (os_ok(result))
            result =
                db->os->write_at(db->os, db->log.files[live->file[i]], offset, zeros, sizeof zeros);
        if (!os_ok(result))
            status = slot__error_os(err, result.status, result.code, slot__log_name(live->file[i]),
                                    offset, "what a killed writer has left cannot be discarded");
        else
            status =
                slot__flush_file(db, (enum flush_file)(FLUSH_SEGMENT + (int)live->file[i]),
                                 "what a killed writer has left is not durably discarded", err);
    }
    return status;
}

/*
 * The last writer died with the lock. What it has written whole is made durable and published: it
 * may have been about to say so. Had it died in a flush, the bytes are stored again, also those
 * that were published and are not durable. The incomplete rest will be overwritten.
 */
static slot_status take_over(slot_db *db, slot_error *err)
{
    struct snapshot from = shared_snapshot(&db->shared);
    uint64_t end = from.lsn;
    struct log_live live;
    slot_status status;

    slot__log_live(&db->log, from.lsn - (from.lsn > 0), LSN_MAX, &live);
    status = find_end(db, &live, &from, &end, err);
    if (status == SLOT_OK && slot__flush_open(db))
        status = discard_rest(db, &live, end, err);
    if (status == SLOT_OK && (end > from.lsn || slot__flush_unanswered(db)))
        status = slot__flush_adopted(db, end, err);
    if (status == SLOT_OK && end > from.lsn)
        status = adopt(db, &live, &from, end, err);
    if (status == SLOT_OK)
        free_unpublished(db, end);
    return status;
}

/* ---- begin and end ---- */

/* Before the first transaction after a clean close: say in meta that there may be a log. */
static slot_status mark_open(slot_db *db, slot_error *err)
{
    os_result result;
    slot_status status = SLOT_OK;

    if (shared_marked(&db->shared) != 0)
        return SLOT_OK;
    result = db->os->make_dir(db->os, db->files.dir, LOG_DIR);
    /* Also when it was there: whoever made it may have died before its name was durable. */
    if (os_ok(result) || result.status == SLOT_E_EXISTS)
        result = db->os->sync_dir(db->os, db->files.dir);
    /* Segments of an earlier life, whose removal a power cut has undone. */
    if (os_ok(result))
        status = slot__db_keep_log(db, false, err);
    /* Who gave the space of the kept one back may have died before its length was durable again. */
    if (os_ok(result) && status == SLOT_OK)
        status = slot__log_settle(db->os, db->files.dir, err);
    if (os_ok(result) && status == SLOT_OK) /* they never stand beside those of this life */
        result = slot__log_sync_names(&db->log);
    if (status != SLOT_OK)
        return status;
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, LOG_DIR, SLOT_NO_OFFSET,
                              "the directory of the log cannot be made");
    status = slot__checkpoint_mark(db, err);
    return status;
}

/* Whether the head's segment is still in use: another process may have freed all, in a transaction
 * that came to nothing. */
static bool has_segment(slot_db *db)
{
    const struct log_head *head = &db->writer.head;

    return head->file == LOG_SEGMENTS || shared_segment(&db->shared, head->file) == head->start;
}

/* The lock is ours: make sure that the head is where the published log ends. */
static slot_status settle_in(slot_db *db, slot_error *err)
{
    struct writer *writer = &db->writer;
    slot_status status = SLOT_OK;
    bool dead = shared_writing(&db->shared) != 0;

    if (slot__db_is_poisoned(db))
        return slot__error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET, NULL);
    if (dead)
        status = take_over(db, err);
    else
        status = mark_open(db, err);
    if (status != SLOT_OK)
        return status;
    writer->state = shared_snapshot(&db->shared);
    if (dead || !writer->settled || writer->head.lsn != writer->state.lsn ||
        writer->head.chain != writer->state.chain || !has_segment(db))
        status = load_head(db, err); /* others have written since */
    writer->settled = status == SLOT_OK;
    if (status == SLOT_OK)
        shared_set_writing(&db->shared, 1);
    return status;
}

/*
 * Another process waits, and this one has had the lock for its time: let it. The pending
 * transactions of this handle are published meanwhile, nothing new begins, and so the lock becomes
 * free. Whoever wanted it may have died, so that there is an end.
 */
static void give_way(slot_db *db)
{
    struct writer *writer = &db->writer;
    const struct os *os = db->os;
    uint64_t now;

    if (shared_wanted(&db->shared) == 0 || !writer->settled)
        return;
    now = os->clock_ms(os);
    if (now < writer->since_ms + TERM_MS)
        return;
    while (shared_wanted(&db->shared) != 0 &&
           os->clock_ms(os) < now + min_u64(GIVE_WAY_MS, db->wait_ms))
        os->sleep_us(os, GIVE_WAY_LOOK_US);
    shared_set_wanted(&db->shared, 0);
    writer->since_ms = os->clock_ms(os);
}

/* The lock, whoever has it now. He is told that somebody waits, again and again: who gets it takes
 * the word back. */
static slot_status wait_for_lock(slot_db *db, slot_error *err)
{
    const struct os *os = db->os;
    struct os_file *lock = db->files.lock;
    uint64_t deadline;
    slot_status status = slot__db_lock(os, lock, LOCK_BYTE_WRITER, true, 0, err);

    if (status != SLOT_E_BUSY)
        return status;
    deadline = os->clock_ms(os) + db->wait_ms;
    while (status == SLOT_E_BUSY && os->clock_ms(os) < deadline) {
        shared_set_wanted(&db->shared, 1);
        status = slot__db_lock(os, lock, LOCK_BYTE_WRITER, true,
                               (uint32_t)min_u64(db->wait_ms, TERM_MS), err);
    }
    if (status == SLOT_OK)
        shared_set_wanted(&db->shared, 0);
    else if (status == SLOT_E_BUSY)
        status = slot__error_set(err, SLOT_E_BUSY, FILE_LOCK, LOCK_BYTE_WRITER,
                                 "another process or handle writes (waited %u ms)", db->wait_ms);
    return status;
}

static slot_status lock_writer(slot_db *db, slot_error *err)
{
    const struct os *os = db->os;
    slot_status status = wait_for_lock(db, err);

    if (status != SLOT_OK)
        return status;
    status = settle_in(db, err);
    if (status != SLOT_OK)
        os->unlock(os, db->files.lock, LOCK_BYTE_WRITER);
    return status;
}

/* One user less; the last one lets other processes write. */
static void drop_user(slot_db *db)
{
    struct writer *writer = &db->writer;

    if (--writer->users > 0 || !writer->locked)
        return;
    writer->locked = false;
    if (writer->failed == SLOT_OK)
        shared_set_writing(&db->shared, 0);
    db->os->unlock(db->os, db->files.lock, LOCK_BYTE_WRITER);
}

slot_status slot__writer_begin(slot_db *db, slot_error *err)
{
    struct writer *writer = &db->writer;
    bool locked;
    slot_status status =
        slot__turn_take(db->os, &writer->turn, db->wait_ms,
                        "another write transaction of this handle did not end", err);

    if (status != SLOT_OK)
        return status;
    give_way(db);
    slot__os_mutex_lock(&writer->mutex);
    writer->users++;
    locked = writer->locked;
    slot__os_mutex_unlock(&writer->mutex);
    /* Nobody else of this handle can be taking the lock: we have the turn. */
    if (!locked)
        status = lock_writer(db, err);
    else if (slot__db_is_poisoned(db))
        status = slot__error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET, NULL);
    slot__os_mutex_lock(&writer->mutex);
    if (status == SLOT_OK)
        writer->locked = true;
    else
        drop_user(db);
    slot__os_mutex_unlock(&writer->mutex);
    if (status != SLOT_OK)
        slot__turn_give(db->os, &writer->turn);
    return status;
}

void slot__writer_end(slot_db *db)
{
    slot__os_mutex_lock(&db->writer.mutex);
    drop_user(db);
    slot__os_mutex_unlock(&db->writer.mutex);
    slot__turn_give(db->os, &db->writer.turn);
}

/* ---- publishing ---- */

bool slot__writer_find_pending(slot_db *db, uint64_t key, struct log_entry *entry)
{
    struct writer *writer = &db->writer;
    bool found = false;

    if (db->sync == SLOT_SYNC_NORMAL)
        return false;
    slot__os_mutex_lock(&writer->mutex);
    for (struct pending *pending = writer->oldest; pending != NULL; pending = pending->next) {
        const struct log_entry *newer = slot__batch_find(&pending->batch, key);

        if (newer != NULL) {
            *entry = *newer;
            found = true;
        }
    }
    slot__os_mutex_unlock(&writer->mutex);
    return found;
}

/* Index words first, then the snapshot: a reader that sees it finds all of it. */
static slot_status publish(slot_db *db, const struct log_batch *batch, const struct snapshot *state,
                           slot_error *err)
{
    slot_status status = slot__batch_publish(&db->log, batch, err);

    if (status == SLOT_OK)
        shared_publish(&db->shared, state);
    return status;
}

/* The oldest pending commit has its result, which its own thread takes from it once the round is
 * over. Under the mutex. */
static void tell_oldest(slot_db *db, slot_status result)
{
    struct writer *writer = &db->writer;
    struct pending *pending = writer->oldest;

    writer->oldest = pending->next;
    if (writer->oldest == NULL)
        writer->newest = NULL;
    slot__batch_release(&pending->batch);
    pending->result = result;
    drop_user(db);
}

/* All that ends at or before `lsn`. Under the mutex. */
static slot_status publish_pending(slot_db *db, uint64_t lsn, slot_error *err)
{
    struct writer *writer = &db->writer;
    slot_status status = SLOT_OK;

    while (writer->oldest != NULL && writer->oldest->state.lsn <= lsn && status == SLOT_OK) {
        struct pending *pending = writer->oldest;

        status = publish(db, &pending->batch, &pending->state, err);
        if (status == SLOT_OK)
            tell_oldest(db, SLOT_OK);
    }
    return status;
}

/* Nobody will publish any more: what is pending is unknown. Under the mutex. */
static void give_up_pending(slot_db *db, slot_status status)
{
    db->writer.failed = status;
    while (db->writer.oldest != NULL)
        tell_oldest(db, SLOT_E_UNKNOWN);
}

static slot_status unknown(slot_error *err)
{
    return slot__error_set(
        err, SLOT_E_UNKNOWN, "log", SLOT_NO_OFFSET,
        "the log could not be flushed or published: the next to open the database "
        "will see whether this transaction is in it; close all handles");
}

/* The round is over: those who waited for it go on, and one of those who came later leads the next.
 * Under the mutex. */
static void end_round(slot_db *db, uint64_t to)
{
    struct writer *writer = &db->writer;
    _Atomic uint32_t *over = &writer->rounds[writer->round % WRITER_ROUNDS];
    _Atomic uint32_t *next = &writer->rounds[(writer->round + 1) % WRITER_ROUNDS];

    writer->flushing = false;
    writer->round++;
    atomic_store_explicit(&writer->finished, to, memory_order_release);
    atomic_fetch_add_explicit(over, 1, memory_order_release);
    atomic_fetch_add_explicit(next, 1, memory_order_release);
    if (atomic_load_explicit(&writer->sleepers, memory_order_relaxed) == 0)
        return;
    if (writer->oldest != NULL)
        db->os->unpark(db->os, next);
    db->os->unpark(db->os, over);
}

/* Flush for all that are pending now, then publish them. The mutex is held, and again after.
 * `slot`: as for slot__flush_log. */
static void flush_for_all(slot_db *db, uint32_t slot, slot_error *err)
{
    struct writer *writer = &db->writer;
    uint64_t to = writer->newest->state.lsn;
    slot_status status;

    writer->flushing = true;
    writer->flushing_to = to;
    slot__os_mutex_unlock(&writer->mutex);
    status = slot__db_is_poisoned(db) ? SLOT_E_POISONED
                                      : slot__flush_log(db, SHARED_WRITER, slot, to, err);
    if (status != SLOT_OK)
        slot__db_poison_all(db, status);
    slot__os_mutex_lock(&writer->mutex);
    if (status == SLOT_OK)
        status = publish_pending(db, to, err);
    if (status != SLOT_OK) {
        slot__db_poison_all(db, status);
        to = writer->newest->state.lsn;
        give_up_pending(db, status);
    }
    end_round(db, to);
}

/* Whether every commit that ends at or before `lsn` has its result. */
static bool is_finished(struct writer *writer, uint64_t lsn)
{
    return atomic_load_explicit(&writer->finished, memory_order_acquire) >= lsn;
}

/* Sleep until the round that covers `lsn` is over, or the one before; then wake another who did.
 * The mutex is held, and not any more after. */
static void sleep_a_round(slot_db *db, uint64_t lsn)
{
    struct writer *writer = &db->writer;
    uint32_t round = writer->round + (lsn > writer->flushing_to ? 1 : 0);
    _Atomic uint32_t *word = &writer->rounds[round % WRITER_ROUNDS];
    uint32_t seen = atomic_load_explicit(word, memory_order_relaxed);

    atomic_fetch_add_explicit(&writer->sleepers, 1, memory_order_relaxed);
    slot__os_mutex_unlock(&writer->mutex);
    db->os->park(db->os, word, seen, PARK_US);
    if (atomic_fetch_sub_explicit(&writer->sleepers, 1, memory_order_relaxed) > 1 &&
        is_finished(writer, lsn))
        db->os->unpark(db->os, word);
}

/* Wait until a commit has its result; flush when nobody else does. */
static slot_status wait_published(slot_db *db, struct pending *pending, uint32_t slot,
                                  slot_error *err)
{
    struct writer *writer = &db->writer;
    uint64_t lsn = pending->state.lsn;
    slot_status result;

    while (!is_finished(writer, lsn)) {
        slot__os_mutex_lock(&writer->mutex);
        if (writer->flushing) {
            sleep_a_round(db, lsn);
            continue;
        }
        if (!is_finished(writer, lsn))
            flush_for_all(db, slot, err);
        slot__os_mutex_unlock(&writer->mutex);
    }
    result = pending->result;
    free(pending);
    return result == SLOT_OK ? SLOT_OK : unknown(err);
}

slot_status slot__writer_settle(slot_db *db, slot_error *err)
{
    struct writer *writer = &db->writer;
    bool pending;

    do {
        slot__os_mutex_lock(&writer->mutex);
        pending = writer->oldest != NULL;
        if (pending && writer->flushing) {
            sleep_a_round(db, writer->newest->state.lsn);
            continue;
        }
        if (pending)
            flush_for_all(db, SHARED_SLOTS, NULL);
        slot__os_mutex_unlock(&writer->mutex);
    } while (pending);
    if (slot__db_is_poisoned(db))
        return slot__error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET, NULL);
    return SLOT_OK;
}

/* Nobody waits for the log, but a checkpoint will: a part of it that is full goes to the disk. */
static void start_writeback(slot_db *db, const struct log_head *before)
{
    const struct log_head *head = &db->writer.head;
    uint64_t from = (before->lsn - before->start) / db->log.piece_bytes * db->log.piece_bytes;
    uint64_t to = (head->lsn - head->start) / db->log.piece_bytes * db->log.piece_bytes;

    if (before->file != head->file && before->file < LOG_SEGMENTS)
        to = db->log.segment_bytes;
    if (before->file < LOG_SEGMENTS && from < to)
        db->os->start_writeback(db->os, db->log.files[before->file], from, to - from);
}

slot_status slot__writer_publish(slot_txn *txn, const struct snapshot *state, slot_error *err)
{
    slot_db *db = txn->db;
    struct writer *writer = &db->writer;
    struct pending *pending = txn->pending;
    slot_status status = SLOT_OK;

    writer->state = *state;
    if (db->sync == SLOT_SYNC_NORMAL) {
        if (slot__db_is_poisoned(db) || slot__flush_views(db, NULL) != SLOT_OK ||
            publish(db, &txn->batch, state, err) != SLOT_OK) {
            db->writer.failed = slot__db_poison_all(db, SLOT_E_UNKNOWN);
            status = unknown(err);
        }
        start_writeback(db, &txn->batch.before);
        slot__batch_release(&txn->batch);
        slot__writer_end(db);
        return status;
    }
    txn->pending = NULL;
    pending->batch = txn->batch;
    pending->state = *state;
    pending->next = NULL;
    pending->result = SLOT_E_UNKNOWN;
    slot__batch_init(&txn->batch, &writer->head);
    slot__os_mutex_lock(&writer->mutex);
    if (writer->newest != NULL)
        writer->newest->next = pending;
    else
        writer->oldest = pending;
    writer->newest = pending; /* it is the user from now on */
    slot__os_mutex_unlock(&writer->mutex);
    slot__turn_give(db->os, &writer->turn);
    return wait_published(db, pending, txn->slot, err);
}
