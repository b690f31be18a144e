/*
 * Which records are read, one after the other: uniformly random ones, or 95 % of them in one
 * contiguous 2 % of all. Each takes one number of `random`, so that a series that begins at
 * random_skip(series.random, n) is the same without its first n records.
 */
#ifndef SLOT_BENCH_SERIES_H
#define SLOT_BENCH_SERIES_H

#include "bench.h"

#define SERIES_SEED UINT64_C(1993)

#define HOT_SHARE   62259u /* of 65536 reads */
#define HOT_RECORDS 50u    /* one of so many records */

struct series {
    uint64_t random;
    uint64_t records;
    uint64_t hot_first, hot_count; /* hot_count 0: uniform */
};

static inline uint64_t series_place(uint64_t n, uint64_t records)
{
    return records <= UINT32_MAX ? (n >> 32) * records >> 32 : random_next(&n) % records;
}

static inline uint64_t series_next(struct series *series)
{
    uint64_t n = random_next(&series->random);

    if (series->hot_count != 0 && (n & 0xffff) < HOT_SHARE)
        return series->hot_first + series_place(n, series->hot_count);
    return series_place(n, series->records);
}

static inline struct series series_uniform(uint64_t records)
{
    return (struct series){.random = SERIES_SEED, .records = records};
}

/* The hot records begin at first_share / 256 of all. */
static inline struct series series_hot(struct series series, unsigned first_share)
{
    series.hot_first = series.records * first_share / 256;
    series.hot_count = series.records / HOT_RECORDS;
    series.hot_count += series.hot_count == 0;
    return series;
}

static inline struct series series_skip(struct series series, uint64_t count)
{
    series.random = random_skip(series.random, count);
    return series;
}

#endif
