/*
 * Copying out of a file that is larger than what may be mapped of it.
 *
 * A transaction that reads at random touches more windows than there can be views, and it may not
 * keep views from others. So it has leases: entries of a small table of its own that lead to a view
 * without pinning it, used under a lock of its own for the time of one copy. Whoever evicts a view
 * takes back the leases of it first (view_holder), entry by entry, under the same locks:
 *
 *     reader   lock leases -> find entry -> copy -> unlock        no other lock, no shared word
 *     evictor  lock cache -> lock leases -> clear entry -> unlock, ... -> unmap
 *
 * A miss is served by a read call and counts for the window; who earns a view, admission.h says.
 * Reads that go from one place to the next get theirs at once.
 */
#ifndef SLOT_VIEW_LEASE_H
#define SLOT_VIEW_LEASE_H

#include "view/cache.h"

#define LEASES_MAX 64u /* entries; a power of two */

struct lease {
    uint64_t offset; /* of the view in the file */
    uint64_t n;      /* bytes from there that may be used; 0: empty */
    uint8_t *base;
    struct view *view; /* NULL: empty */
    uint32_t uses;     /* not reported yet */
    bool passing;      /* for reads that go from place to place: its uses say nothing */
};

struct view_leases {
    struct view_holder holder; /* first: the cache knows us by it */
    struct view_cache *cache;  /* NULL: not in use */
    struct view_file *file;
    _Atomic uint32_t busy; /* guards the table; taken by its transaction, and by who evicts */
    uint32_t view_shift;
    uint32_t mask;   /* entries in use - 1 */
    uint32_t missed; /* not handed in to admission yet */
    uint32_t near;   /* misses in a row, each close to the one before */
    uint64_t last;   /* offset of the last miss */
    uint64_t run;    /* number of the view that a run of near misses got last, or UINT64_MAX */
    struct lease table[LEASES_MAX];
};

/* Whether the budget is for so few views that no transaction should pin one for speed alone. */
bool slot__leases_views_are_few(const struct view_cache *cache);

/* Whether `bytes` of a file are more than a transaction should pin views for: then use leases. */
bool slot__leases_wanted(const struct view_cache *cache, uint64_t bytes);

/* Nothing is leased yet. The leases stay at their address until slot__leases_release, and serve one
 * thread at a time. */
void slot__leases_init(struct view_leases *leases, struct view_cache *cache,
                       struct view_file *file);

/* All are given back. May be called for leases that were never initialised but zero. */
void slot__leases_release(struct view_leases *leases);

/*
 * Copy the n bytes (at most a block) at `offset` of the file to `to`: out of a view, or by a read
 * call. Cost of a hit: an uncontended lock and the copy. What os->load and os->read_at return.
 */
os_result slot__leases_copy(struct view_leases *leases, uint64_t offset, void *to, uint64_t n);

#endif
