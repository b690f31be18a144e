/*
 * Reading and writing the slots of `meta`: the moment at which a new state of the database counts.
 */
#include <string.h>

#include "base/status.h"
#include "db/handle.h"

slot_status slot__db_meta_read(slot_db *db, slot_error *err)
{
    uint8_t slots[META_SLOTS * META_SLOT_BYTES];
    os_result result = db->os->read_at(db->os, db->files.meta, 0, slots, sizeof slots);
    struct meta meta;
    slot_status status;

    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_META, 0,
                              result.status == SLOT_E_TRUNCATED
                                  ? "shorter than its two slots of 4096 bytes"
                                  : "the file cannot be read");
    status = slot__meta_pick(slots, &meta, &db->doubt, err);
    if (status != SLOT_OK)
        return status;
    slot__os_mutex_lock(&db->stat_mutex);
    db->meta = meta;
    slot__os_mutex_unlock(&db->stat_mutex);
    return SLOT_OK;
}

slot_status slot__db_meta_refresh(slot_db *db, slot_error *err)
{
    struct meta known = db->meta;
    uint64_t checkpoint = shared_checkpoint(&db->shared);
    slot_status status = slot__db_meta_read(db, err);

    if (status == SLOT_OK && memcmp(known.file_id, db->meta.file_id, sizeof known.file_id) != 0)
        status =
            slot__error_set(err, SLOT_E_CORRUPT, FILE_META, 0,
                            "another program has replaced the file by that of another database");
    if (status == SLOT_OK)
        status = slot__meta_believe_live(db, checkpoint, err);
    if (status != SLOT_OK) {
        slot__os_mutex_lock(&db->stat_mutex);
        db->meta = known;
        slot__os_mutex_unlock(&db->stat_mutex);
    }
    return status;
}

static os_result write_slot(slot_db *db, const struct meta *meta)
{
    const struct os *os = db->os;
    uint8_t slot[META_SLOT_BYTES];
    os_result result;

    slot__meta_encode(meta, slot);
    result = os->write_at(os, db->files.meta, meta->generation % META_SLOTS * META_SLOT_BYTES, slot,
                          sizeof slot);
    return os_ok(result) ? os->sync(os, db->files.meta) : result;
}

slot_status slot__db_meta_write(slot_db *db, struct meta *next, slot_error *err)
{
    os_result result = db->os->keep(db->os, db->files.meta, true);

    if (!os_ok(result)) /* nothing was written */
        return slot__error_os(err, result.status, result.code, FILE_META, SLOT_NO_OFFSET,
                              "the file cannot be opened");
    /* The slot in force may be in the cache only: whoever wrote it was killed, or its sync has
     * failed. It has to be on the disk before the other one is touched. */
    if (db->meta.generation != db->meta_durable)
        result = write_slot(db, &db->meta);
    next->generation = db->meta.generation + 1;
    if (os_ok(result))
        result = write_slot(db, next);
    (void)db->os->keep(db->os, db->files.meta, false);
    if (!os_ok(result))
        return slot__db_poison(db,
                               slot__error_os(err, result.status, result.code, FILE_META,
                                              next->generation % META_SLOTS * META_SLOT_BYTES,
                                              "the state of the database cannot be made durable"));
    slot__os_mutex_lock(&db->stat_mutex);
    db->meta = *next;
    slot__os_mutex_unlock(&db->stat_mutex);
    db->meta_durable = next->generation;
    if (next->generation % META_SLOTS == db->doubt.slot)
        db->doubt.slot = META_SLOTS;
    return SLOT_OK;
}

slot_status slot__db_meta_write_both(slot_db *db, struct meta *next, slot_error *err)
{
    slot_status status = slot__db_meta_write(db, next, err);

    return status == SLOT_OK ? slot__db_meta_write(db, next, err) : status;
}

slot_status slot__db_keep_log(slot_db *db, bool cut, slot_error *err)
{
    slot_status status = SLOT_OK;

    if (!slot__log_is_empty(db->os, db->files.dir))
        status = slot__db_check_owner(db->os, db->files.dir, db->meta.file_id, err);
    return status == SLOT_OK ? slot__log_keep_one(&db->log, cut, err) : status;
}
