/*
 * Snapshots: transactions and their reader slots.
 *
 * A transaction object owns a slot of `shared` for as long as it exists: the byte of the slot is
 * locked when the object is made and let go when the handle is closed; in between, beginning and
 * ending a transaction are a few stores (log/shared.h). Ended transactions wait here to be used
 * again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"

/* Lock the byte of a slot that nobody has. Slots before next_slot are ours, or were taken. */
static slot_status take_slot(slot_db *db, uint32_t *slot, slot_error *err)
{
    const struct os *os = db->os;
    os_result result = {SLOT_E_BUSY, 0};

    for (; db->next_slot < SHARED_SLOTS; db->next_slot++) {
        result = os->lock(os, db->files.lock, LOCK_BYTE_SLOT + db->next_slot, true);
        if (result.status != SLOT_E_BUSY)
            break;
    }
    if (result.status == SLOT_E_BUSY)
        return slot__error_set(err, SLOT_E_READERS_FULL, FILE_LOCK, SLOT_NO_OFFSET,
                               "all %u reader slots are in use: end transactions, or close handles",
                               (unsigned)SHARED_SLOTS);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, FILE_LOCK,
                              LOCK_BYTE_SLOT + db->next_slot, "a reader slot cannot be locked");
    *slot = db->next_slot++;
    shared_slot_open(&db->shared, *slot);
    return SLOT_OK;
}

/* Slots of handles that were closed since are behind us: look from the start once more. */
static slot_status find_slot(slot_db *db, uint32_t *slot, slot_error *err)
{
    slot_status status;
    uint32_t from = db->next_slot;
    uint8_t owned[SHARED_SLOTS / 8 + 1];

    status = take_slot(db, slot, from == 0 ? err : NULL);
    if (status != SLOT_E_READERS_FULL || from == 0)
        return status;
    /* A byte that this opening has locked must not be locked again: skip what is ours. */
    memset(owned, 0, sizeof owned);
    for (const slot_txn *txn = db->all; txn != NULL; txn = txn->next_of_all)
        owned[txn->slot / 8] |= (uint8_t)(1u << txn->slot % 8);
    for (uint32_t i = 0; i < SHARED_SLOTS; i++) {
        if ((owned[i / 8] >> i % 8 & 1) != 0)
            continue;
        if (os_ok(db->os->lock(db->os, db->files.lock, LOCK_BYTE_SLOT + i, true))) {
            shared_slot_open(&db->shared, i);
            *slot = i;
            return SLOT_OK;
        }
    }
    db->next_slot = SHARED_SLOTS;
    return take_slot(db, slot, err);
}

static slot_status make_txn(slot_db *db, slot_txn **txn, slot_error *err)
{
    slot_txn *made = calloc(1, sizeof *made);
    slot_status status;

    if (made == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    made->db = db;
    made->os = db->os;
    made->record_size = db->record_size;
    slot__marks_init(made);
    status = db->access == SLOT_TRANSACTIONAL ? find_slot(db, &made->slot, err) : SLOT_OK;
    if (status != SLOT_OK) {
        free(made);
        return status;
    }
    made->next_of_all = db->all;
    atomic_store_explicit(&db->all, made, memory_order_release);
    *txn = made;
    return SLOT_OK;
}

slot_status slot__reader_take(slot_db *db, slot_txn **txn, slot_error *err)
{
    slot_status status = SLOT_OK;
    slot_txn *taken;

    slot__os_mutex_lock(&db->pool_mutex);
    taken = db->idle;
    if (taken != NULL)
        db->idle = taken->next_idle;
    else
        status = make_txn(db, &taken, err);
    slot__os_mutex_unlock(&db->pool_mutex);
    if (status == SLOT_OK)
        *txn = taken;
    return status;
}

void slot__reader_give(slot_txn *txn)
{
    slot_db *db = txn->db;

    slot__os_mutex_lock(&db->pool_mutex);
    txn->next_idle = db->idle;
    db->idle = txn;
    slot__os_mutex_unlock(&db->pool_mutex);
}

void slot__reader_release_all(slot_db *db)
{
    while (db->all != NULL) {
        slot_txn *txn = db->all;

        db->all = txn->next_of_all;
        if (db->access == SLOT_TRANSACTIONAL)
            db->os->unlock(db->os, db->files.lock, LOCK_BYTE_SLOT + txn->slot);
        slot__leases_release(&txn->leases);
        slot__marks_free(txn);
        free(txn);
    }
    db->idle = NULL;
}

void slot__reader_forked(void *context)
{
    slot_db *db = context;
    slot_txn *txn = atomic_load_explicit(&db->all, memory_order_acquire);

    for (; txn != NULL; txn = txn->next_of_all) {
        txn->plain = txn->in_file = 0;
        txn->live_known = false;
    }
}

/* ---- one snapshot ---- */

void slot__reader_begin(slot_txn *txn)
{
    slot_db *db = txn->db;

    txn->seen = shared_slot_begin(&db->shared, txn->slot, &txn->c);
    txn->live_known = false;
    txn->lent = false;
    txn->log_pins.cache = NULL;
    txn->frame_pins.cache = NULL;
    txn->lent_pins.cache = NULL;
}

void slot__reader_end(slot_txn *txn)
{
    shared_slot_end(&txn->db->shared, txn->slot);
}

/* ---- all of them ---- */

/* Whether the owner of slot `i` is gone: its byte can be locked. Then the slot is cleared. */
static bool clear_if_dead(slot_db *db, uint32_t i)
{
    if (!os_ok(db->os->lock(db->os, db->files.lock, LOCK_BYTE_SLOT + i, true)))
        return false;
    shared_slot_end(&db->shared, i);
    db->os->unlock(db->os, db->files.lock, LOCK_BYTE_SLOT + i);
    return true;
}

static bool clear_unless_ours(slot_db *db, uint32_t slot)
{
    bool found = false;

    /* One mutex for question and answer: a thread that takes the slot in between would lose it. */
    slot__os_mutex_lock(&db->pool_mutex);
    for (const slot_txn *txn = db->all; txn != NULL && !found; txn = txn->next_of_all)
        found = txn->slot == slot;
    found = !found && clear_if_dead(db, slot);
    slot__os_mutex_unlock(&db->pool_mutex);
    return found;
}

struct oldest_reader slot__reader_oldest(slot_db *db, uint32_t except)
{
    struct oldest_reader oldest = {SHARED_FREE, SHARED_FREE, SHARED_SLOTS, 0, 0};
    uint32_t used = shared_slots_used(&db->shared);

    for (uint32_t i = 0; i < used; i++) {
        struct shared_reader reader = shared_slot_read(&db->shared, i);

        if (i == except || (reader.snap == SHARED_FREE && reader.c == SHARED_FREE))
            continue;
        if (clear_unless_ours(db, i))
            continue;
        oldest.readers++;
        if (reader.snap < oldest.snap) {
            oldest.slot = i;
            oldest.process = reader.process;
        }
        oldest.snap = min_u64(oldest.snap, reader.snap);
        oldest.c = min_u64(oldest.c, reader.c);
    }
    return oldest;
}
