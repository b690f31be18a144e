/*
 * A file of pages as good as such a file gets: its space is there, its pages are in the page cache
 * one by one, all is on disk, and it is mapped. What a log could be that is used again and again.
 */
#ifndef SLOT_BENCH_RAW_PAGES_H
#define SLOT_BENCH_RAW_PAGES_H

#include "bench.h"

#define PAGE_BYTES 4096u

struct raw_pages {
    const struct bench *bench;
    const char *name;
    struct os_file *file;
    uint8_t *base;
    uint64_t count;
};

/* `name` is kept. */
void raw_pages_create(struct raw_pages *pages, const struct bench *bench, const char *name,
                      uint64_t count);
void raw_pages_destroy(struct raw_pages *pages);

#endif
