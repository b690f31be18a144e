/*
 * One record's way in, for records that exist: record number -> block, touched (block.c) -> the
 * bytes stored into the view. Appending is append.c; what makes it durable is txn.c.
 */
#include "base/status.h"
#include "db/handle.h"

/* The address of record `recno` in a writable view, its block ready for the store. */
static slot_status address_of(slot_txn *txn, uint64_t recno, struct pin **pin, uint8_t **address,
                              slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t offset = recno * db->record_size;
    slot_status status = db_may_write(txn, err);

    if (status != SLOT_OK)
        return status;
    if (recno >= txn->records)
        return db_not_found(txn, recno, err);
    if (offset + db->record_size > db->records.size)
        status = db_append_flush(txn, err);
    if (status == SLOT_OK)
        status = db_block_touch(txn, recno / db->block_records, pin, err);
    if (status == SLOT_OK)
        *address = (*pin)->base + (offset - (*pin)->offset);
    return status;
}

slot_status slot_write(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n, const void *buf,
                       slot_error *err)
{
    slot_db *db = txn->db;
    uint8_t *address = NULL;
    struct pin *pin = NULL;
    slot_status status;
    os_result result;

    if (offset > db->record_size || n > db->record_size - offset)
        return error_set(err, SLOT_E_ARG, FILE_RECORDS, SLOT_NO_OFFSET,
                         "%u bytes from byte %u on are beyond the record", n, offset);
    status = address_of(txn, recno, &pin, &address, err);
    if (status != SLOT_OK || n == 0)
        return status;
    result = db->os->store(db->os, address + offset, buf, n);
    if (!os_ok(result))
        return error_os(err, result.status, result.code, FILE_RECORDS,
                        recno * db->record_size + offset,
                        "a record cannot be written: was the file truncated?");
    return SLOT_OK;
}

slot_status slot_put(slot_txn *txn, uint64_t recno, const void *record, slot_error *err)
{
    return slot_write(txn, recno, 0, txn->db->record_size, record, err);
}

slot_status slot_edit(slot_txn *txn, uint64_t recno, void **record, slot_error *err)
{
    uint8_t *address = NULL;
    struct pin *pin = NULL;
    slot_status status = address_of(txn, recno, &pin, &address, err);

    if (status == SLOT_OK)
        status = pins_lend(&txn->pins, pin, err);
    if (status == SLOT_OK)
        *record = address;
    return status;
}
