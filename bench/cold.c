/*
 * Reading a file that is not in the page cache: 16 times the records, 2 GB by default. Before each
 * pass the system is asked to forget the file, all of which is on disk. Two cases: random gets, of
 * which there are few, each of them a read of the device; and a scan.
 *
 * Beside one get after the other, 64 that are announced at once: the device works at them side by
 * side. And a scan that goes backward, which no read-ahead of a system expects.
 */
#include "base/checked.h"
#include "reads.h"

#define DATABASE   "cold.slots"
#define GETS       8000u /* with 16 million records */
#define ANNOUNCED  64u
#define READ_CALLS "read calls of 1 MiB"
#define READ_EACH  "read call per record, told random"
#define READ_BATCH "read calls, 64 announced at once"
#define RAW        "raw mapping"
#define RAW_RANDOM "raw mapping, told random"
#define SLOTFILE   "slotfile"
#define SLOT_SMALL "slotfile, 4 MiB budget"
#define SLOT_BATCH "slotfile, 64 announced at once"

/* Nobody has it mapped here: mapped pages would stay. */
static void forget(struct reads *reads)
{
    const struct os *os = reads->bench->os;

    os->advise(os, reads->file, 0, 0, OS_ADVICE_NORMAL);
    os->advise(os, reads->file, 0, 0, OS_ADVICE_FORGET);
    reads->series.random = SERIES_SEED + reads->bench->round; /* other records than the last time */
}

static void file_ready(void *state, const struct way *way)
{
    (void)way;
    forget(state);
}

static void file_random_ready(void *state, const struct way *way)
{
    struct reads *reads = state;

    (void)way;
    forget(reads);
    reads->bench->os->advise(reads->bench->os, reads->file, 0, 0, OS_ADVICE_RANDOM);
}

static void map_ready(void *state, const struct way *way)
{
    struct reads *reads = state;

    forget(reads);
    reads_map(reads);
    if (way->setting != 0)
        reads->bench->os->advise_view(reads->bench->os, reads->base, (size_t)reads->size,
                                      OS_ADVICE_RANDOM);
}

static void slot_ready(void *state, const struct way *way)
{
    reads_slot_ready(state, way);
    forget(state);
}

static void slot_small_ready(void *state, const struct way *way)
{
    reads_slot_small_ready(state, way);
    forget(state);
}

/* ---- random ---- */

/* As slot_prefetch does it: one request for each record. */
static void announced_calls_pass(void *state, const struct way *way)
{
    struct reads *reads = state;
    struct series series = reads->series, ahead = reads->series;
    const struct os *os = reads->bench->os;

    reads->sum = 0;
    for (uint64_t i = 0, n, count = way_share(way, reads->count); i < count; i += n) {
        n = count - i < ANNOUNCED ? count - i : ANNOUNCED;
        for (uint64_t k = 0; k < n; k++) {
            uint64_t at = series_next(&ahead) * RECORD_SIZE;
            uint64_t from = round_down(at, OS_PAGE_SIZE);

            os->advise(os, reads->file, from, round_up(at + RECORD_SIZE, OS_PAGE_SIZE) - from,
                       OS_ADVICE_WILLNEED);
        }
        reads->sum += reads_called(reads, &series, n);
    }
}

/* A read transaction for each batch: its records are announced, then read. */
static void announced_pass(void *state, const struct way *way)
{
    struct reads *reads = state;
    struct series series = reads->series, ahead = reads->series;
    uint64_t recnos[ANNOUNCED];

    reads->sum = 0;
    for (uint64_t i = 0, n, count = way_share(way, reads->count); i < count; i += n) {
        slot_txn *txn = bench_begin(reads->db, SLOT_READ);

        n = count - i < ANNOUNCED ? count - i : ANNOUNCED;
        for (uint64_t k = 0; k < n; k++)
            recnos[k] = series_next(&ahead);
        slot_prefetch(txn, recnos, (size_t)n);
        reads->sum += reads_in_txn(reads, txn, &series, n);
        slot_end(txn);
    }
}

#define SLOT_WAY                                                                                   \
    .against = READ_EACH, .setting = BATCH_RECORDS, .pass = reads_slot_pass, .done = reads_slot_done

static const struct way get_ways[] = {
    {.name = READ_EACH,
     .raw = true,
     .ready = file_random_ready,
     .pass = reads_call_pass,
     .done = reads_done},
    {.name = READ_BATCH,
     .against = READ_EACH,
     .raw = true,
     .ready = file_random_ready,
     .pass = announced_calls_pass,
     .done = reads_done},
    {.name = RAW_RANDOM,
     .against = READ_EACH,
     .raw = true,
     .setting = 1,
     .ready = map_ready,
     .pass = reads_raw_warm_pass,
     .done = reads_raw_warm_done},
    {.name = RAW ", 1/30 of it", /* each read drags in the device's whole read-ahead */
     .against = READ_EACH,
     .raw = true,
     .part = 30,
     .ready = map_ready,
     .pass = reads_raw_warm_pass,
     .done = reads_raw_warm_done},
    {.name = SLOTFILE, .ready = slot_ready, SLOT_WAY},
    {.name = SLOT_SMALL, .ready = slot_small_ready, SLOT_WAY},
    {.name = SLOT_BATCH,
     .against = SLOTFILE,
     .ready = slot_ready,
     .pass = announced_pass,
     .done = reads_slot_done},
};

/* At least 0.9 of the reads in a second. */
static const struct goal get_goals[] = {
    {SLOTFILE, READ_EACH, false, 1 / 0.9},
    {SLOT_SMALL, READ_EACH, false, 1 / 0.9},
    {SLOTFILE, SLOT_BATCH, true, 5},
};

/* ---- in order ---- */

static void backward_pass(void *state, const struct way *way)
{
    static const slot_scan_options options = {.end = UINT64_MAX, .backward = true};
    struct reads *reads = state;

    (void)way;
    reads->sum = reads_cursor(reads->db, &options);
}

#define SCAN_WAY .against = READ_CALLS, .pass = reads_scan_pass, .done = reads_slot_done

static const struct way scan_ways[] = {
    {.name = READ_CALLS,
     .raw = true,
     .ready = file_ready,
     .pass = reads_calls_pass,
     .done = reads_done},
    {.name = RAW,
     .against = READ_CALLS,
     .raw = true,
     .ready = map_ready,
     .pass = reads_walk_pass,
     .done = reads_raw_warm_done},
    {.name = SLOTFILE, .ready = slot_ready, SCAN_WAY},
    {.name = SLOT_SMALL, .ready = slot_small_ready, SCAN_WAY},
    {.name = "slotfile, backward",
     .against = SLOTFILE,
     .ready = slot_ready,
     .pass = backward_pass,
     .done = reads_slot_done},
};

static const struct goal scan_goals[] = {
    {READ_CALLS, SLOTFILE, true, 1.3},
    {READ_CALLS, SLOT_SMALL, true, 1.3},
};

static void run_scan(struct reads *reads)
{
    struct contest contest = {
        .name = "coldscan",
        .what = "sum of one field of 16 times the records in order; one file for all",
        .cache = CACHE_COLD,
        .unit = "record",
        .count = reads->bench->records,
        .unit_bytes = RECORD_SIZE,
        .ways = scan_ways,
        .ways_count = COUNT_OF(scan_ways),
        .goals = scan_goals,
        .goals_count = COUNT_OF(scan_goals),
        .state = reads,
    };

    contest_run(reads->bench, &contest);
}

void bench_cold(struct bench *bench)
{
    struct reads reads;
    struct contest contest = {
        .name = "coldget",
        .what = "random records copied out of 16 times the records, few; one file for all",
        .cache = CACHE_COLD,
        .unit = "get",
        .count = bench_scaled(bench, GETS),
        .unit_bytes = RECORD_SIZE,
        .ways = get_ways,
        .ways_count = COUNT_OF(get_ways),
        .goals = get_goals,
        .goals_count = COUNT_OF(get_goals),
        .state = &reads,
    };

    if (!bench_enlarge(bench))
        return;
    reads_begin(&reads, bench, DATABASE, contest.count);
    contest_run(bench, &contest);
    run_scan(&reads);
    reads_end(&reads);
    bench_reduce(bench);
}
