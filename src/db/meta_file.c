/*
 * Reading and writing the slots of `meta`: the moment at which a new state of the database counts.
 */
#include <string.h>

#include "base/status.h"
#include "db/handle.h"

slot_status slot__db_meta_read(const struct os *os, struct os_file *file, struct meta *meta,
                               slot_error *err)
{
    uint8_t slots[META_SLOTS * META_SLOT_BYTES];
    os_result result = os->read_at(os, file, 0, slots, sizeof slots);

    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_META, 0,
                              result.status == SLOT_E_TRUNCATED
                                  ? "shorter than its two slots of 4096 bytes"
                                  : "the file cannot be read");
    return slot__meta_pick(slots, meta, err);
}

slot_status slot__db_meta_refresh(slot_db *db, slot_error *err)
{
    struct meta meta;
    slot_status status = slot__db_meta_read(db->os, db->files.meta, &meta, err);

    if (status != SLOT_OK)
        return status;
    if (memcmp(meta.file_id, db->meta.file_id, sizeof meta.file_id) != 0)
        return slot__error_set(err, SLOT_E_CORRUPT, FILE_META, 0,
                               "another program has replaced the file by that of another database");
    slot__os_mutex_lock(&db->stat_mutex);
    db->meta = meta;
    slot__os_mutex_unlock(&db->stat_mutex);
    return SLOT_OK;
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
    os_result result = os_success();

    /* The slot in force may be in the cache only: whoever wrote it was killed, or its sync has
     * failed. It has to be on the disk before the other one is touched. */
    if (db->meta.generation != db->meta_durable)
        result = write_slot(db, &db->meta);
    next->generation = db->meta.generation + 1;
    if (os_ok(result))
        result = write_slot(db, next);
    if (!os_ok(result))
        return slot__db_poison(db,
                               slot__error_os(err, result.status, result.code, FILE_META,
                                              next->generation % META_SLOTS * META_SLOT_BYTES,
                                              "the state of the database cannot be made durable"));
    slot__os_mutex_lock(&db->stat_mutex);
    db->meta = *next;
    slot__os_mutex_unlock(&db->stat_mutex);
    db->meta_durable = next->generation;
    return SLOT_OK;
}
