/*
 * One record's way out. Record number -> byte offset -> view -> copied to the caller, or lent.
 * On a hit that is a multiplication, a look into the transaction's own table (view/pins.h) and the
 * copy: no lock, no system call, nothing that another thread writes.
 */
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "db/outcome.h"

#define BULK_BYTES_MIN   UINT64_C(65536) /* from here on a range is read as a scan reads */
#define BULK_PIECE_BYTES AHEAD_PIECE_BYTES

void slot__db_read_init(slot_txn *txn)
{
    slot_db *db = txn->db;
    uint64_t bytes = txn->records * txn->record_size;

    slot__pins_init(&txn->pins, &db->cache, &db->records, bytes, db->record_size);
    txn->plain = txn->deleted == 0 ? txn->in_file : 0;
    txn->marks.known = false;
    txn->run = NULL;
    txn->run_bytes = 0;
    memset(&txn->ahead_scan, 0, sizeof txn->ahead_scan);
    memset(&txn->ahead_bulk, 0, sizeof txn->ahead_bulk);
    if (txn->leases.cache == NULL && slot__leases_wanted(&db->cache, bytes))
        slot__leases_init(&txn->leases, &db->cache, &db->records);
}

/* A write transaction may ask for what it has appended and not yet written; and nobody may ask in a
 * child made by fork, whose locks of the view cache some thread of the parent may have. */
slot_status slot__db_make_readable(slot_txn *txn, uint64_t end, slot_error *err)
{
    const struct append_buffer *append = &txn->append;
    slot_status status = db_check_process(txn->db, err);

    if (status == SLOT_OK && append->fill > 0 && end > append->start)
        status = slot__db_append_flush(txn, err);
    return status;
}

static SLOT_COLD slot_status lost(uint64_t offset, os_result result, slot_error *err)
{
    return slot__error_os(
        err, result.status, result.code, FILE_RECORDS, offset,
        "records cannot be read: was the file truncated, or is the disk failing?");
}

/*
 * A page of a view could not be had. Some systems give a hole of the file its space when it is read
 * through a view, and there is none on a full disk: a read call tells what really is there.
 */
static SLOT_COLD slot_status read_instead(slot_txn *txn, uint64_t offset, void *to, uint64_t n,
                                          os_result result, slot_error *err)
{
    if (result.status == SLOT_E_LOST &&
        os_ok(txn->os->read_at(txn->os, txn->db->files.records, offset, to, (size_t)n)))
        return SLOT_OK;
    return lost(offset, result, err);
}

/* Through a view while there is one for every part of the file, and when that cannot be had through
 * the file. */
static slot_status copy_pinned(slot_txn *txn, uint64_t offset, void *to, uint64_t n,
                               os_result *result, slot_error *err)
{
    slot_db *db = txn->db;
    struct pin *pin;
    slot_error own;
    slot_status status = pins_get(&txn->pins, offset, n, &pin, &own);

    if (status == SLOT_OK)
        *result = db->os->load(db->os, to, pin->base + (offset - pin->offset), (size_t)n);
    else if (status == SLOT_E_BUDGET || status == SLOT_E_NO_MEMORY)
        *result = db->os->read_at(db->os, db->files.records, offset, to, (size_t)n);
    else
        return error_hand_on(err, &own, status);
    return SLOT_OK;
}

slot_status slot__db_copy_out(slot_txn *txn, uint64_t offset, void *to, uint64_t n, slot_error *err)
{
    slot_status status = SLOT_OK;
    os_result result = os_success();

    if (txn->leases.cache != NULL)
        result = slot__leases_copy(&txn->leases, offset, to, n);
    else
        status = copy_pinned(txn, offset, to, n, &result, err);
    if (status == SLOT_OK && !os_ok(result))
        status = read_instead(txn, offset, to, n, result, err);
    return status;
}

/* Where n bytes of one block are that lie at `offset` of the records: in the log or in the file. */
static slot_status copy_version(slot_txn *txn, uint64_t offset, void *to, uint64_t n,
                                slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t block = offset / db->block_bytes;
    uint64_t address = LOG_NO_ADDRESS;
    slot_status status = SLOT_OK;

    if (db_has_log(db) && offset >= txn->in_file * txn->record_size)
        status = slot__version_find(txn, key_of_records(block), &address, NULL, err);
    if (status != SLOT_OK)
        return status;
    if (address == LOG_NO_ADDRESS)
        return slot__db_copy_out(txn, offset, to, n, err);
    return slot__version_copy(txn, address, offset - block * db->block_bytes, n, to, err);
}

static bool all_zero(const uint8_t *bytes, uint64_t n)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, (size_t)n - 1) == 0;
}

/* Whether the record may be deleted: deleted ones are zeros, and mostly the first bytes tell. Where
 * this transaction has lent blocks for writing, no bytes tell anything. */
static inline bool may_be_deleted(const slot_txn *txn, const uint8_t *record, uint64_t n)
{
    uint64_t first = 0;

    if (txn->deleted == 0)
        return false;
    if (txn->loans)
        return true;
    memcpy(&first, record, (size_t)min_u64(n, sizeof first));
    return first == 0 && all_zero(record, n);
}

/*
 * A record whose view this transaction does not have at hand, that may have a version in the log or
 * be deleted, or that is not there.
 */
static slot_status look_up(slot_txn *txn, uint64_t recno, void *record, slot_error *err)
{
    uint64_t n = txn->record_size;
    slot_status status;

    if (recno >= txn->records)
        return slot__db_not_found(txn, recno, err);
    status = slot__db_make_readable(txn, (recno + 1) * n, err);
    if (status == SLOT_OK)
        status = recno < txn->in_file ? slot__db_copy_out(txn, recno * n, record, n, err)
                                      : copy_version(txn, recno * n, record, n, err);
    if (status == SLOT_OK && may_be_deleted(txn, record, n))
        status = deleted_check(txn, recno, err);
    return status;
}

static SLOT_COLD slot_status get_slowly(slot_txn *txn, uint64_t recno, void *record,
                                        slot_error *err)
{
    return outcome(txn, OUTCOME_OF_READ, look_up(txn, recno, record, err));
}

/* While some records are deleted: the first bytes of a copy mostly tell that it is not. */
static SLOT_NOINLINE slot_status get_undeleted(slot_txn *txn, uint64_t recno, void *record,
                                               slot_error *err)
{
    uint64_t size = txn->record_size, offset = recno * size, first;
    const struct pin *pin = pins_entry(&txn->pins, offset);
    os_result result;

    if (size < sizeof first || !pins_hit(pin, offset))
        return get_slowly(txn, recno, record, err);
    result = txn->os->load(txn->os, record, pin->base + (offset - pin->offset), (size_t)size);
    if (!os_ok(result))
        return get_slowly(txn, recno, record, err);
    memcpy(&first, record, sizeof first);
    return first != 0 ? SLOT_OK : get_slowly(txn, recno, record, err);
}

/*
 * While the log has something for readers: where the block is, and the copy, when all that takes is
 * at hand.
 */
static SLOT_NOINLINE slot_status get_version(slot_txn *txn, uint64_t recno, void *record,
                                             slot_error *err)
{
    const slot_db *db = txn->db;
    uint64_t block = recno / db->block_records, size = txn->record_size;
    uint64_t address = VERSION_ASK, at;
    struct view_pins *pins;
    const struct pin *pin;
    os_result result;

    if (recno < txn->records)
        address = slot__version_look(txn, key_of_records(block));
    if (address == VERSION_ASK)
        return get_slowly(txn, recno, record, err);
    if (address == LOG_NO_ADDRESS) {
        pins = &txn->pins;
        at = recno * size;
    } else {
        pins = &txn->log_pins;
        at = address + FRAME_HEADER_BYTES + (recno - block * db->block_records) * size;
    }
    pin = pins_entry(pins, at);
    if (pins->cache == NULL || !pins_hit(pin, at))
        return get_slowly(txn, recno, record, err);
    result = txn->os->load(txn->os, record, pin->base + (at - pin->offset), (size_t)size);
    if (!os_ok(result) && address == LOG_NO_ADDRESS)
        return outcome(txn, OUTCOME_OF_READ, read_instead(txn, at, record, size, result, err));
    if (!os_ok(result))
        return outcome(txn, OUTCOME_OF_READ, lost(SLOT_NO_OFFSET, result, err));
    return may_be_deleted(txn, record, size)
               ? outcome(txn, OUTCOME_OF_READ, deleted_check(txn, recno, err))
               : SLOT_OK;
}

/*
 * A call of slot_get whose copy did not come to its end. It is kept in memory and not in registers:
 * each one that lasts over the copy would be saved and restored for each record.
 */
struct get_again {
    slot_txn *volatile txn;
    void *volatile record;
    slot_error *volatile err;
    volatile uint64_t recno;
};

static SLOT_COLD slot_status get_instead(const struct get_again *again, os_result result)
{
    slot_txn *txn = again->txn;
    uint64_t offset = again->recno * txn->record_size;
    slot_status status =
        read_instead(txn, offset, again->record, txn->record_size, result, again->err);

    return outcome(txn, OUTCOME_OF_READ, status);
}

slot_status slot_get(slot_txn *txn, uint64_t recno, void *record, slot_error *err)
{
    uint64_t offset = recno * txn->record_size;
    const struct pin *pin = pins_entry(&txn->pins, offset);
    struct get_again again;
    os_result result;

    if (recno >= txn->plain)
        return recno < txn->in_file ? get_undeleted(txn, recno, record, err)
                                    : get_version(txn, recno, record, err);
    if (!pins_hit(pin, offset))
        return get_slowly(txn, recno, record, err);
    again.txn = txn;
    again.record = record;
    again.err = err;
    again.recno = recno;
    result = txn->os->load(txn->os, record, pin->base + (offset - pin->offset),
                           (size_t)txn->record_size);
    return os_ok(result) ? SLOT_OK : get_instead(&again, result);
}

static slot_status read_part(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n, void *buf,
                             slot_error *err)
{
    uint64_t record_size = txn->record_size;
    slot_status status;

    if (recno >= txn->records)
        return slot__db_not_found(txn, recno, err);
    if (offset > record_size || n > record_size - offset)
        return slot__error_set(err, SLOT_E_ARG, FILE_RECORDS, SLOT_NO_OFFSET,
                               "%u bytes from byte %u on are beyond the record", n, offset);
    status = slot__db_make_readable(txn, (recno + 1) * record_size, err);
    if (status == SLOT_OK && n > 0)
        status = copy_version(txn, recno * record_size + offset, buf, n, err);
    if (status == SLOT_OK && (n == 0 || may_be_deleted(txn, buf, n)))
        status = deleted_check(txn, recno, err);
    return status;
}

slot_status slot_read(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n, void *buf,
                      slot_error *err)
{
    return outcome(txn, OUTCOME_OF_READ, read_part(txn, recno, offset, n, buf, err));
}

/*
 * Copy records of the next `left` bytes that lie in one piece; *n gets their bytes. Large pieces
 * announce themselves as sequential; what has a version in the log, or when no view can be had,
 * comes block by block.
 */
static slot_status copy_piece(slot_txn *txn, uint64_t offset, uint8_t *to, uint64_t left,
                              uint64_t *n, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t plain = 0;
    struct view *view;
    os_result result;
    slot_status status =
        slot__version_plain(txn, offset, min_u64(left, BULK_PIECE_BYTES), &plain, err);

    if (status != SLOT_OK)
        return status;
    if (plain < BULK_BYTES_MIN ||
        slot__pins_run(&txn->pins, PINS_BULK, offset, offset + db->record_size, &view, NULL) !=
            SLOT_OK) {
        *n = min_u64(left, slot__db_rest_of_block(db, offset));
        status = deleted_zero_lent(txn, offset / db->block_bytes, err);
        return status == SLOT_OK ? copy_version(txn, offset, to, *n, err) : status;
    }
    *n = (view->n - (offset - view->offset)) / db->record_size * db->record_size;
    *n = min_u64(plain, *n);
    slot__ahead_forward(&txn->ahead_bulk, db->os, db->files.records, offset, offset + *n,
                        offset + left);
    result = db->os->load(db->os, to, view->base + (offset - view->offset), (size_t)*n);
    return os_ok(result) ? SLOT_OK : read_instead(txn, offset, to, *n, result, err);
}

static slot_status get_range(slot_txn *txn, uint64_t recno, uint64_t count, void *records,
                             slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t offset = recno * db->record_size;
    uint64_t left = count * db->record_size;
    uint8_t *to = records;
    slot_status status;
    uint64_t n = 0;

    if (recno > txn->records || count > txn->records - recno)
        return slot__db_not_found(txn, max_u64(recno, txn->records), err);
    status = slot__db_make_readable(txn, offset + left, err);
    for (; left > 0 && status == SLOT_OK; offset += n, to += n, left -= n)
        status = copy_piece(txn, offset, to, left, &n, err);
    return status;
}

slot_status slot_get_range(slot_txn *txn, uint64_t recno, uint64_t count, void *records,
                           slot_error *err)
{
    return outcome(txn, OUTCOME_OF_READ, get_range(txn, recno, count, records, err));
}

/* Lend n bytes (at most a block) of the records from `offset`, wherever their version is. */
static slot_status lend_once(slot_txn *txn, uint64_t offset, uint64_t n, const void **bytes,
                             slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t block = offset / db->block_bytes;
    uint64_t address = LOG_NO_ADDRESS;
    struct view_pins *pins = &txn->pins;
    const uint8_t *at = NULL;
    slot_status status = SLOT_OK;
    struct pin *pin = NULL;

    if (db_has_log(db) && offset >= txn->in_file * txn->record_size)
        status = slot__version_find(txn, key_of_records(block), &address, NULL, err);
    if (status != SLOT_OK)
        return status;
    if (address != LOG_NO_ADDRESS) {
        status =
            slot__version_body(txn, address, offset - block * db->block_bytes, n, &pin, &at, err);
        pins = &txn->log_pins;
    } else {
        status = pins_get(pins, offset, n, &pin, err);
        if (status == SLOT_OK)
            at = pin->base + (offset - pin->offset);
    }
    if (status == SLOT_OK && pin != NULL)
        status = slot__pins_lend(pins, pin, err);
    if (status == SLOT_OK) {
        txn->lent = txn->lent || pin != NULL;
        *bytes = at;
    }
    return status;
}

/* What the transaction holds for speed alone, of the other file, may be just what is missing. */
static slot_status lend(slot_txn *txn, uint64_t offset, uint64_t n, const void **bytes,
                        slot_error *err)
{
    slot_status status = lend_once(txn, offset, n, bytes, err);

    if (status != SLOT_E_BUDGET)
        return status;
    slot__pins_drop(&txn->pins);
    slot__pins_drop(&txn->log_pins);
    if (txn->marks.known)
        slot__pins_drop(&txn->marks.pins);
    return lend_once(txn, offset, n, bytes, err);
}

/* A record of a view of which nothing was lent yet, or that may have a version in the log. */
static slot_status look_up_ref(slot_txn *txn, uint64_t recno, const void **record, slot_error *err)
{
    uint64_t n = txn->record_size;
    slot_status status;

    if (recno >= txn->records)
        return slot__db_not_found(txn, recno, err);
    status = slot__db_make_readable(txn, (recno + 1) * n, err);
    if (status == SLOT_OK)
        status = deleted_check(txn, recno, err);
    if (status == SLOT_OK)
        status = lend(txn, recno * n, n, record, err);
    return status;
}

static SLOT_NOINLINE slot_status ref_slowly(slot_txn *txn, uint64_t recno, const void **record,
                                            slot_error *err)
{
    return outcome(txn, OUTCOME_OF_READ, look_up_ref(txn, recno, record, err));
}

/*
 * While some records are deleted, mostly a copy of the marks tells that this one is not. What is
 * not at hand goes to another function at the end, so that this one saves no register: a program
 * that goes through what it was lent waits for memory, and the fewer instructions are between two
 * records, the more such waits overlap.
 */
slot_status slot_ref(slot_txn *txn, uint64_t recno, const void **record, slot_error *err)
{
    uint64_t offset = recno * txn->record_size;
    const struct pin *pin = pins_entry(&txn->pins, offset);

    if ((recno >= txn->plain && (recno >= txn->in_file || !marks_have_none(txn, recno))) ||
        !pins_hit(pin, offset) || !pins_is_lent(&txn->pins, pin))
        return ref_slowly(txn, recno, record, err);
    *record = pin->base + (offset - pin->offset);
    return SLOT_OK;
}

/* ---- announcing ---- */

/* Bytes of `records`, whole pages, that were asked for and not yet announced. */
struct announced {
    uint64_t from, to;
};

static void announce(slot_txn *txn, struct announced *pages, uint64_t from, uint64_t to)
{
    const struct os *os = txn->os;

    if (from <= pages->to && to >= pages->from && pages->to > 0) { /* they touch: one request */
        pages->from = min_u64(pages->from, from);
        pages->to = max_u64(pages->to, to);
        return;
    }
    if (pages->to > 0)
        os->advise(os, txn->db->files.records, pages->from, pages->to - pages->from,
                   OS_ADVICE_WILLNEED);
    pages->from = from;
    pages->to = to;
}

void slot_prefetch(slot_txn *txn, const uint64_t *recnos, size_t n)
{
    struct announced pages = {0, 0};
    uint64_t size = txn->record_size;

    for (size_t i = 0; i < n; i++) {
        uint64_t address = LOG_NO_ADDRESS;
        uint64_t offset = recnos[i] * size;

        if (recnos[i] >= txn->records)
            continue;
        if (recnos[i] >= txn->in_file && db_has_log(txn->db) &&
            slot__version_find(txn, key_of_records(offset / txn->db->block_bytes), &address, NULL,
                               NULL) != SLOT_OK)
            continue;
        if (address == LOG_NO_ADDRESS) /* the log is young, and in memory */
            announce(txn, &pages, round_down(offset, OS_PAGE_SIZE),
                     round_up(offset + size, OS_PAGE_SIZE));
    }
    announce(txn, &pages, UINT64_MAX, UINT64_MAX);
}
