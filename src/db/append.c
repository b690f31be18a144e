/*
 * Appending. Records gather in a buffer of about 1 MiB that is written to the end of `records` in
 * one piece: through the file, not through views, because small writable views over a growing file
 * cost a page fault for each page (DESIGN.md 5.5). The disk starts on each 8 MiB while the next are
 * being filled.
 *
 *     records   |...blocks...|partial|
 *     buffer                         [start ---- fill ---->  ] capacity
 *                                    up to a block boundary at first, then whole blocks
 *
 * Invariant: the records of the transaction are those in the file (records.size) and those in the
 * buffer, which begins exactly where the file ends.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "format/sums.h"

#define APPEND_BYTES    (UINT64_C(1) << 20)
#define WRITEBACK_BYTES (UINT64_C(8) << 20)

static slot_status buffer_start(slot_txn *txn, slot_error *err)
{
    struct append_buffer *append = &txn->append;
    uint64_t block_bytes = txn->db->block_bytes;

    if (append->bytes == NULL) {
        append->capacity = max_u64(APPEND_BYTES / block_bytes, 1) * block_bytes;
        append->bytes = malloc((size_t)append->capacity);
        if (append->bytes == NULL)
            return error_set(err, SLOT_E_NO_MEMORY, FILE_RECORDS, SLOT_NO_OFFSET, NULL);
        append->started = txn->db->records.size;
    }
    if (append->fill == 0)
        append->start = txn->db->records.size;
    return SLOT_OK;
}

/* Bytes that may still be put into the buffer: it ends at a block boundary of the file. */
static uint64_t buffer_room(const slot_txn *txn)
{
    const struct append_buffer *append = &txn->append;

    return append->capacity - append->start % txn->db->block_bytes - append->fill;
}

/* The checksums of the blocks that begin in the buffer. */
static slot_status sum_buffer(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    struct append_buffer *append = &txn->append;
    uint64_t block = (append->start + db->block_bytes - 1) / db->block_bytes;
    slot_status status = SLOT_OK;

    for (uint64_t at = block * db->block_bytes - append->start;
         at < append->fill && status == SLOT_OK; at += db->block_bytes, block++) {
        size_t n = (size_t)min_u64(db->block_bytes, append->fill - at);

        status = sums_set(&db->sums, block,
                          sums_of_block(db->sums.seed, block, append->bytes + at, n), err);
    }
    return status;
}

static void start_writeback(slot_txn *txn)
{
    slot_db *db = txn->db;
    struct append_buffer *append = &txn->append;

    while (db->records.size - append->started >= WRITEBACK_BYTES) {
        db->os->start_writeback(db->os, db->files.records, append->started, WRITEBACK_BYTES);
        append->started += WRITEBACK_BYTES;
    }
}

slot_status db_append_flush(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    struct append_buffer *append = &txn->append;
    slot_status status = SLOT_OK;
    struct pin *pin;
    os_result result;

    if (append->fill == 0)
        return SLOT_OK;
    /* The block that the file ends in gets longer: its checksum changes like that of any other. */
    if (append->start % db->block_bytes != 0)
        status = db_block_touch(txn, append->start / db->block_bytes, &pin, err);
    txn->changed = true;
    if (status == SLOT_OK)
        status = sum_buffer(txn, err);
    if (status == SLOT_OK) {
        result = db->os->write_at(db->os, db->files.records, append->start, append->bytes,
                                  (size_t)append->fill);
        if (!os_ok(result))
            status = error_os(err, result.status, result.code, FILE_RECORDS, append->start,
                              "records cannot be appended");
    }
    if (status != SLOT_OK) {
        txn->doomed = status;
        return status;
    }
    db->records.size += append->fill;
    append->fill = 0;
    start_writeback(txn);
    return SLOT_OK;
}

/* Whether `count` more records are within the limits of the format. */
static slot_status check_count(const slot_txn *txn, uint64_t count, slot_error *err)
{
    uint64_t bytes;

    if (count > SLOT_RECORDS_MAX - txn->records ||
        !mul_u64(txn->records + count, txn->db->record_size, &bytes) || bytes > INT64_MAX)
        return error_set(err, SLOT_E_LIMIT, FILE_RECORDS, SLOT_NO_OFFSET,
                         "%llu more records than the %llu there are would be too many",
                         (unsigned long long)count, (unsigned long long)txn->records);
    return SLOT_OK;
}

slot_status slot_append(slot_txn *txn, const void *records, uint64_t count, uint64_t *first,
                        slot_error *err)
{
    struct append_buffer *append = &txn->append;
    const uint8_t *from = records;
    uint64_t before = txn->records;
    slot_status status;
    uint64_t n;

    status = db_may_write(txn, err);
    if (status == SLOT_OK)
        status = check_count(txn, count, err);
    if (status != SLOT_OK)
        return status;
    for (uint64_t left = count * txn->db->record_size; left > 0; left -= n, from += n) {
        n = 0;
        if (append->fill > 0 && buffer_room(txn) == 0)
            status = db_append_flush(txn, err);
        if (status == SLOT_OK)
            status = buffer_start(txn, err);
        if (status != SLOT_OK)
            break;
        n = min_u64(left, buffer_room(txn));
        memcpy(append->bytes + append->fill, from, (size_t)n);
        append->fill += n;
    }
    if (status != SLOT_OK)
        return status;
    txn->records += count;
    if (first != NULL)
        *first = before;
    return SLOT_OK;
}

slot_status slot_extend(slot_txn *txn, uint64_t count, uint64_t *first, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t before = txn->records;
    slot_status status;
    struct pin *pin;
    os_result result;

    status = db_may_write(txn, err);
    if (status == SLOT_OK)
        status = check_count(txn, count, err);
    if (status == SLOT_OK)
        status = db_append_flush(txn, err);
    if (status == SLOT_OK && count > 0 && db->records.size % db->block_bytes != 0)
        status = db_block_touch(txn, db->records.size / db->block_bytes, &pin, err);
    if (status != SLOT_OK)
        return status;
    result = db->os->resize(db->os, db->files.records, (before + count) * db->record_size);
    if (!os_ok(result))
        return error_os(err, result.status, result.code, FILE_RECORDS, db->records.size,
                        "the file cannot be made longer");
    db->records.size = (before + count) * db->record_size;
    txn->records += count;
    txn->changed = true;
    if (first != NULL)
        *first = before;
    return SLOT_OK;
}
