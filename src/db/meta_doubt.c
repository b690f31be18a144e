/*
 * When one slot of `meta` is not valid, whether the other is believed. It may be the older one:
 * what it says of the database may be long over, and acknowledged transactions would be lost
 * without a word. Or a power cut has torn a write that nobody has been told of: then it says all.
 *
 *   it says    believed when
 *   --------   ----------------------------------------------------------------------------------
 *   clean      no segment of this database begins at or beyond its position: a transaction that
 *              was acknowledged since would have begun one
 *   direct     nothing was appended since; or the other slot seems to be older, or to say the same.
 *              Else what was appended counts, as long as `records` is in whole records
 *   trans-     the log passes through its chain value, so that it holds everything from its
 *   actional   position on; or no log was begun, and the other slot seems to say the same state
 *
 * In a live session: when its position is not before the checkpoint in `shared`. Else the database
 * is refused. The slot is written anew by the next open for writing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "db/handle.h"
#include "log/scan.h"

static bool in_doubt(const slot_db *db)
{
    return db->doubt.slot < META_SLOTS;
}

static slot_status refuse(const slot_db *db, const char *why, slot_error *err)
{
    return slot__error_set(err, SLOT_E_CORRUPT, FILE_META, db->doubt.offset,
                           "slot %u is damaged, and the other one cannot be believed: %s; "
                           "restore a backup",
                           db->doubt.slot, why);
}

/* Whether both slots seem to say the same of what a checkpoint has left. */
static bool same_state(const struct meta *a, const struct meta *b)
{
    return memcmp(a->file_id, b->file_id, sizeof a->file_id) == 0 &&
           a->record_size == b->record_size && a->schema_hash == b->schema_hash &&
           a->records == b->records && a->deleted == b->deleted &&
           a->deleted_blocks == b->deleted_blocks && a->sums_root == b->sums_root;
}

static slot_status log_began(slot_db *db, bool *began, slot_error *err)
{
    struct log_census census;
    slot_status status = slot__log_census(db->os, db->files.dir, db->meta.file_id, &census, err);

    if (status == SLOT_OK)
        *began = slot__log_begins_behind(&census, db->meta.checkpoint_lsn);
    return status;
}

static slot_status believe_clean(slot_db *db, slot_error *err)
{
    bool began = false;
    slot_status status = log_began(db, &began, err);

    if (status != SLOT_OK)
        return status;
    if (began)
        return refuse(db, "it says that there is no log, and there is one", err);
    /* Direct access may have begun: as after a crash there, the checksums vouch for nothing. */
    if (db->doubt.said.access == META_ACCESS_DIRECT &&
        db->doubt.said.generation == db->meta.generation + 1)
        db->meta.access = META_ACCESS_DIRECT;
    return SLOT_OK;
}

/*
 * A commit that changes the number of records makes them durable before it writes its slot, and who
 * writes a slot with the number as it was has cut the file to it. So the length of `records` tells:
 * a torn slot is never ahead of it, and when the newest slot has rotted it is longer than the other
 * says. Any field of a torn slot may be old or new.
 */
static slot_status believe_direct(slot_db *db, slot_error *err)
{
    const struct meta *said = &db->doubt.said;
    uint64_t size = 0, now = db->meta.records, record_size = db->meta.record_size;
    bool began = false;
    slot_status status = log_began(db, &began, err);
    os_result result = db->os->size(db->os, db->files.records, &size);

    if (status != SLOT_OK)
        return status;
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS, SLOT_NO_OFFSET,
                              "the size of the file cannot be had");
    if (began)
        return refuse(db, "it says that there is no log, and there is one", err);
    if (size <= now * record_size)
        return SLOT_OK; /* nothing was appended since */
    if (said->records <= now &&
        (said->generation + 1 == db->meta.generation || said->sums_root == db->meta.sums_root))
        return SLOT_OK; /* older, or the same: what lies behind was never committed */
    if (size % record_size != 0 || size / record_size > SLOT_RECORDS_MAX)
        return refuse(db, "records may have been appended since", err);
    db->meta.records = size / record_size;
    db->meta.generation++; /* that of the damaged slot */
    return SLOT_OK;
}

slot_status slot__meta_believe(slot_db *db, slot_error *err)
{
    if (!in_doubt(db) || db->meta.access == META_ACCESS_TRANSACTIONAL)
        return SLOT_OK; /* recovery decides: slot__meta_believe_log */
    return db->meta.access == META_ACCESS_CLEAN ? believe_clean(db, err) : believe_direct(db, err);
}

slot_status slot__meta_believe_live(slot_db *db, uint64_t checkpoint, slot_error *err)
{
    if (in_doubt(db) && db->meta.checkpoint_lsn < checkpoint)
        return refuse(db, "it is older than what is open", err);
    return SLOT_OK;
}

slot_status slot__meta_believe_log(slot_db *db, struct log_scan *scan, const struct snapshot *end,
                                   slot_error *err)
{
    const struct meta *said = &db->doubt.said;
    bool passes = scan->visited.n > 0, began = false;
    slot_status status = SLOT_OK;

    if (!in_doubt(db))
        return SLOT_OK;
    if (!passes)
        status = slot__scan_passes(scan, db->meta.checkpoint_lsn, db->meta.checkpoint_chain,
                                   &passes, err);
    if (status == SLOT_OK && !passes)
        status = log_began(db, &began, err);
    if (status != SLOT_OK)
        return status;
    if (!passes && (began || !same_state(said, &db->meta)))
        return refuse(db, "the log does not go on where it says", err);
    /* A checkpoint makes the log durable before it writes its slot. (The position that a recovery
     * or a close writes lies behind all segments.) */
    if (said->generation > db->meta.generation && said->checkpoint_lsn > end->lsn &&
        said->checkpoint_chain != db->meta.checkpoint_chain && /* else its position has rotted */
        slot__scan_within(scan, said->checkpoint_lsn))
        return refuse(db, "the log ends before the last checkpoint", err);
    return SLOT_OK;
}
