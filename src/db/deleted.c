/*
 * Deleted records: the file `deleted`, one bit for each record, in blocks of 4 KiB that go through
 * the log like those of `records`. A deleted record's bytes are zeros, so that only records of
 * zeros have to be looked up here. Bits at and beyond the number of records are 0; blocks beyond
 * the end of the file are all 0.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "db/outcome.h"

#define PIECE_BYTES 512u /* read at once when looking for a mark */

static uint64_t bitmap_block(uint64_t recno)
{
    return recno / BITMAP_BLOCK_RECORDS;
}

static uint32_t byte_in_block(uint64_t recno)
{
    return (uint32_t)(recno % BITMAP_BLOCK_RECORDS / 8);
}

static uint8_t bit_of(uint64_t recno)
{
    return (uint8_t)(1u << recno % 8);
}

/* ---- the file ---- */

static slot_status not_opened(os_result result, const char *what, slot_error *err)
{
    bool other = result.status == SLOT_E_UNSUPPORTED;

    return slot__error_os(err, other ? SLOT_E_CORRUPT : result.status, result.code, FILE_DELETED,
                          SLOT_NO_OFFSET, "%s", other ? "not a regular file" : what);
}

slot_status slot__deleted_open(slot_db *db, struct os_file **file, slot_error *err)
{
    int flags = OS_BRIEF | (db->access == SLOT_READ_ONLY ? OS_READ : OS_READ | OS_WRITE);
    os_result result = os_success();

    slot__os_mutex_lock(&db->stat_mutex);
    if (db->files.deleted == NULL)
        result = db->os->open(db->os, db->files.dir, FILE_DELETED, flags, &db->files.deleted);
    *file = db->files.deleted;
    slot__os_mutex_unlock(&db->stat_mutex);
    if (!os_ok(result) && result.status != SLOT_E_NO_FILE)
        return not_opened(result, "the file cannot be opened", err);
    return SLOT_OK;
}

slot_status slot__deleted_make(slot_db *db, slot_error *err)
{
    const int flags = OS_READ | OS_WRITE | OS_BRIEF;
    struct os_dir *dir = db->files.dir;
    struct os_file *file = NULL;
    slot_status status = slot__deleted_open(db, &file, err);
    os_result result = os_success();

    if (status != SLOT_OK || file != NULL)
        return status;
    slot__os_mutex_lock(&db->stat_mutex); /* the writer and the checkpointer may both be here */
    if (db->files.deleted == NULL)
        result = db->os->open(db->os, dir, FILE_DELETED, flags | OS_CREATE_NEW, &db->files.deleted);
    if (result.status == SLOT_E_EXISTS)
        result = db->os->open(db->os, dir, FILE_DELETED, flags, &db->files.deleted);
    slot__os_mutex_unlock(&db->stat_mutex);
    if (!os_ok(result))
        return not_opened(result, "the file cannot be made", err);
    return SLOT_OK;
}

slot_status slot__deleted_create(slot_db *db, slot_error *err)
{
    slot_status status = slot__deleted_make(db, err);
    os_result result = os_success();

    /* Also when it was there: whoever made it may have died before its name was durable. */
    if (status == SLOT_OK && db->meta.deleted_blocks == 0)
        result = db->os->sync_dir(db->os, db->files.dir);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_DELETED, SLOT_NO_OFFSET,
                              "the name of the file cannot be made durable");
    return status;
}

slot_status slot__deleted_check_size(slot_db *db, slot_error *err)
{
    struct os_file *file = NULL;
    uint64_t size = 0, least = db->meta.deleted_blocks * BITMAP_BLOCK_BYTES;
    slot_status status = least == 0 ? SLOT_OK : slot__deleted_open(db, &file, err);
    os_result result = os_success();

    if (status == SLOT_OK && file != NULL)
        result = db->os->size(db->os, file, &size);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_DELETED, SLOT_NO_OFFSET,
                              "the size of the file cannot be had");
    if (status == SLOT_OK && size < least)
        status =
            slot__error_set(err, file == NULL ? SLOT_E_CORRUPT : SLOT_E_TRUNCATED, FILE_DELETED,
                            size, "%llu bytes long, meta says at least %llu: restore a backup",
                            (unsigned long long)size, (unsigned long long)least);
    return status;
}

/* ---- changing ---- */

static slot_status may_delete(const slot_txn *txn, slot_error *err)
{
    slot_status status = slot__db_may_write(txn, err);

    if (status == SLOT_OK && txn->db->access != SLOT_TRANSACTIONAL)
        status = slot__error_set(err, SLOT_E_UNSUPPORTED, "", SLOT_NO_OFFSET,
                                 "records are deleted and inserted in transactional access only");
    return status;
}

/* A record and its mark, both of which may be changed now: nothing but a store is left to fail. */
struct marked {
    struct touched record, marks;
    uint32_t offset; /* of the record in its block */
    uint8_t bits;    /* the byte of its mark */
};

static slot_status touch_both(slot_txn *txn, uint64_t recno, struct marked *marked, slot_error *err)
{
    slot_status status = slot__db_touch_record(txn, recno, &marked->record, &marked->offset, err);

    if (status == SLOT_OK)
        status = slot__db_touch(txn, key_of_deleted(bitmap_block(recno)), &marked->marks, err);
    if (status == SLOT_OK)
        status =
            slot__touched_load(txn, &marked->marks, byte_in_block(recno), &marked->bits, 1, err);
    return status;
}

static slot_status set_mark(slot_txn *txn, uint64_t recno, const struct marked *marked,
                            bool deleted, slot_error *err)
{
    uint8_t bits = deleted ? (uint8_t)(marked->bits | bit_of(recno))
                           : (uint8_t)(marked->bits & ~bit_of(recno));
    slot_status status =
        slot__touched_store(txn, &marked->marks, byte_in_block(recno), &bits, 1, err);

    if (status != SLOT_OK)
        return status;
    slot__marks_moved(txn, bitmap_block(recno));
    if (deleted)
        txn->deleted++;
    else
        txn->deleted--;
    return SLOT_OK;
}

static slot_status store_zeros(slot_txn *txn, const struct touched *block, uint32_t offset,
                               slot_error *err)
{
    static const uint8_t zeros[4096];
    uint32_t record_size = txn->db->record_size;
    slot_status status = SLOT_OK;

    for (uint32_t at = 0; at < record_size && status == SLOT_OK; at += sizeof zeros) {
        uint32_t n = (uint32_t)min_u64(sizeof zeros, record_size - at);

        status = slot__touched_store(txn, block, offset + at, zeros, n, err);
    }
    return status;
}

static slot_status delete_record(slot_txn *txn, uint64_t recno, slot_error *err)
{
    struct marked marked;
    slot_status status = may_delete(txn, err);

    if (status == SLOT_OK && recno >= txn->records)
        status = slot__db_not_found(txn, recno, err);
    if (status == SLOT_OK)
        status = deleted_check(txn, recno, err);
    if (status == SLOT_OK)
        status = touch_both(txn, recno, &marked, err);
    if (status == SLOT_OK)
        status = store_zeros(txn, &marked.record, marked.offset, err);
    if (status == SLOT_OK)
        status = set_mark(txn, recno, &marked, true, err);
    if (status == SLOT_OK)
        txn->db->writer.insert_from = min_u64(txn->db->writer.insert_from, recno);
    return status;
}

slot_status slot_delete(slot_txn *txn, uint64_t recno, slot_error *err)
{
    return outcome(txn, OUTCOME_OF_WRITE, delete_record(txn, recno, err));
}

/* Zeros over the records of [from, to) that are marked; `offset` of `body` is where the first is.
 * The marks are in one block of the bitmap. */
static slot_status zero_marked(slot_txn *txn, uint64_t from, uint64_t to,
                               const struct touched *body, uint32_t offset, slot_error *err)
{
    uint8_t bits[PIECE_BYTES + 1]; /* a block has 4,096 records at most */
    uint32_t first = byte_in_block(from), n = byte_in_block(to - 1) + 1 - first;
    slot_status status = slot__marks_read(txn, bitmap_block(from), first, bits, n, err);

    for (uint64_t recno = from; recno < to && status == SLOT_OK; recno++) {
        if ((bits[byte_in_block(recno) - first] & bit_of(recno)) != 0)
            status = store_zeros(txn, body, offset, err);
        offset += (uint32_t)txn->record_size;
    }
    return status;
}

/* The same for records [first, end) of one block. */
static slot_status zero_deleted(slot_txn *txn, uint64_t first, uint64_t end,
                                const struct touched *body, slot_error *err)
{
    slot_status status = SLOT_OK;
    uint64_t next;

    for (uint64_t at = first; at < end && txn->deleted > 0 && status == SLOT_OK; at = next) {
        next = min_u64(end, (bitmap_block(at) + 1) * BITMAP_BLOCK_RECORDS);
        status = zero_marked(txn, at, next, body, (uint32_t)((at - first) * txn->record_size), err);
    }
    return status;
}

/*
 * A pointer that was lent for writing may have been stored through after its record was deleted,
 * and behind the last record: those bytes are zeros in a block that is sealed.
 */
slot_status slot__deleted_settle(void *context, uint64_t key, uint8_t *body, slot_error *err)
{
    slot_txn *txn = context;
    const slot_db *db = txn->db;
    const struct touched touched = {LOG_NO_ADDRESS, body};
    uint64_t first = key_block(key) * db->block_records;
    uint64_t end = max_u64(min_u64(txn->records, first + db->block_records), first);
    uint64_t n = (end - first) * db->record_size;

    memset(body + n, 0, (size_t)(db->block_bytes - n));
    return zero_deleted(txn, first, end, &touched, err);
}

/* And before that in a block that the transaction itself reads. */
slot_status slot__deleted_zero_lent(slot_txn *txn, uint64_t block, slot_error *err)
{
    const struct log_entry *own = slot__batch_find(&txn->batch, key_of_records(block));
    uint64_t first = block * txn->db->block_records;
    struct touched touched;

    if (own == NULL || !own->lent)
        return SLOT_OK;
    touched.address = own->address;
    touched.body = own->body;
    return zero_deleted(txn, first, min_u64(txn->records, first + txn->db->block_records), &touched,
                        err);
}

/* The first mark in n bytes of marks, from bit *bit on; false: there is none. */
static bool first_mark(const uint8_t *bits, uint32_t n, uint32_t *bit)
{
    uint32_t at = *bit;

    while (at < n * 8) {
        if (at % 8 == 0 && bits[at / 8] == 0) {
            at += 8;
            continue;
        }
        if ((bits[at / 8] >> at % 8 & 1) != 0) {
            *bit = at;
            return true;
        }
        at++;
    }
    return false;
}

/* The lowest marked record number. The caller knows that there is one. */
static slot_status find_lowest(slot_txn *txn, uint64_t *recno, slot_error *err)
{
    struct writer *writer = &txn->db->writer;
    uint64_t from = writer->insert_from, at = from - from % (PIECE_BYTES * 8);
    uint8_t bits[PIECE_BYTES];

    for (; at < txn->records; at += PIECE_BYTES * 8) {
        uint32_t bit = (uint32_t)(max_u64(from, at) - at);
        slot_status status =
            slot__marks_read(txn, bitmap_block(at), byte_in_block(at), bits, PIECE_BYTES, err);

        if (status != SLOT_OK)
            return status;
        if (first_mark(bits, PIECE_BYTES, &bit)) {
            writer->insert_from = at + bit;
            *recno = at + bit;
            return SLOT_OK;
        }
    }
    return slot__error_set(err, SLOT_E_CORRUPT, FILE_DELETED, SLOT_NO_OFFSET,
                           "%llu records are deleted, but no mark was found: run verify",
                           (unsigned long long)txn->deleted);
}

static slot_status insert_record(slot_txn *txn, const void *record, uint64_t *recno,
                                 slot_error *err)
{
    struct marked marked;
    uint64_t found = 0;
    slot_status status = may_delete(txn, err);

    if (status != SLOT_OK)
        return status;
    if (txn->deleted == 0)
        return slot_append(txn, record, 1, recno, err);
    status = find_lowest(txn, &found, err);
    if (status == SLOT_OK && found >= txn->records)
        status = slot__error_set(err, SLOT_E_CORRUPT, FILE_DELETED, found / 8,
                                 "record %llu is marked as deleted and was never there: run verify",
                                 (unsigned long long)found);
    if (status == SLOT_OK)
        status = touch_both(txn, found, &marked, err);
    if (status == SLOT_OK)
        status = slot__touched_store(txn, &marked.record, marked.offset, record,
                                     txn->db->record_size, err);
    if (status == SLOT_OK)
        status = set_mark(txn, found, &marked, false, err);
    if (status != SLOT_OK)
        return status;
    txn->db->writer.insert_from = found + 1;
    if (recno != NULL)
        *recno = found;
    return SLOT_OK;
}

slot_status slot_insert(slot_txn *txn, const void *record, uint64_t *recno, slot_error *err)
{
    return outcome(txn, OUTCOME_OF_APPEND, insert_record(txn, record, recno, err));
}
