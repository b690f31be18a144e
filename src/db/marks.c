/*
 * How a transaction looks at deletion marks: at the blocks of `deleted`, or at their versions in
 * the log, as it looks at records. Every record that is zero, and every one that is lent or
 * changed, is looked up here, so a look makes no system call once its view is mapped.
 *
 *   version   the log is asked once for a block of marks, and where it is is remembered: nothing
 *             but a mark of this transaction moves it (slot__marks_moved), as long as the
 *             transaction keeps its c (db_marks_release)
 *   file      its length is asked for once for each checkpoint: what a later one puts behind that
 *             end is newer than c, and comes from the log
 *   views     pinned, or leased where views are few (view/lease.h): then marks take none away from
 *             the records that are lent
 *   copies    of a block that is looked at often, in memory of the transaction: a look costs a load
 *             without a guard, and a random lend is as fast as where nothing is deleted. A block
 *             that is looked at a few times only, as in a database of many, is not worth the copy
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"

#define WORD_BYTES 8u
#define OFTEN      8u /* so many looks cost about what a copy of the block does */

static slot_status unreadable(uint64_t offset, os_result result, slot_error *err)
{
    return slot__error_os(err, result.status, result.code, FILE_DELETED, offset,
                          "deletion marks cannot be read");
}

/* ---- at the first look ---- */

/* Bytes that the file must have, as far as this handle knows. */
static uint64_t least_size(slot_db *db)
{
    uint64_t blocks;

    slot__os_mutex_lock(&db->stat_mutex);
    blocks = db->meta.deleted_blocks;
    slot__os_mutex_unlock(&db->stat_mutex);
    return blocks * BITMAP_BLOCK_BYTES;
}

/* Marks are read through views of it from now on. */
static void describe(slot_db *db, struct os_file *file)
{
    slot__os_mutex_lock(&db->stat_mutex);
    if (db->deleted.file == NULL) {
        db->deleted.name = FILE_DELETED;
        db->deleted.block_bytes = BITMAP_BLOCK_BYTES;
        db->deleted.mode = OS_MAP_READ;
        db->deleted.file = file;
    }
    slot__os_mutex_unlock(&db->stat_mutex);
}

/* How long the file is, 0 when there is none. */
static slot_status ask_end(slot_db *db, uint64_t *end, slot_error *err)
{
    struct os_file *file = NULL;
    uint64_t size = 0, least = least_size(db);
    slot_status status = slot__deleted_open(db, &file, err);
    os_result result = os_success();

    if (status != SLOT_OK)
        return status;
    if (file != NULL) {
        describe(db, file);
        result = db->os->size(db->os, file, &size);
    }
    if (!os_ok(result))
        return unreadable(SLOT_NO_OFFSET, result, err);
    if (size < least)
        return slot__error_set(err, SLOT_E_TRUNCATED, FILE_DELETED, size,
                               "%llu bytes long, must have %llu: did another program cut it?",
                               (unsigned long long)size, (unsigned long long)least);
    *end = size;
    return SLOT_OK;
}

/* A file that is there never gets shorter in a session, so what was asked for an earlier
 * transaction of the same c, or a later c, holds. */
static slot_status find_end(slot_txn *txn, uint64_t *end, slot_error *err)
{
    slot_db *db = txn->db;
    slot_status status = SLOT_OK;
    bool known;

    slot__os_mutex_lock(&db->stat_mutex);
    known = db->marks_known && db->marks_c >= txn->c;
    if (known)
        *end = db->marks_end;
    slot__os_mutex_unlock(&db->stat_mutex);
    if (!known)
        status = ask_end(db, end, err);
    if (known || status != SLOT_OK)
        return status;
    slot__os_mutex_lock(&db->stat_mutex);
    if (!db->marks_known || db->marks_c < txn->c) {
        db->marks_known = true;
        db->marks_c = txn->c;
        db->marks_end = *end;
    }
    slot__os_mutex_unlock(&db->stat_mutex);
    return SLOT_OK;
}

static void forget_places(struct marks *marks)
{
    for (uint32_t i = 0; i < MARKS_PLACES; i++)
        marks->places[i].block = UINT64_MAX;
}

static void forget_copies(struct marks *marks)
{
    for (uint32_t i = 0; i < MARKS_PLACES; i++)
        marks->hands[i].block = UINT64_MAX;
}

static slot_status set_up(slot_txn *txn, slot_error *err)
{
    struct marks *marks = &txn->marks;
    struct view_cache *cache = &txn->db->cache;
    slot_status status = find_end(txn, &marks->end, err);

    if (status != SLOT_OK)
        return status;
    forget_places(marks);
    marks->pins.cache = NULL;
    if (marks->end > 0 && !slot__leases_views_are_few(cache))
        slot__pins_init(&marks->pins, cache, &txn->db->deleted, marks->end, 1);
    else if (marks->end > 0 && marks->leases.cache == NULL)
        slot__leases_init(&marks->leases, cache, &txn->db->deleted);
    marks->known = true;
    return SLOT_OK;
}

void slot__marks_forget(slot_txn *txn)
{
    if (txn->marks.pins.cache != NULL)
        slot__pins_release(&txn->marks.pins);
    forget_copies(&txn->marks);
    txn->marks.known = false;
}

void slot__marks_init(slot_txn *txn)
{
    forget_copies(&txn->marks);
    memset(txn->marks.places, 0, sizeof txn->marks.places);
    txn->marks.known = false;
    txn->marks.leases.cache = NULL;
}

void slot__marks_free(slot_txn *txn)
{
    db_marks_release(txn);
    slot__leases_release(&txn->marks.leases);
    for (uint32_t i = 0; i < MARKS_PLACES; i++)
        free(txn->marks.places[i].copy);
}

/* ---- looking ---- */

/* Copy n bytes of one block of the file, which is so long. */
static slot_status copy(slot_txn *txn, uint64_t offset, uint8_t *bits, uint32_t n, slot_error *err)
{
    struct marks *marks = &txn->marks;
    const struct os *os = txn->os;
    struct pin *pin = NULL;
    slot_error own;
    slot_status status;
    os_result result;

    if (marks->pins.cache == NULL) {
        result = slot__leases_copy(&marks->leases, offset, bits, n);
    } else {
        status = pins_get(&marks->pins, offset, n, &pin, &own);
        if (status == SLOT_OK)
            result = os->load(os, bits, pin->base + (offset - pin->offset), n);
        else if (status == SLOT_E_BUDGET || status == SLOT_E_NO_MEMORY)
            result = (os_result){SLOT_E_LOST, 0};
        else
            return error_hand_on(err, &own, status);
    }
    /* No view, or a hole that a full disk gives no page for: the file tells. */
    if (result.status == SLOT_E_LOST)
        result = os->read_at(os, txn->db->deleted.file, offset, bits, n);
    return os_ok(result) ? SLOT_OK : unreadable(offset, result, err);
}

/* The same of a file that may end before. */
static slot_status copy_from_file(slot_txn *txn, uint64_t offset, uint8_t *bits, uint32_t n,
                                  slot_error *err)
{
    uint64_t end = txn->marks.end;
    uint32_t there = offset < end ? (uint32_t)min_u64(n, end - offset) : 0;

    memset(bits + there, 0, n - there);
    return there == 0 ? SLOT_OK : copy(txn, offset, bits, there, err);
}

/* ---- where a block of marks is ---- */

/* Where the version of a block of marks is that this transaction sees. */
static slot_status find(slot_txn *txn, uint64_t block, struct marks_place **found, slot_error *err)
{
    struct marks_place *place = &txn->marks.places[block % MARKS_PLACES];
    uint64_t address = LOG_NO_ADDRESS;
    slot_status status = SLOT_OK;

    *found = place;
    if (place->block == block)
        return SLOT_OK;
    if (db_has_log(txn->db) && !slot__version_none(txn))
        status = slot__version_find(txn, key_of_deleted(block), &address, NULL, err);
    if (status != SLOT_OK)
        return status;
    txn->marks.hands[block % MARKS_PLACES].block = UINT64_MAX; /* it is of another */
    place->block = block;
    place->address = address;
    place->looks = 0;
    return SLOT_OK;
}

void slot__marks_moved(slot_txn *txn, uint64_t block)
{
    if (!txn->marks.known)
        return;
    txn->marks.places[block % MARKS_PLACES].block = UINT64_MAX;
    txn->marks.hands[block % MARKS_PLACES].block = UINT64_MAX;
}

slot_status slot__marks_read(slot_txn *txn, uint64_t block, uint32_t offset, uint8_t *bits,
                             uint32_t n, slot_error *err)
{
    struct marks_place *place = NULL;
    slot_status status = txn->marks.known ? SLOT_OK : set_up(txn, err);

    if (status == SLOT_OK)
        status = find(txn, block, &place, err);
    if (status != SLOT_OK)
        return status;
    if (place->address != LOG_NO_ADDRESS)
        return slot__version_copy(txn, place->address, offset, n, bits, err);
    return copy_from_file(txn, block * BITMAP_BLOCK_BYTES + offset, bits, n, err);
}

/*
 * From now on the block of a place is looked at in a copy. Not one that this transaction has
 * changed itself: each change would end that. When it fails, looks go the long way as before.
 */
static void keep(slot_txn *txn, struct marks_place *place)
{
    struct marks_hand *hand = &txn->marks.hands[place->block % MARKS_PLACES];

    if (txn->writing && txn->db->access == SLOT_TRANSACTIONAL &&
        slot__batch_find(&txn->batch, key_of_deleted(place->block)) != NULL)
        return;
    if (place->copy == NULL)
        place->copy = malloc(BITMAP_BLOCK_BYTES);
    if (place->copy == NULL || slot__marks_read(txn, place->block, 0, (uint8_t *)place->copy,
                                                BITMAP_BLOCK_BYTES, NULL) != SLOT_OK)
        return;
    for (uint32_t i = 0; i < MARKS_WORDS; i++)
        place->copy[i] = get_u64(&place->copy[i]);
    hand->block = place->block;
    hand->words = place->copy;
}

slot_status slot__marks_check(slot_txn *txn, uint64_t recno, slot_error *err)
{
    uint64_t block = recno / BITMAP_BLOCK_RECORDS;
    uint32_t bit = (uint32_t)(recno % BITMAP_BLOCK_RECORDS);
    struct marks_place *place = &txn->marks.places[block % MARKS_PLACES];
    uint8_t word[WORD_BYTES]; /* one move for the guarded copy, where a byte is a loop */
    slot_status status = slot__marks_read(txn, block, bit / 64 * WORD_BYTES, word, WORD_BYTES, err);

    if (status != SLOT_OK)
        return status;
    if (++place->looks == OFTEN)
        keep(txn, place);
    return (word[bit / 8 % WORD_BYTES] >> bit % 8 & 1) != 0 ? slot__db_is_deleted(txn, recno, err)
                                                            : SLOT_OK;
}
