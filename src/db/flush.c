#include "db/flush.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "log/scan.h"

/* ---- one file ---- */

static struct os_file *file_of(const slot_db *db, enum flush_file file, const char **name)
{
    switch (file) {
    case FLUSH_RECORDS:
        *name = FILE_RECORDS;
        return db->files.records;
    case FLUSH_SUMS:
        *name = FILE_SUMS;
        return db->files.sums;
    case FLUSH_DELETED:
        *name = FILE_DELETED;
        return db->files.deleted;
    default:
        *name = slot__log_name((uint32_t)(file - FLUSH_SEGMENT));
        return db->log.files[file - FLUSH_SEGMENT];
    }
}

/* As long as it takes: who has the turn is in one call of the system, and always comes back. */
static void take_turn(slot_db *db, enum flush_file file)
{
    while (slot__turn_take(db->os, &db->flush.turn[file], UINT32_MAX, "", NULL) != SLOT_OK)
        ;
}

/* Nobody acts on an answer of the system before all can see what a bad one means. */
static slot_status poison(slot_db *db, slot_status status)
{
    return db->session != 0 ? slot__db_poison_all(db, status) : slot__db_poison(db, status);
}

/* `call` is one that the system answers with what was lost, once. */
static slot_status ask(slot_db *db, enum flush_file file,
                       os_result (*call)(const struct os *os, struct os_file *file),
                       const char *what, slot_error *err)
{
    const char *name = NULL;
    struct os_file *opened = file_of(db, file, &name);
    slot_status status = SLOT_OK;

    take_turn(db, file);
    if (slot__db_is_poisoned(db)) {
        status = slot__error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET, NULL);
    } else {
        os_result result = call(db->os, opened);

        if (!os_ok(result))
            status = poison(db, slot__error_os(err, result.status, result.code, name,
                                               SLOT_NO_OFFSET, "%s", what));
    }
    slot__turn_give(db->os, &db->flush.turn[file]);
    return status;
}

slot_status slot__flush_file(slot_db *db, enum flush_file file, const char *what, slot_error *err)
{
    return ask(db, file, db->os->sync, what, err);
}

/* ---- parts of the log ---- */

/* The number of a flush whose end nobody has told. */
static bool is_odd(uint64_t number)
{
    return number % 2 != 0;
}

/* Bytes of segment i of `live` that hold (from, to]. */
static bool part_of(const struct log *log, const struct log_live *live, uint32_t i, uint64_t from,
                    uint64_t to, uint64_t *offset, uint64_t *end)
{
    uint64_t start = live->start[i];
    uint64_t next = i > 0 ? live->start[i - 1] : UINT64_MAX; /* newest first */

    if (start >= to || next <= from)
        return false;
    *offset = from > start ? from - start : 0;
    *end = min_u64(min_u64(to, next) - start, log->segment_bytes);
    return *offset < *end;
}

/* Whatever can fail for lack of something, before the first flush. */
static slot_status open_parts(struct log *log, const struct log_live *live, uint64_t from,
                              uint64_t to, slot_error *err)
{
    slot_status status = SLOT_OK;
    uint64_t offset, end;

    for (uint32_t i = 0; i < live->n && status == SLOT_OK; i++) {
        if (part_of(log, live, i, from, to, &offset, &end))
            status = slot__log_open_segment(log, live->file[i], err);
        if (status == SLOT_OK && part_of(log, live, i, from, to, &offset, &end))
            status = slot__log_wake(log, live->file[i], err);
    }
    return status;
}

/* One segment. The next one of `live` has begun behind all that it will ever hold. */
static slot_status sync_part(slot_db *db, const struct log_live *live, uint32_t i, uint64_t to,
                             slot_error *err)
{
    uint32_t file = live->file[i];
    uint64_t wakes = i > 0 ? slot__log_wakes(&db->log, file) : 0;
    slot_status status =
        slot__flush_file(db, (enum flush_file)(FLUSH_SEGMENT + file),
                         "the log cannot be made durable: it is unknown what is on disk", err);

    if (status == SLOT_OK)
        atomic_store_explicit(&db->log.synced[file], i > 0 ? live->start[i - 1] : to,
                              memory_order_relaxed);
    if (status == SLOT_OK && i > 0)
        slot__log_rest(&db->log, file, wakes);
    return status;
}

/* Views first, then the segments, the oldest first. After a failure the handle is poisoned. */
static slot_status sync_parts(slot_db *db, const struct log_live *live, uint64_t from, uint64_t to,
                              slot_error *err)
{
    slot_status status = slot__view_flush_all(&db->cache, err);

    if (status != SLOT_OK)
        return poison(db, status);
    for (uint32_t i = live->n; i-- > 0 && status == SLOT_OK;) {
        uint64_t offset, end;

        if (part_of(&db->log, live, i, from, to, &offset, &end))
            status = sync_part(db, live, i, to, err);
    }
    return status;
}

/* ---- storing again ---- */

/* Bytes [offset, end) of a segment, written over themselves. */
static slot_status write_again(struct log *log, uint32_t file, uint64_t offset, uint64_t end,
                               uint8_t *buffer, slot_error *err)
{
    const struct os *os = log->os;
    os_result result = os_success();
    uint64_t n = 0;

    for (; offset < end && os_ok(result); offset += n) {
        n = min_u64(end - offset, log->piece_bytes);
        result = os->read_at(os, log->files[file], offset, buffer, (size_t)n);
        if (os_ok(result))
            result = os->write_at(os, log->files[file], offset, buffer, (size_t)n);
        if (os_ok(result))
            os->start_writeback(os, log->files[file], offset, n);
    }
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, slot__log_name(file), offset - n,
                              "the log cannot be read, or stored again");
    return SLOT_OK;
}

/* All parts of (from, to], with the headers of their segments. */
static slot_status write_parts(struct log *log, const struct log_live *live, uint64_t from,
                               uint64_t to, slot_error *err)
{
    uint8_t *buffer = malloc((size_t)log->piece_bytes);
    slot_status status = SLOT_OK;

    if (buffer == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "log", SLOT_NO_OFFSET, NULL);
    for (uint32_t i = 0; i < live->n && status == SLOT_OK; i++) {
        uint64_t offset, end;

        if (!part_of(log, live, i, from, to, &offset, &end))
            continue;
        status = slot__log_open_segment(log, live->file[i], err);
        if (status == SLOT_OK && offset > 0) /* its header may not be durable either */
            status = write_again(log, live->file[i], 0, SEGMENT_HEADER_BYTES, buffer, err);
        if (status == SLOT_OK)
            status = write_again(log, live->file[i], offset, end, buffer, err);
    }
    free(buffer);
    return status;
}

/*
 * Whether the log is what was written, from the start of the oldest segment of `live` up to `to`.
 * A system may have put back what the disk has after a write that failed: that must not become what
 * everybody takes for the log.
 */
static slot_status check_parts(slot_db *db, const struct log_live *live, uint64_t to,
                               slot_error *err)
{
    uint32_t oldest = live->n - 1;
    struct segment_header header;
    struct scan_frame found;
    struct log_scan scan;
    bool valid = false;
    slot_status status = slot__log_open_segment(&db->log, live->file[oldest], err);

    if (status == SLOT_OK)
        status = slot__log_read_header(&db->log, live->file[oldest], &valid, &header, err);
    if (status != SLOT_OK)
        return status;
    status = slot__scan_init(&scan, &db->log, live, header.start, header.chain, err);
    if (status == SLOT_OK && (!valid || header.start != live->start[oldest]))
        status = SLOT_NOT_FOUND;
    while (status == SLOT_OK && scan.lsn < to)
        status = slot__scan_next(&scan, &found, err);
    if (status == SLOT_NOT_FOUND || (status == SLOT_OK && scan.lsn != to))
        status = poison(
            db,
            slot__error_set(err, SLOT_E_CORRUPT, slot__log_name(live->file[oldest]), SLOT_NO_OFFSET,
                            "the log is damaged at position %llu, before %llu: a write to the "
                            "disk has failed; close all handles and open again",
                            (unsigned long long)scan.lsn, (unsigned long long)to));
    slot__scan_release(&scan);
    return status;
}

/*
 * What is not durable, up to `to`, once more. With c = 0 in the slot no segment is freed any more.
 * One that was freed by a scan that did not see the slot ends at or before a checkpoint that we
 * see, and so before everything that is not durable.
 */
static slot_status store_in_slot(slot_db *db, uint32_t slot, uint64_t to, slot_error *err)
{
    uint64_t checkpoint = shared_slot_keep(&db->shared, slot);
    uint64_t from = max_u64(shared_durable(&db->shared), checkpoint);
    struct log_live live;
    slot_status status = SLOT_OK;

    slot__log_live(&db->log, from, to, &live);
    if (from < to && live.n > 0) {
        status = check_parts(db, &live, to, err);
        if (status == SLOT_OK)
            status = write_parts(&db->log, &live, from, to, err);
    }
    shared_slot_end(&db->shared, slot);
    return status;
}

static slot_status store_again(slot_db *db, uint32_t slot, uint64_t to, slot_error *err)
{
    slot_txn *txn = NULL;
    slot_status status;

    if (slot < SHARED_SLOTS)
        return store_in_slot(db, slot, to, err);
    status = slot__reader_take(db, &txn, err);
    if (status != SLOT_OK)
        return status;
    status = store_in_slot(db, txn->slot, to, err);
    slot__reader_give(txn);
    return status;
}

/* Whether the other role's flush may have been told of an error in some part that our opening of it
 * will not be told of: we have opened the segment while such a flush was under way, and one is. */
static bool may_have_missed_of(slot_db *db, enum shared_role other, const struct log_live *live,
                               uint64_t from, uint64_t to)
{
    uint64_t offset, end;
    bool missed = false;

    if (!is_odd(shared_flushing(&db->shared, other)) ||
        atomic_load_explicit(&db->flush.busy[other], memory_order_acquire))
        return false;
    for (uint32_t i = 0; i < live->n && !missed; i++)
        missed = part_of(&db->log, live, i, from, to, &offset, &end) &&
                 is_odd(atomic_load_explicit(&db->log.opened_in[live->file[i]][other],
                                             memory_order_relaxed));
    return missed;
}

static bool may_have_missed(slot_db *db, enum shared_role role, const struct log_live *live,
                            uint64_t from, uint64_t to)
{
    if (role == SHARED_WRITER)
        return may_have_missed_of(db, SHARED_CHECKPOINTER, live, from, to);
    return may_have_missed_of(db, SHARED_WRITER, live, from, to) ||
           may_have_missed_of(db, SHARED_SEALER, live, from, to);
}

/* What was stored again was stored after we opened these parts: of its loss we are told. */
static void miss_nothing(slot_db *db, const struct log_live *live)
{
    for (uint32_t i = 0; i < live->n; i++) {
        for (uint32_t role = 0; role < SHARED_ROLES; role++)
            atomic_store_explicit(&db->log.opened_in[live->file[i]][role], 0, memory_order_relaxed);
    }
}

/* ---- the log ---- */

bool slot__flush_unanswered(const slot_db *db)
{
    return is_odd(shared_flushing(&db->shared, SHARED_WRITER)) ||
           is_odd(shared_flushing(&db->shared, SHARED_SEALER));
}

bool slot__flush_open(const slot_db *db)
{
    return slot__flush_unanswered(db) || is_odd(shared_flushing(&db->shared, SHARED_CHECKPOINTER));
}

/* From the first call of the system on others know; they are told the end, unless it `answers` for
 * less than they may be waiting for. */
static slot_status flush_parts(slot_db *db, enum shared_role role, const struct log_live *live,
                               uint64_t from, uint64_t to, bool answers, slot_error *err)
{
    uint64_t number = shared_flushing(&db->shared, role);
    slot_status status;

    /* One that goes on for the dead has openings which may have missed something like others'. */
    atomic_store_explicit(&db->flush.busy[role], !is_odd(number), memory_order_release);
    shared_set_flushing(&db->shared, role, number | 1);
    status = sync_parts(db, live, from, to, err);
    if (answers || status != SLOT_OK)
        shared_set_flushing(&db->shared, role, (number | 1) + 1);
    atomic_store_explicit(&db->flush.busy[role], false, memory_order_release);
    /* Somebody else's flush may have failed meanwhile, with bytes of this one in it. */
    if (status == SLOT_OK && slot__db_is_poisoned(db))
        status = slot__error_set(err, SLOT_E_POISONED, "", SLOT_NO_OFFSET, NULL);
    return status;
}

/* `again`: store all of it once more in any case. */
static slot_status flush_log(slot_db *db, enum shared_role role, uint32_t slot, uint64_t to,
                             bool again, bool answers, slot_error *err)
{
    uint64_t from = shared_durable(&db->shared);
    struct log_live live;
    slot_status status;

    if (from >= to)
        return SLOT_OK;
    slot__log_live(&db->log, from, to, &live);
    status = open_parts(&db->log, &live, from, to, err);
    if (status == SLOT_OK && (again || may_have_missed(db, role, &live, from, to))) {
        status = store_again(db, slot, to, err);
        if (status == SLOT_OK && answers)
            miss_nothing(db, &live);
    }
    if (status == SLOT_OK)
        status = flush_parts(db, role, &live, from, to, answers, err);
    if (status == SLOT_OK)
        shared_raise_durable(&db->shared, to);
    return status;
}

/* An end to what a dead owner has left open. */
static void answer(slot_db *db, enum shared_role role)
{
    uint64_t number = shared_flushing(&db->shared, role);

    if (is_odd(number))
        shared_set_flushing(&db->shared, role, number + 1);
}

/*
 * A checkpointer was killed in a flush. What was lost then and told to nobody else is anything that
 * was in the log: also of a transaction that was open, which nobody can store again before it is
 * sealed. Whether a flush up to *to, which becomes all that is published, covers what was there:
 * no transaction is open, or another one than then, and it begins at or before *to.
 */
static bool answers_for_dead(slot_db *db, uint64_t *to)
{
    struct flush *flush = &db->flush;
    uint64_t number = shared_flushing(&db->shared, SHARED_CHECKPOINTER), begun;
    bool writing;

    if (number != flush->left_number) { /* who left it open was killed, and not this handle */
        flush->left_number = number + 2;
        shared_set_flushing(&db->shared, SHARED_CHECKPOINTER, number + 2);
        flush->left_begun = shared_begun(&db->shared);
    }
    begun = shared_begun(&db->shared);
    writing = shared_writing(&db->shared) != 0;
    *to = max_u64(*to, shared_snapshot(&db->shared).lsn);
    return !writing || (begun > flush->left_begun && begun <= *to);
}

static slot_status flush_as_checkpointer(slot_db *db, uint64_t to, slot_error *err)
{
    bool dead = is_odd(shared_flushing(&db->shared, SHARED_CHECKPOINTER));
    bool answers = dead ? answers_for_dead(db, &to) : true;
    slot_status status = flush_log(db, SHARED_CHECKPOINTER, SHARED_SLOTS, to, dead, answers, err);

    if (status == SLOT_OK && answers) /* nothing was undurable */
        answer(db, SHARED_CHECKPOINTER);
    return status;
}

slot_status slot__flush_log(slot_db *db, enum shared_role role, uint32_t slot, uint64_t to,
                            slot_error *err)
{
    return role == SHARED_CHECKPOINTER ? flush_as_checkpointer(db, to, err)
                                       : flush_log(db, role, slot, to, false, true, err);
}

slot_status slot__flush_adopted(slot_db *db, uint64_t to, slot_error *err)
{
    bool again = slot__flush_unanswered(db) || db->os->views_apart(db->os);
    slot_status status = flush_log(db, SHARED_WRITER, SHARED_SLOTS, to, again, true, err);

    if (status == SLOT_OK) {
        answer(db, SHARED_WRITER); /* nothing was undurable */
        answer(db, SHARED_SEALER);
    }
    return status;
}

slot_status slot__flush_intact(slot_db *db, uint32_t file, slot_error *err)
{
    uint64_t number = shared_flushing(&db->shared, SHARED_SEALER) | 1;
    slot_status status;

    atomic_store_explicit(&db->flush.busy[SHARED_SEALER], true, memory_order_release);
    shared_set_flushing(&db->shared, SHARED_SEALER, number);
    status = ask(db, (enum flush_file)(FLUSH_SEGMENT + (int)file), db->os->intact,
                 "what was stored in the log may not be there any more", err);
    shared_set_flushing(&db->shared, SHARED_SEALER, number + 1);
    atomic_store_explicit(&db->flush.busy[SHARED_SEALER], false, memory_order_release);
    return status;
}

slot_status slot__flush_recovered(slot_db *db, const struct log_live *live, uint64_t from,
                                  uint64_t to, slot_error *err)
{
    slot_status status = write_parts(&db->log, live, from, to, err);

    if (status == SLOT_OK)
        status = sync_parts(db, live, from, to, err);
    return status;
}

slot_status slot__flush_views(slot_db *db, slot_error *err)
{
    if (!db->os->views_apart(db->os))
        return SLOT_OK;
    return slot__view_flush_all(&db->cache, err);
}
