/*
 * Appending. Records gather in a buffer of about 1 MiB that is written to the end of `records` in
 * one piece: through the file, not through views, because small writable views over a growing file
 * cost a page fault for each page. The disk starts on each 8 MiB while the next are
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

#include "base/bytes.h"
#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "db/outcome.h"
#include "format/sums.h"

#define WRITEBACK_BYTES (UINT64_C(8) << 20)

/* Where the next appended byte goes, when the buffer is empty. */
static uint64_t records_end(const slot_txn *txn)
{
    return txn->db->access == SLOT_TRANSACTIONAL ? txn->records * txn->record_size
                                                 : txn->db->records.size;
}

static slot_status buffer_start(slot_txn *txn, slot_error *err)
{
    struct append_buffer *append = &txn->append;
    uint64_t block_bytes = txn->db->block_bytes;

    if (append->bytes == NULL) {
        append->capacity = max_u64(txn->db->io_bytes / block_bytes, 1) * block_bytes;
        append->bytes = malloc((size_t)append->capacity);
        if (append->bytes == NULL)
            return slot__error_set(err, SLOT_E_NO_MEMORY, FILE_RECORDS, SLOT_NO_OFFSET, NULL);
        append->started = records_end(txn);
    }
    if (append->fill == 0)
        append->start = records_end(txn);
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

        status =
            slot__sums_set(&db->sums, block,
                           slot__sums_of_block(db->sums.seed, block, append->bytes + at, n), err);
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

/* In direct access: behind the last record of the file. */
static slot_status flush_direct(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    struct append_buffer *append = &txn->append;
    uint64_t size = 0;
    slot_status status =
        slot__db_not_cut(db->os, db->files.records, FILE_RECORDS, append->start, &size, err);
    struct pin *pin;
    os_result result;

    /* The block that the file ends in gets longer: its checksum changes like that of any other. */
    if (status == SLOT_OK && append->start % db->block_bytes != 0)
        status = slot__db_block_touch(txn, append->start / db->block_bytes, &pin, err);
    txn->changed = true;
    if (status == SLOT_OK)
        status = sum_buffer(txn, err);
    if (status == SLOT_OK)
        status = slot__space_for_records(db, append->start / db->record_size,
                                         (append->start + append->fill) / db->record_size, err);
    if (status == SLOT_OK) {
        result = db->os->write_at(db->os, db->files.records, append->start, append->bytes,
                                  (size_t)append->fill);
        if (!os_ok(result))
            status = slot__error_os(err, result.status, result.code, FILE_RECORDS, append->start,
                                    "records cannot be appended");
    }
    if (status != SLOT_OK)
        return status;
    db->records.size += append->fill;
    append->fill = 0;
    start_writeback(txn);
    return SLOT_OK;
}

/* ---- transactional access: new blocks go into the log, or many of them into `records` ---- */

/* Write n bytes of whole blocks from the buffer to their place, and their checksums to theirs. */
static slot_status write_blocks(slot_txn *txn, uint64_t n, slot_error *err)
{
    slot_db *db = txn->db;
    struct append_buffer *append = &txn->append;
    uint64_t first = append->start / db->block_bytes;
    uint64_t blocks = n / db->block_bytes;
    uint8_t *sums = malloc((size_t)(blocks * SUM_BYTES));
    slot_status status = SLOT_OK;
    os_result result;

    if (sums == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, FILE_RECORDS, SLOT_NO_OFFSET, NULL);
    status = slot__space_not_cut(db, err);
    if (status == SLOT_OK)
        status = slot__space_for_records(db, first * db->block_records,
                                         (first + blocks) * db->block_records, err);
    if (status != SLOT_OK) {
        free(sums);
        return status;
    }
    for (uint64_t i = 0; i < blocks; i++)
        put_u64(sums + i * SUM_BYTES,
                slot__sums_of_block(db->sums.seed, first + i, append->bytes + i * db->block_bytes,
                                    (size_t)db->block_bytes));
    result = db->os->write_at(db->os, db->files.records, append->start, append->bytes, (size_t)n);
    if (!os_ok(result))
        status = slot__error_os(err, result.status, result.code, FILE_RECORDS, append->start,
                                "records cannot be appended");
    else
        result = db->os->write_at(db->os, db->files.sums, first * SUM_BYTES, sums,
                                  (size_t)(blocks * SUM_BYTES));
    if (status == SLOT_OK && !os_ok(result))
        status = slot__error_os(err, result.status, result.code, FILE_SUMS, first * SUM_BYTES,
                                "checksums cannot be appended");
    free(sums);
    slot__sums_forget(&db->sums); /* what is cached may be of before */
    if (status != SLOT_OK)
        return status;
    txn->direct_end = append->start + n;
    txn->direct_blocks += (uint32_t)blocks;
    return SLOT_OK;
}

/* Bytes of records into the frames of their blocks, from a record boundary on. */
static slot_status write_frames(slot_txn *txn, uint64_t offset, const uint8_t *from, uint64_t n,
                                slot_error *err)
{
    slot_db *db = txn->db;
    slot_status status = SLOT_OK;
    uint64_t piece;

    for (; n > 0 && status == SLOT_OK; offset += piece, from += piece, n -= piece) {
        struct touched touched;

        piece = min_u64(n, db->block_bytes - offset % db->block_bytes);
        status = slot__db_touch(txn, key_of_records(offset / db->block_bytes), &touched, err);
        if (status == SLOT_OK)
            status = slot__touched_store(txn, &touched, (uint32_t)(offset % db->block_bytes), from,
                                         (uint32_t)piece, err);
    }
    return status;
}

/* Have the disk start on what was appended directly: the commit will wait for all of it. */
static void start_direct(slot_txn *txn)
{
    slot_db *db = txn->db;
    struct append_buffer *append = &txn->append;

    while (txn->direct_end >= append->started + WRITEBACK_BYTES) {
        db->os->start_writeback(db->os, db->files.records, append->started, WRITEBACK_BYTES);
        append->started += WRITEBACK_BYTES;
    }
}

/*
 * In transactional access: whole blocks beside the log when there are many of them, because their
 * two flushes then cost less than writing them twice; the rest, and the last block, into frames.
 * When it fails, what was not written is in the buffer still, and the next flush tries again.
 */
static slot_status flush_new_blocks(slot_txn *txn, slot_error *err)
{
    slot_db *db = txn->db;
    struct append_buffer *append = &txn->append;
    bool many = txn->direct_blocks > 0 || append->fill == append->capacity;
    uint64_t whole = many ? append->fill / db->block_bytes * db->block_bytes : 0;
    slot_status status = SLOT_OK;

    if (whole > 0)
        status = write_blocks(txn, whole, err);
    if (status != SLOT_OK)
        return status;
    append->start += whole;
    append->fill -= whole;
    memmove(append->bytes, append->bytes + whole, (size_t)append->fill);
    status = write_frames(txn, append->start, append->bytes, append->fill, err);
    if (status != SLOT_OK)
        return status;
    append->fill = 0;
    start_direct(txn);
    return SLOT_OK;
}

slot_status slot__db_append_flush(slot_txn *txn, slot_error *err)
{
    if (txn->append.fill == 0)
        return SLOT_OK;
    return txn->db->access == SLOT_TRANSACTIONAL ? flush_new_blocks(txn, err)
                                                 : flush_direct(txn, err);
}

/* Whether `count` more records are within the limits of the format. */
static slot_status check_count(const slot_txn *txn, uint64_t count, slot_error *err)
{
    uint64_t bytes;

    if (count > SLOT_RECORDS_MAX - txn->records ||
        !mul_u64(txn->records + count, txn->db->record_size, &bytes) || bytes > INT64_MAX)
        return slot__error_set(err, SLOT_E_LIMIT, FILE_RECORDS, SLOT_NO_OFFSET,
                               "%llu more records than the %llu there are would be too many",
                               (unsigned long long)count, (unsigned long long)txn->records);
    return SLOT_OK;
}

/* Whether they are within what a commit frame can say of new blocks: before anything is changed. */
static slot_status check_blocks(const slot_txn *txn, uint64_t count, slot_error *err)
{
    const slot_db *db = txn->db;
    uint64_t blocks;

    if (count < UINT32_MAX / 2 && txn->direct_blocks < UINT32_MAX / 2)
        return SLOT_OK; /* without a division */
    blocks = slot__db_blocks_of(db, txn->records + count) - slot__db_blocks_of(db, txn->records) +
             txn->append.fill / db->block_bytes + 1;
    if (blocks > UINT32_MAX - txn->direct_blocks)
        return slot__error_set(err, SLOT_E_LIMIT, FILE_RECORDS, SLOT_NO_OFFSET,
                               "more than %u new blocks in one transaction: commit more often",
                               (unsigned)UINT32_MAX);
    return SLOT_OK;
}

/* An append that failed in the middle: none of its records are there. */
static void take_back(slot_txn *txn, uint64_t before, slot_status status)
{
    uint64_t appended = (txn->records - before) * txn->record_size;

    if (appended > txn->append.fill) { /* written already, in part */
        txn->doomed = status;
        return;
    }
    txn->append.fill -= appended;
    txn->records = before;
}

/* Into the buffer, as much as there is room for; *n gets the bytes that were taken. */
static slot_status fill_buffer(slot_txn *txn, const uint8_t *from, uint64_t left, uint64_t *n,
                               slot_error *err)
{
    struct append_buffer *append = &txn->append;
    slot_status status = SLOT_OK;

    if (append->fill > 0 && buffer_room(txn) == 0)
        status = slot__db_append_flush(txn, err);
    if (status == SLOT_OK)
        status = buffer_start(txn, err);
    if (status != SLOT_OK)
        return status;
    *n = min_u64(left, buffer_room(txn));
    memcpy(append->bytes + append->fill, from, (size_t)*n);
    append->fill += *n;
    return SLOT_OK;
}

/* Into the block that the records end in, through the log; the buffer begins with a block. */
static slot_status fill_last_block(slot_txn *txn, const uint8_t *from, uint64_t left, uint64_t *n,
                                   slot_error *err)
{
    uint64_t block_bytes = txn->db->block_bytes;
    uint64_t end = txn->records * txn->record_size;

    *n = min_u64(left, block_bytes - end % block_bytes);
    return write_frames(txn, end, from, *n, err);
}

static slot_status append(slot_txn *txn, const void *records, uint64_t count, uint64_t *first,
                          slot_error *err)
{
    bool in_log = txn->db->access == SLOT_TRANSACTIONAL;
    const uint8_t *from = records;
    uint64_t before = txn->records;
    slot_status status = slot__db_may_write(txn, err);
    uint64_t n = 0;

    if (status == SLOT_OK)
        status = check_count(txn, count, err);
    if (status == SLOT_OK && in_log)
        status = check_blocks(txn, count, err);
    for (uint64_t left = count * txn->record_size; left > 0 && status == SLOT_OK;
         left -= n, from += n) {
        bool partial =
            in_log && txn->append.fill == 0 && txn->records % txn->db->block_records != 0;

        status = partial ? fill_last_block(txn, from, left, &n, err)
                         : fill_buffer(txn, from, left, &n, err);
        if (status == SLOT_OK)
            txn->records += n / txn->record_size;
    }
    if (status != SLOT_OK) {
        take_back(txn, before, status);
        return status;
    }
    if (first != NULL)
        *first = before;
    return SLOT_OK;
}

slot_status slot_append(slot_txn *txn, const void *records, uint64_t count, uint64_t *first,
                        slot_error *err)
{
    return outcome(txn, OUTCOME_OF_APPEND, append(txn, records, count, first, err));
}

/*
 * Zeros over what an abort or a crash has left in [from, to) of a file, which may end before. The
 * disk may have something behind that end, too, in the rest of its last page: who cut the file has
 * stored zeros there, and their sync may have failed. Once the file is longer, these bytes would be
 * read when the system has dropped the page. So they are stored with what this transaction syncs.
 */
static slot_status clear_range(slot_db *db, struct os_file *file, const char *name, uint64_t from,
                               uint64_t to, slot_error *err)
{
    static const uint8_t zeros[4096];
    const struct os *os = db->os;
    uint64_t size = 0, end = 0;
    os_result result = os->size(os, file, &size);

    if (os_ok(result))
        end = min_u64(to, round_up(size, OS_PAGE_SIZE));
    while (os_ok(result) && from < end) {
        uint64_t data = from < size ? os->next_data(os, file, from) : from;
        uint64_t n = min_u64(sizeof zeros, end - from);

        if (data > from)
            n = data - from;
        else
            result = os->write_at(os, file, from, zeros, (size_t)n);
        from += n;
    }
    if (os_ok(result) && size < to)
        result = os->resize(os, file, to);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, name, from,
                              "the file cannot be made longer");
    return SLOT_OK;
}

/* New blocks of zeros beside the log: a hole, where the file ended before. */
static slot_status extend_in_log(slot_txn *txn, uint64_t count, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t end = (txn->records + count) * txn->record_size;
    uint64_t first = slot__db_blocks_of(db, txn->records);
    uint64_t blocks = slot__db_blocks_of(db, txn->records + count);
    struct touched touched;
    slot_status status = SLOT_OK;

    /* In the log, the bytes behind the last record are zeros; in the file they can be anything. */
    if (txn->records % db->block_records != 0)
        status =
            slot__db_touch(txn, key_of_records(txn->records / db->block_records), &touched, err);
    if (status != SLOT_OK || blocks == first)
        return status;
    status = slot__space_not_cut(db, err);
    if (status == SLOT_OK)
        status =
            clear_range(db, db->files.records, FILE_RECORDS, first * db->block_bytes, end, err);
    if (status == SLOT_OK)
        status =
            clear_range(db, db->files.sums, FILE_SUMS, first * SUM_BYTES, blocks * SUM_BYTES, err);
    slot__sums_forget(&db->sums);
    if (status != SLOT_OK)
        return status;
    txn->direct_end = end;
    txn->direct_blocks += (uint32_t)(blocks - first);
    txn->changed = true;
    return SLOT_OK;
}

static slot_status extend_in_place(slot_txn *txn, uint64_t count, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t end = (txn->records + count) * txn->record_size, size = 0;
    slot_status status =
        slot__db_not_cut(db->os, db->files.records, FILE_RECORDS, db->records.size, &size, err);
    struct pin *pin;

    if (status == SLOT_OK && count > 0 && db->records.size % db->block_bytes != 0)
        status = slot__db_block_touch(txn, db->records.size / db->block_bytes, &pin, err);
    if (status != SLOT_OK)
        return status;
    status = clear_range(db, db->files.records, FILE_RECORDS, db->records.size, end, err);
    if (status != SLOT_OK)
        return status;
    db->records.size = end;
    txn->changed = true;
    return SLOT_OK;
}

static slot_status extend(slot_txn *txn, uint64_t count, uint64_t *first, slot_error *err)
{
    bool in_log = txn->db->access == SLOT_TRANSACTIONAL;
    uint64_t before = txn->records;
    slot_status status = slot__db_may_write(txn, err);

    if (status == SLOT_OK)
        status = check_count(txn, count, err);
    if (status == SLOT_OK && in_log)
        status = check_blocks(txn, count, err);
    if (status == SLOT_OK)
        status = slot__db_append_flush(txn, err);
    if (status == SLOT_OK)
        status = in_log ? extend_in_log(txn, count, err) : extend_in_place(txn, count, err);
    if (status != SLOT_OK)
        return status;
    txn->records += count;
    if (first != NULL)
        *first = before;
    return SLOT_OK;
}

slot_status slot_extend(slot_txn *txn, uint64_t count, uint64_t *first, slot_error *err)
{
    return outcome(txn, OUTCOME_OF_APPEND, extend(txn, count, first, err));
}
