/*
 * The first touch of a block in a transaction: a frame at the head of the log is reserved for it,
 * and its newest version is copied into private memory (log/bodies.h), where it can be changed, and
 * from which the seal stores it into its frame. What is summed is so what the transaction has made,
 * whatever the disk does to the log's pages; and a pointer that a program keeps too long does not
 * lead into a log that is sealed. When private memory has no room, the copy is made in the frame.
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

    found = slot__sums_of_block(db->sums.seed, block, bytes, (size_t)n);
    if (!db->sums_stale) {
        status = slot__sums_get(&db->sums, block, &expected, err);
        if (status != SLOT_OK)
            return status;
        if (found != expected)
            return slot__error_set(
                err, SLOT_E_CORRUPT, FILE_RECORDS, block * db->block_bytes,
                "block %llu does not fit its checksum and is not changed: run verify",
                (unsigned long long)block);
    }
    /* A zero block may be a hole: it gets its space while we can still say no. */
    return found == 0 ? slot__space_for_block(db, block, err) : SLOT_OK;
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
        return key_is_deleted(key) ? slot__marks_read(txn, key_block(key), 0, body, n, err)
                                   : load_from_records(txn, key_block(key), body, err);
    return slot__version_copy(txn, address, 0, n, body, err);
}

/* ---- space ---- */

/* For the day when the block goes home. */
static slot_status give_space(slot_txn *txn, uint64_t key, slot_error *err)
{
    slot_db *db = txn->db;
    uint64_t block = key_block(key);

    if (key_is_deleted(key))
        return slot__space_for_marks(db, block, block + 1, txn->records, err);
    if (bytes_in_file(txn, block) >= db->block_bytes)
        return SLOT_OK;
    return slot__space_for_new_block(db, block, err);
}

/* ---- the frame ---- */

/* Reserve a frame; when the log is full, or the disk, make room and try once more. */
static slot_status reserve(slot_txn *txn, uint64_t key, uint64_t previous, uint64_t *address,
                           slot_error *err)
{
    slot_db *db = txn->db;
    uint32_t limit = slot__db_log_limit(db);
    slot_error own;
    slot_status status = slot__batch_reserve(&db->log, &db->writer.head, &txn->batch, key, previous,
                                             limit, address, &own);

    if (status != SLOT_E_LOG_FULL && status != SLOT_E_NO_SPACE)
        return error_hand_on(err, &own, status);
    status = slot__commit_make_room(txn, err);
    if (status == SLOT_OK)
        status = slot__batch_reserve(&db->log, &db->writer.head, &txn->batch, key, previous, limit,
                                     address, err);
    return status;
}

/*
 * Reserve a frame for the block, and load its newest version into `body`. What can fail because of
 * what is on disk comes first: then nothing has changed. And space comes after reading: it would
 * make a file long again that somebody has cut.
 */
static slot_status first_touch(slot_txn *txn, uint64_t key, uint8_t *body, uint64_t *address,
                               slot_error *err)
{
    uint64_t source = LOG_NO_ADDRESS, previous = 0;
    slot_status status = slot__version_find(txn, key, &source, &previous, err);

    if (status == SLOT_OK)
        status = load_block(txn, key, source, body, err);
    if (status == SLOT_OK)
        status = give_space(txn, key, err);
    if (status == SLOT_OK)
        status = reserve(txn, key, previous, address, err);
    if (status == SLOT_OK) {
        txn->changed = true;
        txn->in_file = txn->plain = 0; /* from now on the log is asked first */
    }
    return status;
}

static void init_frame_pins(slot_txn *txn, struct view_pins *pins, struct view_file *files)
{
    if (pins->cache == NULL)
        slot__pins_init_files(pins, &txn->db->cache, files, txn->db->log.segment_shift,
                              UINT64_MAX >> 1, 1);
}

/*
 * Into the frame at `address`, from byte `offset` of its body on; through the file when no view can
 * be had. After a failure nobody knows which of the bytes were stored: the transaction is doomed.
 */
static slot_status store_in_frame(slot_txn *txn, uint64_t address, uint32_t offset,
                                  const void *from, uint32_t n, slot_error *err)
{
    struct log *log = &txn->db->log;
    uint64_t at = address + FRAME_HEADER_BYTES + offset;
    struct pin *pin = NULL;
    os_result result = os_success();

    init_frame_pins(txn, &txn->frame_pins, log->open_frames);
    result.status = pins_get(&txn->frame_pins, at, n, &pin, err);
    if (os_ok(result))
        result = txn->os->store(txn->os, pin->base + (at - pin->offset), from, n);
    else if (log_may_do_without(result.status))
        result = txn->os->write_at(txn->os, log->files[log_file_of(log, at)],
                                   log_offset_of(log, at), from, n);
    if (os_ok(result))
        return SLOT_OK;
    txn->doomed =
        slot__error_os(err, SLOT_E_LOST, result.code, slot__log_name(log_file_of(log, at)),
                       log_offset_of(log, at), "the log cannot be written: was it truncated?");
    return txn->doomed;
}

/* Whether private memory has room for one more block, which is to be lent or not. */
static bool has_room(const slot_txn *txn, bool lend)
{
    const slot_db *db = txn->db;
    const struct log_bodies *bodies = &db->writer.bodies;
    uint64_t n = lend ? bodies->lent : bodies->used - bodies->lent;

    return (n + 1) * bodies->bytes <= (lend ? db->lend_bytes : db->keep_bytes);
}

static slot_status touch(slot_txn *txn, uint64_t key, bool lend, struct touched *touched,
                         slot_error *err)
{
    const struct log_entry *own = slot__batch_find(&txn->batch, key);
    uint8_t *scratch = txn->db->writer.scratch;
    slot_status status;

    if (own != NULL) {
        touched->address = own->address;
        touched->body = own->body;
        return SLOT_OK;
    }
    touched->body = has_room(txn, lend) ? slot__bodies_take(&txn->db->writer.bodies) : NULL;
    status = first_touch(txn, key, touched->body != NULL ? touched->body : scratch,
                         &touched->address, err);
    if (status == SLOT_OK && touched->body == NULL) {
        txn->batch.in_frames = true;
        return store_in_frame(txn, touched->address, 0, scratch,
                              slot__log_body_bytes(&txn->db->log, key), err);
    }
    if (status == SLOT_OK)
        slot__batch_keep(&txn->batch, key, touched->body);
    else if (touched->body != NULL)
        slot__bodies_untake(&txn->db->writer.bodies);
    return status;
}

slot_status slot__db_touch(slot_txn *txn, uint64_t key, struct touched *touched, slot_error *err)
{
    return touch(txn, key, false, touched, err);
}

slot_status slot__touched_store(slot_txn *txn, const struct touched *touched, uint32_t offset,
                                const void *from, uint32_t n, slot_error *err)
{
    if (touched->body == NULL)
        return store_in_frame(txn, touched->address, offset, from, n, err);
    memcpy(touched->body + offset, from, n);
    return SLOT_OK;
}

slot_status slot__touched_load(slot_txn *txn, const struct touched *touched, uint32_t offset,
                               void *to, uint32_t n, slot_error *err)
{
    if (touched->body == NULL)
        return slot__version_copy(txn, touched->address, offset, n, to, err);
    memcpy(to, touched->body + offset, n);
    return SLOT_OK;
}

/* ---- lending for writing ---- */

/*
 * Whether the pages that the body of a frame begins in hold nothing of another transaction: then
 * they can be opened for stores until this one ends. Pages behind are this one's in any case.
 */
static bool has_own_pages(const slot_txn *txn, uint64_t address)
{
    const struct log *log = &txn->db->log;
    const struct log_head *before = &txn->batch.before;
    uint64_t from = round_down(log_offset_of(log, address) + FRAME_HEADER_BYTES, OS_GRANULARITY);

    return log_file_of(log, address) != before->file || from >= before->lsn - before->start;
}

/* A block that is in the frame at `address`: its bytes move into private memory. */
static slot_status lend_moved(slot_txn *txn, uint64_t key, uint64_t address, uint8_t **body,
                              slot_error *err)
{
    slot_status status;

    *body = slot__bodies_take(&txn->db->writer.bodies);
    if (*body == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    status =
        slot__version_copy(txn, address, 0, slot__log_body_bytes(&txn->db->log, key), *body, err);
    if (status == SLOT_OK)
        slot__batch_keep(&txn->batch, key, *body);
    else
        slot__bodies_untake(&txn->db->writer.bodies);
    return status;
}

/* The pages of the frame at `address`, opened for stores. */
static slot_status lend_pages(slot_txn *txn, uint64_t key, uint64_t address, uint8_t **body,
                              slot_error *err)
{
    struct log *log = &txn->db->log;
    uint64_t at = address + FRAME_HEADER_BYTES;
    uint32_t n = slot__log_body_bytes(log, key);
    struct pin *pin = NULL;
    slot_status status;

    init_frame_pins(txn, &txn->lent_pins, log->lent_frames);
    status = pins_get(&txn->lent_pins, at, n, &pin, err);
    if (status == SLOT_OK)
        status = slot__pins_lend(&txn->lent_pins, pin, err);
    if (status == SLOT_OK)
        status = slot__view_open_pages(&txn->db->cache, pin->view, log_offset_of(log, at), n, err);
    if (status == SLOT_OK)
        *body = pin->base + (at - pin->offset);
    return status;
}

slot_status slot__db_lend_block(slot_txn *txn, uint64_t key, uint8_t **body, slot_error *err)
{
    struct touched touched;
    slot_status status = touch(txn, key, true, &touched, err);
    bool lent;

    if (status != SLOT_OK)
        return status;
    *body = touched.body;
    lent = slot__batch_find(&txn->batch, key)->lent;
    if (touched.body == NULL && !lent &&
        (has_room(txn, true) || !has_own_pages(txn, touched.address)))
        status = lend_moved(txn, key, touched.address, body, err);
    else if (touched.body == NULL)
        status = lend_pages(txn, key, touched.address, body, err);
    if (status != SLOT_OK || lent)
        return status;
    txn->loans = true;
    slot__batch_lend(&txn->batch, key);
    txn->db->writer.bodies.lent += slot__batch_find(&txn->batch, key)->body != NULL;
    return SLOT_OK;
}

void slot__db_close_loans(slot_txn *txn)
{
    if (txn->lent_pins.cache == NULL)
        return;
    slot__pins_release(&txn->lent_pins);
    slot__view_close_pages(&txn->db->cache);
    txn->lent_pins.cache = NULL;
}
