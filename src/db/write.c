/*
 * One record's way in, for records that exist: record number -> block, touched (touch.c; block.c in
 * direct access) -> the bytes stored into the view. Appending is append.c; what makes it durable is
 * commit.c (direct.c).
 */
#include "base/status.h"
#include "db/handle.h"

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

/* The same in transactional access: in a frame of this transaction. */
static slot_status address_in_log(slot_txn *txn, uint64_t recno, struct pin **pin,
                                  uint8_t **address, slot_error *err)
{
    slot_db *db = txn->db;
    const struct append_buffer *append = &txn->append;
    uint8_t *body = NULL;
    slot_status status = SLOT_OK;

    if (append->fill > 0 && (recno + 1) * db->record_size > append->start)
        status = slot__db_append_flush(txn, err);
    if (status == SLOT_OK)
        status = slot__db_touch(txn, key_of_records(recno / db->block_records), pin, &body, err);
    if (status == SLOT_OK)
        *address = body + recno % db->block_records * db->record_size;
    return status;
}

static slot_status address_of(slot_txn *txn, uint64_t recno, struct pin **pin, uint8_t **address,
                              slot_error *err)
{
    slot_status status = slot__db_may_write(txn, err);

    if (status != SLOT_OK)
        return status;
    if (recno >= txn->records)
        return slot__db_not_found(txn, recno, err);
    return txn->db->access == SLOT_TRANSACTIONAL ? address_in_log(txn, recno, pin, address, err)
                                                 : address_direct(txn, recno, pin, address, err);
}

/* Replace n bytes from byte `offset` of the record on, deleted or not. */
slot_status slot__db_write(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n,
                           const void *buf, slot_error *err)
{
    uint8_t *address = NULL;
    struct pin *pin = NULL;
    slot_status status = address_of(txn, recno, &pin, &address, err);
    os_result result;

    if (status != SLOT_OK || n == 0)
        return status;
    result = txn->os->store(txn->os, address + offset, buf, n);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_RECORDS,
                              recno * txn->record_size + offset,
                              "a record cannot be written: was the file truncated?");
    return SLOT_OK;
}

slot_status slot_write(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n, const void *buf,
                       slot_error *err)
{
    slot_status status = slot__db_may_write(txn, err);

    if (offset > txn->record_size || n > txn->record_size - offset)
        return slot__error_set(err, SLOT_E_ARG, FILE_RECORDS, SLOT_NO_OFFSET,
                               "%u bytes from byte %u on are beyond the record", n, offset);
    if (status == SLOT_OK && txn->deleted > 0 && recno < txn->records)
        status = slot__deleted_check(txn, recno, err);
    if (status == SLOT_OK)
        status = slot__db_write(txn, recno, offset, n, buf, err);
    return status;
}

slot_status slot_put(slot_txn *txn, uint64_t recno, const void *record, slot_error *err)
{
    return slot_write(txn, recno, 0, txn->db->record_size, record, err);
}

slot_status slot_edit(slot_txn *txn, uint64_t recno, void **record, slot_error *err)
{
    bool in_log = txn->db->access == SLOT_TRANSACTIONAL;
    uint8_t *address = NULL;
    struct pin *pin = NULL;
    slot_status status = slot__db_may_write(txn, err);

    if (status == SLOT_OK && txn->deleted > 0 && recno < txn->records)
        status = slot__deleted_check(txn, recno, err);
    if (status == SLOT_OK)
        status = address_of(txn, recno, &pin, &address, err);
    if (status == SLOT_OK)
        status = slot__pins_lend(in_log ? &txn->frame_pins : &txn->pins, pin, err);
    if (status == SLOT_OK)
        *record = address;
    return status;
}
