/*
 * Reading a database of any record size in order, and its file `records` beside it. Everybody reads
 * the same records.
 */
#include "user_reading.h"

static void raw_fresh_pass(void *state, const struct way *way)
{
    (void)way;
    reading_map(state);
    reading_raw_walk(state);
    reading_unmap(state);
}

static void raw_warm_pass(void *state, const struct way *way)
{
    (void)way;
    reading_raw_walk(state);
}

static void slot_fresh_pass(void *state, const struct way *way)
{
    struct reading *reading = state;

    (void)way;
    reading_walk(reading);
    bench_close(reading->db);
}

static void slot_warm_pass(void *state, const struct way *way)
{
    (void)way;
    reading_walk(state);
}

static void read_all_pass(void *state, const struct way *way)
{
    struct reading *reading = state;
    const struct os *os = reading->user->bench.os;
    uint64_t step = reading_step(reading), size = reading->scanned * reading->record_size;

    (void)way;
    reading->sum = 0;
    for (uint64_t at = 0; at < size; at += step) {
        uint64_t n = size - at < step ? size - at : step;

        must_os(os->read_at(os, reading->file, at, reading->buffer, (size_t)n), "read");
        reading->sum +=
            records_add_up(reading->buffer, n / reading->record_size, reading->record_size);
    }
}

#define RAW_FRESH RAW_MAPPING ", fresh"
#define RAW_WARM  RAW_MAPPING ", faulted in"

static const struct way scan_ways[] = {
    {.name = RAW_FRESH, .raw = true, .pass = raw_fresh_pass, .done = reading_sum},
    {.name = "slotfile, runs, fresh",
     .against = RAW_FRESH,
     .ready = reading_open,
     .pass = slot_fresh_pass,
     .done = reading_sum},
    {.name = "slotfile, runs, fresh, small budget",
     .against = RAW_FRESH,
     .setting = SMALL,
     .ready = reading_open,
     .pass = slot_fresh_pass,
     .done = reading_sum},
    {.name = RAW_WARM, .against = RAW_FRESH, RAW_MAPPED, .pass = raw_warm_pass},
    {.name = "slotfile, runs, faulted in", .against = RAW_WARM, SLOT_OPEN, .pass = slot_warm_pass},
    {.name = "read calls of 1 MiB",
     .against = RAW_FRESH,
     .raw = true,
     .pass = read_all_pass,
     .done = reading_sum},
};

void user_scan(struct user_case *user)
{
    struct reading reading;
    char what[SENTENCE_BYTES];
    struct contest contest = {.name = "scan",
                              .what = what,
                              .cache = USER_CACHE,
                              .unit = "record",
                              .ways = scan_ways,
                              .ways_count = COUNT_OF(scan_ways)};

    reading_begin(&reading, user);
    contest.count = reading.scanned;
    snprintf(what, sizeof what,
             "sum of the first bytes of %llu records of %lu bytes in order, of %llu there are; "
             "the small budget is %.4g MiB",
             (unsigned long long)reading.scanned, (unsigned long)reading.record_size,
             (unsigned long long)reading.records, (double)user->small_budget / 1048576);
    reading_run(&reading, &contest);
}
