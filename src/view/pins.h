/*
 * The views that one transaction uses: its own small table, so that a hit touches nothing that
 * another thread writes.
 *
 * Each entry of the table pins one view, found by view number modulo the table's size; the next
 * miss on the same entry gives the pin back. Under a tight budget the table is small, down to one
 * entry, so that a transaction never holds more of the budget than it needs. Views whose pointers
 * were lent are pinned a second time, in the set `lent`, until slot__pins_unlend or
 * slot__pins_release.
 */
#ifndef SLOT_VIEW_PINS_H
#define SLOT_VIEW_PINS_H

#include "view/cache.h"

#define PINS_MAX 64u /* entries; a power of two */

/* Sequential users, each with one view of its own that it may rely on until its next call. */
enum { PINS_SCAN, PINS_BULK, PINS_RUNS };

struct pin {
    uint64_t offset; /* of the view in the file */
    uint64_t starts; /* bytes from there at which a unit may begin: the view owns them, and has the
                        rest of the unit too; 0: none */
    uint8_t *base;
    struct view *view; /* NULL: empty */
};

struct view_pins {
    struct view_cache *cache;
    struct view_file *files; /* file i has the offsets from i << file_shift on */
    uint32_t unit;           /* bytes: of a record, where records are read */
    uint32_t view_size;      /* the cache's, or a whole file if that is smaller */
    uint32_t view_shift;
    uint32_t file_shift;
    uint32_t mask;         /* entries in use - 1 */
    uint64_t entries_lent; /* bit i: the view of entry i is in the set `lent` */
    uint32_t lent_count;
    uint32_t lent_size; /* of the array, a power of two; 0: none */
    struct view **lent; /* open addressing by view number */
    struct view *runs[PINS_RUNS];
    struct pin table[PINS_MAX];
};

/* `bytes`: how much of the file will be used at most; sizes the table. `unit`: what
 * pins_hit answers for, 1 where nobody asks it. */
void slot__pins_init(struct view_pins *pins, struct view_cache *cache, struct view_file *file,
                     uint64_t bytes, uint32_t unit);

/*
 * For several files of 1 << file_shift bytes each, whose bytes are numbered one file behind the
 * other.
 */
void slot__pins_init_files(struct view_pins *pins, struct view_cache *cache,
                           struct view_file *files, uint32_t file_shift, uint64_t bytes,
                           uint32_t unit);

/* Give everything back. */
void slot__pins_release(struct view_pins *pins);

/* Give back what is held for speed alone: all but what was lent, and runs. May be called where
 * nothing was initialised but `cache`, to NULL. */
void slot__pins_drop(struct view_pins *pins);

/* Give back what was lent: no pointer handed out before may be used any more. */
void slot__pins_unlend(struct view_pins *pins);

/* The slow path of pins_get. */
slot_status slot__pins_miss(struct view_pins *pins, uint64_t offset, uint64_t n, struct pin **pin,
                            slot_error *err);

/* Where the view that owns byte `offset` is, if the table has it. */
static inline struct pin *pins_entry(struct view_pins *pins, uint64_t offset)
{
    return &pins->table[(offset >> pins->view_shift) & pins->mask];
}

/* Whether the view of the entry for byte `offset` owns it, and has a whole unit from there. One
 * compare: gets wait for memory, and the fewer their instructions, the more wait side by side. */
static inline bool pins_hit(const struct pin *entry, uint64_t offset)
{
    return offset - entry->offset < entry->starts;
}

/* Whether the view of an entry stays where it is already. */
static inline bool pins_is_lent(const struct view_pins *pins, const struct pin *entry)
{
    return (pins->entries_lent >> (entry - pins->table) & 1) != 0;
}

/*
 * The entry whose view owns byte `offset` and reaches over n bytes (at most a block) from there;
 * they are at pin->base + (offset - pin->offset) until the next pins_get of this transaction.
 * Errors as slot__view_acquire. Cost of a hit: two loads and three compares.
 */
static inline slot_status pins_get(struct view_pins *pins, uint64_t offset, uint64_t n,
                                   struct pin **pin, slot_error *err)
{
    struct pin *entry = pins_entry(pins, offset);
    uint64_t at = offset - entry->offset;

    if (at >= pins->view_size || entry->view == NULL || at + n > entry->view->n)
        return slot__pins_miss(pins, offset, n, pin, err);
    *pin = entry;
    return SLOT_OK;
}

/* Keep the view of `pin` where it is until slot__pins_unlend. SLOT_E_NO_MEMORY. */
slot_status slot__pins_lend(struct view_pins *pins, struct pin *pin, slot_error *err);

/*
 * The view that owns `offset`, mapped up to at least `end`, for going through it from there on:
 * pinned until the next slot__pins_run of the same user (PINS_SCAN, PINS_BULK) or
 * slot__pins_unlend.
 */
slot_status slot__pins_run(struct view_pins *pins, int user, uint64_t offset, uint64_t end,
                           struct view **view, slot_error *err);

/* The user needs its view no more. */
void slot__pins_end_run(struct view_pins *pins, int user);

#endif
