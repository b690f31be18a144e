/*
 * What reading a database of any record size takes, and its file `records` beside it.
 */
#ifndef SLOT_BENCH_USER_READING_H
#define SLOT_BENCH_USER_READING_H

#include "series.h"
#include "user_cases.h"

#define SMALL       UINT64_MAX    /* way->setting: with the small budget */
#define RAW_MAPPING "raw mapping" /* names of ways that map the whole file begin so */

#define USER_CACHE "warm, as far as the page cache keeps the file"

/* Callbacks of ways, see below. */
#define RAW_MAPPED .raw = true, .ready = reading_raw_ready, .done = reading_raw_done
#define SLOT_OPEN  .ready = reading_ready, .done = reading_done

struct reading {
    struct user_case *user;
    struct os_file *file;
    uint64_t size; /* of the file: records, and perhaps space behind them */
    uint64_t records, scanned, gets;
    uint32_t record_size;
    struct series series;          /* of gets: uniform */
    const char *no_small, *no_map; /* why such ways are left out, or NULL */
    slot_error small_error;
    const uint8_t *base; /* of the raw mapping */
    slot_db *db;
    uint8_t *buffer;
    uint64_t sum;
};

/* Open and close what a case needs; run the contest in between, without the ways that cannot be
 * done here. The sizes are there after begin. */
void reading_begin(struct reading *reading, struct user_case *user);
void reading_run(struct reading *reading, struct contest *contest);

/* Whole records, about 1 MiB: the size of reading->buffer. */
uint64_t reading_step(const struct reading *reading);

/* For the raw ways: map all of the file, touch what a scan reads, unmap. */
void reading_map(struct reading *reading);
void reading_unmap(struct reading *reading);
void reading_raw_walk(struct reading *reading);

/* For Slotfile's: the sum of what a scan reads, by runs. */
void reading_walk(struct reading *reading);

/* Callbacks. reading_open opens only, reading_ready touches too. */
void reading_raw_ready(void *state, const struct way *way);
uint64_t reading_raw_done(void *state, const struct way *way);
void reading_open(void *state, const struct way *way);
void reading_ready(void *state, const struct way *way);
uint64_t reading_done(void *state, const struct way *way);
uint64_t reading_sum(void *state, const struct way *way);

/* user_records.c: the same code for all, wherever it happens to lie. The sum of the first bytes of
 * records, and some use of all of one record. */
uint64_t records_add_up(const uint8_t *record, uint64_t count, uint32_t size);
uint64_t record_use_all(const uint8_t *record, uint32_t size);

#endif
