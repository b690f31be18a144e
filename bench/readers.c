/*
 * Threads that read through one handle, each in transactions of its own, beside threads that share
 * a raw mapping. Two cases: uniformly random gets, and a scan of which each thread does its part,
 * given to it by a cursor. All do the same in all, however many they are; every page was touched
 * before.
 */
#include "reads.h"

#define DATABASE "readers.slots"

#define READERS_MAX  4u
#define GETS_TIMES   4u /* reads of a pass for each record, so that starting threads is nothing */
#define SCANS_A_PASS 8u

struct reader {
    const struct reads *reads;
    bool raw;
    uint64_t first, end;    /* of the gets of the pass, or of the records to scan */
    slot_scan_options part; /* the same, as a cursor is told */
    uint64_t sum;
};

/* ---- what one thread does ---- */

static void get_part(void *context)
{
    struct reader *reader = context;
    struct series series = series_skip(reader->reads->series, reader->first);
    uint64_t count = reader->end - reader->first;

    reader->sum = reader->raw ? reads_mapped(reader->reads, &series, count)
                              : reads_slots(reader->reads, &series, count, BATCH_RECORDS);
}

static void scan_part(void *context)
{
    struct reader *reader = context;
    const uint8_t *from = reader->reads->base;
    uint64_t sum = 0;

    for (unsigned i = 0; i < SCANS_A_PASS; i++)
        sum += reader->raw
                   ? records_sum(from + reader->first * RECORD_SIZE, reader->end - reader->first)
                   : reads_cursor(reader->reads->db, &reader->part);
    reader->sum = sum;
}

/* ---- passes: way->setting threads ---- */

static void share(struct reads *reads, const struct way *way, uint64_t whole,
                  void (*part)(void *context))
{
    struct reader readers[READERS_MAX];
    uint64_t count = way->setting;

    for (uint64_t i = 0; i < count; i++) {
        readers[i] = (struct reader){
            .reads = reads,
            .raw = way->raw,
            .first = whole * i / count,
            .end = whole * (i + 1) / count,
            .part = {.end = UINT64_MAX, .part = (uint32_t)i, .parts = (uint32_t)count}};
    }
    bench_together((unsigned)count, part, readers, sizeof *readers);
    reads->sum = 0;
    for (uint64_t i = 0; i < count; i++)
        reads->sum += readers[i].sum;
}

static void get_pass(void *state, const struct way *way)
{
    struct reads *reads = state;

    share(reads, way, reads->count, get_part);
}

static void scan_pass(void *state, const struct way *way)
{
    struct reads *reads = state;

    share(reads, way, reads->bench->records, scan_part);
}

/* ---- the contests ---- */

#define ONE      "slotfile, 1 thread"
#define TWO      "slotfile, 2 threads"
#define FOUR     "slotfile, 4 threads"
#define RAW_ONE  "raw mapping, 1 thread"
#define RAW_TWO  "raw mapping, 2 threads"
#define RAW_FOUR "raw mapping, 4 threads"

#define SLOT_WAY(threads, does)                                                                    \
    .setting = (threads), .ready = reads_slot_warm_ready, .pass = (does), .done = reads_slot_done

#define RAW_WAY(threads, does)                                                                     \
    .raw = true, .setting = (threads), .ready = reads_raw_warm_ready, .pass = (does),              \
    .done = reads_raw_warm_done

static const struct way get_ways[] = {
    {.name = ONE, .against = RAW_ONE, SLOT_WAY(1, get_pass)},
    {.name = TWO, .against = ONE, SLOT_WAY(2, get_pass)},
    {.name = FOUR, .against = ONE, SLOT_WAY(4, get_pass)},
    {.name = RAW_ONE, RAW_WAY(1, get_pass)},
    {.name = RAW_TWO, .against = RAW_ONE, RAW_WAY(2, get_pass)},
    {.name = RAW_FOUR, .against = RAW_ONE, RAW_WAY(4, get_pass)},
};

static const struct goal get_goals[] = {
    {ONE, TWO, true, 1.9},
};

static const struct way scan_ways[] = {
    {.name = ONE, .against = RAW_ONE, SLOT_WAY(1, scan_pass)},
    {.name = TWO, .against = ONE, SLOT_WAY(2, scan_pass)},
    {.name = RAW_ONE, RAW_WAY(1, scan_pass)},
    {.name = RAW_TWO, .against = RAW_ONE, RAW_WAY(2, scan_pass)},
};

static const struct goal scan_goals[] = {
    {ONE, TWO, true, 1.8},
};

void bench_readers(struct bench *bench)
{
    struct reads reads;
    struct contest contest = {
        .name = "readers",
        .what = "random records copied out by threads that share a handle, 1000 gets a "
                "transaction; the same number of gets in all; faulted in",
        .cache = CACHE_WARM,
        .unit = "get",
        .count = bench->records * GETS_TIMES,
        .unit_bytes = RECORD_SIZE,
        .ways = get_ways,
        .ways_count = COUNT_OF(get_ways),
        .goals = get_goals,
        .goals_count = COUNT_OF(get_goals),
        .state = &reads,
    };

    reads_begin(&reads, bench, DATABASE, contest.count);
    contest_run(bench, &contest);
    contest.name = "partitions";
    contest.what = "sum of one field of all records in order, each thread scans its part; the same "
                   "number of records in all; faulted in";
    contest.unit = "record";
    contest.count = bench->records * SCANS_A_PASS;
    contest.ways = scan_ways;
    contest.ways_count = COUNT_OF(scan_ways);
    contest.goals = scan_goals;
    contest.goals_count = COUNT_OF(scan_goals);
    contest_run(bench, &contest);
    reads_end(&reads);
}
