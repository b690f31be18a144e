#include "db/sums_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/status.h"
#include "db/files.h"
#include "format/sums.h"

#define SUMS_IN_PAGE (SUMS_PAGE_BYTES / SUM_BYTES)

void slot__sums_init(struct sums_file *sums, const struct os *os, struct os_file *file,
                     uint64_t size, uint64_t seed, uint64_t root)
{
    memset(sums, 0, sizeof *sums);
    sums->os = os;
    sums->file = file;
    sums->size = size;
    sums->seed = seed;
    sums->root = root;
}

void slot__sums_release(struct sums_file *sums)
{
    free(sums->pages);
    sums->pages = NULL;
}

/* Nothing is known any more of the space of checksums from `block` on. */
static void forget_space(struct sums_file *sums, uint64_t block)
{
    uint64_t window = block * SUM_BYTES / SUMS_WINDOW_BYTES;

    if (window < SUMS_WINDOWS) {
        size_t first = (size_t)window;

        sums->reserved[first / 8] &= (uint8_t)((1u << first % 8) - 1);
        memset(sums->reserved + first / 8 + 1, 0, sizeof sums->reserved - first / 8 - 1);
    }
}

void slot__sums_begin(struct sums_file *sums, uint64_t first_new)
{
    if (first_new != sums->first_new) /* new ones may be a hole, even where others were written */
        forget_space(sums, min_u64(first_new, sums->first_new));
    sums->first_new = first_new;
    sums->appended = 0;
}

static slot_status io_error(slot_error *err, os_result result, uint64_t offset, const char *what)
{
    return slot__error_os(err, result.status, result.code, FILE_SUMS, offset, "%s", what);
}

/* The disk may have something behind the end, in the rest of the last page: see append.c. */
static slot_status resize(struct sums_file *sums, uint64_t size, slot_error *err)
{
    static const uint8_t zeros[SUMS_PAGE_BYTES];
    uint64_t rest = min_u64(size, round_up(sums->size, SUMS_PAGE_BYTES)), is = 0;
    os_result result = os_success();
    slot_status status;

    if (size == sums->size)
        return SLOT_OK;
    status = slot__db_not_cut(sums->os, sums->file, FILE_SUMS, min_u64(size, sums->size), &is, err);
    if (status != SLOT_OK)
        return status;
    if (rest > sums->size)
        result = sums->os->write_at(sums->os, sums->file, sums->size, zeros,
                                    (size_t)(rest - sums->size));
    if (os_ok(result))
        result = sums->os->resize(sums->os, sums->file, size);
    if (!os_ok(result))
        return io_error(err, result, size, "the file of checksums cannot be resized");
    sums->size = size;
    sums->unsynced = true;
    return SLOT_OK;
}

static slot_status page_write(struct sums_file *sums, struct sums_page *page, slot_error *err)
{
    uint64_t offset = page->number * SUMS_PAGE_BYTES + page->dirty_from;
    uint32_t n = page->dirty_to - page->dirty_from;
    uint64_t is = 0;
    slot_status status =
        slot__db_not_cut(sums->os, sums->file, FILE_SUMS, min_u64(offset, sums->size), &is, err);
    os_result result;

    if (status != SLOT_OK)
        return status;
    result = sums->os->write_at(sums->os, sums->file, offset, page->bytes + page->dirty_from, n);
    if (!os_ok(result))
        return io_error(err, result, offset, "checksums cannot be written");
    sums->size = max_u64(sums->size, offset + n);
    sums->unsynced = true;
    page->dirty_from = page->dirty_to = 0;
    return SLOT_OK;
}

static slot_status page_read(struct sums_file *sums, struct sums_page *page, uint64_t number,
                             slot_error *err)
{
    uint64_t offset = number * SUMS_PAGE_BYTES, size = sums->size;
    slot_status status = SLOT_OK;
    os_result result;
    size_t n;

    page->number = UINT64_MAX;
    /* Who appends in another process makes the file longer. */
    if (offset + SUMS_PAGE_BYTES > size)
        status = slot__db_not_cut(sums->os, sums->file, FILE_SUMS, sums->size, &size, err);
    if (status != SLOT_OK)
        return status;
    sums->size = size;
    n = offset < sums->size ? (size_t)min_u64(SUMS_PAGE_BYTES, sums->size - offset) : 0;
    result = sums->os->read_at(sums->os, sums->file, offset, page->bytes, n);
    if (!os_ok(result))
        return io_error(err, result, offset, "checksums cannot be read");
    memset(page->bytes + n, 0, SUMS_PAGE_BYTES - n);
    page->number = number;
    return SLOT_OK;
}

static slot_status pages_allocate(struct sums_file *sums, slot_error *err)
{
    sums->pages = malloc(SUMS_PAGES * sizeof *sums->pages);
    if (sums->pages == NULL)
        return slot__error_set(err, SLOT_E_NO_MEMORY, FILE_SUMS, SLOT_NO_OFFSET, NULL);
    for (uint32_t i = 0; i < SUMS_PAGES; i++) {
        sums->pages[i].number = UINT64_MAX;
        sums->pages[i].dirty_from = sums->pages[i].dirty_to = 0;
    }
    return SLOT_OK;
}

/* The place of a block's checksum in the cache. */
static slot_status find(struct sums_file *sums, uint64_t block, struct sums_page **page,
                        uint8_t **place, slot_error *err)
{
    uint64_t number = block / SUMS_IN_PAGE;
    struct sums_page *found;
    slot_status status = sums->pages == NULL ? pages_allocate(sums, err) : SLOT_OK;

    if (status != SLOT_OK)
        return status;
    found = &sums->pages[number % SUMS_PAGES];
    if (found->number != number) {
        if (found->dirty_from < found->dirty_to)
            status = page_write(sums, found, err);
        if (status == SLOT_OK)
            status = page_read(sums, found, number, err);
        if (status != SLOT_OK)
            return status;
    }
    *page = found;
    *place = found->bytes + block % SUMS_IN_PAGE * SUM_BYTES;
    return SLOT_OK;
}

slot_status slot__sums_get(struct sums_file *sums, uint64_t block, uint64_t *sum, slot_error *err)
{
    struct sums_page *page;
    uint8_t *place;
    slot_status status = find(sums, block, &page, &place, err);

    if (status == SLOT_OK)
        *sum = get_u64(place);
    return status;
}

static bool is_reserved(const struct sums_file *sums, uint64_t window)
{
    return window < SUMS_WINDOWS && (sums->reserved[window / 8] >> window % 8 & 1) != 0;
}

/* Real space for bytes [from, to) of the file. Where the system cannot reserve it, writing will
 * show. */
static slot_status reserve_range(struct sums_file *sums, uint64_t from, uint64_t to,
                                 slot_error *err)
{
    os_result result = sums->os->allocate(sums->os, sums->file, from, to - from);

    if (os_ok(result) || result.status == SLOT_E_UNSUPPORTED)
        return SLOT_OK;
    return slot__error_os(err, result.status, result.code, FILE_SUMS, from,
                          "%llu bytes cannot be had for it: free some space and try again",
                          (unsigned long long)(to - from));
}

slot_status slot__sums_reserve(struct sums_file *sums, uint64_t block, slot_error *err)
{
    uint64_t at = block * SUM_BYTES, end = sums->first_new * SUM_BYTES;
    uint64_t window = at / SUMS_WINDOW_BYTES;
    uint64_t from = window * SUMS_WINDOW_BYTES;
    slot_status status;

    if (block >= sums->first_new || is_reserved(sums, window))
        return SLOT_OK;
    status = reserve_range(sums, from, min_u64(from + SUMS_WINDOW_BYTES, end), NULL);
    if (status == SLOT_OK && window < SUMS_WINDOWS)
        sums->reserved[window / 8] |= (uint8_t)(1u << window % 8);
    if (status != SLOT_OK) { /* what is needed, without a window */
        from = round_down(at, SUMS_PAGE_BYTES);
        status = reserve_range(sums, from, min_u64(from + SUMS_PAGE_BYTES, end), err);
    }
    return status;
}

static void mark_dirty(struct sums_page *page, uint32_t at)
{
    bool clean = page->dirty_from == page->dirty_to;

    page->dirty_from = clean || at < page->dirty_from ? at : page->dirty_from;
    page->dirty_to = clean || at + SUM_BYTES > page->dirty_to ? at + SUM_BYTES : page->dirty_to;
}

slot_status slot__sums_set(struct sums_file *sums, uint64_t block, uint64_t sum, slot_error *err)
{
    struct sums_page *page;
    uint8_t *place;
    slot_status status = find(sums, block, &page, &place, err);
    uint64_t change;

    if (status != SLOT_OK)
        return status;
    change = slot__sums_root_term(block, sum) - slot__sums_root_term(block, get_u64(place));
    sums->root += change;
    if (block >= sums->first_new)
        sums->appended += change;
    put_u64(place, sum);
    mark_dirty(page, (uint32_t)(place - page->bytes));
    return SLOT_OK;
}

slot_status slot__sums_write(struct sums_file *sums, slot_error *err)
{
    slot_status status = SLOT_OK;

    for (uint32_t i = 0; sums->pages != NULL && i < SUMS_PAGES && status == SLOT_OK; i++) {
        if (sums->pages[i].dirty_from < sums->pages[i].dirty_to)
            status = page_write(sums, &sums->pages[i], err);
    }
    return status;
}

void slot__sums_forget(struct sums_file *sums)
{
    for (uint32_t i = 0; sums->pages != NULL && i < SUMS_PAGES; i++)
        sums->pages[i].number = UINT64_MAX;
}

/* What is cached of the checksums from `blocks` on is 0, as in the file once that is cut. */
static void drop_beyond(struct sums_file *sums, uint64_t blocks)
{
    uint64_t end = blocks * SUM_BYTES;

    for (uint32_t i = 0; sums->pages != NULL && i < SUMS_PAGES; i++) {
        struct sums_page *page = &sums->pages[i];
        uint64_t start = page->number * SUMS_PAGE_BYTES;
        uint32_t kept;

        if (page->number == UINT64_MAX || start + SUMS_PAGE_BYTES <= end)
            continue;
        kept = start < end ? (uint32_t)(end - start) : 0;
        memset(page->bytes + kept, 0, SUMS_PAGE_BYTES - kept);
        page->dirty_to = page->dirty_to < kept ? page->dirty_to : kept;
        if (page->dirty_from >= page->dirty_to)
            page->dirty_from = page->dirty_to = 0;
    }
}

slot_status slot__sums_flush(struct sums_file *sums, uint64_t blocks, slot_error *err)
{
    slot_status status;

    drop_beyond(sums, blocks);
    status = slot__sums_write(sums, err);

    if (status == SLOT_OK)
        status = resize(sums, blocks * SUM_BYTES, err);
    return status;
}

static void forget_pages(struct sums_file *sums)
{
    free(sums->pages);
    sums->pages = NULL;
}

slot_status slot__sums_cut_appended(struct sums_file *sums, slot_error *err)
{
    drop_beyond(sums, sums->first_new);
    sums->root -= sums->appended;
    sums->appended = 0;
    return resize(sums, sums->first_new * SUM_BYTES, err);
}

slot_status slot__sums_clear(struct sums_file *sums, uint64_t blocks, slot_error *err)
{
    slot_status status;

    forget_pages(sums);
    forget_space(sums, 0);
    sums->root = sums->appended = 0;
    status = resize(sums, 0, err);
    if (status == SLOT_OK)
        status = resize(sums, blocks * SUM_BYTES, err);
    return status;
}
