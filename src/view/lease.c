#include "view/lease.h"

#include <string.h>

#define NEAR_BYTES 16384u /* two misses so close belong together */
#define NEAR_COUNT 8u     /* so many in a row: somebody goes through the file */
#define HAND_IN    64u    /* misses that are counted before all threads are told */

bool slot__leases_views_are_few(const struct view_cache *cache)
{
    return cache->capacity / 4 < LEASES_MAX;
}

bool slot__leases_wanted(const struct view_cache *cache, uint64_t bytes)
{
    uint64_t views = (bytes + cache->view_size - 1) >> cache->view_shift;

    /* A quarter of the budget is what pins.c takes for one transaction. */
    return views > cache->capacity / 4 && slot__leases_views_are_few(cache) && views > 1;
}

/* ---- the lock ---- */

static void lock(struct view_leases *leases)
{
    const struct os *os = leases->cache->os;

    while (atomic_exchange_explicit(&leases->busy, 1, memory_order_acquire) != 0)
        os->sleep_us(os, 0); /* the other is copying a record, or clearing an entry */
}

static void unlock(struct view_leases *leases)
{
    atomic_store_explicit(&leases->busy, 0, memory_order_release);
}

/* ---- what the cache asks ---- */

static void revoke(struct view_holder *holder, const struct view *view)
{
    struct view_leases *leases = (struct view_leases *)holder;
    struct lease *lease = &leases->table[view->number & leases->mask];

    lock(leases);
    if (lease->view == view)
        memset(lease, 0, sizeof *lease);
    unlock(leases);
}

static void report(struct view_holder *holder)
{
    struct view_leases *leases = (struct view_leases *)holder;

    lock(leases);
    for (uint32_t i = 0; i <= leases->mask; i++) {
        struct lease *lease = &leases->table[i];

        if (lease->view != NULL && !lease->passing)
            lease->view->score += lease->uses;
        lease->uses = 0;
    }
    unlock(leases);
}

/* ---- init and release ---- */

void slot__leases_init(struct view_leases *leases, struct view_cache *cache, struct view_file *file)
{
    uint32_t entries = 2;

    /* Twice as many as there can be views, so that few of them share an entry. */
    while (entries < LEASES_MAX && entries < 2 * cache->capacity)
        entries *= 2;
    memset(leases, 0, sizeof *leases);
    leases->holder.revoke = revoke;
    leases->holder.report = report;
    leases->cache = cache;
    leases->file = file;
    leases->view_shift = cache->view_shift;
    leases->mask = entries - 1;
    leases->run = UINT64_MAX;
    slot__view_hold(cache, &leases->holder);
}

void slot__leases_release(struct view_leases *leases)
{
    if (leases->cache != NULL)
        slot__view_let_go(leases->cache, &leases->holder);
    leases->cache = NULL;
}

/* ---- copying ---- */

static struct lease *entry_of(struct view_leases *leases, uint64_t offset)
{
    return &leases->table[(offset >> leases->view_shift) & leases->mask];
}

/* Copy through the entry, if it leads there. */
static bool copy_leased(struct view_leases *leases, uint64_t offset, void *to, uint64_t n,
                        os_result *result)
{
    const struct os *os = leases->cache->os;
    struct lease *lease = entry_of(leases, offset);
    uint64_t at;
    bool hit;

    lock(leases);
    at = offset - lease->offset;
    hit = at >> leases->view_shift == 0 && at + n <= lease->n;
    if (hit) {
        lease->uses++;
        *result = os->load(os, to, lease->base + at, (size_t)n);
    }
    unlock(leases);
    return hit;
}

static bool is_near(uint64_t a, uint64_t b)
{
    return (a > b ? a - b : b - a) <= NEAR_BYTES;
}

/* Whether the misses of this transaction go from one place to the next. */
static bool goes_through(struct view_leases *leases, uint64_t offset)
{
    uint64_t number = offset >> leases->view_shift;
    /* The window beside the last one that we got for this is where the reads come out of it. */
    bool next =
        leases->run != UINT64_MAX && number - leases->run + 1 <= 2 &&
        is_near(offset, (number > leases->run ? number : leases->run) << leases->view_shift);

    leases->near = next ? NEAR_COUNT : is_near(offset, leases->last) ? leases->near + 1 : 0;
    leases->last = offset;
    if (leases->near == 0)
        leases->run = UINT64_MAX;
    return leases->near >= NEAR_COUNT;
}

/* This miss counts; whether the window has earned a view by it. */
static bool count_miss(struct view_leases *leases, uint64_t offset)
{
    struct view_cache *cache = leases->cache;
    bool earned =
        slot__admission_miss(&cache->admission, slot__view_window(cache, leases->file, offset));

    if (++leases->missed < HAND_IN)
        return earned;
    if (slot__admission_passed(&cache->admission, leases->missed))
        slot__view_epoch(cache, leases->file);
    leases->missed = 0;
    return earned;
}

/* A lease of the view that owns `offset`, if it is worth one now. */
static bool take_lease(struct view_leases *leases, uint64_t offset, uint64_t n)
{
    struct view_cache *cache = leases->cache;
    view_want want = VIEW_FOUND;
    struct view *view;

    if (goes_through(leases, offset))
        want = VIEW_NEEDED;
    else if (count_miss(leases, offset))
        want = VIEW_EARNED;
    else if (!slot__view_may_be_mapped(cache, leases->file, offset))
        return false;
    if (!slot__view_admit(cache, leases->file, offset, offset + n, want, &view))
        return false;
    if (want == VIEW_NEEDED)
        leases->run = view->number;
    lock(leases);
    *entry_of(leases, offset) =
        (struct lease){view->offset, view->n, view->base, view, 0, want == VIEW_NEEDED};
    unlock(leases);
    slot__view_unpin(cache, view); /* from here on it may be taken back at any time */
    return true;
}

os_result slot__leases_copy(struct view_leases *leases, uint64_t offset, void *to, uint64_t n)
{
    const struct os *os = leases->cache->os;
    os_result result;

    if (copy_leased(leases, offset, to, n, &result) ||
        (take_lease(leases, offset, n) && copy_leased(leases, offset, to, n, &result)))
        return result;
    return os->read_at(os, leases->file->file, offset, to, (size_t)n);
}
