/*
 * Joining the processes that have a database open, and leaving them (docs/protocol.md section 7).
 *
 *   first    byte 0 exclusive -> ready = 0 -> byte 4 exclusive -> [recovery] -> shared rebuilt
 *            -> ready = a new session -> byte 4 free -> byte 0 shared, with no gap
 *   others   byte 0 shared -> ready? else let go and start again
 *   last     byte 0 let go, taken exclusively, byte 4 too: nobody can come until we are gone
 *
 * Whoever dies on the way leaves locks that the system takes back, and ready = 0 or a state that is
 * complete.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"

#define CLOSE_WAIT_MS 1000u /* for those who are just asking to read */

static slot_status shared_error(slot_error *err, os_result result, const char *what)
{
    return slot__error_os(err, result.status, result.code, FILE_SHARED, SLOT_NO_OFFSET, "%s", what);
}

/* ---- the file ---- */

/* Open it, or make it: it holds nothing that has to last, so it is not made durable. */
static slot_status open_shared(slot_db *db, slot_error *err)
{
    const struct os *os = db->os;
    const int flags = OS_READ | OS_WRITE;
    struct os_dir *dir = db->files.dir;
    os_result result = os->open(os, dir, FILE_SHARED, flags, &db->files.shared);

    if (result.status == SLOT_E_NO_FILE)
        result = os->open(os, dir, FILE_SHARED, flags | OS_CREATE_NEW, &db->files.shared);
    if (result.status == SLOT_E_EXISTS) /* another was faster */
        result = os->open(os, dir, FILE_SHARED, flags, &db->files.shared);
    return os_ok(result) ? SLOT_OK : shared_error(err, result, "the shared file cannot be opened");
}

/* Its full size with space for it, so that no store into it can fail. */
static os_result give_space(slot_db *db)
{
    const struct os *os = db->os;
    static const uint8_t zeros[4096];
    uint64_t size = 0;
    /* Also when it is long enough: a copy may have holes. */
    os_result result = os->allocate(os, db->files.shared, 0, SHARED_BYTES);

    if (result.status != SLOT_E_UNSUPPORTED)
        return result;
    result = os->size(os, db->files.shared, &size);
    if (!os_ok(result) || size >= SHARED_BYTES)
        return result;
    for (uint64_t at = 0; at < SHARED_BYTES && os_ok(result); at += sizeof zeros)
        result = os->write_at(os, db->files.shared, at, zeros, sizeof zeros);
    return result;
}

static slot_status map_shared(slot_db *db, slot_error *err)
{
    const struct os *os = db->os;
    void *base = NULL;
    slot_status status = db->shared.words == NULL ? open_shared(db, err) : SLOT_OK;
    os_result result;

    if (status != SLOT_OK || db->shared.words != NULL)
        return status;
    result = give_space(db);
    if (os_ok(result))
        result = os->map(os, db->files.shared, 0, SHARED_BYTES, OS_MAP_WORDS, &base);
    os->close(os, db->files.shared); /* the mapping keeps it */
    db->files.shared = NULL;
    if (result.status == SLOT_E_NO_SPACE)
        return shared_error(err, result, "64 KiB cannot be had for it: free some space");
    if (!os_ok(result))
        return shared_error(err, result, "the shared file cannot be mapped");
    db->shared.os = os;
    db->shared.words = base;
    return SLOT_OK;
}

/* ---- joining ---- */

/* Byte 0, exclusively if nobody else has it, else shared. */
static slot_status lock_alive(slot_db *db, bool *first, slot_error *err)
{
    os_result result = db->os->lock(db->os, db->files.lock, LOCK_BYTE_ALIVE, true);

    *first = os_ok(result);
    if (*first)
        return SLOT_OK;
    return slot__db_lock(db->os, db->files.lock, LOCK_BYTE_ALIVE, false, db->wait_ms, err);
}

/* Whether the words are those of a live session of this very database. */
static bool is_ready(slot_db *db)
{
    struct shared *words = db->shared.words;

    return shared_ready(&db->shared) != 0 &&
           shared_load(&db->shared, &words->magic, memory_order_relaxed) == SHARED_MAGIC;
}

/*
 * Byte 0 is ours, shared: whether the session may be joined. Whoever was in it may have left, and
 * somebody who reads only may have come: he has byte 4, and asks for byte 0 after that, as we ask
 * for byte 4 now. One of us sees the other.
 */
static slot_status may_join(slot_db *db, bool *may, slot_error *err)
{
    bool held = false;
    os_result result = os_success();

    *may = is_ready(db);
    if (*may)
        result = db->os->held(db->os, db->files.lock, LOCK_BYTE_RECOVERY, &held);
    if (!os_ok(result))
        return slot__error_os(
            err, result.status, result.code, FILE_LOCK, LOCK_BYTE_RECOVERY,
            "the database cannot be locked: does this file system support locks?");
    *may = *may && !held;
    return SLOT_OK;
}

slot_status slot__session_join(slot_db *db, bool *first, slot_error *err)
{
    struct wait wait;
    bool may = false;
    slot_status status;

    slot__wait_init(&wait, db->os, db->wait_ms);
    for (;;) {
        status = lock_alive(db, first, err);
        if (status == SLOT_OK)
            status = map_shared(db, err);
        if (status != SLOT_OK)
            return status;
        if (*first) {
            shared_set_ready(&db->shared, 0);
            return slot__db_lock(db->os, db->files.lock, LOCK_BYTE_RECOVERY, true, db->wait_ms,
                                 err);
        }
        status = may_join(db, &may, err);
        if (status != SLOT_OK)
            return status;
        if (may) {
            db->session = shared_ready(&db->shared);
            return SLOT_OK;
        }
        /* The first has died before it was done, or reads only and lets nobody be first. */
        db->os->unlock(db->os, db->files.lock, LOCK_BYTE_ALIVE);
        if (!slot__wait_more(&wait, "slot__session_join"))
            return slot__error_set(
                err, SLOT_E_BUSY, FILE_LOCK, LOCK_BYTE_ALIVE,
                "another process makes the database ready, or has it open to read only (waited %u "
                "ms)",
                db->wait_ms);
    }
}

slot_status slot__session_geometry(slot_db *db, bool first, slot_error *err)
{
    struct shared *words = db->shared.words;
    uint64_t segment_bytes, limit;

    if (first)
        return SLOT_OK; /* its own options count */
    segment_bytes = shared_load(&db->shared, &words->segment_bytes, memory_order_relaxed);
    limit = shared_load(&db->shared, &words->log_limit_bytes, memory_order_relaxed);
    if (shared_load(&db->shared, &words->file_id[0], memory_order_relaxed) !=
            get_u64(db->meta.file_id) ||
        shared_load(&db->shared, &words->file_id[1], memory_order_relaxed) !=
            get_u64(db->meta.file_id + 8) ||
        segment_bytes != slot__log_segment_bytes(limit, (uint32_t)db->block_bytes))
        return slot__error_set(err, SLOT_E_CORRUPT, FILE_SHARED, 0,
                               "the shared file was changed by another program: close the database "
                               "everywhere");
    db->log_limit_bytes = limit;
    return SLOT_OK;
}

/* Everything zero but what meta says, all slots free. */
static void rebuild(slot_db *db, const struct snapshot *state)
{
    struct shared_map *map = &db->shared;
    struct shared *words = map->words;
    uint64_t segment_bytes =
        slot__log_segment_bytes(db->log_limit_bytes, (uint32_t)db->block_bytes);

    /* Until all else is there, no word is evidence of anything: slot__session_reached. */
    shared_store(map, &words->boot_id, 0, memory_order_release);
    shared_store(map, &words->magic, SHARED_MAGIC, memory_order_relaxed);
    shared_store(map, &words->file_id[0], get_u64(db->meta.file_id), memory_order_relaxed);
    shared_store(map, &words->file_id[1], get_u64(db->meta.file_id + 8), memory_order_relaxed);
    shared_store(map, &words->segment_bytes, segment_bytes, memory_order_relaxed);
    shared_store(map, &words->log_limit_bytes, db->log_limit_bytes, memory_order_relaxed);
    shared_set_poison(map, 0);
    shared_set_flushing(map, SHARED_WRITER, 0);
    shared_set_flushing(map, SHARED_CHECKPOINTER, 0);
    shared_set_flushing(map, SHARED_SEALER, 0);
    shared_set_begun(map, state->lsn);
    shared_set_writing(map, 0);
    shared_store(map, &words->durable.word, state->lsn, memory_order_relaxed);
    shared_complete_durable(map);
    shared_set_target(map, 0);
    shared_set_checkpoint(map, state->lsn);
    shared_set_recycled(map, state->lsn);
    shared_set_settling(map, 0);
    shared_set_marked(map, 0);
    shared_set_wanted(map, 0);
    shared_store(map, &words->slots_used.word, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < SHARED_SEGMENTS; i++)
        shared_set_segment(map, i, SHARED_FREE);
    for (uint32_t i = 0; i < SHARED_SLOTS; i++)
        shared_slot_end(map, i);
    shared_store(map, &words->published.word, 0, memory_order_relaxed);
    shared_publish(map, state);
    shared_store(map, &words->boot_id, db->os->boot_id(db->os), memory_order_release);
}

/* ---- what an earlier session has left behind ---- */

/* A word of the file, which nobody changes now. */
static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
    uint64_t word;

    memcpy(&word, bytes + offset, sizeof word);
    return word;
}

#define WORDS_BYTES offsetof(struct shared, segment)

/* Only `durable` counts: what was published with sync=normal is not promised to outlive the loss of
 * a device that came back without a start of the machine. */
static uint64_t reached_by(const slot_db *db, const uint8_t *bytes)
{
    uint64_t boot = db->os->boot_id(db->os);
    uint64_t durable = word_at(bytes, offsetof(struct shared, durable.word));

    if (word_at(bytes, offsetof(struct shared, magic)) != SHARED_MAGIC || boot == 0 ||
        word_at(bytes, offsetof(struct shared, boot_id)) != boot ||
        word_at(bytes, offsetof(struct shared, file_id)) != get_u64(db->meta.file_id) ||
        word_at(bytes, offsetof(struct shared, file_id) + 8) != get_u64(db->meta.file_id + 8) ||
        word_at(bytes, offsetof(struct shared, durable.complement)) != ~durable)
        return 0;
    return durable;
}

slot_status slot__session_reached(slot_db *db, uint64_t *lsn, slot_error *err)
{
    const struct os *os = db->os;
    struct os_file *file = db->files.shared;
    uint8_t bytes[WORDS_BYTES];
    os_result result = os_success();

    *lsn = 0;
    if (file == NULL) {
        result = os->open(os, db->files.dir, FILE_SHARED, OS_READ, &file);
        if (result.status == SLOT_E_NO_FILE)
            return SLOT_OK;
    }
    if (os_ok(result))
        result = os->read_at(os, file, 0, bytes, sizeof bytes);
    if (file != NULL && file != db->files.shared)
        os->close(os, file);
    if (result.status == SLOT_E_TRUNCATED)
        return SLOT_OK;
    if (!os_ok(result))
        return shared_error(err, result, "the shared file cannot be read");
    *lsn = reached_by(db, bytes);
    return SLOT_OK;
}

slot_status slot__session_ready(slot_db *db, slot_error *err)
{
    struct snapshot state = {db->meta.checkpoint_lsn, db->meta.records, db->meta.deleted,
                             db->meta.checkpoint_chain};
    uint64_t session = 0;
    os_result result;

    do
        result = db->os->random(db->os, &session, sizeof session);
    while (os_ok(result) && session == 0);
    if (!os_ok(result))
        return shared_error(err, result, "the system gives no random numbers");
    rebuild(db, &state);
    shared_set_ready(&db->shared, session);
    db->session = session;
    db->os->unlock(db->os, db->files.lock, LOCK_BYTE_RECOVERY);
    result = db->os->downgrade(db->os, db->files.lock, LOCK_BYTE_ALIVE);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_LOCK, LOCK_BYTE_ALIVE,
                              "the lock cannot be shared with others");
    return SLOT_OK;
}

/* ---- leaving ---- */

/* Who asks to read only has byte 4 for a moment, and lets go when he sees that byte 0 is held. */
static slot_status keep_readers_out(slot_db *db, slot_error *err)
{
    slot_status status =
        slot__db_lock(db->os, db->files.lock, LOCK_BYTE_RECOVERY, true, CLOSE_WAIT_MS, err);

    if (status == SLOT_E_BUSY)
        status = slot__error_set(err, SLOT_E_BUSY, FILE_LOCK, LOCK_BYTE_RECOVERY,
                                 "others ask again and again to read: the log stays");
    return status;
}

slot_status slot__session_last(slot_db *db, bool *last, slot_error *err)
{
    const struct os *os = db->os;
    struct os_file *lock = db->files.lock;
    slot_status status;

    *last = false;
    os->unlock(os, lock, LOCK_BYTE_ALIVE);
    if (!os_ok(os->lock(os, lock, LOCK_BYTE_ALIVE, true)))
        return SLOT_OK;
    /* In between, another may have opened, changed and closed it: then nothing here is as we know
     * it, and all is done. */
    if (shared_ready(&db->shared) != db->session)
        return SLOT_OK;
    status = keep_readers_out(db, err);
    if (status != SLOT_OK)
        return status;
    shared_set_ready(&db->shared, 0); /* who waits for byte 0 must not join what ends here */
    *last = true;
    return SLOT_OK;
}

slot_status slot__session_forget(slot_db *db, slot_error *err)
{
    static const uint8_t zeros[sizeof(shared_word)];
    struct os_file *file = NULL;
    os_result result = db->os->open(db->os, db->files.dir, FILE_SHARED, OS_READ | OS_WRITE, &file);

    if (result.status == SLOT_E_NO_FILE)
        return SLOT_OK;
    if (os_ok(result)) {
        result =
            db->os->write_at(db->os, file, offsetof(struct shared, ready), zeros, sizeof zeros);
        db->os->close(db->os, file);
    }
    return os_ok(result) ? SLOT_OK : shared_error(err, result, "the shared file cannot be written");
}

void slot__session_leave(slot_db *db)
{
    if (db->shared.words != NULL)
        db->os->unmap(db->os, db->shared.words, SHARED_BYTES);
    db->shared.words = NULL;
}
