#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/status.h"

#define PIECE_BYTES (UINT64_C(1) << 20)

#define RESERVE_BLOCKS 8u                    /* that have space in a segment from the start */
#define FIRST_BYTES    (UINT64_C(128) << 10) /* or room for these blocks, whichever is more */
#define INDEX_FIRST    512u                  /* words in use at first: a page */

/* A reader asks the index of each segment that may hold a newer version: better few and large. */
#define LOG_SEGMENTS_WANTED 16

/* ---- names and sizes ---- */

#define ROW(a) a "0", a "1", a "2", a "3", a "4", a "5", a "6", a "7", a "8", a "9"
static const char *const names[] = {ROW("log/0"), ROW("log/1"), ROW("log/2"), ROW("log/3"),
                                    ROW("log/4"), ROW("log/5"), ROW("log/6")};
#undef ROW

const char *slot__log_name(uint32_t i)
{
    return i < LOG_SEGMENTS ? names[i] : "log";
}

/* What is behind the number in a file's name. */
static const char FRAMES[] = "", INDEX[] = ".index", UNFINISHED[] = ".new";

struct segment_name {
    char text[sizeof "63.index"];
};

/* "07" and a suffix. */
static struct segment_name segment_name(uint32_t i, const char *suffix)
{
    struct segment_name name;

    snprintf(name.text, sizeof name.text, "%02u%s", i % LOG_SEGMENTS, suffix);
    return name;
}

uint64_t slot__log_segment_bytes(uint64_t limit_bytes, uint32_t block_bytes)
{
    uint64_t least = SEGMENT_HEADER_BYTES + RESERVE_BLOCKS * round_up(block_bytes + 64u, 4096);
    uint64_t bytes = LOG_SEGMENT_BYTES_MIN;

    while (bytes < least)
        bytes *= 2;
    while (bytes < LOG_SEGMENT_BYTES_MAX && bytes < limit_bytes / LOG_SEGMENTS_WANTED)
        bytes *= 2;
    return bytes;
}

uint32_t slot__log_body_bytes(const struct log *log, uint64_t key)
{
    return key_is_deleted(key) ? BITMAP_BLOCK_BYTES : log->block_bytes;
}

uint32_t slot__log_frame_max(const struct log *log)
{
    uint32_t body = log->block_bytes > BITMAP_BLOCK_BYTES ? log->block_bytes : BITMAP_BLOCK_BYTES;

    return slot__frame_length(body);
}

static uint32_t frame_least(const struct log *log)
{
    uint32_t body = log->block_bytes < BITMAP_BLOCK_BYTES ? log->block_bytes : BITMAP_BLOCK_BYTES;

    return slot__frame_length(body);
}

/* Twice as many words as frames fit, so that a search ends soon. */
static uint32_t words_for(const struct log *log)
{
    uint64_t frames = log->segment_bytes / log->frame_least;
    uint32_t words = INDEX_FIRST;

    while (words < 2 * frames)
        words *= 2;
    return words;
}

uint64_t slot__log_reserve_bytes(const struct log *log)
{
    uint64_t frames = RESERVE_BLOCKS * (uint64_t)slot__log_frame_max(log);

    return round_up(frames + FRAME_HEADER_BYTES, FRAME_COMMIT_UNIT);
}

/* The space that a segment has from its start. */
static uint64_t first_bytes(const struct log *log)
{
    uint64_t least = SEGMENT_HEADER_BYTES + slot__log_reserve_bytes(log);

    return min_u64(max_u64(least, log->first_bytes), log->segment_bytes);
}

/* ---- init and release ---- */

void slot__log_init(struct log *log, const struct os *os, struct shared_map *shared,
                    struct view_cache *cache, struct os_dir *database, uint64_t segment_bytes)
{
    log->os = os;
    log->shared = shared;
    log->cache = cache;
    log->segment_bytes = segment_bytes;
    log->piece_bytes = PIECE_BYTES;
    log->segment_shift = 0;
    while ((UINT64_C(1) << log->segment_shift) < segment_bytes)
        log->segment_shift++;
    log->frame_least = frame_least(log);
    log->index_words = words_for(log);
    log->index_first = INDEX_FIRST;
    log->first_bytes = FIRST_BYTES;
    log->database = database;
    slot__os_mutex_init(&log->mutex);
    slot__os_mutex_init(&log->window.mutex);
}

/* The owner's. */
static void empty_window(struct log *log)
{
    if (log->window.base != NULL)
        log->os->unmap(log->os, log->window.base, log->window.n);
    log->window.base = NULL;
}

static void close_segment(struct log *log, uint32_t i)
{
    slot__os_mutex_lock(&log->window.mutex);
    if (log->window.file == i)
        empty_window(log);
    slot__os_mutex_unlock(&log->window.mutex);
    if (log->index_views[i] != NULL)
        slot__view_unpin(log->cache, log->index_views[i]);
    log->index_views[i] = NULL;
    atomic_store_explicit(&log->index_at[i], NULL, memory_order_relaxed);
    slot__view_drop_all(log->cache, &log->frames[i]);
    slot__view_drop_all(log->cache, &log->open_frames[i]);
    slot__view_drop_all(log->cache, &log->lent_frames[i]);
    slot__view_drop_all(log->cache, &log->index[i]);
    if (log->index_files[i] != NULL)
        log->os->close(log->os, log->index_files[i]);
    if (log->files[i] != NULL)
        log->os->close(log->os, log->files[i]);
    log->index_files[i] = log->files[i] = NULL;
    atomic_store_explicit(&log->opened[i], false, memory_order_relaxed);
}

void slot__log_close_segments(struct log *log)
{
    for (uint32_t i = 0; i < LOG_SEGMENTS; i++)
        close_segment(log, i);
}

void slot__log_release(struct log *log)
{
    if (log->database == NULL)
        return;
    slot__log_close_segments(log);
    if (log->dir != NULL)
        log->os->close_dir(log->os, log->dir);
    slot__os_mutex_release(&log->window.mutex);
    slot__os_mutex_release(&log->mutex);
    log->database = log->dir = NULL;
}

/* ---- the window ---- */

static slot_status move_window(struct log *log, uint32_t i, uint64_t at, slot_error *err)
{
    struct log_window *window = &log->window;
    os_result result;

    empty_window(log);
    window->file = i;
    window->offset = round_down(at, LOG_WINDOW_BYTES);
    window->n = (size_t)min_u64(LOG_WINDOW_BYTES, log->index[i].size - window->offset);
    result = log->os->map(log->os, log->index_files[i], window->offset, window->n, OS_MAP_WORDS,
                          &window->base);
    if (os_ok(result))
        return SLOT_OK;
    window->base = NULL;
    return slot__error_os(err, result.status, result.code, slot__log_name(i), SLOT_NO_OFFSET,
                          "no part of the index of the segment can be mapped");
}

slot_status slot__log_window_take(struct log *log, uint32_t i, uint64_t at, slot_error *err)
{
    struct log_window *window = &log->window;
    slot_status status = SLOT_OK;

    slot__os_mutex_lock(&window->mutex);
    if (window->base == NULL || window->file != i || at < window->offset ||
        at - window->offset >= window->n)
        status = move_window(log, i, at, err);
    if (status != SLOT_OK)
        slot__os_mutex_unlock(&window->mutex);
    return status;
}

void slot__log_window_give(struct log *log)
{
    slot__os_mutex_unlock(&log->window.mutex);
}

/* ---- opening ---- */

static slot_status file_error(slot_error *err, os_result result, uint32_t i, const char *what)
{
    return slot__error_os(err, result.status, result.code, slot__log_name(i), SLOT_NO_OFFSET, "%s",
                          what);
}

/* The directory of the log is open while somebody needs it. The mutex is ours. */
static slot_status enter_locked(struct log *log, slot_error *err)
{
    os_result result = os_success();

    if (log->dir == NULL)
        result = log->os->open_dir(log->os, log->database, LOG_DIR, &log->dir);
    if (os_ok(result))
        log->inside++;
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, LOG_DIR, SLOT_NO_OFFSET,
                              "the directory of the log cannot be opened");
    return SLOT_OK;
}

static slot_status enter(struct log *log, slot_error *err)
{
    slot_status status;

    slot__os_mutex_lock(&log->mutex);
    status = enter_locked(log, err);
    slot__os_mutex_unlock(&log->mutex);
    return status;
}

static void leave_locked(struct log *log)
{
    if (--log->inside > 0)
        return;
    log->os->close_dir(log->os, log->dir);
    log->dir = NULL;
}

static void leave(struct log *log)
{
    slot__os_mutex_lock(&log->mutex);
    leave_locked(log);
    slot__os_mutex_unlock(&log->mutex);
}

static slot_status open_file(struct log *log, uint32_t i, const char *suffix, int flags,
                             struct os_file **file, slot_error *err)
{
    struct segment_name name = segment_name(i, suffix);
    os_result result = log->os->open(log->os, log->dir, name.text, flags, file);

    if (result.status == SLOT_E_UNSUPPORTED)
        return slot__error_os(err, SLOT_E_CORRUPT, result.code, slot__log_name(i), SLOT_NO_OFFSET,
                              "not a regular file");
    if (!os_ok(result))
        return file_error(err, result, i,
                          suffix == INDEX ? "the index of the segment cannot be opened"
                                          : "the segment cannot be opened");
    return SLOT_OK;
}

static void describe(struct log *log, uint32_t i)
{
    const struct view_file frames = {.name = slot__log_name(i),
                                     .file = log->files[i],
                                     .size = log->segment_bytes,
                                     .block_bytes = slot__log_frame_max(log)};

    log->frames[i] = log->open_frames[i] = log->lent_frames[i] = log->index[i] = frames;
    log->frames[i].mode = OS_MAP_READ;
    log->open_frames[i].mode = OS_MAP_WRITE;
    log->open_frames[i].once = true;
    log->lent_frames[i].mode = OS_MAP_LENT;
    log->index[i].mode = OS_MAP_WORDS;
    log->index[i].file = log->index_files[i];
    log->index[i].size = (uint64_t)log->index_words * sizeof(shared_word);
    log->index[i].block_bytes = sizeof(shared_word);
}

static slot_status check_size(struct log *log, uint32_t i, slot_error *err)
{
    uint64_t size = 0, index_size = 0;
    os_result result = log->os->size(log->os, log->files[i], &size);

    if (os_ok(result) && !log->recovering)
        result = log->os->size(log->os, log->index_files[i], &index_size);
    if (!os_ok(result))
        return file_error(err, result, i, "the size of the segment cannot be had");
    if (size < log->segment_bytes ||
        (!log->recovering && index_size < log->index_words * sizeof(shared_word)))
        return slot__error_set(
            err, SLOT_E_TRUNCATED, slot__log_name(i), size,
            "the segment has %llu bytes, must have %llu: another program has cut it",
            (unsigned long long)size, (unsigned long long)log->segment_bytes);
    return SLOT_OK;
}

/* Indexes stay mapped when all of them together take no more than an eighth of the budget. */
static void keep_index(struct log *log, uint32_t i)
{
    uint64_t bytes = (uint64_t)log->index_words * sizeof(shared_word);

    if (bytes * LOG_SEGMENTS <= log->cache->budget / 8 && bytes <= log->cache->view_size)
        (void)slot__view_acquire(log->cache, &log->index[i], 0, bytes, VIEW_SINGLE,
                                 &log->index_views[i], NULL);
    if (log->index_views[i] != NULL)
        atomic_store_explicit(&log->index_at[i], (shared_word *)(void *)log->index_views[i]->base,
                              memory_order_release);
}

/* A flush that was told of an error before the file was opened is over, and has told others, or has
 * the number that its role has now. */
static void note_flushes(struct log *log, uint32_t i)
{
    for (uint32_t role = 0; role < SHARED_ROLES; role++)
        atomic_store_explicit(&log->opened_in[i][role],
                              shared_flushing(log->shared, (enum shared_role)role),
                              memory_order_relaxed);
}

/* A segment without its index will be made anew, and what is there of it removed: not when it is
 * another database's. */
static slot_status check_leftover(struct log *log, uint32_t i, slot_error *err)
{
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    struct segment_header header;
    os_result result = log->os->read_at(log->os, log->files[i], 0, bytes, sizeof bytes);

    if (!os_ok(result) && result.status != SLOT_E_TRUNCATED)
        return file_error(err, result, i, "what is left of a segment cannot be read");
    if (os_ok(result) && slot__segment_header_decode(bytes, &header) &&
        memcmp(header.file_id, log->file_id, sizeof log->file_id) != 0)
        return slot__error_set(err, SLOT_E_CORRUPT, slot__log_name(i), 0,
                               "a segment of another database is in the way of a new one, and is "
                               "not removed: move it away");
    return SLOT_OK;
}

/* Both files of a segment. */
static slot_status open_files(struct log *log, uint32_t i, slot_error *err)
{
    int flags = OS_BRIEF | (log->read_only ? OS_READ : OS_READ | OS_WRITE);
    slot_status status = enter_locked(log, err);

    if (status != SLOT_OK)
        return status;
    status = open_file(log, i, FRAMES, flags, &log->files[i], err);
    if (status == SLOT_OK && !log->recovering)
        status = open_file(log, i, INDEX, flags, &log->index_files[i], err);
    if (status == SLOT_E_NO_FILE && log->files[i] != NULL && check_leftover(log, i, err) != SLOT_OK)
        status = SLOT_E_CORRUPT;
    leave_locked(log);
    return status;
}

/* Views keep what they map. Where views come and go, read calls take their place: then the files
 * stay open, and so do those of recovery. */
static os_result keep_files(struct log *log, uint32_t i)
{
    bool keep = log->index_views[i] == NULL;
    os_result result = keep ? log->os->keep(log->os, log->files[i], true) : os_success();

    if (os_ok(result) && keep && log->index_files[i] != NULL)
        result = log->os->keep(log->os, log->index_files[i], true);
    atomic_store_explicit(&log->awake[i], keep, memory_order_relaxed);
    return result;
}

static slot_status open_locked(struct log *log, uint32_t i, slot_error *err)
{
    slot_status status = open_files(log, i, err);
    os_result result;

    if (status == SLOT_OK)
        status = check_size(log, i, err);
    if (status != SLOT_OK) {
        close_segment(log, i);
        return status;
    }
    describe(log, i);
    if (!log->recovering)
        keep_index(log, i);
    result = keep_files(log, i);
    if (!os_ok(result)) {
        close_segment(log, i);
        return file_error(err, result, i, "the segment cannot be opened");
    }
    if (!log->recovering)
        note_flushes(log, i);
    log->space[i] = 0;
    log->populated[i] = 0;
    atomic_store_explicit(&log->opened[i], true, memory_order_release);
    return SLOT_OK;
}

slot_status slot__log_wake(struct log *log, uint32_t i, slot_error *err)
{
    os_result result = os_success();

    slot__os_mutex_lock(&log->mutex);
    if (!atomic_load_explicit(&log->awake[i], memory_order_relaxed)) {
        result = log->os->keep(log->os, log->files[i], true);
        if (os_ok(result)) {
            note_flushes(log, i);
            atomic_store_explicit(&log->awake[i], true, memory_order_relaxed);
        }
    }
    log->wakes[i]++;
    slot__os_mutex_unlock(&log->mutex);
    return os_ok(result) ? SLOT_OK : file_error(err, result, i, "the segment cannot be opened");
}

uint64_t slot__log_wakes(struct log *log, uint32_t i)
{
    uint64_t wakes;

    slot__os_mutex_lock(&log->mutex);
    wakes = log->wakes[i];
    slot__os_mutex_unlock(&log->mutex);
    return wakes;
}

void slot__log_rest(struct log *log, uint32_t i, uint64_t wakes)
{
    slot__os_mutex_lock(&log->mutex);
    if (log->wakes[i] == wakes && log->index_views[i] != NULL) {
        (void)log->os->keep(log->os, log->files[i], false);
        atomic_store_explicit(&log->awake[i], false, memory_order_relaxed);
    }
    slot__os_mutex_unlock(&log->mutex);
}

slot_status slot__log_open_segment(struct log *log, uint32_t i, slot_error *err)
{
    slot_status status = SLOT_OK;

    if (atomic_load_explicit(&log->opened[i], memory_order_acquire))
        return SLOT_OK;
    slot__os_mutex_lock(&log->mutex);
    if (!atomic_load_explicit(&log->opened[i], memory_order_relaxed))
        status = open_locked(log, i, err);
    slot__os_mutex_unlock(&log->mutex);
    return status;
}

/* ---- creating and removing ---- */

static slot_status no_space(slot_error *err, os_result result, uint32_t i, uint64_t bytes)
{
    return slot__error_os(err, result.status, result.code, slot__log_name(i), SLOT_NO_OFFSET,
                          "%llu bytes cannot be had for the log: free some space and try again",
                          (unsigned long long)bytes);
}

static os_result write_zeros(const struct os *os, struct os_file *file, uint64_t from, uint64_t to)
{
    static uint8_t zeros[PIECE_BYTES]; /* never written to; not const: the program would carry it */
    os_result result = os_success();

    for (uint64_t at = from, n; at < to && os_ok(result); at += n) {
        n = min_u64(PIECE_BYTES, to - at);
        result = os->write_at(os, file, at, zeros, (size_t)n);
    }
    return result;
}

/* A file of n bytes, with space for the first `first`; zeros in all of it where space cannot be
 * reserved. */
static slot_status make_file(struct log *log, uint32_t i, const char *suffix, uint64_t n,
                             uint64_t first, slot_error *err)
{
    const struct os *os = log->os;
    struct os_file *file = NULL;
    slot_status status = open_file(log, i, suffix, OS_READ | OS_WRITE | OS_CREATE_NEW, &file, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = os->allocate(os, file, 0, first);
    if (result.status == SLOT_E_UNSUPPORTED)
        result = write_zeros(os, file, 0, n);
    else if (os_ok(result))
        result = os->resize(os, file, n);
    if (os_ok(result))
        result = os->sync(os, file);
    os->close(os, file);
    if (!os_ok(result))
        return no_space(err, result, i, first);
    return SLOT_OK;
}

/* Bytes [from, to) of a file that exists. Where space cannot be reserved it was written. */
static os_result allocate(const struct log *log, struct os_file *file, uint64_t from, uint64_t to)
{
    os_result result = from < to ? log->os->allocate(log->os, file, from, to - from) : os_success();

    return result.status == SLOT_E_UNSUPPORTED ? os_success() : result;
}

/* Space for the bytes of segment `i` up to `end` and for the words that these need. */
static os_result take_space(struct log *log, uint32_t i, uint64_t end)
{
    uint64_t before = log->space[i];
    uint64_t words_before = before == 0 ? 0 : slot__index_words_for(log, before);
    os_result result = allocate(log, log->index_files[i], words_before * sizeof(shared_word),
                                slot__index_words_for(log, end) * sizeof(shared_word));

    if (os_ok(result))
        result = allocate(log, log->files[i], before, end);
    if (!os_ok(result))
        return result;
    if (before == 0) /* others have used it before */
        log->populated[i] = end;
    log->space[i] = end;
    return result;
}

slot_status slot__log_give_space(struct log *log, uint32_t i, uint64_t end, slot_error *err)
{
    uint64_t wanted = first_bytes(log);
    os_result result;

    if (end <= log->space[i])
        return SLOT_OK;
    while (wanted < end)
        wanted = min_u64(2 * wanted, log->segment_bytes);
    result = take_space(log, i, wanted);
    if (result.status == SLOT_E_NO_SPACE) {
        wanted = min_u64(round_up(end, OS_PAGE_SIZE), log->segment_bytes);
        result = take_space(log, i, wanted);
    }
    return os_ok(result) ? SLOT_OK : no_space(err, result, i, wanted - log->space[i]);
}

/* Bytes [from, to) of a segment, in one piece. Nothing is there yet. Without a view for it the
 * first commits there are slower, and that is all. */
static slot_status populate_piece(struct log *log, uint32_t i, uint64_t from, uint64_t to,
                                  slot_error *err)
{
    const struct os *os = log->os;
    struct view *view = NULL;
    os_result result = os_success();
    slot_status status = SLOT_OK;

    if (log->unsynced)
        result = write_zeros(os, log->files[i], from, to);
    else
        status =
            slot__view_acquire(log->cache, &log->open_frames[i], from, to, VIEW_SINGLE, &view, err);
    if (status != SLOT_OK && status != SLOT_E_BUDGET && status != SLOT_E_NO_MEMORY)
        return status;
    if (view != NULL) {
        result = os->populate(os, view->base + (from - view->offset), (size_t)(to - from), true);
        slot__view_unpin(log->cache, view);
    }
    if (!os_ok(result))
        return no_space(err, result, i, to - from);
    log->populated[i] = to;
    return SLOT_OK;
}

slot_status slot__log_populate(struct log *log, uint32_t i, uint64_t at, uint64_t end,
                               slot_error *err)
{
    uint64_t most = min_u64(log->segment_bytes, log->cache->view_size);
    uint64_t piece = min_u64(log->piece_bytes, most);
    slot_status status = SLOT_OK;

    while (log->populated[i] < end && status == SLOT_OK) {
        /* Another process may have been here: what it has stored stays. */
        uint64_t from = max_u64(log->populated[i], round_up(at, OS_PAGE_SIZE));

        status =
            populate_piece(log, i, from, min_u64(round_up(from + 1, piece), log->space[i]), err);
    }
    return status;
}

/* A size that segments can have. */
static bool is_segment_size(uint64_t n)
{
    return n >= LOG_SEGMENT_BYTES_MIN && n <= LOG_SEGMENT_BYTES_MAX && is_power_of_two(n);
}

/* The header of a segment file that may be anything; *size gets its length, 0: there is no file.
 * SLOT_E_TRUNCATED: not even a header fits. */
static os_result probe_file(const struct os *os, struct os_dir *dir, uint32_t i, bool *valid,
                            struct segment_header *header, uint64_t *size)
{
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    struct segment_name name = segment_name(i, FRAMES);
    struct os_file *file = NULL;
    os_result result = os->open(os, dir, name.text, OS_READ, &file);

    *valid = false;
    *size = 0;
    if (!os_ok(result))
        return result.status == SLOT_E_NO_FILE ? os_success() : result;
    result = os->size(os, file, size);
    if (os_ok(result))
        result = os->read_at(os, file, 0, bytes, sizeof bytes);
    if (os_ok(result))
        *valid = slot__segment_header_decode(bytes, header);
    os->close(os, file);
    return result;
}

/* The segments of a directory, by their names. */
struct present {
    bool there[LOG_SEGMENTS];
};

static bool note_name(void *context, const char *name)
{
    struct present *present = context;

    if (name[0] >= '0' && name[0] <= '9' && name[1] >= '0' && name[1] <= '9' && name[2] == '\0') {
        uint32_t i = (uint32_t)(name[0] - '0') * 10 + (uint32_t)(name[1] - '0');

        if (i < LOG_SEGMENTS)
            present->there[i] = true;
    }
    return true;
}

/* Open the directory of a log and list its segments. Without a directory there are none, and *dir
 * stays NULL. */
static slot_status list_segments(const struct os *os, struct os_dir *database, struct os_dir **dir,
                                 struct present *present, slot_error *err)
{
    os_result result = os->open_dir(os, database, LOG_DIR, dir);

    memset(present, 0, sizeof *present);
    if (result.status == SLOT_E_NO_FILE)
        return SLOT_OK;
    if (os_ok(result)) {
        result = os->list(os, *dir, note_name, present);
        if (os_ok(result))
            return SLOT_OK;
        os->close_dir(os, *dir);
        *dir = NULL;
    }
    return slot__error_os(err, result.status, result.code, LOG_DIR, SLOT_NO_OFFSET,
                          "the directory of the log cannot be read");
}

slot_status slot__log_census(const struct os *os, struct os_dir *database, const uint8_t *file_id,
                             struct log_census *census, slot_error *err)
{
    struct os_dir *dir = NULL;
    struct present present;
    slot_status status = list_segments(os, database, &dir, &present, err);

    memset(census, 0, sizeof *census);
    for (uint32_t i = 0; i < LOG_SEGMENTS && status == SLOT_OK; i++) {
        struct log_found *found = &census->file[i];
        os_result result;

        if (!present.there[i])
            continue;
        result = probe_file(os, dir, i, &found->ours, &found->header, &found->size);
        if (!os_ok(result) && result.status != SLOT_E_TRUNCATED)
            status = file_error(err, result, i, "the segment cannot be read");
        found->there = result.status == SLOT_E_TRUNCATED || found->size > 0;
        found->ours = found->ours &&
                      memcmp(found->header.file_id, file_id, sizeof found->header.file_id) == 0;
    }
    if (dir != NULL)
        os->close_dir(os, dir);
    return status;
}

/* Whether it may hold something behind `lsn`. */
static bool reaches(const struct log_found *found, uint64_t lsn)
{
    return found->ours && found->header.start + found->header.segment_bytes > lsn;
}

/*
 * Whether a segment has lost what it held. One that holds nothing behind `lsn` may have any length:
 * who was making it as long as another log has them may have been killed in it.
 */
static bool is_cut(const struct log_found *found, uint64_t lsn)
{
    return found->there && !is_segment_size(found->size) &&
           (reaches(found, lsn) || found->size < SEGMENT_HEADER_BYTES);
}

slot_status slot__log_choose_size(const struct log_census *census, uint64_t lsn, struct log *log,
                                  uint64_t *segment_bytes, slot_error *err)
{
    uint64_t legal = 0, size = 0, ended = 0;

    for (uint32_t i = 0; i < LOG_SEGMENTS; i++) {
        const struct log_found *found = &census->file[i];

        if (is_cut(found, lsn))
            return slot__error_set(
                err, SLOT_E_TRUNCATED, slot__log_name(i), found->size,
                "no segment has %llu bytes: another program has cut it; restore a backup",
                (unsigned long long)found->size);
        if (reaches(found, lsn))
            size = found->header.segment_bytes;
        else if (reaches(found, lsn - (lsn > 0)))
            ended = found->header.segment_bytes;
        if (found->there && !found->ours && is_segment_size(found->size))
            legal = found->size;
    }
    /* No header is whole: what is in the segments may still say that something is lost. */
    if (size == 0)
        size = legal;
    /* The log may end where its last segment does: that one bears out what meta says of it. */
    if (size == 0)
        size = ended;
    for (uint32_t i = 0; i < LOG_SEGMENTS; i++) {
        const struct log_found *found = &census->file[i];

        log->passed_over[i] = !found->there || (found->size != size && !reaches(found, lsn));
    }
    *segment_bytes = size;
    return SLOT_OK;
}

bool slot__log_begins_behind(const struct log_census *census, uint64_t lsn)
{
    for (uint32_t i = 0; i < LOG_SEGMENTS; i++) {
        if (census->file[i].ours && census->file[i].header.start >= lsn)
            return true;
    }
    return false;
}

slot_status slot__log_settle(const struct os *os, struct os_dir *database, slot_error *err)
{
    struct os_dir *dir = NULL;
    struct present present;
    slot_status status = list_segments(os, database, &dir, &present, err);

    for (uint32_t i = 0; i < LOG_SEGMENTS && status == SLOT_OK; i++) {
        struct segment_name name = segment_name(i, FRAMES);
        struct os_file *file = NULL;
        os_result result;

        if (!present.there[i])
            continue;
        result = os->open(os, dir, name.text, OS_READ | OS_WRITE, &file);
        if (result.status == SLOT_E_NO_FILE)
            continue;
        if (os_ok(result))
            result = os->sync(os, file);
        if (os_ok(result))
            os->advise(os, file, 0, 0, OS_ADVICE_FORGET);
        if (file != NULL)
            os->close(os, file);
        if (!os_ok(result))
            status =
                file_error(err, result, i, "the segment cannot be made durable before its use");
    }
    if (dir != NULL)
        os->close_dir(os, dir);
    return status;
}

slot_status slot__log_next_life(struct log *log, uint64_t *lsn, uint64_t *chain, slot_error *err)
{
    struct log_census census;
    uint64_t next = *lsn, seed = 0;
    slot_status status = slot__log_census(log->os, log->database, log->file_id, &census, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    for (uint32_t i = 0; i < LOG_SEGMENTS; i++) {
        if (reaches(&census.file[i], next))
            next = census.file[i].header.start + census.file[i].header.segment_bytes;
    }
    result = log->os->random(log->os, &seed, sizeof seed);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, "log", SLOT_NO_OFFSET,
                              "the system gives no random numbers");
    *lsn = round_up(next, FRAME_COMMIT_UNIT);
    *chain = seed;
    return SLOT_OK;
}

static void remove_one(const struct os *os, struct os_dir *dir, uint32_t i, const char *suffix,
                       os_result *first)
{
    struct segment_name name = segment_name(i, suffix);
    os_result result = os->remove_file(os, dir, name.text);

    if (os_ok(*first) && result.status != SLOT_E_NO_FILE)
        *first = result;
}

/* All that a segment consists of. The first failure is returned; all is tried. */
static void remove_segment(const struct os *os, struct os_dir *dir, uint32_t i, os_result *first)
{
    remove_one(os, dir, i, FRAMES, first);
    remove_one(os, dir, i, UNFINISHED, first);
    remove_one(os, dir, i, INDEX, first);
}

/* Frames get their name when all of their space is there: a file of that name that is shorter was
 * cut by somebody. */
static slot_status finish_file(struct log *log, uint32_t i, slot_error *err)
{
    struct segment_name from = segment_name(i, UNFINISHED);
    struct segment_name to = segment_name(i, FRAMES);
    os_result result = log->os->rename_new(log->os, log->dir, from.text, to.text);

    return os_ok(result) ? SLOT_OK
                         : file_error(err, result, i, "a new segment cannot be given its name");
}

slot_status slot__log_create_segment(struct log *log, uint32_t i, slot_error *err)
{
    const struct os *os = log->os;
    os_result ignored = os_success();
    slot_status status = enter(log, err);

    if (status != SLOT_OK)
        return status;
    /* What one has left who died making it. Nobody has it open: that takes both files. */
    remove_segment(os, log->dir, i, &ignored);
    status = make_file(log, i, INDEX, (uint64_t)log->index_words * sizeof(shared_word),
                       slot__index_words_for(log, first_bytes(log)) * sizeof(shared_word), err);
    if (status == SLOT_OK)
        status = make_file(log, i, UNFINISHED, log->segment_bytes, first_bytes(log), err);
    if (status == SLOT_OK)
        status = finish_file(log, i, err);
    if (status == SLOT_OK)
        status = slot__log_open_segment(log, i, err);
    if (status == SLOT_OK) {
        log->space[i] = first_bytes(log);
        log->populated[i] = 0;
    }
    if (status != SLOT_OK) {
        close_segment(log, i);
        remove_segment(os, log->dir, i, &ignored);
    }
    leave(log);
    return status;
}

slot_status slot__log_name_segment(struct log *log, uint32_t i, slot_error *err)
{
    slot_status status = log->named[i] ? SLOT_OK : enter(log, err);
    os_result result;

    if (log->named[i] || status != SLOT_OK)
        return status;
    result = log->os->sync_dir(log->os, log->dir);
    leave(log);
    if (!os_ok(result))
        return file_error(err, result, i, "the name of a segment cannot be made durable");
    log->named[i] = true;
    return SLOT_OK;
}

/* ---- all files of the log ---- */

/* The files that are in the directory, by their numbers. */
struct names {
    uint64_t frames, index, unfinished;
};

static bool note_any_name(void *context, const char *name)
{
    struct names *there = context;
    uint64_t i = (uint64_t)(name[0] - '0') * 10 + (uint64_t)(name[0] != '\0' ? name[1] - '0' : 0);
    const char *suffix = i < LOG_SEGMENTS && name[1] >= '0' && name[1] <= '9' ? name + 2 : NULL;

    if (suffix != NULL && strcmp(suffix, FRAMES) == 0)
        there->frames |= UINT64_C(1) << i;
    else if (suffix != NULL && strcmp(suffix, INDEX) == 0)
        there->index |= UINT64_C(1) << i;
    else if (suffix != NULL && strcmp(suffix, UNFINISHED) == 0)
        there->unfinished |= UINT64_C(1) << i;
    return true;
}

static slot_status list_names(const struct os *os, struct os_dir *dir, struct names *there,
                              slot_error *err)
{
    os_result result;

    memset(there, 0, sizeof *there);
    result = os->list(os, dir, note_any_name, there);
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, LOG_DIR, SLOT_NO_OFFSET,
                              "the segments of the log cannot be found");
    return SLOT_OK;
}

static slot_status remove_names(const struct os *os, struct os_dir *dir, const struct names *there,
                                slot_error *err)
{
    os_result result = os_success();

    for (uint32_t i = 0; i < LOG_SEGMENTS; i++) {
        if ((there->frames >> i & 1) != 0)
            remove_one(os, dir, i, FRAMES, &result);
        if ((there->unfinished >> i & 1) != 0)
            remove_one(os, dir, i, UNFINISHED, &result);
        if ((there->index >> i & 1) != 0)
            remove_one(os, dir, i, INDEX, &result);
    }
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, LOG_DIR, SLOT_NO_OFFSET,
                              "segments of the log cannot be removed");
    return SLOT_OK;
}

bool slot__log_is_empty(const struct os *os, struct os_dir *database)
{
    struct os_dir *dir = NULL;
    struct names there;
    os_result result = os->open_dir(os, database, LOG_DIR, &dir);
    slot_status status;

    if (!os_ok(result))
        return result.status == SLOT_E_NO_FILE;
    status = list_names(os, dir, &there, NULL);
    os->close_dir(os, dir);
    return status == SLOT_OK && (there.frames | there.index | there.unfinished) == 0;
}

os_result slot__log_sync_names(struct log *log)
{
    slot_error err;
    os_result result;

    if (enter(log, &err) != SLOT_OK)
        return (os_result){err.status, err.os_code};
    result = log->os->sync_dir(log->os, log->dir);
    leave(log);
    return result;
}

slot_status slot__log_remove_segments(const struct os *os, struct os_dir *database, slot_error *err)
{
    struct os_dir *dir = NULL;
    struct names there;
    os_result result = os->open_dir(os, database, LOG_DIR, &dir);
    slot_status status;

    if (result.status == SLOT_E_NO_FILE)
        return SLOT_OK;
    if (!os_ok(result))
        return slot__error_os(err, result.status, result.code, LOG_DIR, SLOT_NO_OFFSET,
                              "the directory of the log cannot be opened");
    status = list_names(os, dir, &there, err);
    if (status == SLOT_OK)
        status = remove_names(os, dir, &there, err);
    os->close_dir(os, dir);
    return status;
}

/* A file of n bytes with space for the first `first`, and when it is cut, for no others. */
static os_result fit_file(const struct os *os, struct os_file *file, uint64_t n, uint64_t first,
                          bool cut)
{
    os_result result = cut ? os->resize(os, file, first) : os_success();

    if (os_ok(result))
        result = os->allocate(os, file, 0, first);
    if (os_ok(result) && cut)
        result = os->resize(os, file, n);
    return result;
}

/*
 * Both files of segment `i` so long as this log has them. Of another log's segment the header goes:
 * recovery would take its size for that of all.
 */
static os_result fit_segment(struct log *log, struct os_file *frames, struct os_file *index,
                             bool cut)
{
    const struct os *os = log->os;
    uint64_t index_bytes = (uint64_t)log->index_words * sizeof(shared_word);
    uint64_t index_first = slot__index_words_for(log, first_bytes(log)) * sizeof(shared_word);
    uint64_t size = 0, index_size = 0;
    os_result result = os->size(os, frames, &size);
    bool other = os_ok(result) && size != log->segment_bytes;

    if (os_ok(result))
        result = os->size(os, index, &index_size);
    if (os_ok(result))
        result = fit_file(os, index, index_bytes, index_first, cut || index_size != index_bytes);
    if (os_ok(result))
        result = fit_file(os, frames, log->segment_bytes, first_bytes(log), cut || other);
    if (os_ok(result) && other)
        result = write_zeros(os, frames, 0, SEGMENT_HEADER_BYTES);
    if (os_ok(result) && (cut || other))
        result = os->sync(os, frames);
    return result;
}

static bool keep_segment(struct log *log, uint32_t i, bool cut)
{
    struct os_file *frames = NULL, *index = NULL;
    bool kept = open_file(log, i, FRAMES, OS_READ | OS_WRITE, &frames, NULL) == SLOT_OK &&
                open_file(log, i, INDEX, OS_READ | OS_WRITE, &index, NULL) == SLOT_OK &&
                os_ok(fit_segment(log, frames, index, cut));

    if (index != NULL)
        log->os->close(log->os, index);
    if (frames != NULL)
        log->os->close(log->os, frames);
    return kept;
}

slot_status slot__log_keep_one(struct log *log, bool cut, slot_error *err)
{
    struct names there;
    slot_error no_dir;
    slot_status status = enter(log, &no_dir);
    bool kept = false;

    if (status == SLOT_E_NO_FILE) /* then there is nothing to keep, and nothing to remove */
        return SLOT_OK;
    if (status != SLOT_OK && err != NULL)
        *err = no_dir;
    if (status != SLOT_OK)
        return status;
    status = list_names(log->os, log->dir, &there, err);
    for (uint32_t i = 0; i < LOG_SEGMENTS && !kept && status == SLOT_OK; i++) {
        uint64_t bit = UINT64_C(1) << i;

        kept = (there.frames & there.index & bit) != 0 && keep_segment(log, i, cut);
        if (kept) {
            there.frames &= ~bit;
            there.index &= ~bit;
        }
    }
    if (status == SLOT_OK)
        status = remove_names(log->os, log->dir, &there, err);
    leave(log);
    return status;
}

/* ---- which segments hold what ---- */

void slot__live_insert(struct log_live *live, uint32_t file, uint64_t start)
{
    uint32_t at = live->n++;

    for (; at > 0 && live->start[at - 1] < start; at--) {
        live->start[at] = live->start[at - 1];
        live->file[at] = live->file[at - 1];
    }
    live->start[at] = start;
    live->file[at] = file;
}

void slot__log_live(const struct log *log, uint64_t c, uint64_t s, struct log_live *live)
{
    live->n = 0;
    if (c >= s)
        return;
    for (uint32_t i = 0; i < LOG_SEGMENTS; i++) {
        uint64_t start = shared_segment(log->shared, i);

        if (start < s)
            slot__live_insert(live, i, start);
    }
    /* A segment ends where the next one starts: the last one that starts at or below c is the
     * oldest that holds anything above it. */
    for (uint32_t i = 0; i < live->n; i++) {
        live->mask[i] =
            shared_index_words(shared_segment_word(log->shared, live->file[i]), log->index_words) -
            1;
        if (live->start[i] <= c)
            live->n = i + 1;
    }
}

uint64_t slot__log_address(const struct log *log, const struct log_live *live, uint64_t lsn)
{
    for (uint32_t i = 0; i < live->n; i++) {
        if (live->start[i] < lsn) {
            uint64_t offset = lsn - live->start[i];

            if (offset < SEGMENT_HEADER_BYTES || offset > log->segment_bytes - FRAME_HEADER_BYTES)
                break;
            return (uint64_t)live->file[i] << log->segment_shift | offset;
        }
    }
    return LOG_NO_ADDRESS;
}
