/*
 * Random get: records copied out from a warm page cache. Everybody reads the same records in the
 * same order: from one file, the `records` of a database that was closed, so that its log is empty;
 * the other databases from files of their own with the same records.
 *
 *   get     uniformly random, as many reads as records
 *   skew    the same, but 95 % of the reads in one contiguous 2 %
 *   get16   a million uniform reads of 16 times as many records: 2 GB by default
 *   logget  a database with every block in the log, beside one with none
 */
#include "reads.h"

#define DATABASE "get.slots"

#define RAW_WARM   "raw mapping + memcpy, faulted in"
#define RAW_FRESH  "raw mapping + memcpy, fresh"
#define SLOT_WARM  "slotfile, 1000 gets a txn, faulted in"
#define SLOT_FRESH "slotfile, 1000 gets a txn, fresh"
#define SLOT_ONE   "slotfile, 1 get a txn, faulted in"
#define DIRECT     "slotfile, direct, 1000 gets a txn"
#define DIRECT_ONE "slotfile, direct, 1 get a txn"
#define READ_EACH  "read call per record"
#define LMDB       "LMDB, 1000 gets a txn"
#define SQLITE     "SQLite, 1000 gets a txn"
#define TCFDB      "Tokyo Cabinet FDB"

/* The fields of a way whose pages were all touched before. */
#define SLOT_WARM_WAY(gets)                                                                        \
    .against = RAW_WARM, .setting = (gets), .ready = reads_slot_warm_ready,                        \
    .pass = reads_slot_pass, .done = reads_slot_done

#define DIRECT_WARM_WAY(gets)                                                                      \
    .against = RAW_WARM, .setting = (gets), .ready = reads_direct_warm_ready,                      \
    .pass = reads_slot_pass, .done = reads_slot_done

#define RAW_WARM_WAY                                                                               \
    .raw = true, .ready = reads_raw_warm_ready, .pass = reads_raw_warm_pass,                       \
    .done = reads_raw_warm_done

#define RAW_FRESH_WAY                                                                              \
    .against = RAW_WARM, .raw = true, .pass = reads_raw_fresh_pass, .done = reads_done

#define SLOT_FRESH_WAY                                                                             \
    .against = RAW_FRESH, .setting = BATCH_RECORDS, .ready = reads_slot_ready,                     \
    .pass = reads_slot_fresh_pass, .done = reads_done

#define READ_EACH_WAY .against = SLOT_WARM, .raw = true, .pass = reads_call_pass, .done = reads_done

/* All of it takes some of them a second. `skew` compares the checksums of three, `scan` of all. */
#define QUARTER(name)       name ", 1/4 of it"
#define PEER_QUARTER(whose) .part = 4, .against = SLOT_WARM, READS_PEER(whose)

static const struct way ways[] = {
    {.name = RAW_WARM, RAW_WARM_WAY},
    {.name = SLOT_WARM, SLOT_WARM_WAY(BATCH_RECORDS)},
    {.name = SLOT_ONE, SLOT_WARM_WAY(1)},
    {.name = DIRECT, DIRECT_WARM_WAY(BATCH_RECORDS)},
    {.name = DIRECT_ONE, DIRECT_WARM_WAY(1)},
    {.name = "slotfile, one txn, faulted in", SLOT_WARM_WAY(UINT32_MAX)},
    {.name = RAW_FRESH, RAW_FRESH_WAY},
    {.name = SLOT_FRESH, SLOT_FRESH_WAY},
    {.name = READ_EACH, READ_EACH_WAY},
    {.name = QUARTER(LMDB), PEER_QUARTER(peer_lmdb)},
    {.name = QUARTER(SQLITE), PEER_QUARTER(peer_sqlite)},
    {.name = QUARTER(TCFDB), PEER_QUARTER(peer_tcfdb)},
    {.name = QUARTER("Berkeley DB Queue"), PEER_QUARTER(peer_bdb)},
    {.name = QUARTER("Tkrzw HashDBM"), PEER_QUARTER(peer_tkrzw)},
};

static const struct goal goals[] = {
    {SLOT_WARM, RAW_WARM, false, 1.2},    {SLOT_WARM, DIRECT, false, 1.1},
    {SLOT_ONE, DIRECT_ONE, false, 1.3},   {READ_EACH, SLOT_WARM, true, 10},
    {QUARTER(LMDB), SLOT_WARM, true, 18}, {QUARTER(SQLITE), SLOT_WARM, true, 25},
    {QUARTER(TCFDB), SLOT_WARM, true, 5},
};

static const struct way skew_ways[] = {
    {.name = RAW_WARM, RAW_WARM_WAY},
    {.name = SLOT_WARM, SLOT_WARM_WAY(BATCH_RECORDS)},
    {.name = READ_EACH, READ_EACH_WAY},
    {.name = LMDB, .against = SLOT_WARM, READS_PEER(peer_lmdb)},
    {.name = SQLITE, .against = SLOT_WARM, READS_PEER(peer_sqlite)},
    {.name = TCFDB, .against = SLOT_WARM, READS_PEER(peer_tcfdb)},
};

static const struct way large_ways[] = {
    {.name = RAW_WARM, RAW_WARM_WAY},   {.name = SLOT_WARM, SLOT_WARM_WAY(BATCH_RECORDS)},
    {.name = RAW_FRESH, RAW_FRESH_WAY}, {.name = SLOT_FRESH, SLOT_FRESH_WAY},
    {.name = READ_EACH, READ_EACH_WAY},
};

static const struct goal large_goals[] = {
    {SLOT_WARM, RAW_WARM, false, 1.4},
};

void bench_get(struct bench *bench)
{
    struct reads reads;
    struct contest contest = {
        .name = "get",
        .what = "random records copied out, as many as there are, uniform; the same records for "
                "all",
        .cache = CACHE_WARM,
        .unit = "get",
        .count = bench->records,
        .unit_bytes = RECORD_SIZE,
        .ways = ways,
        .ways_count = COUNT_OF(ways),
        .goals = goals,
        .goals_count = COUNT_OF(goals),
        .state = &reads,
    };

    reads_begin(&reads, bench, DATABASE, bench->records);
    reads_make_peers(&reads, ways, COUNT_OF(ways));
    contest_run(bench, &contest);
    reads.series = series_hot(reads.series, 85);
    contest.name = "skew";
    contest.what = "the same, but 95 % of the reads are in one contiguous 2 % of the records";
    contest.ways = skew_ways;
    contest.ways_count = COUNT_OF(skew_ways);
    contest.goals_count = 0;
    contest_run(bench, &contest);
    reads_destroy_peers(&reads, ways, COUNT_OF(ways));
    reads_end(&reads);
}

void bench_get16(struct bench *bench)
{
    struct reads reads;
    struct contest contest = {
        .name = "get16",
        .what = "random records copied out of 16 times as many, uniform; one file for all",
        .cache = CACHE_WARM,
        .unit = "get",
        .count = bench->records,
        .unit_bytes = RECORD_SIZE,
        .ways = large_ways,
        .ways_count = COUNT_OF(large_ways),
        .goals = large_goals,
        .goals_count = COUNT_OF(large_goals),
        .state = &reads,
    };

    if (!bench_enlarge(bench))
        return;
    reads_begin(&reads, bench, "get16.slots", contest.count);
    contest_run(bench, &contest);
    reads_end(&reads);
    bench_reduce(bench);
}

/* ---- every block in the log ---- */

#define LOG_NAME  "logget.slots"
#define LOG_LIMIT (UINT64_C(1) << 30)

struct logget {
    struct reads reads;
    slot_db *empty, *full; /* open through all rounds */
};

/* Store a record of each block again as it is: then the log has a version of the block. */
static void fill_log(const struct bench *bench, slot_db *db)
{
    slot_stat_info info = {.size = sizeof info};
    slot_txn *txn = bench_begin(db, SLOT_WRITE);
    uint8_t record[RECORD_SIZE];
    slot_error err;

    must(slot_stat(db, &info, &err), &err, "stat");
    for (uint64_t n = 0; n < bench->records; n += info.block_records) {
        records_make(record, n, 1);
        must(slot_put(txn, n, record, &err), &err, "put");
    }
    bench_commit(txn);
}

static void empty_ready(void *state, const struct way *way)
{
    struct logget *logget = state;

    (void)way;
    logget->reads.db = logget->empty;
}

static void full_ready(void *state, const struct way *way)
{
    struct logget *logget = state;

    (void)way;
    logget->reads.db = logget->full;
}

#define EMPTY     "empty log, 1000 gets a txn"
#define EMPTY_ONE "empty log, 1 get a txn"
#define FULL      "all in the log, 1000 gets a txn"

static const struct way log_ways[] = {
    {.name = EMPTY,
     .setting = BATCH_RECORDS,
     .ready = empty_ready,
     .pass = reads_slot_pass,
     .done = reads_done},
    {.name = FULL,
     .against = EMPTY,
     .setting = BATCH_RECORDS,
     .ready = full_ready,
     .pass = reads_slot_pass,
     .done = reads_done},
    {.name = EMPTY_ONE,
     .against = EMPTY,
     .setting = 1,
     .ready = empty_ready,
     .pass = reads_slot_pass,
     .done = reads_done},
    {.name = "all in the log, 1 get a txn",
     .against = EMPTY_ONE,
     .setting = 1,
     .ready = full_ready,
     .pass = reads_slot_pass,
     .done = reads_done},
};

static const struct goal log_goals[] = {
    {FULL, EMPTY, false, 2},
};

void bench_logget(struct bench *bench)
{
    struct logget logget;
    struct contest contest = {
        .name = "logget",
        .what = "random records copied out, as many as there are, when the log has a version of "
                "every block and when it is empty",
        .cache = CACHE_WARM,
        .unit = "get",
        .count = bench->records,
        .unit_bytes = RECORD_SIZE,
        .ways = log_ways,
        .ways_count = COUNT_OF(log_ways),
        .goals = log_goals,
        .goals_count = COUNT_OF(log_goals),
        .state = &logget,
    };
    slot_options options;

    slot_options_init(&options);
    options.log_limit_bytes = options.checkpoint_bytes = LOG_LIMIT;
    reads_begin(&logget.reads, bench, DATABASE, bench->records);
    bench_have_database(bench, LOG_NAME);
    logget.empty = bench_open(bench, DATABASE, 0);
    logget.full = bench_open_with(bench, LOG_NAME, &options);
    fill_log(bench, logget.full);
    contest_run(bench, &contest);
    bench_close(logget.full);
    bench_close(logget.empty);
    bench_destroy(bench, LOG_NAME);
    reads_end(&logget.reads);
}
