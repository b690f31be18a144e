#include "view/pins.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"

#define ONE_FILE 63u /* file_shift: all offsets are in the first */

void slot__pins_init(struct view_pins *pins, struct view_cache *cache, struct view_file *file,
                     uint64_t bytes, uint32_t unit)
{
    slot__pins_init_files(pins, cache, file, ONE_FILE, bytes, unit);
}

void slot__pins_init_files(struct view_pins *pins, struct view_cache *cache,
                           struct view_file *files, uint32_t file_shift, uint64_t bytes,
                           uint32_t unit)
{
    uint32_t view_shift = cache->view_shift < file_shift ? cache->view_shift : file_shift;
    uint32_t entries = PINS_MAX;

    /* A quarter of the budget at most, so that some threads can work side by side. */
    while (entries > 1 && entries > cache->capacity / 4)
        entries /= 2;
    /* And no more than there are views: clearing the table is most of what a begin costs. */
    while (entries > 1 && (uint64_t)(entries / 2) << view_shift >= bytes)
        entries /= 2;
    memset(pins, 0, offsetof(struct view_pins, table) + entries * sizeof pins->table[0]);
    pins->cache = cache;
    pins->files = files;
    pins->mask = entries - 1;
    pins->view_shift = view_shift;
    pins->file_shift = file_shift;
    pins->view_size = UINT32_C(1) << view_shift;
    pins->unit = unit;
}

static uint64_t entry_bit(const struct view_pins *pins, const struct pin *entry)
{
    return UINT64_C(1) << (entry - pins->table);
}

static void drop_entry(struct view_pins *pins, struct pin *entry)
{
    if (entry->view != NULL)
        slot__view_unpin(pins->cache, entry->view);
    memset(entry, 0, sizeof *entry);
    pins->entries_lent &= ~entry_bit(pins, entry);
}

static void drop_table(struct view_pins *pins)
{
    for (uint32_t i = 0; i <= pins->mask; i++)
        drop_entry(pins, &pins->table[i]);
}

void slot__pins_drop(struct view_pins *pins)
{
    if (pins->cache != NULL)
        drop_table(pins);
}

static void drop_run(struct view_pins *pins, int user)
{
    if (pins->runs[user] != NULL)
        slot__view_unpin(pins->cache, pins->runs[user]);
    pins->runs[user] = NULL;
}

void slot__pins_unlend(struct view_pins *pins)
{
    for (uint32_t i = 0; i < pins->lent_size; i++) {
        if (pins->lent[i] != NULL)
            slot__view_unpin(pins->cache, pins->lent[i]);
    }
    free(pins->lent);
    pins->lent = NULL;
    pins->lent_size = pins->lent_count = 0;
    for (int user = 0; user < PINS_RUNS; user++)
        drop_run(pins, user);
    drop_table(pins); /* its entries say which views were lent */
}

void slot__pins_release(struct view_pins *pins)
{
    slot__pins_unlend(pins);
}

static uint64_t unit_starts(const struct view_pins *pins, const struct view *view)
{
    return view->n < pins->unit ? 0 : min_u64(view->n - pins->unit + 1, pins->view_size);
}

slot_status slot__pins_miss(struct view_pins *pins, uint64_t offset, uint64_t n, struct pin **pin,
                            slot_error *err)
{
    struct pin *entry = pins_entry(pins, offset);
    struct view_file *file = &pins->files[offset >> pins->file_shift];
    uint64_t base = offset >> pins->file_shift << pins->file_shift;
    uint64_t at = offset - base;
    struct view *view = NULL;
    slot_status status;

    drop_entry(pins, entry);
    status = slot__view_acquire(pins->cache, file, at, at + n, VIEW_SINGLE, &view, err);
    if (status == SLOT_E_BUDGET) {
        /* What this transaction holds for speed alone may be just what is missing. */
        drop_table(pins);
        status = slot__view_acquire(pins->cache, file, at, at + n, VIEW_SINGLE, &view, err);
    }
    if (status != SLOT_OK)
        return status;
    *entry = (struct pin){.offset = base + view->offset,
                          .starts = unit_starts(pins, view),
                          .base = view->base,
                          .view = view};
    *pin = entry;
    return SLOT_OK;
}

/* The place of `view` in the set, or the empty place where it belongs. The set is never full. */
static struct view **lent_place(const struct view_pins *pins, const struct view *view)
{
    uint32_t i = (uint32_t)view->number & (pins->lent_size - 1);

    while (pins->lent[i] != NULL && pins->lent[i] != view)
        i = (i + 1) & (pins->lent_size - 1);
    return &pins->lent[i];
}

static bool lent_grow(struct view_pins *pins)
{
    uint32_t old_size = pins->lent_size;
    struct view **old = pins->lent;
    uint32_t size = old_size != 0 ? old_size * 2 : 8;
    struct view **grown = calloc(size, sizeof *grown);

    if (grown == NULL)
        return false;
    pins->lent = grown;
    pins->lent_size = size;
    for (uint32_t i = 0; i < old_size; i++) {
        if (old[i] != NULL)
            *lent_place(pins, old[i]) = old[i];
    }
    free(old);
    return true;
}

slot_status slot__pins_lend(struct view_pins *pins, struct pin *pin, slot_error *err)
{
    struct view **place;

    if ((pins->entries_lent & entry_bit(pins, pin)) != 0)
        return SLOT_OK;
    if (pins->lent_count >= pins->lent_size / 2 && !lent_grow(pins))
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    place = lent_place(pins, pin->view);
    if (*place == NULL) {
        slot__view_pin(pins->cache, pin->view);
        *place = pin->view;
        pins->lent_count++;
    }
    pins->entries_lent |= entry_bit(pins, pin);
    return SLOT_OK;
}

/* What is in the table for that place must be the view that everybody finds in the cache. */
static void drop_outdated(struct view_pins *pins, uint64_t offset, const struct view *current)
{
    struct pin *entry = pins_entry(pins, offset);

    if (entry->view != NULL && entry->offset == offset && entry->view != current)
        drop_entry(pins, entry);
}

void slot__pins_end_run(struct view_pins *pins, int user)
{
    drop_run(pins, user);
}

slot_status slot__pins_run(struct view_pins *pins, int user, uint64_t offset, uint64_t end,
                           struct view **view, slot_error *err)
{
    struct view_file *file = &pins->files[offset >> pins->file_shift];
    uint64_t base = offset >> pins->file_shift << pins->file_shift;
    struct view *found = NULL;
    slot_status status;

    drop_run(pins, user);
    status =
        slot__view_acquire(pins->cache, file, offset - base, end - base, VIEW_RUN, &found, err);
    if (status == SLOT_E_BUDGET) {
        drop_table(pins);
        status =
            slot__view_acquire(pins->cache, file, offset - base, end - base, VIEW_RUN, &found, err);
    }
    if (status != SLOT_OK)
        return status;
    drop_outdated(pins, base + found->offset, found);
    pins->runs[user] = found;
    *view = found;
    return SLOT_OK;
}
