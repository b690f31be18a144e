/*
 * One record's way in, for records that exist: record number -> block, touched (touch.c; block.c in
 * direct access) -> the bytes stored into the view. Appending is append.c; what makes it durable is
 * commit.c (direct.c).
 */
#include "base/status.h"
#include "db/handle.h"
#include "db/outcome.h"

/* The address of record `recno`, its block ready for the store, in direct access. */
static slot_status address_direct(slot_txn *txn, uint64_t recno, struct pin **pin,
                                  uint8_t **address, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t offset = recno * db->record_size;
    slot_status status = SLOT_OK;

    if (offset + db->record_size > db->records.size)
        status = slot__db_append_flush(txn, err);
    if (status == SLOT_OK)
        status = slot__db_block_touch(txn, recno / db->block_records, pin, err);
    if (status == SLOT_OK)
        *address = (*pin)->base + (offset - (*pin)->offset);
    return status;
}

/* What was appended and not yet written is, when the record is among it. */
static slot_status make_writable(slot_txn *txn, uint64_t recno, slot_error *err)
{
    const struct append_buffer *append = &txn->append;

    if (append->fill > 0 && (recno + 1) * txn->db->record_size > append->start)
        return slot__db_append_flush(txn, err);
    return SLOT_OK;
}

slot_status slot__db_touch_record(slot_txn *txn, uint64_t recno, struct touched *touched,
                                  uint32_t *offset, slot_error *err)
{
    slot_db *db = txn->db;
    slot_status status = make_writable(txn, recno, err);

    if (status == SLOT_OK)
        status = slot__db_touch(txn, key_of_records(recno / db->block_records), touched, err);
    if (status == SLOT_OK)
        *offset = (uint32_t)(recno % db->block_records * db->record_size);
    return status;
}

static slot_status write_direct(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n,
                                const void *from, slot_error *err)
{
    uint8_t *address = NULL;
    struct pin *pin = NULL;
    slot_status status = address_direct(txn, recno, &pin, &address, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = txn->os->store(txn->os, address + offset, from, n);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS,
                              recno * txn->record_size + offset,
                              "a record cannot be written: was the file truncated?");
    return SLOT_OK;
}

static slot_status write_in_log(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n,
                                const void *from, slot_error *err)
{
    struct touched touched;
    uint32_t start = 0;
    slot_status status = slot__db_touch_record(txn, recno, &touched, &start, err);

    if (status == SLOT_OK)
        status = slot__touched_store(txn, &touched, start + offset, from, n, err);
    return status;
}

/* Whether the record may be changed: it is there. */
static slot_status check_record(slot_txn *txn, uint64_t recno, slot_error *err)
{
    slot_status status = slot__db_may_write(txn, err);

    if (status == SLOT_OK && recno >= txn->records)
        status = slot__db_not_found(txn, recno, err);
    if (status == SLOT_OK)
        status = deleted_check(txn, recno, err);
    return status;
}

static slot_status write_record(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n,
                                const void *buf, slot_error *err)
{
    slot_status status;

    if (offset > txn->record_size || n > txn->record_size - offset)
        return slot__error_set(err, SLOT_E_ARG, FILE_RECORDS, SLOT_NO_OFFSET,
                               "%u bytes from byte %u on are beyond the record", n, offset);
    status = check_record(txn, recno, err);
    if (status != SLOT_OK || n == 0)
        return status;
    return txn->db->access == SLOT_TRANSACTIONAL ? write_in_log(txn, recno, offset, n, buf, err)
                                                 : write_direct(txn, recno, offset, n, buf, err);
}

slot_status slot_write(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n, const void *buf,
                       slot_error *err)
{
    return outcome(txn, OUTCOME_OF_WRITE, write_record(txn, recno, offset, n, buf, err));
}

slot_status slot_put(slot_txn *txn, uint64_t recno, const void *record, slot_error *err)
{
    return slot_write(txn, recno, 0, txn->db->record_size, record, err);
}

static slot_status edit_direct(slot_txn *txn, uint64_t recno, void **record, slot_error *err)
{
    uint8_t *address = NULL;
    struct pin *pin = NULL;
    slot_status status = address_direct(txn, recno, &pin, &address, err);

    if (status == SLOT_OK)
        status = slot__lent_note(&txn->db->lent, recno / txn->db->block_records, err);
    if (status == SLOT_OK)
        status = slot__pins_lend(&txn->pins, pin, err);
    if (status == SLOT_OK)
        *record = address;
    return status;
}

static slot_status edit_in_log(slot_txn *txn, uint64_t recno, void **record, slot_error *err)
{
    slot_db *db = txn->db;
    uint8_t *body = NULL;
    slot_status status = make_writable(txn, recno, err);

    if (status == SLOT_OK)
        status = slot__db_lend_block(txn, key_of_records(recno / db->block_records), &body, err);
    if (status == SLOT_OK)
        *record = body + recno % db->block_records * db->record_size;
    return status;
}

static slot_status edit(slot_txn *txn, uint64_t recno, void **record, slot_error *err)
{
    slot_status status = check_record(txn, recno, err);

    if (status != SLOT_OK)
        return status;
    return txn->db->access == SLOT_TRANSACTIONAL ? edit_in_log(txn, recno, record, err)
                                                 : edit_direct(txn, recno, record, err);
}

slot_status slot_edit(slot_txn *txn, uint64_t recno, void **record, slot_error *err)
{
    return outcome(txn, OUTCOME_OF_WRITE, edit(txn, recno, record, err));
}
