/*
 * The first touch of a block in a transaction: its newest version is copied into a frame at the
 * head of the log, where it can be changed and nobody else sees it.
 *
 *   newest version   in a pending transaction, in the log, in the file, or nowhere: zeros
 *   checked          against its checksum when it comes from `records`, before the first change
 *   space            in the log for the frame, and in `records` for the day when it goes home: what
 *                    was acknowledged must not fail for lack of space later
 */
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "format/sums.h"

/* ---- the version before ---- */

/* Bytes of the block that are in `records`, for this transaction: 0 for a new block. */
static uint64_t bytes_in_file(const slot_txn *txn, uint64_t block)
{
    const slot_db *db = txn->db;
    uint64_t start = block * db->block_bytes;
    uint64_t end = max_u64(txn->seen.records * db->record_size, txn->direct_end);

    return start < end ? min_u64(db->block_bytes, end - start) : 0;
}

static slot_status check_sum(slot_txn *txn, uint64_t block, const uint8_t *bytes, uint64_t n,
                             slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t expected = 0, found;
    slot_status status;
    os_result result;

    if (db->sums_stale)
        return SLOT_OK;
    status = slot__sums_get(&db->sums, block, &expected, err);
    if (status != SLOT_OK)
        return status;
    found = slot__sums_of_block(db->sums.seed, block, bytes, (size_t)n);
    if (found != expected)
        return slot__error_set(
            err, SLOT_E_CORRUPT, FILE_RECORDS, block * db->block_bytes,
            "block %llu does not fit its checksum and is not changed: run verify",
            (unsigned long long)block);
    if (expected != 0)
        return SLOT_OK;
    /* A zero block may be a hole: it gets its space while we can still say no. */
    result = db->os->allocate(db->os, db->files.records, block * db->block_bytes, n);
    if (!os_ok(result) && result.status != SLOT_E_UNSUPPORTED)
        return slot__error_os(err, result.status, result.code, FILE_RECORDS,
                              block * db->block_bytes,
                              "no space for a block that was a hole: free some and try again");
    return SLOT_OK;
}

static slot_status load_from_records(slot_txn *txn, uint64_t block, uint8_t *body, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t n = bytes_in_file(txn, block);
    slot_status status = SLOT_OK;

    if (n > 0) {
        status = slot__db_copy_out(txn, block * db->block_bytes, body, n, err);
        if (status == SLOT_OK)
            status = check_sum(txn, block, body, n, err);
    }
    if (status == SLOT_OK)
        memset(body + n, 0, (size_t)(db->block_bytes - n));
    return status;
}

/* The bytes of the newest version of a block, whole, into `body`. */
static slot_status load_block(slot_txn *txn, uint64_t key, uint64_t address, uint8_t *body,
                              slot_error *err)
{
    uint32_t n = slot__log_body_bytes(&txn->db->log, key);

    if (address == LOG_NO_ADDRESS)
        return key_is_deleted(key) ? slot__deleted_read(txn, key_block(key), 0, body, n, err)
                                   : load_from_records(txn, key_block(key), body, err);
    return slot__version_copy(txn, address, 0, n, body, err);
}

/* ---- space ---- */

/* A block beyond what surely has its space in `records`: get it, and some more. */
static slot_status give_space(slot_txn *txn, uint64_t block, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t start = block * db->block_bytes;
    uint64_t n = max_u64(db->block_bytes, db->io_bytes);
    os_result result;

    if (bytes_in_file(txn, block) >= db->block_bytes ||
        start + db->block_bytes <= db->writer.records_space)
        return SLOT_OK;
    result = db->os->allocate(db->os, db->files.records, start, n);
    if (result.status == SLOT_E_NO_SPACE) {
        n = db->block_bytes;
        result = db->os->allocate(db->os, db->files.records, start, n);
    }
    if (!os_ok(result) && result.status != SLOT_E_UNSUPPORTED)
        return slot__error_os(err, result.status, result.code, FILE_RECORDS, start,
                              "no space for more records: free some and try again");
    db->writer.records_space = start + n;
    return SLOT_OK;
}

/* ---- the frame ---- */

static slot_status frame_body(slot_txn *txn, uint64_t key, uint64_t address, struct pin **pin,
                              uint8_t **body, slot_error *err)
{
    struct log *log = &txn->db->log;
    uint64_t at = address + FRAME_HEADER_BYTES;
    slot_status status;

    if (txn->frame_pins.cache == NULL)
        slot__pins_init_files(&txn->frame_pins, &txn->db->cache, log->open_frames,
                              log->segment_shift, UINT64_MAX >> 1, 1);
    status = pins_get(&txn->frame_pins, at, slot__log_body_bytes(log, key), pin, err);
    if (status == SLOT_OK)
        *body = (*pin)->base + (at - (*pin)->offset);
    return status;
}

/* Reserve a frame; when the log is full, or the disk, make room and try once more. */
static slot_status reserve(slot_txn *txn, uint64_t key, uint64_t previous, uint64_t *address,
                           slot_error *err)
{
    slot_db *db = txn->db;
    uint32_t limit = slot__db_log_limit(db);
    slot_status status = slot__batch_reserve(&db->log, &db->writer.head, &txn->batch, key, previous,
                                             limit, address, err);

    if (status != SLOT_E_LOG_FULL && status != SLOT_E_NO_SPACE)
        return status;
    status = slot__commit_make_room(txn, err);
    if (status == SLOT_OK)
        status = slot__batch_reserve(&db->log, &db->writer.head, &txn->batch, key, previous, limit,
                                     address, err);
    return status;
}

static slot_status first_touch(slot_txn *txn, uint64_t key, struct pin **pin, uint8_t **body,
                               slot_error *err)
{
    slot_db *db = txn->db;
    uint8_t *scratch = db->writer.scratch;
    uint64_t source = LOG_NO_ADDRESS, previous = 0, address = 0;
    slot_status status;
    os_result result;

    /* What can fail because of what is on disk comes first: then nothing has changed. And space
     * comes after reading: it would make a file long again that somebody has cut. */
    status = slot__version_find(txn, key, &source, &previous, err);
    if (status == SLOT_OK)
        status = load_block(txn, key, source, scratch, err);
    if (status == SLOT_OK && !key_is_deleted(key))
        status = give_space(txn, key_block(key), err);
    if (status == SLOT_OK)
        status = reserve(txn, key, previous, &address, err);
    if (status != SLOT_OK)
        return status;
    txn->changed = true;
    txn->plain = 0; /* from now on the log is asked first */
    status = frame_body(txn, key, address, pin, body, err);
    if (status == SLOT_OK) {
        result = db->os->store(db->os, *body, scratch, slot__log_body_bytes(&db->log, key));
        if (!os_ok(result))
            status = slot__error_os(
                err, result.status, result.code, slot__log_name(log_file_of(&db->log, address)),
                log_offset_of(&db->log, address), "the log cannot be written: was it truncated?");
    }
    if (status != SLOT_OK)
        txn->doomed = status; /* there is a frame without its bytes */
    return status;
}

slot_status slot__db_touch(slot_txn *txn, uint64_t key, struct pin **pin, uint8_t **body,
                           slot_error *err)
{
    const struct log_entry *own = slot__batch_find(&txn->batch, key);

    if (own != NULL)
        return frame_body(txn, key, own->address, pin, body, err);
    return first_touch(txn, key, pin, body, err);
}
