/*
 * Random get: as many uniformly random records as there are, each copied out, from a warm page
 * cache. Everybody reads the same records in the same order. Two cases: from one file, the
 * `records` of a database that was closed, so that its log is empty; and from a database with every
 * block in the log, beside one with none.
 */
#include <stdlib.h>

#include "contest.h"

#define DATABASE "get.slots"
#define SEED     UINT64_C(1993)

struct get {
    struct bench *bench;
    struct os_file *file;
    uint64_t size; /* of the file */
    uint8_t *base; /* of the raw mapping */
    slot_db *db;
    uint64_t sum;
};

static uint64_t done(void *state, const struct way *way)
{
    struct get *get = state;

    (void)way;
    return get->sum;
}

/* ---- raw mapping ---- */

static void raw_map(struct get *get)
{
    const struct os *os = get->bench->os;
    void *base = NULL;

    must_os(os->map(os, get->file, 0, (size_t)get->size, OS_MAP_READ, &base), "map");
    get->base = base;
}

static void raw_copy(struct get *get)
{
    uint64_t random = SEED, records = get->bench->records;
    uint8_t record[RECORD_SIZE];

    get->sum = 0;
    for (uint64_t i = 0; i < records; i++) {
        memcpy(record, get->base + random_below(&random, records) * RECORD_SIZE, RECORD_SIZE);
        get->sum += record_use(record);
    }
}

static void raw_unmap(struct get *get)
{
    get->bench->os->unmap(get->bench->os, get->base, (size_t)get->size);
}

static void raw_warm_ready(void *state, const struct way *way)
{
    struct get *get = state;

    (void)way;
    raw_map(get);
    get->sum = records_sum(get->base, get->bench->records);
}

static void raw_warm_pass(void *state, const struct way *way)
{
    (void)way;
    raw_copy(state);
}

static uint64_t raw_warm_done(void *state, const struct way *way)
{
    raw_unmap(state);
    return done(state, way);
}

static void raw_fresh_pass(void *state, const struct way *way)
{
    (void)way;
    raw_map(state);
    raw_copy(state);
    raw_unmap(state);
}

/* ---- slotfile ---- */

/* So many gets in each transaction as the way says. */
static void slot_copy(struct get *get, const struct way *way)
{
    uint64_t random = SEED, records = get->bench->records, all = way_share(way, records);
    uint8_t record[RECORD_SIZE];
    slot_error err;

    get->sum = 0;
    for (uint64_t i = 0; i < all;) {
        slot_txn *txn = bench_begin(get->db, SLOT_READ);

        for (uint64_t end = i + way->setting; i < end && i < all; i++) {
            slot_status status = slot_get(txn, random_below(&random, records), record, &err);

            if (status != SLOT_OK)
                must(status, &err, "get");
            get->sum += record_use(record);
        }
        slot_end(txn);
    }
}

static void slot_ready(void *state, const struct way *way)
{
    struct get *get = state;

    (void)way;
    get->db = bench_open(get->bench, DATABASE, 0);
}

static void slot_small_ready(void *state, const struct way *way)
{
    struct get *get = state;

    (void)way;
    get->db = bench_open(get->bench, DATABASE, SMALL_BUDGET);
}

/* Touch every page through the views that the pass will use. */
static void slot_warm_ready(void *state, const struct way *way)
{
    struct get *get = state;

    slot_ready(state, way);
    (void)bench_sum(get->db);
}

static void direct_warm_ready(void *state, const struct way *way)
{
    struct get *get = state;
    slot_options options;

    (void)way;
    slot_options_init(&options);
    options.access = SLOT_DIRECT;
    get->db = bench_open_with(get->bench, DATABASE, &options);
    (void)bench_sum(get->db);
}

static void slot_warm_pass(void *state, const struct way *way)
{
    slot_copy(state, way);
}

static uint64_t slot_warm_done(void *state, const struct way *way)
{
    struct get *get = state;

    bench_close(get->db);
    return done(state, way);
}

static void slot_fresh_pass(void *state, const struct way *way)
{
    struct get *get = state;

    slot_copy(get, way);
    bench_close(get->db);
}

/* ---- a call for each ---- */

static void read_each_pass(void *state, const struct way *way)
{
    struct get *get = state;
    const struct os *os = get->bench->os;
    uint64_t random = SEED, records = get->bench->records;
    uint8_t record[RECORD_SIZE];

    (void)way;
    get->sum = 0;
    for (uint64_t i = 0; i < records; i++) {
        uint64_t at = random_below(&random, records) * RECORD_SIZE;
        os_result result = os->read_at(os, get->file, at, record, RECORD_SIZE);

        if (!os_ok(result))
            must_os(result, "read");
        get->sum += record_use(record);
    }
}

/* ---- the contest ---- */

#define RAW_WARM   "raw mapping + memcpy, faulted in"
#define RAW_FRESH  "raw mapping + memcpy, fresh"
#define SLOT_WARM  "slotfile, 1000 gets a txn, faulted in"
#define SLOT_ONE   "slotfile, 1 get a txn, faulted in"
#define DIRECT     "slotfile, direct, 1000 gets a txn"
#define DIRECT_ONE "slotfile, direct, 1 get a txn"
#define READ_EACH  "read call per record"

static const struct way ways[] = {
    {.name = RAW_WARM,
     .raw = true,
     .ready = raw_warm_ready,
     .pass = raw_warm_pass,
     .done = raw_warm_done},
    {.name = SLOT_WARM,
     .against = RAW_WARM,
     .setting = BATCH_RECORDS,
     .ready = slot_warm_ready,
     .pass = slot_warm_pass,
     .done = slot_warm_done},
    {.name = SLOT_ONE,
     .against = RAW_WARM,
     .setting = 1,
     .ready = slot_warm_ready,
     .pass = slot_warm_pass,
     .done = slot_warm_done},
    {.name = DIRECT,
     .against = RAW_WARM,
     .setting = BATCH_RECORDS,
     .ready = direct_warm_ready,
     .pass = slot_warm_pass,
     .done = slot_warm_done},
    {.name = DIRECT_ONE,
     .against = RAW_WARM,
     .setting = 1,
     .ready = direct_warm_ready,
     .pass = slot_warm_pass,
     .done = slot_warm_done},
    {.name = "slotfile, one txn, faulted in",
     .against = RAW_WARM,
     .setting = UINT32_MAX,
     .ready = slot_warm_ready,
     .pass = slot_warm_pass,
     .done = slot_warm_done},
    {.name = RAW_FRESH, .against = RAW_WARM, .raw = true, .pass = raw_fresh_pass, .done = done},
    {.name = "slotfile, 1000 gets a txn, fresh",
     .against = RAW_FRESH,
     .setting = BATCH_RECORDS,
     .ready = slot_ready,
     .pass = slot_fresh_pass,
     .done = done},
    {.name = "slotfile, 4 MiB budget, 1/20 of it",
     .part = 20,
     .against = READ_EACH,
     .setting = BATCH_RECORDS,
     .ready = slot_small_ready,
     .pass = slot_fresh_pass,
     .done = done},
    {.name = READ_EACH, .against = RAW_WARM, .raw = true, .pass = read_each_pass, .done = done},
};

static const struct goal goals[] = {
    {SLOT_WARM, RAW_WARM, false, 1.4},
    {SLOT_WARM, DIRECT, false, 1.1},
    {SLOT_ONE, DIRECT_ONE, false, 1.3},
    {READ_EACH, SLOT_WARM, true, 8},
};

void bench_get(struct bench *bench)
{
    struct get get = {.bench = bench};
    struct contest contest = {
        .name = "get",
        .what = "random records copied out, as many as there are, uniform; one file for all, warm "
                "page cache",
        .unit = "get",
        .count = bench->records,
        .unit_bytes = RECORD_SIZE,
        .ways = ways,
        .ways_count = COUNT_OF(ways),
        .goals = goals,
        .goals_count = COUNT_OF(goals),
        .state = &get,
    };

    bench_have_database(bench, DATABASE);
    get.file = bench_open_records(bench, DATABASE);
    get.size = bench->records * RECORD_SIZE;
    contest_run(bench, &contest);
    bench->os->close(bench->os, get.file);
    bench_destroy(bench, DATABASE);
}

/* ---- every block in the log ---- */

#define LOG_NAME  "logget.slots"
#define LOG_LIMIT (UINT64_C(1) << 30)

struct logget {
    struct get get;
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
    logget->get.db = logget->empty;
}

static void full_ready(void *state, const struct way *way)
{
    struct logget *logget = state;

    (void)way;
    logget->get.db = logget->full;
}

static void log_pass(void *state, const struct way *way)
{
    struct logget *logget = state;

    slot_copy(&logget->get, way);
}

static uint64_t log_done(void *state, const struct way *way)
{
    struct logget *logget = state;

    (void)way;
    return logget->get.sum;
}

#define EMPTY     "empty log, 1000 gets a txn"
#define EMPTY_ONE "empty log, 1 get a txn"
#define FULL      "all in the log, 1000 gets a txn"

static const struct way log_ways[] = {
    {.name = EMPTY,
     .setting = BATCH_RECORDS,
     .ready = empty_ready,
     .pass = log_pass,
     .done = log_done},
    {.name = FULL,
     .against = EMPTY,
     .setting = BATCH_RECORDS,
     .ready = full_ready,
     .pass = log_pass,
     .done = log_done},
    {.name = EMPTY_ONE,
     .against = EMPTY,
     .setting = 1,
     .ready = empty_ready,
     .pass = log_pass,
     .done = log_done},
    {.name = "all in the log, 1 get a txn",
     .against = EMPTY_ONE,
     .setting = 1,
     .ready = full_ready,
     .pass = log_pass,
     .done = log_done},
};

static const struct goal log_goals[] = {
    {FULL, EMPTY, false, 2},
};

void bench_logget(struct bench *bench)
{
    struct logget logget = {.get = {.bench = bench}};
    struct contest contest = {
        .name = "logget",
        .what = "random records copied out, as many as there are, when the log has a version of "
                "every block and when it is empty; warm",
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
    bench_have_database(bench, DATABASE);
    bench_have_database(bench, LOG_NAME);
    logget.empty = bench_open(bench, DATABASE, 0);
    logget.full = bench_open_with(bench, LOG_NAME, &options);
    fill_log(bench, logget.full);
    contest_run(bench, &contest);
    bench_close(logget.full);
    bench_close(logget.empty);
    bench_destroy(bench, LOG_NAME);
    bench_destroy(bench, DATABASE);
}
