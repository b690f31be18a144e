/*
 * Reading a database that was not closed cleanly, without writing: the log stays where it is, and
 * what a recovery would bring home is found there. For read-only access, which holds byte 4, so
 * that nobody recovers it meanwhile.
 *
 *   load   the scan of recovery, with its decision between a torn tail and damage; then each block
 *          that has a frame up to the last whole commit, and where the newest one is
 *   find   by halving: 16 bytes a block, made once when the database is opened
 *
 * A checkpoint or a recovery that was cut has left blocks in `records` that are newer than meta
 * says; each of them has a frame, which hides it.
 */
#include <stdlib.h>

#include "base/checked.h"
#include "base/status.h"
#include "db/handle.h"
#include "log/scan.h"

/* ---- in the order of blocks, and of versions ---- */

static bool goes_before(const struct overlay_entry *a, const struct overlay_entry *b)
{
    return a->key < b->key || (a->key == b->key && a->lsn < b->lsn);
}

static void sift(struct overlay_entry *entries, size_t root, size_t n)
{
    struct overlay_entry moved = entries[root];

    for (size_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        if (child + 1 < n && goes_before(&entries[child], &entries[child + 1]))
            child++;
        if (!goes_before(&moved, &entries[child]))
            break;
        entries[root] = entries[child];
        root = child;
    }
    entries[root] = moved;
}

/* In place: qsort may take as much memory again. */
static void sort(struct overlay_entry *entries, size_t n)
{
    for (size_t root = n / 2; root-- > 0;)
        sift(entries, root, n);
    for (size_t end = n; end-- > 1;) {
        struct overlay_entry last = entries[end];

        entries[end] = entries[0];
        entries[0] = last;
        sift(entries, 0, end);
    }
}

/* Of each block the newest version only. */
static size_t keep_newest(struct overlay_entry *entries, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (i + 1 == n || entries[i + 1].key != entries[i].key)
            entries[kept++] = entries[i];
    }
    return kept;
}

/* ---- load ---- */

/* `frames` of the scan's frames have a body, up to the end. */
static slot_status collect(slot_db *db, const struct log_live *live, uint64_t frames,
                           slot_error *err)
{
    struct overlay *overlay = &db->overlay;
    struct scan_frame found;
    struct log_scan scan;
    size_t n = 0;
    slot_status status;

    overlay->entries = calloc((size_t)frames + 1, sizeof *overlay->entries);
    if (overlay->entries == NULL || frames > SIZE_MAX / sizeof *overlay->entries - 1)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "log", SLOT_NO_OFFSET, NULL);
    status = slot__scan_init(&scan, &db->log, live, db->meta.checkpoint_lsn,
                             db->meta.checkpoint_chain, err);
    while (status == SLOT_OK && scan.lsn < overlay->end.lsn) {
        status = slot__scan_next(&scan, &found, err);
        if (status == SLOT_OK && (found.frame.flags & FRAME_BODY) != 0 && n < frames)
            overlay->entries[n++] = (struct overlay_entry){found.frame.key, found.frame.lsn};
    }
    slot__scan_release(&scan);
    if (status == SLOT_NOT_FOUND || (status == SLOT_OK && n != frames))
        status = slot__error_set(err, SLOT_E_CORRUPT, "log", SLOT_NO_OFFSET,
                                 "another program changes the log: open the database again");
    if (status != SLOT_OK)
        return status;
    sort(overlay->entries, n);
    overlay->n = keep_newest(overlay->entries, n);
    overlay->live = *live;
    return SLOT_OK;
}

slot_status slot__overlay_load(slot_db *db, slot_error *err)
{
    struct overlay *overlay = &db->overlay;
    struct log_scan scan = {.ahead = NULL};
    slot_status status;

    db->log.read_only = true;
    status = slot__recover_scan(db, &scan, &overlay->end, err);
    if (status == SLOT_OK)
        status = collect(db, &scan.visited, scan.frames_to_end, err);
    slot__scan_release(&scan);
    overlay->in_use = status == SLOT_OK;
    return status;
}

void slot__overlay_release(slot_db *db)
{
    free(db->overlay.entries);
    db->overlay.entries = NULL;
    db->overlay.in_use = false;
}

/* ---- use ---- */

void slot__overlay_begin(slot_txn *txn)
{
    const struct overlay *overlay = &txn->db->overlay;

    txn->seen = overlay->end;
    txn->c = txn->db->meta.checkpoint_lsn;
    txn->records = overlay->end.records;
    txn->deleted = overlay->end.deleted;
    txn->in_file = overlay->n == 0 ? txn->records : 0;
    slot__batch_init(&txn->batch, &(struct log_head){.file = LOG_SEGMENTS});
}

slot_status slot__overlay_find(const slot_db *db, uint64_t key, uint64_t *address, uint64_t *lsn,
                               slot_error *err)
{
    const struct overlay *overlay = &db->overlay;
    size_t low = 0, high = overlay->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (overlay->entries[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == overlay->n || overlay->entries[low].key != key)
        return SLOT_OK;
    *address = slot__log_address(&db->log, &overlay->live, overlay->entries[low].lsn);
    *lsn = overlay->entries[low].lsn;
    if (*address != LOG_NO_ADDRESS)
        return SLOT_OK;
    return slot__error_set(err, SLOT_E_CORRUPT, "log", SLOT_NO_OFFSET,
                           "another program has changed the log: open the database again");
}
