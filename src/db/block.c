/*
 * Blocks on their way in: what must hold before the first byte of a block is changed in place, and
 * what follows before the change leaves for the disk.
 *
 *   touch   view pinned -> pages ready for stores -> bytes fit their checksum -> marked dirty
 *   settle  dirty blocks of a view -> new checksums; called by the view cache before each flush
 *   renew   blocks that were lent are dirty once more: at the end of a transaction, and at close
 *
 * Invariant: a block whose bytes differ from its checksum is dirty in some view, or was lent
 * (lent.h).
 */
#include <stdlib.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "format/sums.h"

uint64_t slot__db_rest_of_block(const slot_db *db, uint64_t offset)
{
    return db->block_bytes - offset % db->block_bytes;
}

uint64_t slot__db_blocks_of(const slot_db *db, uint64_t records)
{
    return records / db->block_records + (records % db->block_records != 0);
}

uint64_t slot__db_block_bytes(const slot_db *db, uint64_t block)
{
    return min_u64(db->block_bytes, db->records.size - block * db->block_bytes);
}

/* Copy the block's bytes out of a view that maps them, or else from the file, and sum them up. */
static slot_status sum_now(slot_db *db, const struct view *view, uint64_t block, uint64_t *sum,
                           slot_error *err)
{
    const struct os *os = db->os;
    uint64_t offset = block * db->block_bytes;
    size_t n = (size_t)slot__db_block_bytes(db, block);
    os_result result;

    if (offset - view->offset + n <= view->n)
        result = os->load(os, db->scratch, view->base + (offset - view->offset), n);
    else
        result = os->read_at(os, db->files.records, offset, db->scratch, n);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS, offset,
                              "a block cannot be read: was the file truncated?");
    *sum = slot__sums_of_block(db->sums.seed, block, db->scratch, n);
    return SLOT_OK;
}

static slot_status check_sum(slot_db *db, const struct view *view, uint64_t block, slot_error *err)
{
    uint64_t expected, found = 0;
    slot_status status;

    if (db->meta.sums_stale || slot__lent_has(&db->lent, block))
        return SLOT_OK;
    status = slot__sums_get(&db->sums, block, &expected, err);
    if (status == SLOT_OK)
        status = sum_now(db, view, block, &found, err);
    if (status == SLOT_OK && found != expected)
        status =
            slot__error_set(err, SLOT_E_CORRUPT, FILE_RECORDS, block * db->block_bytes,
                            "block %llu does not fit its checksum and is not changed: run verify",
                            (unsigned long long)block);
    return status;
}

/*
 * Why a page could not be had: the file was cut, or the disk has no space for a hole. Asks for the
 * space of the whole pages, which a disk may have in smaller blocks, and for the pages once more.
 * (Asking first would make a file that was cut long again.)
 */
static os_result fill_hole(slot_db *db, uint8_t *address, uint64_t offset, uint64_t n,
                           os_result result)
{
    const struct os *os = db->os;
    uint64_t size = 0, from, to;
    os_result space = os->size(os, db->files.records, &size);

    if (!os_ok(space) || size < offset + n)
        return result;
    from = round_down(offset, OS_PAGE_SIZE);
    to = min_u64(round_up(offset + n, OS_PAGE_SIZE), size);
    space = os->allocate(os, db->files.records, from, to - from);
    if (os_ok(space))
        return os->populate(os, address, (size_t)n, true);
    return space.status == SLOT_E_NO_SPACE ? space : result;
}

/* Make stores to the block's pages safe: present, writable, with space on the disk behind them. */
static slot_status make_ready(slot_db *db, struct view *view, uint64_t offset, uint64_t n,
                              slot_error *err)
{
    uint8_t *address = view->base + (offset - view->offset);
    os_result result = db->os->populate(db->os, address, (size_t)n, true);

    if (!os_ok(result))
        result = fill_hole(db, address, offset, n, result);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS, offset,
                              result.status == SLOT_E_NO_SPACE
                                  ? "no space for a block that was a hole: free some and try again"
                                  : "a block cannot be made writable: was the file truncated?");
    return SLOT_OK;
}

slot_status slot__db_block_touch(slot_txn *txn, uint64_t block, struct pin **pin, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t offset = block * db->block_bytes;
    uint64_t n = slot__db_block_bytes(db, block);
    struct pin *entry = NULL;
    slot_status status = pins_get(&txn->pins, offset, n, &entry, err);

    if (status == SLOT_OK && !slot__view_block_is_dirty(entry->view, block)) {
        /* Pages first: reading them for the checksum would map them for reading only, and make
         * them ready a second time. */
        status = make_ready(db, entry->view, offset, n, err);
        if (status == SLOT_OK)
            status = check_sum(db, entry->view, block, err);
        if (status == SLOT_OK)
            status = slot__sums_reserve(&db->sums, block, err);
        if (status == SLOT_OK)
            status = slot__view_mark_dirty(&db->cache, entry->view, block, err);
        if (status == SLOT_OK)
            txn->changed = true;
    }
    if (status == SLOT_OK)
        *pin = entry;
    return status;
}

slot_status slot__db_block_settle(void *context, struct view *view, slot_error *err)
{
    slot_db *db = context;
    slot_status status = SLOT_OK;

    for (uint64_t i = slot__view_next_dirty(view, 0); i < view->blocks && status == SLOT_OK;
         i = slot__view_next_dirty(view, i + 1)) {
        uint64_t block = view->first_block + i;
        uint64_t sum = 0;

        if (block * db->block_bytes >= db->records.size)
            break; /* an abort has taken the rest back */
        status = sum_now(db, view, block, &sum, err);
        if (status == SLOT_OK)
            status = slot__sums_set(&db->sums, block, sum, err);
    }
    return status;
}

/* A block that was lent: dirty in the view that everybody finds; or else summed up at once. */
static slot_status renew_one(slot_db *db, uint64_t block, slot_error *err)
{
    uint64_t offset = block * db->block_bytes, n, sum = 0;
    struct view *view = NULL;
    slot_status status;
    os_result result;

    if (offset >= db->records.size)
        return SLOT_OK; /* an abort has taken it back */
    n = slot__db_block_bytes(db, block);
    status =
        slot__view_acquire(&db->cache, &db->records, offset, offset + n, VIEW_SINGLE, &view, NULL);
    if (status == SLOT_OK) {
        status = slot__view_mark_dirty(&db->cache, view, block, NULL);
        slot__view_unpin(&db->cache, view);
    }
    if (status == SLOT_OK)
        return SLOT_OK;
    result = db->os->read_at(db->os, db->files.records, offset, db->scratch, (size_t)n);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS, offset,
                              "a block cannot be read: was the file truncated?");
    sum = slot__sums_of_block(db->sums.seed, block, db->scratch, (size_t)n);
    return slot__sums_set(&db->sums, block, sum, err);
}

slot_status slot__db_block_renew_fresh(slot_db *db, slot_error *err)
{
    slot_status status = SLOT_OK;

    if (db->lent.fresh_n > 0)
        slot__view_mark_retired(&db->cache, &db->records);
    for (uint32_t i = 0; i < db->lent.fresh_n && status == SLOT_OK; i++)
        status = renew_one(db, db->lent.fresh[i], err);
    return status;
}

slot_status slot__db_block_renew_all(slot_db *db, slot_error *err)
{
    slot_status status = SLOT_OK;

    for (uint32_t i = 0; i < db->lent.size && status == SLOT_OK; i++) {
        if (db->lent.table[i] != 0)
            status = renew_one(db, db->lent.table[i] - 1, err);
    }
    if (status == SLOT_OK)
        status = slot__view_flush_all(&db->cache, err);
    return status;
}
