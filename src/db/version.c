/*
 * Where the bytes of a block are, for one transaction (protocol.md section 4): in its own frames,
 * in a frame of the log, or in the file. The set of segments that a transaction looks into is fixed
 * when it begins; none of them can be used for anything else as long as its slot says so.
 */
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"

#define LOG_PIN_BYTES (UINT64_C(1) << 40) /* of all segments: more than there can be */
#define FAR           8u /* versions on the way: from here on its end is remembered */

static const struct log_live *live_of(slot_txn *txn)
{
    if (!txn->live_known) {
        slot__log_live(&txn->db->log, txn->c, txn->seen.lsn, &txn->live);
        txn->live_known = true;
        txn->far_n = 0;
    }
    return &txn->live;
}

bool slot__version_none(slot_txn *txn)
{
    return txn->c >= txn->seen.lsn && txn->batch.n == 0;
}

static slot_status damaged(uint64_t address, const struct log *log, slot_error *err)
{
    return slot__error_set(err, SLOT_E_CORRUPT, slot__log_name(log_file_of(log, address)),
                           log_offset_of(log, address),
                           "the log does not hold what its index says: run verify");
}

slot_status slot__version_pins(slot_txn *txn, uint64_t address, slot_error *err)
{
    struct log *log = &txn->db->log;

    if (txn->log_pins.cache == NULL)
        slot__pins_init_files(&txn->log_pins, &txn->db->cache, log->frames, log->segment_shift,
                              LOG_PIN_BYTES, txn->db->record_size);
    return slot__log_open_segment(log, log_file_of(log, address), err);
}

const uint8_t *slot__version_private(const slot_txn *txn, uint64_t address)
{
    return txn->batch.entries[address & ~VERSION_PRIVATE].body;
}

slot_status slot__version_body(slot_txn *txn, uint64_t address, uint64_t offset, uint64_t n,
                               struct pin **pin, const uint8_t **bytes, slot_error *err)
{
    uint64_t at = address + FRAME_HEADER_BYTES + offset;
    slot_status status;

    if (version_is_private(address)) {
        *pin = NULL;
        *bytes = slot__version_private(txn, address) + offset;
        return SLOT_OK;
    }
    status = slot__version_pins(txn, address, err);
    if (status == SLOT_OK)
        status = pins_get(&txn->log_pins, at, n, pin, err);
    if (status == SLOT_OK)
        *bytes = (*pin)->base + (at - (*pin)->offset);
    return status;
}

slot_status slot__version_copy(slot_txn *txn, uint64_t address, uint64_t offset, uint64_t n,
                               void *to, slot_error *err)
{
    const struct log *log = &txn->db->log;
    uint64_t at = address + FRAME_HEADER_BYTES + offset;
    const uint8_t *bytes = NULL;
    struct pin *pin;
    slot_error own;
    slot_status status = SLOT_OK;
    os_result result;

    /* By itself: without memory for the segment's file there is nothing to read from. */
    if (!version_is_private(address))
        status = slot__version_pins(txn, address, err);
    if (status != SLOT_OK)
        return status;
    status = slot__version_body(txn, address, offset, n, &pin, &bytes, &own);
    if (status == SLOT_OK && pin == NULL) {
        memcpy(to, bytes, (size_t)n);
        return SLOT_OK;
    }
    if (status == SLOT_OK)
        result = txn->os->load(txn->os, to, bytes, (size_t)n);
    else if (status == SLOT_E_BUDGET || status == SLOT_E_NO_MEMORY)
        result = txn->os->read_at(txn->os, log->files[log_file_of(log, at)], log_offset_of(log, at),
                                  to, (size_t)n);
    else
        return error_hand_on(err, &own, status);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, slot__log_name(log_file_of(log, at)),
                              log_offset_of(log, at), "the log cannot be read");
    return SLOT_OK;
}

/* The header of the frame at `address`, which has to be that of `lsn` and `key`. */
static slot_status read_frame(slot_txn *txn, uint64_t address, uint64_t lsn, uint64_t key,
                              struct frame *frame, slot_error *err)
{
    uint8_t header[FRAME_HEADER_BYTES];
    slot_status status =
        slot__version_copy(txn, address - FRAME_HEADER_BYTES, 0, sizeof header, header, err);

    if (status != SLOT_OK)
        return status;
    if (!slot__frame_decode(header, frame) || frame->lsn != lsn || frame->key != key ||
        (frame->flags & FRAME_BODY) == 0)
        return damaged(address, &txn->db->log, err);
    return SLOT_OK;
}

/*
 * A block that others change all the time has a long chain, as long as the segment that holds it,
 * and a reader with an old snapshot would go along all of it at each look. For one snapshot the end
 * is always the same.
 */
static void remember(slot_txn *txn, uint64_t key, uint64_t address, uint64_t lsn)
{
    txn->far[txn->far_n++ % VERSIONS_FAR] = (struct version_far){key, address, lsn};
}

static const struct version_far *remembered(const slot_txn *txn, uint64_t key)
{
    for (uint32_t i = 0; i < txn->far_n && i < VERSIONS_FAR; i++) {
        if (txn->far[i].key == key)
            return &txn->far[i];
    }
    return NULL;
}

/*
 * From the newest version in the log back along its chain to the one that the transaction sees. A
 * snapshot and a checkpoint are the ends of commits: what begins before them is theirs. Versions
 * before c are in the file and never followed: their frames may be gone. Headers are read on the
 * way back only: mostly the newest version is the one, and its place says all about it.
 */
static slot_status walk(slot_txn *txn, uint64_t key, uint64_t newest, uint64_t *address,
                        uint64_t *lsn, slot_error *err)
{
    uint64_t at = newest, found = LOG_NO_ADDRESS;
    uint32_t passed = 0;
    struct frame frame;
    slot_status status;

    while (at != 0 && at >= txn->c) {
        found = slot__log_address(&txn->db->log, live_of(txn), at);
        if (found == LOG_NO_ADDRESS)
            return damaged(0, &txn->db->log, err);
        if (at < txn->seen.lsn)
            break;
        status = read_frame(txn, found, at, key, &frame, err);
        if (status != SLOT_OK)
            return status;
        at = frame.previous;
        passed++;
        found = LOG_NO_ADDRESS;
    }
    *address = found;
    *lsn = found == LOG_NO_ADDRESS ? 0 : at;
    if (passed >= FAR)
        remember(txn, key, *address, *lsn);
    return SLOT_OK;
}

/* In the segments of the transaction; nothing is changed when none has the block. */
static slot_status find_published(slot_txn *txn, uint64_t key, uint64_t *address, uint64_t *lsn,
                                  slot_error *err)
{
    const struct log_live *live = live_of(txn);
    const struct version_far *far = remembered(txn, key);
    slot_status status = SLOT_OK;

    if (far != NULL) {
        *address = far->address;
        *lsn = far->lsn;
        return SLOT_OK;
    }
    for (uint32_t i = 0; i < live->n && status == SLOT_OK; i++) {
        uint64_t offset = 0;

        status = slot__index_find(&txn->db->log, live->file[i], key, &offset, err);
        if (status == SLOT_OK && offset != 0)
            return walk(txn, key, live->start[i] + offset, address, lsn, err);
    }
    return status;
}

slot_status slot__version_find(slot_txn *txn, uint64_t key, uint64_t *address, uint64_t *lsn,
                               slot_error *err)
{
    const struct log_entry *own = slot__batch_find(&txn->batch, key);
    struct log_entry entry;
    uint64_t found = LOG_NO_ADDRESS, version = 0;
    slot_status status = SLOT_OK;

    if (own != NULL) {
        found = own->body != NULL ? VERSION_PRIVATE | (uint64_t)(own - txn->batch.entries)
                                  : own->address;
        version = own->lsn;
    } else if (txn->writing && slot__writer_find_pending(txn->db, key, &entry)) {
        found = entry.address;
        version = entry.lsn;
    } else if (txn->db->overlay.in_use) {
        status = slot__overlay_find(txn->db, key, &found, &version, err);
    } else if (txn->c < txn->seen.lsn) {
        status = find_published(txn, key, &found, &version, err);
    }
    if (status != SLOT_OK)
        return status;
    *address = found;
    if (lsn != NULL)
        *lsn = version;
    return SLOT_OK;
}

uint64_t slot__version_look(const slot_txn *txn, uint64_t key)
{
    const struct log_live *live = &txn->live;
    uint64_t found, offset, lsn;

    if (!txn->live_known || txn->writing)
        return VERSION_ASK;
    found = slot__index_look(&txn->db->log, live, key);
    if (found >= INDEX_ASK)
        return found == INDEX_NONE ? LOG_NO_ADDRESS : VERSION_ASK;
    offset = (uint32_t)found * (uint64_t)FRAME_UNIT;
    lsn = live->start[found >> 32] + offset;
    if (lsn < txn->c || lsn >= txn->seen.lsn)
        return VERSION_ASK;
    return (uint64_t)live->file[found >> 32] << txn->db->log.segment_shift | offset;
}

slot_status slot__version_plain(slot_txn *txn, uint64_t offset, uint64_t n, uint64_t *plain,
                                slot_error *err)
{
    slot_db *db = txn->db;
    slot_status status = SLOT_OK;
    uint64_t at = 0;

    if (!db_has_log(db) || slot__version_none(txn))
        at = n;
    while (at < n && status == SLOT_OK) {
        uint64_t address = LOG_NO_ADDRESS;

        status = slot__version_find(txn, key_of_records((offset + at) / db->block_bytes), &address,
                                    NULL, err);
        if (address != LOG_NO_ADDRESS)
            break;
        at += slot__db_rest_of_block(db, offset + at);
    }
    if (status == SLOT_OK)
        *plain = min_u64(at, n);
    return status;
}
