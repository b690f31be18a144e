#include "view/cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"

#define OPEN_AHEAD_BYTES (UINT64_C(1) << 20) /* opened with the pages that are wanted */

/* ---- sizes ---- */

/* What a view of that size takes from the budget. */
static uint64_t view_cost(uint64_t view_size, uint64_t block_bytes)
{
    return view_size + round_up(block_bytes, OS_PAGE_SIZE);
}

slot_status slot__view_cache_init(struct view_cache *cache, const struct os *os, uint64_t budget,
                                  uint64_t block_bytes, uint64_t reserved, uint32_t least,
                                  slot_error *err)
{
    uint64_t needed = reserved + least * view_cost(VIEW_SIZE_MIN, block_bytes);
    uint64_t size = VIEW_SIZE_MAX;

    if (budget < needed)
        return slot__error_set(err, SLOT_E_BUDGET, "", SLOT_NO_OFFSET,
                               "a map budget of %llu bytes is too small: this database needs %llu",
                               (unsigned long long)budget, (unsigned long long)needed);
    while (size > VIEW_SIZE_MIN &&
           (size > budget / 4 || reserved + least * view_cost(size, block_bytes) > budget))
        size /= 2;
    memset(cache, 0, sizeof *cache);
    cache->os = os;
    cache->budget = budget;
    cache->view_size = size;
    while ((UINT64_C(1) << cache->view_shift) < size)
        cache->view_shift++;
    cache->counters.mapped = cache->counters.mapped_peak = reserved;
    cache->capacity =
        (uint32_t)min_u64((budget - reserved) / view_cost(size, block_bytes), UINT32_MAX);
    slot__admission_init(&cache->admission);
    slot__os_mutex_init(&cache->mutex);
    return SLOT_OK;
}

/* ---- the table, and the order of use ---- */

static uint64_t window_of(const struct view_file *file, uint64_t number)
{
    return number ^ (uint64_t)(uintptr_t)file >> 4;
}

static uint32_t bucket_of(const struct view_file *file, uint64_t number)
{
    uint64_t hash = window_of(file, number) * UINT64_C(0x9e3779b97f4a7c15);

    return (hash >> 32) % VIEW_BUCKETS;
}

static struct view *table_find(struct view_cache *cache, const struct view_file *file,
                               uint64_t number)
{
    struct view *view = cache->buckets[bucket_of(file, number)];

    while (view != NULL && (view->file != file || view->number != number))
        view = view->next_in_bucket;
    return view;
}

static void table_insert(struct view_cache *cache, struct view *view)
{
    uint32_t bucket = bucket_of(view->file, view->number);

    view->next_in_bucket = cache->buckets[bucket];
    cache->buckets[bucket] = view;
    atomic_fetch_add_explicit(&cache->mapped[bucket], 1, memory_order_relaxed);
}

/* Nobody finds the view any more; it lives on while it is pinned or dirty. */
static void table_retire(struct view_cache *cache, struct view *view)
{
    uint32_t bucket = bucket_of(view->file, view->number);
    struct view **link = &cache->buckets[bucket];

    while (*link != view)
        link = &(*link)->next_in_bucket;
    *link = view->next_in_bucket;
    view->retired = true;
    atomic_fetch_sub_explicit(&cache->mapped[bucket], 1, memory_order_relaxed);
}

static void order_remove(struct view_cache *cache, struct view *view)
{
    *(view->older != NULL ? &view->older->newer : &cache->oldest) = view->newer;
    *(view->newer != NULL ? &view->newer->older : &cache->newest) = view->older;
}

static void order_append(struct view_cache *cache, struct view *view)
{
    view->older = cache->newest;
    view->newer = NULL;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = view;
    cache->newest = view;
}

/* ---- dirty views ---- */

static size_t dirty_words(const struct view *view)
{
    return (view->blocks + 63) / 64;
}

static void dirty_append(struct view_cache *cache, struct view *view)
{
    view->is_dirty = true;
    view->dirty_start = UINT64_MAX;
    view->dirty_end = 0;
    view->next_dirty = cache->dirty;
    cache->dirty = view;
}

bool slot__view_block_is_dirty(const struct view *view, uint64_t block)
{
    uint64_t bit = block - view->first_block;

    assert(bit < view->blocks);
    return view->dirty != NULL && (view->dirty[bit / 64] >> (bit % 64) & 1) != 0;
}

slot_status slot__view_mark_dirty(struct view_cache *cache, struct view *view, uint64_t block,
                                  slot_error *err)
{
    uint64_t bit = block - view->first_block;

    assert(bit < view->blocks && view->pins > 0);
    if (view->dirty == NULL) {
        view->dirty = calloc(dirty_words(view), sizeof *view->dirty);
        if (view->dirty == NULL)
            return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    }
    view->dirty[bit / 64] |= UINT64_C(1) << (bit % 64);
    slot__view_mark_range(cache, view, block * view->file->block_bytes, view->file->block_bytes);
    return SLOT_OK;
}

void slot__view_mark_range(struct view_cache *cache, struct view *view, uint64_t offset, uint64_t n)
{
    uint64_t start = offset - view->offset;

    slot__os_mutex_lock(&cache->mutex);
    if (!view->is_dirty)
        dirty_append(cache, view);
    view->dirty_start = min_u64(view->dirty_start, start);
    view->dirty_end = max_u64(view->dirty_end, min_u64(start + n, view->n));
    slot__os_mutex_unlock(&cache->mutex);
}

static void dirty_remove(struct view_cache *cache, struct view *view)
{
    struct view **link = &cache->dirty;

    while (*link != view)
        link = &(*link)->next_dirty;
    *link = view->next_dirty;
    view->is_dirty = false;
    if (view->dirty != NULL)
        memset(view->dirty, 0, dirty_words(view) * sizeof *view->dirty);
}

uint32_t slot__view_next_dirty(const struct view *view, uint64_t from)
{
    while (view->dirty != NULL && from < view->blocks) {
        uint64_t rest = view->dirty[from / 64] >> (from % 64);

        if ((rest & 1) != 0)
            return (uint32_t)from;
        from = rest != 0 ? from + 1 : (from / 64 + 1) * 64; /* mostly, words are empty */
    }
    return view->blocks;
}

void slot__view_mark_retired(struct view_cache *cache, const struct view_file *file)
{
    slot__os_mutex_lock(&cache->mutex);
    for (struct view *view = cache->oldest; view != NULL; view = view->newer) {
        if (view->file != file || !view->retired)
            continue;
        if (!view->is_dirty)
            dirty_append(cache, view);
        view->dirty_start = 0;
        view->dirty_end = view->n;
    }
    slot__os_mutex_unlock(&cache->mutex);
}

static slot_status flush_has_failed(slot_error *err, const char *name, uint64_t offset)
{
    return slot__error_set(err, SLOT_E_POISONED, name, offset,
                           "an earlier flush of a view failed: close and open again");
}

static slot_status flush_view(struct view_cache *cache, struct view *view, slot_error *err)
{
    uint64_t start = view->dirty_start, end = view->dirty_end;
    os_result result;

    if (cache->flush_failed)
        return flush_has_failed(err, view->file->name, view->offset);
    if (view->file->settle != NULL) {
        slot_status status = view->file->settle(view->file->context, view, err);

        if (status != SLOT_OK)
            return status;
    }
    result = cache->os->flush(cache->os, view->base + start, (size_t)(end - start));
    if (!os_ok(result)) {
        cache->flush_failed = true;
        return slot__error_os(err, result.status, result.code, view->file->name,
                              view->offset + start,
                              "a view cannot be flushed: it is unknown what is on disk");
    }
    if (view->file->once && end - start > 2 * OS_PAGE_SIZE)
        cache->os->advise_view(cache->os, view->base + start, (size_t)(end - start),
                               OS_ADVICE_FORGET);
    dirty_remove(cache, view);
    cache->counters.flushes++;
    return SLOT_OK;
}

slot_status slot__view_flush_all(struct view_cache *cache, slot_error *err)
{
    slot_status status = SLOT_OK;

    slot__os_mutex_lock(&cache->mutex);
    while (cache->dirty != NULL && status == SLOT_OK)
        status = flush_view(cache, cache->dirty, err);
    if (status == SLOT_OK && cache->flush_failed) /* the view may be gone since */
        status = flush_has_failed(err, "", SLOT_NO_OFFSET);
    slot__os_mutex_unlock(&cache->mutex);
    return status;
}

/* ---- those who use views without pins ---- */

void slot__view_hold(struct view_cache *cache, struct view_holder *holder)
{
    slot__os_mutex_lock(&cache->mutex);
    holder->previous = NULL;
    holder->next = cache->holders;
    if (holder->next != NULL)
        holder->next->previous = holder;
    cache->holders = holder;
    slot__os_mutex_unlock(&cache->mutex);
}

void slot__view_let_go(struct view_cache *cache, struct view_holder *holder)
{
    slot__os_mutex_lock(&cache->mutex);
    *(holder->previous != NULL ? &holder->previous->next : &cache->holders) = holder->next;
    if (holder->next != NULL)
        holder->next->previous = holder->previous;
    slot__os_mutex_unlock(&cache->mutex);
}

static void revoke(struct view_cache *cache, const struct view *view)
{
    for (struct view_holder *holder = cache->holders; holder != NULL; holder = holder->next)
        holder->revoke(holder, view);
}

static void report_uses(struct view_cache *cache)
{
    for (struct view_holder *holder = cache->holders; holder != NULL; holder = holder->next)
        holder->report(holder);
}

static void halve_scores(struct view_cache *cache)
{
    for (struct view *view = cache->oldest; view != NULL; view = view->newer)
        view->score /= 2;
}

/* ---- mapping and unmapping ---- */

static void unmap(struct view_cache *cache, struct view *view)
{
    cache->os->unmap(cache->os, view->base, (size_t)view->n);
    cache->counters.mapped -= round_up(view->n, OS_PAGE_SIZE);
    free(view->dirty);
    free(view);
}

static void discard(struct view_cache *cache, struct view *view)
{
    assert(view->pins == 0);
    revoke(cache, view);
    if (!view->retired)
        table_retire(cache, view);
    if (view->is_dirty)
        dirty_remove(cache, view);
    order_remove(cache, view);
    unmap(cache, view);
}

/* Whether `view` should go before `other`, which was not acquired for longer. */
static bool goes_before(const struct view *view, const struct view *other)
{
    if (view->score != other->score)
        return view->score < other->score;
    return view->use != VIEW_SINGLE && other->use == VIEW_SINGLE;
}

/*
 * The view to go next, of those without pins: the one used least through leases; of these one that
 * somebody has gone through, and else the one that was not acquired for longest. NULL: there is
 * none.
 */
static struct view *choose_victim(const struct view_cache *cache)
{
    struct view *victim = NULL;

    for (struct view *view = cache->oldest; view != NULL; view = view->newer) {
        if (view->pins == 0 && (victim == NULL || goes_before(view, victim)))
            victim = view;
    }
    return victim;
}

static slot_status evict(struct view_cache *cache, struct view *view, slot_error *err)
{
    slot_status status = SLOT_OK;

    if (view->is_dirty)
        status = flush_view(cache, view, err);
    if (status == SLOT_OK) {
        discard(cache, view);
        cache->counters.evictions++;
    }
    return status;
}

/* Unmap a view for one that is needed. SLOT_E_BUDGET: all are pinned. */
static slot_status evict_one(struct view_cache *cache, slot_error *err)
{
    struct view *view;

    report_uses(cache);
    view = choose_victim(cache);
    if (view == NULL)
        return slot__error_set(err, SLOT_E_BUDGET, "", SLOT_NO_OFFSET,
                               "all %llu bytes of the map budget are in views with lent pointers: "
                               "unpin them or raise the budget",
                               (unsigned long long)cache->budget);
    if (view->use == VIEW_SINGLE)
        halve_scores(cache); /* who is passed over again and again, and not used, goes at last */
    return evict(cache, view, err);
}

/* Map view->n bytes: evict until the budget allows it, and once more when address space is out. */
static slot_status map_within_budget(struct view_cache *cache, struct view *view, slot_error *err)
{
    const struct os *os = cache->os;
    uint64_t cost = round_up(view->n, OS_PAGE_SIZE);
    slot_status status = SLOT_OK;
    void *base = NULL;
    os_result result;

    while (cache->counters.mapped + cost > cache->budget && status == SLOT_OK)
        status = evict_one(cache, err);
    if (status != SLOT_OK)
        return status;
    result = os->map(os, view->file->file, view->offset, (size_t)view->n, view->file->mode, &base);
    while (result.status == SLOT_E_NO_MEMORY && evict_one(cache, NULL) == SLOT_OK)
        result =
            os->map(os, view->file->file, view->offset, (size_t)view->n, view->file->mode, &base);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, view->file->name, view->offset,
                              "a view of %llu bytes cannot be mapped", (unsigned long long)view->n);
    view->base = base;
    cache->counters.mapped += cost;
    cache->counters.mapped_peak = max_u64(cache->counters.mapped_peak, cache->counters.mapped);
    cache->counters.maps++;
    return SLOT_OK;
}

/* Describe the view that owns `offset`: cut at the end of the file, nothing mapped yet. */
static void describe(const struct view_cache *cache, struct view_file *file, uint64_t offset,
                     struct view *view)
{
    uint64_t tail = round_up(file->block_bytes, OS_PAGE_SIZE);

    memset(view, 0, sizeof *view);
    view->file = file;
    view->number = offset >> cache->view_shift;
    view->offset = view->number << cache->view_shift;
    view->n = min_u64(cache->view_size + tail, file->size - view->offset);
    view->first_block = (view->offset + file->block_bytes - 1) / file->block_bytes;
    view->blocks = (uint32_t)((view->offset + cache->view_size - 1) / file->block_bytes + 1 -
                              view->first_block);
}

/* Map the view that owns `offset`, as long as the file is now. It is not in the table yet. */
static slot_status map_new(struct view_cache *cache, struct view_file *file, uint64_t offset,
                           struct view **view, slot_error *err)
{
    struct view *mapped = malloc(sizeof *mapped);
    slot_status status;

    if (mapped == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    describe(cache, file, offset, mapped);
    status = map_within_budget(cache, mapped, err);
    if (status == SLOT_OK)
        *view = mapped;
    else
        free(mapped);
    return status;
}

/*
 * What is dirty in `old` is dirty in its successor too, so that everybody sees it by looking into
 * the table. `old` stays dirty: its own mapping has to be flushed as well.
 */
static slot_status inherit_dirty(struct view_cache *cache, struct view *view,
                                 const struct view *old, slot_error *err)
{
    if (!old->is_dirty || old->dirty == NULL)
        return SLOT_OK;
    view->dirty = malloc(dirty_words(view) * sizeof *view->dirty);
    if (view->dirty == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    memcpy(view->dirty, old->dirty, dirty_words(view) * sizeof *view->dirty);
    dirty_append(cache, view);
    view->dirty_start = old->dirty_start;
    view->dirty_end = old->dirty_end;
    return SLOT_OK;
}

/* The file has grown: put a longer view in the place of `old`, which nobody may lose by it. */
static slot_status replace(struct view_cache *cache, struct view *old, uint64_t offset,
                           struct view **view, slot_error *err)
{
    struct view_file *file = old->file;
    slot_status status = SLOT_OK;

    if (old->pins == 0) {
        if (old->is_dirty)
            status = flush_view(cache, old, err);
        if (status != SLOT_OK)
            return status;
        discard(cache, old);
        return map_new(cache, file, offset, view, err);
    }
    status = map_new(cache, file, offset, view, err);
    if (status == SLOT_OK) {
        status = inherit_dirty(cache, *view, old, err);
        if (status == SLOT_OK)
            table_retire(cache, old);
        else
            unmap(cache, *view);
    }
    return status;
}

/* ---- what others call ---- */

static void advise(struct view_cache *cache, struct view *view, view_use use)
{
    static const os_advice advices[] = {[VIEW_SINGLE] = OS_ADVICE_RANDOM,
                                        [VIEW_RUN] = OS_ADVICE_NORMAL,
                                        [VIEW_PASSING] = OS_ADVICE_SEQUENTIAL};
    os_advice advice = advices[use];

    if (view->advised != advice)
        cache->os->advise_view(cache->os, view->base, (size_t)view->n, advice);
    view->advised = advice;
    view->use = use;
}

/* The file may have grown since its size was asked for: by a writer in another process. */
static slot_status reach(struct view_cache *cache, struct view_file *file, uint64_t end,
                         slot_error *err)
{
    uint64_t size = 0;
    os_result result;

    if (end <= file->size)
        return SLOT_OK;
    result = cache->os->size(cache->os, file->file, &size);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, file->name, SLOT_NO_OFFSET,
                              "the size of the file cannot be had");
    if (size < end)
        return slot__error_set(err, SLOT_E_TRUNCATED, file->name, size,
                               "%llu bytes long, must have %llu: did another program cut it?",
                               (unsigned long long)size, (unsigned long long)end);
    file->size = size;
    return SLOT_OK;
}

/* slot__view_acquire, under the mutex. */
static slot_status acquire(struct view_cache *cache, struct view_file *file, uint64_t offset,
                           uint64_t end, view_use use, struct view **view, slot_error *err)
{
    struct view *found = table_find(cache, file, offset >> cache->view_shift), *mapped = NULL;
    slot_status status = reach(cache, file, end, err);

    assert(offset < end);
    if (status != SLOT_OK)
        return status;
    if (found == NULL)
        status = map_new(cache, file, offset, &mapped, err);
    else if (end - found->offset > found->n)
        status = replace(cache, found, offset, &mapped, err);
    else
        order_remove(cache, found);
    if (status != SLOT_OK)
        return status;
    if (mapped != NULL) {
        table_insert(cache, mapped);
        found = mapped;
    }
    order_append(cache, found);
    advise(cache, found, use);
    found->pins++;
    *view = found;
    return SLOT_OK;
}

slot_status slot__view_acquire(struct view_cache *cache, struct view_file *file, uint64_t offset,
                               uint64_t end, view_use use, struct view **view, slot_error *err)
{
    slot_status status;

    slot__os_mutex_lock(&cache->mutex);
    status = acquire(cache, file, offset, end, use, view, err);
    slot__os_mutex_unlock(&cache->mutex);
    return status;
}

/* ---- pages that can be stored to ---- */

slot_status slot__view_open_pages(struct view_cache *cache, struct view *view, uint64_t offset,
                                  uint64_t n, slot_error *err)
{
    uint64_t from = round_down(offset - view->offset, OS_GRANULARITY);
    uint64_t to = offset - view->offset + n;
    os_result result = os_success();

    assert(view->file->mode == OS_MAP_LENT && to <= view->n);
    slot__os_mutex_lock(&cache->mutex);
    assert(view->pins > 0);
    if (view->open_to > view->open_from) {
        from = min_u64(from, view->open_from);
        to = max_u64(to, view->open_to);
    }
    if (from < view->open_from || to > view->open_to) {
        to = min_u64(round_up(to, OS_GRANULARITY) + OPEN_AHEAD_BYTES, view->n);
        result = cache->os->protect(cache->os, view->base + from, (size_t)(to - from), true);
    }
    if (os_ok(result)) {
        view->open_from = from;
        view->open_to = to;
    }
    slot__os_mutex_unlock(&cache->mutex);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, view->file->name, offset,
                              "a view cannot be made writable");
    return SLOT_OK;
}

/* Unmapping does as well: nobody has it pinned. */
static void close_pages(struct view_cache *cache, struct view *view)
{
    const struct os *os = cache->os;
    uint64_t from = view->open_from, to = view->open_to;

    if (from == to)
        return;
    view->open_from = view->open_to = 0;
    if (!os_ok(os->protect(os, view->base + from, (size_t)(to - from), false)))
        discard(cache, view);
}

void slot__view_close_pages(struct view_cache *cache)
{
    slot__os_mutex_lock(&cache->mutex);
    for (struct view *view = cache->oldest, *next; view != NULL; view = next) {
        next = view->newer;
        close_pages(cache, view);
    }
    slot__os_mutex_unlock(&cache->mutex);
}

/* ---- views for reads that can do without ---- */

uint64_t slot__view_window(const struct view_cache *cache, const struct view_file *file,
                           uint64_t offset)
{
    return window_of(file, offset >> cache->view_shift);
}

bool slot__view_may_be_mapped(struct view_cache *cache, const struct view_file *file,
                              uint64_t offset)
{
    uint32_t bucket = bucket_of(file, offset >> cache->view_shift);

    return atomic_load_explicit(&cache->mapped[bucket], memory_order_relaxed) != 0;
}

/* What the next view has to earn, as things are now. */
static void require(struct view_cache *cache, const struct view_file *file)
{
    uint64_t cost = view_cost(cache->view_size, file->block_bytes);
    const struct view *victim = choose_victim(cache);

    slot__admission_require(&cache->admission, cache->counters.mapped + cost <= cache->budget,
                            victim != NULL ? victim->score : UINT16_MAX);
}

void slot__view_epoch(struct view_cache *cache, const struct view_file *file)
{
    slot__os_mutex_lock(&cache->mutex);
    report_uses(cache);
    halve_scores(cache);
    slot__admission_halve(&cache->admission);
    require(cache, file);
    slot__os_mutex_unlock(&cache->mutex);
}

/* Make room for a view of a window with so many misses, as far as it has earned that. */
static bool make_earned_room(struct view_cache *cache, const struct view_file *file,
                             uint32_t misses)
{
    uint64_t cost = view_cost(cache->view_size, file->block_bytes);
    bool earned = true;

    report_uses(cache);
    while (earned && cache->counters.mapped + cost > cache->budget) {
        struct view *victim = choose_victim(cache);

        earned = victim != NULL && misses >= slot__admission_price(victim->score) &&
                 evict(cache, victim, NULL) == SLOT_OK;
    }
    return earned;
}

bool slot__view_admit(struct view_cache *cache, struct view_file *file, uint64_t offset,
                      uint64_t end, view_want want, struct view **view)
{
    uint32_t misses =
        slot__admission_count(&cache->admission, slot__view_window(cache, file, offset));
    bool mapped, wanted;
    slot_status status = SLOT_E_BUDGET;

    slot__os_mutex_lock(&cache->mutex);
    mapped = table_find(cache, file, offset >> cache->view_shift) != NULL;
    wanted = want == VIEW_NEEDED ||
             (want == VIEW_EARNED && !mapped && make_earned_room(cache, file, misses));
    if (mapped || wanted)
        status = acquire(cache, file, offset, end, want == VIEW_NEEDED ? VIEW_PASSING : VIEW_SINGLE,
                         view, NULL);
    if (status == SLOT_OK && !mapped && want == VIEW_EARNED)
        (*view)->score = misses; /* until it has uses of its own */
    if (want == VIEW_EARNED)
        require(cache, file);
    slot__os_mutex_unlock(&cache->mutex);
    return status == SLOT_OK;
}

void slot__view_pin(struct view_cache *cache, struct view *view)
{
    slot__os_mutex_lock(&cache->mutex);
    assert(view->pins > 0);
    view->pins++;
    slot__os_mutex_unlock(&cache->mutex);
}

void slot__view_unpin(struct view_cache *cache, struct view *view)
{
    slot__os_mutex_lock(&cache->mutex);
    assert(view->pins > 0);
    view->pins--;
    if (view->retired && view->pins == 0 && !view->is_dirty)
        discard(cache, view);
    slot__os_mutex_unlock(&cache->mutex);
}

void slot__view_drop_all(struct view_cache *cache, const struct view_file *file)
{
    slot__os_mutex_lock(&cache->mutex);
    for (struct view *view = cache->oldest, *next; view != NULL; view = next) {
        next = view->newer;
        if (view->file == file)
            discard(cache, view);
    }
    slot__os_mutex_unlock(&cache->mutex);
}

void slot__view_cache_release(struct view_cache *cache)
{
    while (cache->oldest != NULL)
        discard(cache, cache->oldest);
    slot__os_mutex_release(&cache->mutex);
}

struct view_counters slot__view_cache_counters(struct view_cache *cache)
{
    struct view_counters copy;

    slot__os_mutex_lock(&cache->mutex);
    copy = cache->counters;
    slot__os_mutex_unlock(&cache->mutex);
    return copy;
}
