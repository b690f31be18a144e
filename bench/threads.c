/*
 * Threads that share a handle, each committing one random record at a time, durably: they share the
 * flushes too. Every number of threads has a database of its own and does the same puts in all,
 * each thread its part of the series. Beside them what a file can do for as many threads.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"
#include "raw_group.h"

#define COMMITS 8192u /* with a million records; none of them has to wait for a checkpoint */

struct threads {
    struct bench *bench;
    uint64_t puts;
    struct peer_db *db[THREADS_MAX + 1]; /* by the number of threads */
    struct raw_group *raw;
};

struct worker {
    const struct threads *threads;
    struct peer_db *db;  /* NULL: the raw way */
    uint64_t first, end; /* of the puts */
};

static void work(void *context)
{
    const struct worker *worker = context;
    const struct bench *bench = worker->threads->bench;
    uint64_t random = random_skip(bench->round, worker->first);
    uint8_t record[RECORD_SIZE];

    for (uint64_t i = worker->first; i < worker->end && worker->db == NULL; i++)
        raw_group_commit(worker->threads->raw, (int)(i & 0xff));
    for (uint64_t i = worker->first; i < worker->end && worker->db != NULL; i++) {
        uint64_t recno = random_put(&random, bench->records, bench->round, record);

        peer_slotfile()->put_alone(worker->db, recno, record);
    }
}

static void database_name(uint64_t count, char *name)
{
    snprintf(name, PATH_BYTES, "threads%u.slots", (unsigned)count);
}

static void ready(void *state, const struct way *way)
{
    struct threads *threads = state;
    char name[PATH_BYTES];

    if (threads->db[way->setting] != NULL)
        return;
    database_name(way->setting, name);
    peer_create(threads->bench, peer_slotfile(), name);
    threads->db[way->setting] = peer_slotfile()->open(threads->bench, name, true);
    peer_break_in(threads->bench, peer_slotfile(), threads->db[way->setting]);
}

static void raw_ready(void *state, const struct way *way)
{
    struct threads *threads = state;

    (void)way;
    raw_group_rewind(threads->raw);
}

static void pass(void *state, const struct way *way)
{
    struct threads *threads = state;
    struct worker workers[THREADS_MAX];
    uint64_t count = way->setting;

    for (uint64_t i = 0; i < count; i++) {
        workers[i].threads = threads;
        workers[i].db = way->raw ? NULL : threads->db[count];
        workers[i].first = threads->puts * i / count;
        workers[i].end = threads->puts * (i + 1) / count;
    }
    bench_together((unsigned)count, work, workers, sizeof *workers);
}

static uint64_t done(void *state, const struct way *way)
{
    struct threads *threads = state;

    peer_slotfile()->checkpoint(threads->db[way->setting]); /* the next pass begins like this one */
    return peer_slotfile()->sum(threads->db[way->setting]);
}

static uint64_t raw_done(void *state, const struct way *way)
{
    (void)state, (void)way;
    return 0;
}

#define ONE    "1 thread"
#define EIGHT  "8 threads"
#define MANY   "32 threads"
#define RAW(n) "raw pages, " n

#define RAW_WAY(n, which)                                                                          \
    .setting = (n), .against = (which), .raw = true, .other = true, .ready = raw_ready,            \
    .pass = pass, .done = raw_done

static const struct way ways[] = {
    {.name = ONE, .setting = 1, .ready = ready, .pass = pass, .done = done},
    {.name = "2 threads", .against = ONE, .setting = 2, .ready = ready, .pass = pass, .done = done},
    {.name = EIGHT, .against = ONE, .setting = 8, .ready = ready, .pass = pass, .done = done},
    {.name = MANY, .against = ONE, .setting = 32, .ready = ready, .pass = pass, .done = done},
    {.name = RAW(ONE), RAW_WAY(1, ONE)},
    {.name = RAW(EIGHT), RAW_WAY(8, RAW(ONE))},
    {.name = RAW(MANY), RAW_WAY(32, RAW(ONE))},
};

static const struct goal goals[] = {
    {ONE, EIGHT, true, 2.5},
    {ONE, MANY, true, 6},
};

void bench_threads(struct bench *bench)
{
    struct threads threads = {.bench = bench, .puts = bench_scaled(bench, COMMITS)};
    struct contest contest = {
        .name = "threads",
        .what = "one random record changed in each of many durable transactions, by threads that "
                "share a handle; the same number of commits in all",
        .cache = CACHE_WARM,
        .unit = "commit",
        .count = threads.puts,
        .unit_bytes = RECORD_SIZE,
        .writes = true,
        .writes_each = true,
        .ways = ways,
        .ways_count = COUNT_OF(ways),
        .goals = goals,
        .goals_count = COUNT_OF(goals),
        .state = &threads,
    };
    char name[PATH_BYTES];

    threads.raw = raw_group_create(bench, threads.puts);
    contest_run(bench, &contest);
    raw_group_destroy(threads.raw);
    for (unsigned i = 0; i <= THREADS_MAX; i++) {
        if (threads.db[i] == NULL)
            continue;
        peer_slotfile()->close(threads.db[i]);
        database_name(i, name);
        bench_destroy(bench, name);
    }
}
