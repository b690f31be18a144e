/*
 * How long single commits take: not the mean, which others measure, but the slowest ones, which
 * have a checkpoint in them. One record in each of a million transactions that do not wait for the
 * disk, each of them timed; and which share of all the time went into commits that made a
 * checkpoint. All that is shown of a round comes from the same commits.
 */
#include <stdlib.h>

#include "contest.h"

#define NAME        "tail.slots"
#define COMMITS     1000000u
#define SLOW_NS     50000u /* no checkpoint is faster: the slower ones are looked at */
#define CHECKPOINTS 6u     /* way->setting of the two that are no quantile */
#define MEAN        5u

struct tail {
    struct bench *bench;
    slot_db *db;
    uint64_t commits;
    uint64_t *each;    /* ns of each commit, sorted when all are there */
    uint64_t measured; /* the round that they are of */
    uint64_t all, in_checkpoints;
    uint64_t ns; /* what a way shows */
};

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static uint64_t checkpoint_lsn(const struct tail *tail)
{
    slot_stat_info info = {.size = sizeof info};
    slot_error err;

    must(slot_stat(tail->db, &info, &err), &err, "stat");
    return info.checkpoint_lsn;
}

static uint64_t commit_one(const struct tail *tail, uint64_t *random)
{
    uint8_t record[RECORD_SIZE];
    uint64_t recno = random_put(random, tail->bench->records, tail->bench->round, record);
    uint64_t start = clock_ns(tail->bench);
    slot_txn *txn = bench_begin(tail->db, SLOT_WRITE);
    slot_error err;

    must(slot_put(txn, recno, record, &err), &err, "put");
    bench_commit(txn);
    return clock_ns(tail->bench) - start;
}

static void measure(struct tail *tail)
{
    uint64_t random = tail->bench->round, lsn = checkpoint_lsn(tail);

    tail->all = tail->in_checkpoints = 0;
    for (uint64_t i = 0; i < tail->commits; i++) {
        uint64_t ns = commit_one(tail, &random), now = ns < SLOW_NS ? lsn : checkpoint_lsn(tail);

        tail->each[i] = ns;
        tail->all += ns;
        tail->in_checkpoints += now != lsn ? ns : 0;
        lsn = now;
    }
    qsort(tail->each, (size_t)tail->commits, sizeof *tail->each, by_size);
    tail->measured = tail->bench->round;
}

/* Whoever comes first in a round measures for all. */
static void ready(void *state, const struct way *way)
{
    struct tail *tail = state;

    (void)way;
    if (tail->measured != tail->bench->round)
        measure(tail);
}

static void pass(void *state, const struct way *way)
{
    static const double quantiles[] = {0.5, 0.99, 0.999, 0.9999, 1};
    struct tail *tail = state;
    uint64_t at;

    if (way->setting < COUNT_OF(quantiles)) {
        at = (uint64_t)(quantiles[way->setting] * (double)tail->commits);
        tail->ns = tail->each[at < tail->commits ? at : tail->commits - 1];
    } else {
        tail->ns = (way->setting == MEAN ? tail->all : tail->in_checkpoints) / tail->commits;
    }
}

static uint64_t done(void *state, const struct way *way)
{
    (void)state;
    (void)way;
    return 0;
}

#define SHOWN(text, number)                                                                        \
    .name = (text), .other = true, .setting = (number), .ready = ready, .pass = pass, .done = done

static const struct way ways[] = {
    {SHOWN("slotfile, half of them: p50", 0)},
    {SHOWN("slotfile, p99", 1), .against = "slotfile, half of them: p50"},
    {SHOWN("slotfile, p99.9", 2), .against = "slotfile, half of them: p50"},
    {SHOWN("slotfile, p99.99", 3), .against = "slotfile, half of them: p50"},
    {SHOWN("slotfile, the slowest", 4), .against = "slotfile, half of them: p50"},
    {SHOWN("slotfile, mean", MEAN)},
    {SHOWN("slotfile, of the mean in checkpoints", CHECKPOINTS), .against = "slotfile, mean"},
};

void bench_tail(struct bench *bench)
{
    struct tail tail = {.bench = bench, .commits = bench_scaled(bench, COMMITS)};
    struct contest contest = {
        .name = "tail",
        .what = "one random record changed in each of a million transactions that do not wait for "
                "the disk, each timed; checkpoints on the way",
        .cache = CACHE_WARM,
        .unit = "commit",
        .count = 1,
        .unit_bytes = RECORD_SIZE,
        .ns = &tail.ns,
        .ways = ways,
        .ways_count = COUNT_OF(ways),
        .state = &tail,
    };
    slot_options options;

    slot_options_init(&options);
    options.sync = SLOT_SYNC_NORMAL;
    tail.measured = UINT64_MAX;
    tail.each = must_malloc(tail.commits * sizeof *tail.each);
    bench_have_database(bench, NAME);
    tail.db = bench_open_with(bench, NAME, &options);
    contest_run(bench, &contest);
    bench_close(tail.db);
    bench_destroy(bench, NAME);
    free(tail.each);
}
