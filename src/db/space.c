/*
 * Space that is set aside before a transaction is acknowledged, for what a checkpoint will write:
 * the blocks themselves in `records`, their checksums, and the marks of deleted records. So
 * checkpoints, closing and recovery need no space on a disk that has become full, and neither does
 * a transaction that deletes.
 *
 * What is set aside makes the files longer than what they hold, and close cuts them, but for
 * `deleted`: that is there before the first record was deleted, with room for all marks and none
 * set, as far as meta says nothing else.
 *
 * What surely has its space is remembered in the writer, while it has the lock: the checkpoint of
 * another writer's life cuts nothing either, so that too little is known, never too much.
 */
#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "format/sums.h"

#define STEP_BYTES   (UINT64_C(64) << 10) /* of `records` at first; then as much as there is */
#define MARKS_WINDOW 256u                 /* bitmap blocks that get their space together: 1 MiB */

/* Where the system cannot reserve space, writing will show. */
static os_result allocate(slot_db *db, struct os_file *file, uint64_t offset, uint64_t n)
{
    os_result result = db->os->allocate(db->os, file, offset, n);

    return result.status == SLOT_E_UNSUPPORTED ? os_success() : result;
}

/* ---- what is there ---- */

/* What meta says that the files hold: they get no shorter. Checksums that vouch for nothing may be
 * missing. */
static void least_sizes(slot_db *db, struct file_sizes *least)
{
    const struct meta *meta = &db->meta;
    bool stale;

    slot__os_mutex_lock(&db->stat_mutex);
    stale = db->sums_stale || meta->sums_stale || meta->access == META_ACCESS_DIRECT;
    least->records = meta->records * db->record_size;
    least->sums = stale ? 0 : slot__db_blocks_of(db, meta->records) * SUM_BYTES;
    least->deleted = meta->deleted_blocks * BITMAP_BLOCK_BYTES;
    slot__os_mutex_unlock(&db->stat_mutex);
}

static slot_status not_cut(slot_db *db, struct os_file *file, const char *name, uint64_t least,
                           uint64_t *known, slot_error *err)
{
    uint64_t size = 0;
    slot_status status = slot__db_not_cut(db->os, file, name, max_u64(least, *known), &size, err);

    if (status == SLOT_OK)
        *known = size;
    return status;
}

slot_status slot__space_not_cut(slot_db *db, slot_error *err)
{
    struct file_sizes *known = &db->writer.sizes, least;
    slot_status status;

    least_sizes(db, &least);
    status = not_cut(db, db->files.records, FILE_RECORDS, least.records, &known->records, err);
    if (status == SLOT_OK)
        status = not_cut(db, db->files.sums, FILE_SUMS, least.sums, &known->sums, err);
    return status;
}

static slot_status marks_not_cut(slot_db *db, slot_error *err)
{
    struct file_sizes least;

    least_sizes(db, &least);
    return not_cut(db, db->files.deleted, FILE_DELETED, least.deleted, &db->writer.sizes.deleted,
                   err);
}

static slot_status no_space(slot_error *err, os_result result, const char *name, uint64_t offset,
                            uint64_t bytes)
{
    return slot__error_os(err, result.status, result.code, name, offset,
                          "%llu bytes cannot be had for it: free some space and try again",
                          (unsigned long long)bytes);
}

/* ---- marks ---- */

/* Blocks [from, to) of `deleted`, whose file is open. */
static slot_status give_marks(slot_db *db, uint64_t from, uint64_t to, slot_error *err)
{
    uint64_t n = (to - from) * BITMAP_BLOCK_BYTES;
    os_result result = allocate(db, db->files.deleted, from * BITMAP_BLOCK_BYTES, n);

    return os_ok(result) ? SLOT_OK
                         : no_space(err, result, FILE_DELETED, from * BITMAP_BLOCK_BYTES, n);
}

/* What is known is one range: it grows, or begins anew. */
static void note_marks(struct writer *writer, uint64_t from, uint64_t to)
{
    bool touches = from <= writer->marks_to && to >= writer->marks_from;

    writer->marks_from = touches ? min_u64(from, writer->marks_from) : from;
    writer->marks_to = touches ? max_u64(to, writer->marks_to) : to;
}

slot_status slot__space_for_marks(slot_db *db, uint64_t first, uint64_t end, uint64_t records,
                                  slot_error *err)
{
    struct writer *writer = &db->writer;
    uint64_t blocks = (records + BITMAP_BLOCK_RECORDS - 1) / BITMAP_BLOCK_RECORDS;
    uint64_t from = first / MARKS_WINDOW * MARKS_WINDOW;
    uint64_t to = max_u64(end, min_u64(from + MARKS_WINDOW, blocks));
    slot_error own;
    slot_status status;

    if (first >= writer->marks_from && end <= writer->marks_to)
        return SLOT_OK;
    if (first >= writer->marks_from && first <= writer->marks_to)
        from = writer->marks_to;
    status = slot__deleted_make(db, err);
    if (status == SLOT_OK)
        status = marks_not_cut(db, err);
    if (status != SLOT_OK)
        return status;
    status = give_marks(db, from, to, &own);
    if (status == SLOT_E_NO_SPACE) { /* what is needed, without a window */
        from = first;
        to = end;
        status = give_marks(db, from, to, err);
    } else {
        status = error_hand_on(err, &own, status);
    }
    if (status == SLOT_OK)
        note_marks(writer, from, to);
    return status;
}

/* ---- blocks ---- */

static slot_status give_blocks(slot_db *db, uint64_t first, uint64_t blocks, slot_error *err)
{
    uint64_t n = blocks * db->block_bytes;
    slot_status status = slot__space_not_cut(db, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = allocate(db, db->files.records, first * db->block_bytes, n);
    if (!os_ok(result))
        return no_space(err, result, FILE_RECORDS, first * db->block_bytes, n);
    result = allocate(db, db->files.sums, first * SUM_BYTES, blocks * SUM_BYTES);
    if (!os_ok(result))
        return no_space(err, result, FILE_SUMS, first * SUM_BYTES, blocks * SUM_BYTES);
    return SLOT_OK;
}

slot_status slot__space_for_records(slot_db *db, uint64_t from, uint64_t to, slot_error *err)
{
    return slot__space_for_marks(db, from / BITMAP_BLOCK_RECORDS,
                                 (to + BITMAP_BLOCK_RECORDS - 1) / BITMAP_BLOCK_RECORDS, to, err);
}

slot_status slot__space_for_block(slot_db *db, uint64_t block, slot_error *err)
{
    slot_status status = give_blocks(db, block, 1, err);

    if (status == SLOT_OK)
        status = slot__space_for_records(db, block * db->block_records,
                                         (block + 1) * db->block_records, err);
    return status;
}

slot_status slot__space_for_new_block(slot_db *db, uint64_t block, slot_error *err)
{
    struct writer *writer = &db->writer;
    uint64_t start = block * db->block_bytes;
    uint64_t step = min_u64(max_u64(start, STEP_BYTES), max_u64(db->io_bytes, db->block_bytes));
    uint64_t blocks = max_u64(step / db->block_bytes, 1);
    slot_error own;
    slot_status status;

    if (start + db->block_bytes <= writer->records_space)
        return SLOT_OK;
    status = give_blocks(db, block, blocks, &own);
    if (status == SLOT_E_NO_SPACE) {
        blocks = 1;
        status = give_blocks(db, block, blocks, err);
    } else {
        status = error_hand_on(err, &own, status);
    }
    if (status == SLOT_OK)
        status = slot__space_for_records(db, block * db->block_records,
                                         (block + blocks) * db->block_records, err);
    if (status == SLOT_OK)
        writer->records_space = start + blocks * db->block_bytes;
    return status;
}
