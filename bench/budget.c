/*
 * Random get with 4 MiB for views, from a file that is in the page cache: beside a read call for
 * each record, which needs no views. Two cases: uniform, where views are no use; and 95 % of the
 * reads in one contiguous 2 % of the records, where they are, first and after the range has moved.
 * The column of resident bytes is part of the answer.
 */
#include "reads.h"

#define DATABASE "budget.slots"

/* Where the hot range begins, in 256ths of the records: first, and when it has moved. */
#define HOT_BEFORE 40u
#define HOT_AFTER  170u

#define RESIDENT_BYTES (10u << 20) /* of the whole program, at most */

#define READ_EACH "read call per record"
#define SMALL     "slotfile, 4 MiB budget"
#define LEARNED   "slotfile, 4 MiB, the range is known"
#define MOVED     "slotfile, 4 MiB, the range has moved"
#define AGAIN     "slotfile, 4 MiB, as many reads later"

/* Let the handle see whole passes of reads before the one that is measured. */
static void read_all(struct reads *reads, const struct way *way, struct series series)
{
    (void)reads_slots(reads, &series, reads->count, way->setting);
}

static void learned_ready(void *state, const struct way *way)
{
    struct reads *reads = state;

    reads_slot_small_ready(state, way);
    read_all(reads, way, reads->series);
}

static void moved_ready(void *state, const struct way *way)
{
    struct reads *reads = state;

    reads_slot_small_ready(state, way);
    read_all(reads, way, series_hot(reads->series, HOT_BEFORE));
}

static void again_ready(void *state, const struct way *way)
{
    struct reads *reads = state;

    moved_ready(state, way);
    read_all(reads, way, reads->series);
}

#define READ_EACH_WAY .name = READ_EACH, .raw = true, .pass = reads_call_pass, .done = reads_done

#define SMALL_WAY(does_ready)                                                                      \
    .against = READ_EACH, .setting = BATCH_RECORDS, .ready = (does_ready),                         \
    .pass = reads_slot_pass, .done = reads_slot_done

static const struct way uniform_ways[] = {
    {READ_EACH_WAY},
    {.name = SMALL, SMALL_WAY(reads_slot_small_ready)},
};

static const struct goal uniform_goals[] = {
    {SMALL, READ_EACH, false, 1.05},
    {SMALL, PEAK_BYTES, false, RESIDENT_BYTES},
};

static const struct way hot_ways[] = {
    {READ_EACH_WAY},
    {.name = SMALL, SMALL_WAY(reads_slot_small_ready)},
    {.name = LEARNED, SMALL_WAY(learned_ready)},
    {.name = MOVED, SMALL_WAY(moved_ready)},
    {.name = AGAIN, SMALL_WAY(again_ready)},
};

/* A range that moves is earned again within one pass: the next is as fast as if it had not. */
static const struct goal hot_goals[] = {
    {READ_EACH, SMALL, true, 4},
    {READ_EACH, LEARNED, true, 4},
    {READ_EACH, AGAIN, true, 4},
    {AGAIN, LEARNED, false, 1.1},
    {AGAIN, PEAK_BYTES, false, RESIDENT_BYTES},
};

void bench_budget(struct bench *bench)
{
    struct reads reads;
    struct contest contest = {
        .name = "budget",
        .what = "random records copied out, as many as there are, uniform, 1000 in a transaction; "
                "one file for all",
        .cache = CACHE_WARM,
        .unit = "get",
        .count = bench->records,
        .unit_bytes = RECORD_SIZE,
        .ways = uniform_ways,
        .ways_count = COUNT_OF(uniform_ways),
        .goals = uniform_goals,
        .goals_count = COUNT_OF(uniform_goals),
        .state = &reads,
    };

    reads_begin(&reads, bench, DATABASE, bench->records);
    contest_run(bench, &contest);
    reads.series = series_hot(reads.series, HOT_AFTER);
    contest.name = "hot";
    contest.what = "the same, but 95 % of the reads are in one contiguous 2 % of the records, just "
                   "opened, after as many such reads, and after as many in another range";
    contest.ways = hot_ways;
    contest.ways_count = COUNT_OF(hot_ways);
    contest.goals = hot_goals;
    contest.goals_count = COUNT_OF(hot_goals);
    contest_run(bench, &contest);
    reads_end(&reads);
}
