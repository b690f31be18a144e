/*
 * The index of a segment: block -> newest frame, in a file of words beside it.
 *
 *   word   63......20 19........0      0: empty
 *          key, 44    offset / 64
 *
 * Linear probing from a hash of the key; never more than half full. One store inserts or replaces;
 * the storing process holds the writer lock. A reader that finds a word finds the whole frame
 * behind it (shared.h). Nothing here is trusted: a search looks at each word once at most.
 */
#include "base/checked.h"
#include "base/status.h"
#include "log/log.h"

#define OFFSET_BITS 20u
#define OFFSET_MASK ((UINT64_C(1) << OFFSET_BITS) - 1)

_Static_assert(LOG_SEGMENT_BYTES_MAX / FRAME_UNIT <= OFFSET_MASK + 1, "an offset has 20 bits");

static uint32_t first_place(const struct log *log, uint64_t key)
{
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (log->index_words - 1);
}

/*
 * The view with word `place` of an index: pinned for good, or for the moment (index_let_go). One
 * view holds a whole index, unless the budget is tight.
 */
static slot_status index_view(struct log *log, uint32_t i, uint32_t place, struct view **view,
                              slot_error *err)
{
    uint64_t at = (uint64_t)place * sizeof(shared_word);
    slot_status status = slot__log_open_segment(log, i, err);

    if (status != SLOT_OK)
        return status;
    *view = log->index_views[i];
    if (*view == NULL)
        status = slot__view_acquire(log->cache, &log->index[i], at, at + sizeof(shared_word),
                                    VIEW_SINGLE, view, err);
    return status;
}

static void let_go(struct log *log, uint32_t i, struct view *view)
{
    if (view != NULL && view != log->index_views[i])
        slot__view_unpin(log->cache, view);
}

static shared_word *word_at(const struct view *view, uint32_t place)
{
    return (shared_word *)(void *)(view->base +
                                   ((uint64_t)place * sizeof(shared_word) - view->offset));
}

static bool in_view(const struct view *view, uint32_t place)
{
    uint64_t at = (uint64_t)place * sizeof(shared_word);

    return view != NULL && at >= view->offset && at - view->offset < view->n;
}

static slot_status full(uint32_t i, slot_error *err)
{
    return slot__error_set(err, SLOT_E_CORRUPT, slot__log_name(i), SLOT_NO_OFFSET,
                           "the index of the segment is full: another program has changed it");
}

/*
 * The word of `key`, or the empty word where it belongs, and its value; *view is to be let go.
 */
static slot_status search(struct log *log, uint32_t i, uint64_t key, struct view **view,
                          shared_word **found, uint64_t *value, slot_error *err)
{
    uint32_t place = first_place(log, key);
    slot_status status;

    *view = NULL;
    for (uint32_t n = 0; n < log->index_words; n++) {
        if (!in_view(*view, place)) {
            let_go(log, i, *view);
            *view = NULL;
            status = index_view(log, i, place, view, err);
            if (status != SLOT_OK)
                return status;
        }
        *found = word_at(*view, place);
        *value = index_word_load(log->os, *found);
        if (*value == 0 || *value >> OFFSET_BITS == key)
            return SLOT_OK;
        place = (place + 1) & (log->index_words - 1);
    }
    let_go(log, i, *view);
    return full(i, err);
}

/*
 * The same through the file, when lent pointers have taken all of the budget: readers are not
 * refused for that, and a transaction that is durable must be published. Eight aligned bytes are
 * read and written as one.
 */
static slot_status search_file(struct log *log, uint32_t i, uint64_t key, uint64_t *at,
                               uint64_t *value, slot_error *err)
{
    uint32_t place = first_place(log, key);
    os_result result = os_success();

    *value = 0;
    for (uint32_t n = 0; n < log->index_words && os_ok(result); n++) {
        *at = (uint64_t)place * sizeof *value;
        result = log->os->read_at(log->os, log->index_files[i], *at, value, sizeof *value);
        if (os_ok(result) && (*value == 0 || *value >> OFFSET_BITS == key))
            return SLOT_OK;
        place = (place + 1) & (log->index_words - 1);
    }
    if (os_ok(result))
        return full(i, err);
    return slot__error_os(err, result.status, result.code, slot__log_name(i), SLOT_NO_OFFSET,
                          "the index of the segment cannot be read");
}

slot_status slot__index_find(struct log *log, uint32_t i, uint64_t key, uint64_t *offset,
                             slot_error *err)
{
    shared_word *word;
    struct view *view = NULL;
    uint64_t value, at;
    slot_status status = search(log, i, key, &view, &word, &value, err);

    if (status == SLOT_E_BUDGET || status == SLOT_E_NO_MEMORY)
        status = search_file(log, i, key, &at, &value, err);
    else if (status == SLOT_OK)
        let_go(log, i, view);
    if (status == SLOT_OK)
        *offset = (value & OFFSET_MASK) * FRAME_UNIT;
    return status;
}

#define LOOK_WORDS 4u

/* The smallest of words ^ wanted, less 1: an offset less 1 when one of them is of the key that is
 * wanted, and beyond all offsets when none is. An empty word is nobody's, though it looks like
 * offset 0 of key 0. *least: 0 when one of them is empty. */
static inline uint64_t closest(shared_word *words, uint64_t wanted, uint64_t *least)
{
    uint64_t closest = UINT64_MAX, smallest = UINT64_MAX;

    for (uint32_t n = 0; n < LOOK_WORDS; n++) {
        uint64_t word = index_word_peek(&words[n]);

        closest = min_u64(closest, (word ^ wanted) - 1);
        smallest = min_u64(smallest, word);
    }
    *least = smallest;
    return closest;
}

/*
 * There is no branch on what is found: where the processor takes the wrong one it cannot go on with
 * the record after this before the word has come from memory, and that is what a get costs.
 */
uint64_t slot__index_look(const struct log *log, const struct log_live *live, uint64_t key)
{
    uint32_t place = first_place(log, key);
    uint64_t found = INDEX_NONE, told = 1;

    if (place > log->index_words - LOOK_WORDS)
        return INDEX_ASK;
    log->os->yield(log->os, "index");
    for (uint32_t i = live->n; i-- > 0;) { /* the newest one last */
        shared_word *words =
            atomic_load_explicit(&log->index_at[live->file[i]], memory_order_acquire);
        uint64_t least, less_one, is_here, is_not;

        if (words == NULL)
            return INDEX_ASK;
        less_one = closest(words + place, key << OFFSET_BITS, &least);
        is_here = less_one < OFFSET_MASK;
        is_not = least == 0;
        found = is_here ? ((uint64_t)i << 32) + less_one + 1 : found;
        told = is_here | (told & is_not);
    }
    return told ? found : INDEX_ASK;
}

static slot_status insert_through_file(struct log *log, uint32_t i, uint64_t key, uint64_t word,
                                       slot_error *err)
{
    uint64_t at = 0, value = 0;
    slot_status status = search_file(log, i, key, &at, &value, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = log->os->write_at(log->os, log->index_files[i], at, &word, sizeof word);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, slot__log_name(i), SLOT_NO_OFFSET,
                              "the index of the segment cannot be written");
    return SLOT_OK;
}

slot_status slot__index_insert(struct log *log, uint32_t i, uint64_t key, uint64_t offset,
                               slot_error *err)
{
    shared_word *word;
    struct view *view;
    uint64_t value;
    slot_status status = search(log, i, key, &view, &word, &value, err);

    if (status == SLOT_E_BUDGET || status == SLOT_E_NO_MEMORY)
        return insert_through_file(log, i, key, key << OFFSET_BITS | offset / FRAME_UNIT, err);
    if (status != SLOT_OK)
        return status;
    index_word_store(log->os, word, key << OFFSET_BITS | offset / FRAME_UNIT);
    let_go(log, i, view);
    return SLOT_OK;
}

slot_status slot__index_clear(struct log *log, uint32_t i, slot_error *err)
{
    struct view *view = NULL;
    slot_status status = SLOT_OK;

    for (uint32_t place = 0; place < log->index_words && status == SLOT_OK; place++) {
        if (!in_view(view, place)) {
            let_go(log, i, view);
            view = NULL;
            status = index_view(log, i, place, &view, err);
        }
        if (status == SLOT_OK)
            index_word_clear(word_at(view, place));
    }
    let_go(log, i, view);
    return status;
}
