/*
 * Recovery: the first opener finds a database that was not closed cleanly (protocol.md section 7).
 * Nobody else has it open: bytes 0 and 4 of `lock` are ours.
 *
 *   1  sync all files and forget what is cached, before a header is read: what we decide on must be
 *      what is on the disk. Open has done so with meta, before it has believed that the database
 *      was closed cleanly
 *   2  scan the log from the checkpoint in meta to the last whole commit; what lies behind must be
 *      a torn write and nothing else, and the log not shorter than `shared` knows it to have been
 *   3  write that part of the log again, and sync it: the page cache may hold bytes that a failed
 *      flush has left undurable
 *   4  bring it home (home.c)
 *   5  meta, both slots: clean, with log positions and a chain seed that no frame of before can fit
 *   6  remove the segments, cut off what was allocated and not used
 *
 * Any step may be cut; the next run starts over.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "log/scan.h"

slot_status slot__recover_settle(slot_db *db, struct os_file *file, const char *name,
                                 slot_error *err)
{
    os_result result = db->os->sync(db->os, file);

    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, name, SLOT_NO_OFFSET,
                              "what others have left cannot be made durable: open again");
    db->os->advise(db->os, file, 0, 0, OS_ADVICE_FORGET);
    return SLOT_OK;
}

static slot_status settle_all(slot_db *db, slot_error *err)
{
    struct db_files *files = &db->files;
    slot_status status = slot__recover_settle(db, files->records, FILE_RECORDS, err);

    if (status == SLOT_OK)
        status = slot__recover_settle(db, files->sums, FILE_SUMS, err);
    if (status == SLOT_OK && files->deleted != NULL)
        status = slot__recover_settle(db, files->deleted, FILE_DELETED, err);
    return status == SLOT_OK ? slot__log_settle(db->os, files->dir, err) : status;
}

/* Step 2: the last whole commit, with nothing but a torn write behind it. */
static slot_status find_end(slot_db *db, struct log_scan *scan, struct snapshot *end,
                            slot_error *err)
{
    uint64_t reached = 0;
    slot_status status = slot__scan_find_end(scan, end, err);

    if (status == SLOT_OK)
        status = slot__scan_is_torn(scan, err);
    if (status == SLOT_OK)
        status = slot__meta_believe_log(db, scan, end, err);
    if (status == SLOT_OK)
        status = slot__session_reached(db, &reached, err);
    if (status == SLOT_OK && end->lsn < reached)
        status = slot__error_set(
            err, SLOT_E_CORRUPT, LOG_DIR, SLOT_NO_OFFSET,
            "the log ends at position %llu, and had reached %llu since the system was started: "
            "acknowledged transactions would be lost; restore a backup",
            (unsigned long long)end->lsn, (unsigned long long)reached);
    return status;
}

/* Step 3. */
static slot_status store_again(slot_db *db, const struct log_scan *scan, const struct snapshot *end,
                               slot_error *err)
{
    slot_status status = SLOT_OK;

    if (end->lsn > db->meta.checkpoint_lsn)
        status = slot__flush_recovered(db, &scan->visited, db->meta.checkpoint_lsn, end->lsn, err);
    return status;
}

/* Steps 4 and 5. */
static slot_status bring_home(slot_db *db, const struct log_scan *found, const struct snapshot *end,
                              slot_error *err)
{
    struct meta next = db->meta;
    struct log_scan scan;
    struct home home;
    slot_status status;

    slot__home_init(&home);
    home.end = *end;
    next.access = META_ACCESS_CLEAN;
    status = slot__log_next_life(&db->log, &next.checkpoint_lsn, &next.checkpoint_chain, err);
    if (status != SLOT_OK)
        return status;
    status = slot__scan_init(&scan, &db->log, &found->visited, db->meta.checkpoint_lsn,
                             db->meta.checkpoint_chain, err);
    if (status == SLOT_OK)
        status = slot__home_collect(&home, &scan, end->lsn, err);
    slot__scan_release(&scan);
    if (status == SLOT_OK && end->lsn == db->meta.checkpoint_lsn)
        status = slot__db_meta_write_both(db, &next, err);
    else if (status == SLOT_OK)
        status = slot__home_copy(db, &home, &next, true, err);
    slot__home_release(&home);
    return status;
}

slot_status slot__recover_scan(slot_db *db, struct log_scan *scan, struct snapshot *end,
                               slot_error *err)
{
    uint64_t segment_bytes = 0;
    struct log_census census;
    slot_status status = slot__log_census(db->os, db->files.dir, db->meta.file_id, &census, err);

    *end = (struct snapshot){db->meta.checkpoint_lsn, db->meta.records, db->meta.deleted,
                             db->meta.checkpoint_chain};
    if (status == SLOT_OK)
        status = slot__log_choose_size(&census, end->lsn, &db->log, &segment_bytes, err);
    if (status != SLOT_OK)
        return status;
    if (segment_bytes == 0) /* no segment was ever begun */
        segment_bytes = slot__log_segment_bytes(db->log_limit_bytes, (uint32_t)db->block_bytes);
    db->log.recovering = true;
    slot__log_init(&db->log, db->os, &db->shared, &db->cache, db->files.dir, segment_bytes);
    status = slot__scan_init(scan, &db->log, NULL, end->lsn, end->chain, err);
    if (status == SLOT_OK)
        status = find_end(db, scan, end, err);
    return status;
}

static slot_status recover_log(slot_db *db, slot_error *err)
{
    struct log_scan scan = {.ahead = NULL};
    struct snapshot end;
    slot_status status = slot__recover_scan(db, &scan, &end, err);

    if (status == SLOT_OK)
        status = store_again(db, &scan, &end, err);
    if (status == SLOT_OK)
        status = bring_home(db, &scan, &end, err);
    slot__scan_release(&scan);
    return status;
}

slot_status slot__recover(slot_db *db, slot_error *err)
{
    slot_status status;

    if (db->meta.access != META_ACCESS_TRANSACTIONAL)
        return SLOT_OK;
    status = settle_all(db, err);
    if (status == SLOT_OK) {
        status = recover_log(db, err);
        if (status == SLOT_OK) {
            slot__log_close_segments(&db->log);
            status = slot__db_keep_log(db, true, err);
        }
        slot__log_release(&db->log);
        db->log.recovering = false;
        if (status == SLOT_OK)
            status = slot__home_cut(db, err);
    }
    return status;
}
