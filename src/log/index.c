/*
 * The index of a segment: block -> newest frame, in a file of words beside it.
 *
 *   word   63......20 19........0      0: empty
 *          key, 44    offset / 64
 *
 * Linear probing from a hash of the key. One store inserts or replaces; the storing process holds
 * the writer lock. A reader that finds a word finds the whole frame behind it (shared.h). Nothing
 * here is trusted: a search looks at each word once at most.
 *
 *   file   |in use, 2^n words|not in use: perhaps a hole          | index_words
 *
 * Only the words in use are ever touched, because they have their space on disk: on some systems
 * even a load from a hole takes space, and is a signal when there is none. How many they are, says
 * the word of the segment in `shared`. They become twice as many before they are a quarter full,
 * as far as the file goes. Nothing moves then: words whose key belongs into the new half get a copy
 * there, before anybody is told. Whoever still looks into the old half finds what was there when he
 * was told, and that is all that his snapshot needs.
 */
#include "base/checked.h"
#include "base/status.h"
#include "log/log.h"

#define OFFSET_BITS 20u
#define OFFSET_MASK ((UINT64_C(1) << OFFSET_BITS) - 1)

_Static_assert(LOG_SEGMENT_BYTES_MAX / FRAME_UNIT <= OFFSET_MASK + 1, "an offset has 20 bits");

static uint32_t hash_of(uint64_t key)
{
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

uint32_t slot__index_words_for(const struct log *log, uint64_t offset)
{
    uint64_t frames = offset / log->frame_least;
    uint32_t words = log->index_first;

    while (words < log->index_words && words < 4 * frames)
        words *= 2;
    return words;
}

/* ---- one word ---- */

/*
 * Somebody who looks at words of one index: through a view, pinned for good or for the moment, or
 * through the window of the handle, when lent pointers have taken all of the budget. Readers are
 * not refused for that, and a transaction that is durable must be published.
 */
struct look {
    struct log *log;
    uint32_t file;
    uint32_t from, n; /* the words that are at hand */
    shared_word *words;
    struct view *view; /* to be unpinned */
    bool in_window;
};

static void let_go(struct look *look)
{
    if (look->view != NULL)
        slot__view_unpin(look->log->cache, look->view);
    if (look->in_window)
        slot__log_window_give(look->log);
    look->view = NULL;
    look->in_window = false;
    look->n = 0;
}

static void have(struct look *look, void *base, uint64_t offset, uint64_t n)
{
    look->words = base;
    look->from = (uint32_t)(offset / sizeof(shared_word));
    look->n = (uint32_t)(n / sizeof(shared_word));
}

/* Have word `place` at hand. One view holds a whole index, unless the budget is tight. */
static SLOT_NOINLINE slot_status move(struct look *look, uint32_t place, slot_error *err)
{
    struct log *log = look->log;
    uint64_t at = (uint64_t)place * sizeof(shared_word);
    const struct view *view;
    slot_status status;

    let_go(look);
    status = slot__log_open_segment(log, look->file, err);
    if (status != SLOT_OK)
        return status;
    view = log->index_views[look->file];
    if (view == NULL) {
        status = slot__view_acquire(log->cache, &log->index[look->file], at,
                                    at + sizeof(shared_word), VIEW_SINGLE, &look->view, err);
        view = look->view;
    }
    if (status == SLOT_OK) {
        have(look, view->base, view->offset, view->n);
    } else if (log_may_do_without(status)) {
        status = slot__log_window_take(log, look->file, at, err);
        look->in_window = status == SLOT_OK;
        if (status == SLOT_OK)
            have(look, log->window.base, log->window.offset, log->window.n);
    }
    return status;
}

static inline slot_status reach(struct look *look, uint32_t place, slot_error *err)
{
    return place - look->from < look->n ? SLOT_OK : move(look, place, err);
}

static inline slot_status load(struct look *look, uint32_t place, uint64_t *value, slot_error *err)
{
    slot_status status = reach(look, place, err);

    if (status == SLOT_OK)
        *value = index_word_load(look->log->os, &look->words[place - look->from]);
    return status;
}

static slot_status store(struct look *look, uint32_t place, uint64_t value, slot_error *err)
{
    slot_status status = reach(look, place, err);

    if (status == SLOT_OK)
        index_word_store(look->log->os, &look->words[place - look->from], value);
    return status;
}

/* Words [from, to) zero. Nobody looks into them yet. */
static slot_status clear(struct look *look, uint32_t from, uint32_t to, slot_error *err)
{
    slot_status status = SLOT_OK;

    for (uint32_t place = from; place < to && status == SLOT_OK; place++) {
        status = reach(look, place, err);
        if (status == SLOT_OK)
            index_word_clear(&look->words[place - look->from]);
    }
    return status;
}

/* ---- searching ---- */

/* The place of `key` among the first `words`, or the empty one where it belongs, and its value. */
static slot_status search(struct look *look, uint32_t words, uint64_t key, uint32_t *place,
                          uint64_t *value, slot_error *err)
{
    slot_status status = SLOT_OK;

    *place = hash_of(key) & (words - 1);
    for (uint32_t n = 0; n < words && status == SLOT_OK; n++) {
        status = load(look, *place, value, err);
        if (status == SLOT_OK && (*value == 0 || *value >> OFFSET_BITS == key))
            return SLOT_OK;
        *place = (*place + 1) & (words - 1);
    }
    if (status != SLOT_OK)
        return status;
    return slot__error_set(err, SLOT_E_CORRUPT, slot__log_name(look->file), SLOT_NO_OFFSET,
                           "the index of the segment is full: another program has changed it");
}

static uint32_t words_now(const struct log *log, uint32_t i)
{
    return shared_index_words(shared_segment_word(log->shared, i), log->index_words);
}

slot_status slot__index_find(struct log *log, uint32_t i, uint64_t key, uint64_t *offset,
                             slot_error *err)
{
    struct look look = {.log = log, .file = i};
    uint64_t value = 0;
    uint32_t place;
    slot_status status = search(&look, words_now(log, i), key, &place, &value, err);

    let_go(&look);
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
    uint32_t hash = hash_of(key);
    uint64_t found = INDEX_NONE, told = 1;

    log->os->yield(log->os, "index");
    for (uint32_t i = live->n; i-- > 0;) { /* the newest one last */
        shared_word *words =
            atomic_load_explicit(&log->index_at[live->file[i]], memory_order_acquire);
        uint32_t place = hash & live->mask[i];
        uint64_t least, less_one, is_here, is_not;

        if (words == NULL || place > live->mask[i] + 1 - LOOK_WORDS)
            return INDEX_ASK;
        less_one = closest(words + place, key << OFFSET_BITS, &least);
        is_here = less_one < OFFSET_MASK;
        is_not = least == 0;
        found = is_here ? ((uint64_t)i << 32) + less_one + 1 : found;
        told = is_here | (told & is_not);
    }
    return told ? found : INDEX_ASK;
}

/* ---- changing ---- */

/* Word `at` of the first `words`, which is `value`: a copy where its key is looked for among twice
 * as many. */
static slot_status copy_word(struct look *look, uint32_t words, uint32_t at, uint64_t value,
                             slot_error *err)
{
    uint64_t key = value >> OFFSET_BITS, found = 0;
    uint32_t place = at;
    /* An index that was made wider before has words that were copied and are not the newest. */
    slot_status status = search(look, words, key, &place, &found, err);

    if (status != SLOT_OK || place != at)
        return status;
    status = search(look, 2 * words, key, &place, &found, err);
    if (status == SLOT_OK && found == 0)
        status = store(look, place, value, err);
    return status;
}

/* Twice as many words in use. The first ones stay as they are, for those who know of no others;
 * most are empty. */
static slot_status widen(struct look *look, uint32_t words, slot_error *err)
{
    const struct shared_map *shared = look->log->shared;
    slot_status status = clear(look, words, 2 * words, err);

    for (uint32_t at = 0; at < words && status == SLOT_OK; at++) {
        uint64_t value = 0;

        status = load(look, at, &value, err);
        if (status == SLOT_OK && value != 0)
            status = copy_word(look, words, at, value, err);
    }
    if (status == SLOT_OK)
        shared_set_segment_words(shared, look->file, shared_segment(shared, look->file), 2 * words);
    return status;
}

slot_status slot__index_insert(struct log *log, uint32_t i, uint64_t key, uint64_t offset,
                               slot_error *err)
{
    struct look look = {.log = log, .file = i};
    uint32_t place, words = words_now(log, i), wanted = slot__index_words_for(log, offset);
    uint64_t value;
    slot_status status = SLOT_OK;

    for (; words < wanted && status == SLOT_OK; words *= 2)
        status = widen(&look, words, err);
    if (status == SLOT_OK)
        status = search(&look, words, key, &place, &value, err);
    if (status == SLOT_OK)
        status = store(&look, place, key << OFFSET_BITS | offset / FRAME_UNIT, err);
    let_go(&look);
    return status;
}

slot_status slot__index_clear(struct log *log, uint32_t i, uint32_t words, slot_error *err)
{
    struct look look = {.log = log, .file = i};
    slot_status status = clear(&look, 0, words, err);

    let_go(&look);
    return status;
}
