/*
 * Views and the view cache.
 *
 * A view is a mapped part of one file: view_size bytes from a multiple of view_size, and a tail of
 * one block, so that any block that begins in a view lies whole inside it. Views overlap by that
 * tail; the system keeps them coherent.
 *
 *     file      |0        |1        |2        |3   |
 *     view 0    [=========>----]                          = view_size, owned
 *     view 1              [=========>----]                - tail
 *     view 3                                  [====]      cut at the end of the file
 *
 * The cache holds the views that are mapped now, looked up by (file, number). Invariants:
 *
 *   - the bytes mapped (in pages, all files, all threads) never exceed the budget, not even for a
 *     moment: room is made before a view is mapped;
 *   - a view with pins is never unmapped, and its bytes stay at their address;
 *   - a dirty view is settled (its file's callback) and flushed before it is unmapped, and the file
 *     stays to be synced;
 *   - a flush that has failed is never tried again, for no view: a second try may succeed and prove
 *     nothing about the first;
 *   - a view that is used through a lease (lease.h) is unmapped only after that was taken back;
 *   - `settle` and all changes of the table happen under the mutex; hits do not come here at all:
 *     transactions keep what they use in their view_pins (pins.h).
 *
 * When a file has grown, its last view may be too short. It is then replaced by a longer one and
 * leaves the table ("retired"); whoever has pinned it keeps it, and it goes when nobody does.
 */
#ifndef SLOT_VIEW_CACHE_H
#define SLOT_VIEW_CACHE_H

#include "os/os.h"
#include "view/admission.h"

#define VIEW_SIZE_MIN (UINT64_C(256) << 10)
#define VIEW_SIZE_MAX (UINT64_C(64) << 20)
#define VIEW_BUCKETS  256u /* of the table: a power of two */

struct view;

/* What a view is used for, and so what the system is told. */
typedef enum view_use {
    VIEW_SINGLE,  /* bytes here and there: a fault brings one page, not the device's read-ahead */
    VIEW_RUN,     /* from one end to the other, by somebody who announces it (ahead.h) */
    VIEW_PASSING, /* the same without: the system reads ahead */
} view_use;

/* A file that is used through views. The owner keeps it at one address while views of it exist. */
struct view_file {
    const char *name; /* static, for errors */
    struct os_file *file;
    uint64_t size;        /* bytes that are known to be there: a view never reaches beyond. Asked
                             for anew, under the mutex, when somebody needs more */
    uint64_t block_bytes; /* of the largest piece that must not straddle a view */
    os_map_mode mode;
    bool once; /* what was flushed is not stored to again soon: its pages leave the view */
    /* Called with each dirty view before it is flushed; NULL if nothing has to be done then. */
    slot_status (*settle)(void *context, struct view *view, slot_error *err);
    void *context;
};

struct view {
    struct view_file *file;
    uint8_t *base;
    uint64_t number;
    uint64_t offset;      /* number * view_size */
    uint64_t n;           /* bytes mapped */
    uint64_t first_block; /* of the blocks that begin in the view's own view_size bytes */
    uint32_t blocks;
    uint32_t pins;
    view_use use;      /* the last one */
    os_advice advised; /* what the system was told last */
    uint32_t score;    /* uses through leases, the recent ones (lease.h) */
    bool retired;
    bool is_dirty;
    uint64_t dirty_start, dirty_end; /* bytes of the view that a flush has to cover */
    uint64_t *dirty; /* one bit for each of `blocks`, for settle; NULL until the first */
    uint64_t open_from, open_to; /* bytes that can be stored to, with OS_MAP_LENT */
    struct view *next_in_bucket;
    struct view *older, *newer; /* by last acquisition */
    struct view *next_dirty;
};

/*
 * Somebody who uses views without a pin, for the time of a copy, and has to know before one goes.
 * Both are called under the mutex.
 */
struct view_holder {
    void (*revoke)(struct view_holder *holder, const struct view *view);
    void (*report)(struct view_holder *holder); /* add the uses since the last time to the scores */
    struct view_holder *next, *previous;
};

struct view_counters {
    uint64_t mapped; /* bytes now */
    uint64_t mapped_peak;
    uint64_t maps; /* calls, since init */
    uint64_t evictions;
    uint64_t flushes;
};

struct view_cache {
    const struct os *os;
    struct os_mutex mutex;
    uint64_t budget;
    uint64_t view_size; /* a power of two */
    uint32_t view_shift;
    uint32_t capacity; /* views of full size that fit the budget */
    struct view *buckets[VIEW_BUCKETS];
    /* How many views of a bucket's are mapped: a hint, for those who do not have the mutex. */
    _Atomic uint32_t mapped[VIEW_BUCKETS];
    struct admission admission;
    struct view_holder *holders;
    struct view *oldest, *newest;
    struct view *dirty;
    bool flush_failed; /* once: nothing is flushed any more */
    struct view_counters counters;
};

/*
 * Start with no views. `block_bytes` is the largest block of any file that will be used; `reserved`
 * bytes of the budget are mapped by others. SLOT_E_BUDGET, naming the bytes needed, when not even
 * `least` of the smallest views fit.
 */
slot_status slot__view_cache_init(struct view_cache *cache, const struct os *os, uint64_t budget,
                                  uint64_t block_bytes, uint64_t reserved, uint32_t least,
                                  slot_error *err);

/* Unmap everything, dirty or not. No view may be pinned. */
void slot__view_cache_release(struct view_cache *cache);

/*
 * The view that owns byte `offset` of the file, mapped at least up to byte `end`, with one more
 * pin; the system is told its `use`. SLOT_E_BUDGET when all views are pinned; SLOT_E_NO_MEMORY;
 * SLOT_E_TRUNCATED when the file ends before `end`; what settle and flush return. Cost: a lock and
 * a look-up; on a miss map, unmap and page faults.
 */
slot_status slot__view_acquire(struct view_cache *cache, struct view_file *file, uint64_t offset,
                               uint64_t end, view_use use, struct view **view, slot_error *err);

/* Whether the view that owns `offset` may be in the table. No lock; a hint. */
bool slot__view_may_be_mapped(struct view_cache *cache, const struct view_file *file,
                              uint64_t offset);

/* How much a new view is wanted: what may go for it. */
typedef enum view_want {
    VIEW_FOUND,  /* nothing: only if it is mapped already */
    VIEW_EARNED, /* views that were used less than its window was missed */
    VIEW_NEEDED, /* any that is not pinned; the least used one */
} view_want;

/*
 * As slot__view_acquire, for a read that can do without: true when the view is mapped now and has
 * one more pin. Never fails for another reason than that: the read call that follows will tell.
 */
bool slot__view_admit(struct view_cache *cache, struct view_file *file, uint64_t offset,
                      uint64_t end, view_want want, struct view **view);

/* The number that slot__admission_miss knows a window by. */
uint64_t slot__view_window(const struct view_cache *cache, const struct view_file *file,
                           uint64_t offset);

/* An epoch of admission is over (slot__admission_passed): scores and counts are halved. */
void slot__view_epoch(struct view_cache *cache, const struct view_file *file);

/*
 * From slot__view_hold to slot__view_let_go the holder is asked before a view goes; it stays at its
 * address.
 */
void slot__view_hold(struct view_cache *cache, struct view_holder *holder);
void slot__view_let_go(struct view_cache *cache, struct view_holder *holder);

/* One more pin of a view that is pinned already. */
void slot__view_pin(struct view_cache *cache, struct view *view);

/* Give back one pin. */
void slot__view_unpin(struct view_cache *cache, struct view *view);

/* Whether this block, which begins in the view, is marked as changed since the last flush. */
bool slot__view_block_is_dirty(const struct view *view, uint64_t block);

/* The first dirty block at or after the view's own block `from`, or view->blocks: none is left. */
uint32_t slot__view_next_dirty(const struct view *view, uint64_t from);

/* Mark it. SLOT_E_NO_MEMORY, and then nothing changed. */
slot_status slot__view_mark_dirty(struct view_cache *cache, struct view *view, uint64_t block,
                                  slot_error *err);

/* Mark bytes [offset, offset + n) of the file, within the view, for the next flush. */
void slot__view_mark_range(struct view_cache *cache, struct view *view, uint64_t offset,
                           uint64_t n);

/*
 * Let stores into bytes [offset, offset + n) of the file through, within a view that is mapped with
 * OS_MAP_LENT: whole multiples of OS_GRANULARITY, what lies between them and those that are open
 * already, and some more behind, so that few calls are system calls. What is open has one owner,
 * who keeps the view pinned. SLOT_E_NO_MEMORY; SLOT_E_IO.
 */
slot_status slot__view_open_pages(struct view_cache *cache, struct view *view, uint64_t offset,
                                  uint64_t n, slot_error *err);

/* No more: in no view at all. Nobody has such a view pinned. Cost: a system call for
 * each view with open pages. */
void slot__view_close_pages(struct view_cache *cache);

/* Mark all of the views of the file that were replaced and are still pinned: pointers into them may
 * have been stored through since their last flush. */
void slot__view_mark_retired(struct view_cache *cache, const struct view_file *file);

/* Settle and flush all dirty views. When it fails, those not yet done stay dirty. */
slot_status slot__view_flush_all(struct view_cache *cache, slot_error *err);

/* Unmap all views of the file, which are neither pinned nor dirty: before it is made shorter. */
void slot__view_drop_all(struct view_cache *cache, const struct view_file *file);

/* A copy of the counters. */
struct view_counters slot__view_cache_counters(struct view_cache *cache);

#endif
