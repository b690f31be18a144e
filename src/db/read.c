/*
 * One record's way out. Record number -> byte offset -> view -> copied to the caller, or lent.
 * On a hit that is a multiplication, a look into the transaction's own table (view/pins.h) and the
 * copy: no lock, no system call, nothing that another thread writes.
 */
#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"

#define BULK_BYTES_MIN UINT64_C(65536) /* from here on a range is read as a scan reads */

slot_status db_not_found(const slot_txn *txn, uint64_t recno, slot_error *err)
{
    return error_set(err, SLOT_NOT_FOUND, FILE_RECORDS, SLOT_NO_OFFSET,
                     "there is no record %llu: the database has %llu", (unsigned long long)recno,
                     (unsigned long long)txn->records);
}

/* A write transaction may ask for what it has appended and not yet written. */
static slot_status make_readable(slot_txn *txn, uint64_t end, slot_error *err)
{
    return end <= txn->db->records.size ? SLOT_OK : db_append_flush(txn, err);
}

static SLOT_COLD slot_status lost(uint64_t offset, os_result result, slot_error *err)
{
    return error_os(err, result.status, result.code, FILE_RECORDS, offset,
                    "records cannot be read: was the file truncated, or is the disk failing?");
}

/* Copy n bytes (at most a record) from `offset`. When no view can be had, ask the file instead. */
static slot_status copy_out(slot_txn *txn, uint64_t offset, void *to, uint64_t n, slot_error *err)
{
    slot_db *db = txn->db;
    struct pin *pin;
    slot_status status = pins_get(&txn->pins, offset, n, &pin, err);
    os_result result;

    if (status == SLOT_OK)
        result = db->os->load(db->os, to, pin->base + (offset - pin->offset), (size_t)n);
    else if (status == SLOT_E_BUDGET || status == SLOT_E_NO_MEMORY)
        result = db->os->read_at(db->os, db->files.records, offset, to, (size_t)n);
    else
        return status;
    return os_ok(result) ? SLOT_OK : lost(offset, result, err);
}

/* A record whose view this transaction does not have at hand, or that is not there. */
static SLOT_COLD slot_status get_slowly(slot_txn *txn, uint64_t recno, void *record,
                                        slot_error *err)
{
    uint64_t n = txn->db->record_size;
    slot_status status;

    if (recno >= txn->records)
        return db_not_found(txn, recno, err);
    status = make_readable(txn, (recno + 1) * n, err);
    if (status == SLOT_OK)
        status = copy_out(txn, recno * n, record, n, err);
    return status;
}

/* The hot path keeps little across the copy: every saved register is a store more for each record.
 */
slot_status slot_get(slot_txn *txn, uint64_t recno, void *record, slot_error *err)
{
    uint64_t offset = recno * txn->record_size;
    struct pin *pin;
    os_result result;

    if (recno >= txn->records || !pins_hit(&txn->pins, offset, txn->record_size, &pin))
        return get_slowly(txn, recno, record, err);
    result = txn->os->load(txn->os, record, pin->base + (offset - pin->offset),
                           (size_t)txn->record_size);
    return os_ok(result) ? SLOT_OK : lost(SLOT_NO_OFFSET, result, err);
}

slot_status slot_read(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n, void *buf,
                      slot_error *err)
{
    uint64_t record_size = txn->db->record_size;
    slot_status status;

    if (recno >= txn->records)
        return db_not_found(txn, recno, err);
    if (offset > record_size || n > record_size - offset)
        return error_set(err, SLOT_E_ARG, FILE_RECORDS, SLOT_NO_OFFSET,
                         "%u bytes from byte %u on are beyond the record", n, offset);
    status = make_readable(txn, (recno + 1) * record_size, err);
    if (status == SLOT_OK && n > 0)
        status = copy_out(txn, recno * record_size + offset, buf, n, err);
    return status;
}

/*
 * Copy the records of the next `left` bytes that lie in one view; *n gets their bytes. Large pieces
 * announce themselves as sequential; when no view can be had, a record is read from the file.
 */
static slot_status copy_piece(slot_txn *txn, uint64_t offset, uint8_t *to, uint64_t left,
                              uint64_t *n, slot_error *err)
{
    slot_db *db = txn->db;
    struct view *view;
    os_result result;

    if (left < BULK_BYTES_MIN ||
        pins_run(&txn->pins, PINS_BULK, offset, offset + db->record_size, &view, NULL) != SLOT_OK) {
        *n = db->record_size;
        return copy_out(txn, offset, to, *n, err);
    }
    *n = (view->n - (offset - view->offset)) / db->record_size * db->record_size;
    *n = min_u64(left, *n);
    result = db->os->load(db->os, to, view->base + (offset - view->offset), (size_t)*n);
    return os_ok(result) ? SLOT_OK : lost(offset, result, err);
}

slot_status slot_get_range(slot_txn *txn, uint64_t recno, uint64_t count, void *records,
                           slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t offset = recno * db->record_size;
    uint64_t left = count * db->record_size;
    uint8_t *to = records;
    slot_status status;
    uint64_t n;

    if (recno > txn->records || count > txn->records - recno)
        return db_not_found(txn, max_u64(recno, txn->records), err);
    status = make_readable(txn, offset + left, err);
    for (; left > 0 && status == SLOT_OK; offset += n, to += n, left -= n)
        status = copy_piece(txn, offset, to, left, &n, err);
    return status;
}

slot_status slot_ref(slot_txn *txn, uint64_t recno, const void **record, slot_error *err)
{
    uint64_t n = txn->db->record_size;
    struct pin *pin = NULL;
    slot_status status;

    if (recno >= txn->records)
        return db_not_found(txn, recno, err);
    status = make_readable(txn, (recno + 1) * n, err);
    if (status == SLOT_OK)
        status = pins_get(&txn->pins, recno * n, n, &pin, err);
    if (status == SLOT_OK)
        status = pins_lend(&txn->pins, pin, err);
    if (status == SLOT_OK)
        *record = pin->base + (recno * n - pin->offset);
    return status;
}

slot_status slot_scan(slot_txn *txn, uint64_t recno, uint64_t end, slot_run *run, slot_error *err)
{
    uint64_t n = txn->db->record_size;
    uint64_t offset = recno * n;
    struct view *view = NULL;
    slot_status status;

    end = min_u64(end, txn->records);
    if (recno >= end)
        return db_not_found(txn, recno, err);
    status = make_readable(txn, end * n, err);
    if (status == SLOT_OK)
        status = pins_run(&txn->pins, PINS_SCAN, offset, offset + n, &view, err);
    if (status != SLOT_OK)
        return status;
    run->records = view->base + (offset - view->offset);
    run->first = recno;
    run->count = min_u64(end - recno, (view->offset + view->n - offset) / n);
    return SLOT_OK;
}
