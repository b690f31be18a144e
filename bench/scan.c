/*
 * Sequential scan: the sum of one 8-byte field of all records, from a warm page cache. Everybody
 * reads the same file, the `records` of one database, but the other databases: they have files of
 * their own with the same records.
 *
 * Two states are compared with their likes: "fresh" maps, touches and unmaps in the measured part;
 * "faulted in" walks over pages that were touched through the same mapping before.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"

#define DATABASE "scan.slots"

struct scan {
    struct bench *bench;
    struct os_file *file;
    uint64_t size; /* of the file */
    void *base;    /* of the raw mapping */
    slot_db *db;
    struct peer_db *peer_db;
    FILE *stream;
    uint64_t sum;
};

static uint64_t done(void *state, const struct way *way)
{
    struct scan *scan = state;

    (void)way;
    return scan->sum;
}

/* ---- raw mapping ---- */

static void raw_map(struct scan *scan)
{
    const struct os *os = scan->bench->os;

    must_os(os->map(os, scan->file, 0, (size_t)scan->size, OS_MAP_READ, &scan->base), "map");
}

static void raw_walk(struct scan *scan)
{
    scan->sum = records_sum(scan->base, scan->bench->records);
}

static void raw_unmap(struct scan *scan)
{
    scan->bench->os->unmap(scan->bench->os, scan->base, (size_t)scan->size);
}

static void raw_fresh_pass(void *state, const struct way *way)
{
    (void)way;
    raw_map(state);
    raw_walk(state);
    raw_unmap(state);
}

static void raw_warm_ready(void *state, const struct way *way)
{
    (void)way;
    raw_map(state);
    raw_walk(state);
}

static void raw_warm_pass(void *state, const struct way *way)
{
    (void)way;
    raw_walk(state);
}

static uint64_t raw_warm_done(void *state, const struct way *way)
{
    raw_unmap(state);
    return done(state, way);
}

/* ---- slotfile ---- */

static void walk_runs(struct scan *scan)
{
    scan->sum = bench_sum(scan->db);
}

static void slot_ready(void *state, const struct way *way)
{
    struct scan *scan = state;

    scan->db = bench_open(scan->bench, DATABASE, way->setting);
}

static void slot_fresh_pass(void *state, const struct way *way)
{
    struct scan *scan = state;

    (void)way;
    walk_runs(scan);
    bench_close(scan->db);
}

static void slot_warm_ready(void *state, const struct way *way)
{
    slot_ready(state, way);
    walk_runs(state);
}

static void slot_warm_pass(void *state, const struct way *way)
{
    (void)way;
    walk_runs(state);
}

/* Each record copied out by a call of its own. */
static void slot_get_pass(void *state, const struct way *way)
{
    struct scan *scan = state;
    slot_txn *txn = bench_begin(scan->db, SLOT_READ);
    uint8_t record[RECORD_SIZE];
    slot_error err;

    (void)way;
    scan->sum = 0;
    for (uint64_t n = 0; n < scan->bench->records; n++) {
        slot_status status = slot_get(txn, n, record, &err);

        if (status != SLOT_OK)
            must(status, &err, "get");
        scan->sum += record_field(record);
    }
    slot_end(txn);
}

static uint64_t slot_warm_done(void *state, const struct way *way)
{
    struct scan *scan = state;

    bench_close(scan->db);
    return done(state, way);
}

/* ---- calls that copy ---- */

static void read_each_pass(void *state, const struct way *way)
{
    struct scan *scan = state;
    const struct os *os = scan->bench->os;
    uint8_t record[RECORD_SIZE];

    (void)way;
    scan->sum = 0;
    for (uint64_t at = 0; at < scan->size; at += RECORD_SIZE) {
        os_result result = os->read_at(os, scan->file, at, record, RECORD_SIZE);

        if (!os_ok(result))
            must_os(result, "read");
        scan->sum += record_field(record);
    }
}

static void read_buffered_pass(void *state, const struct way *way)
{
    struct scan *scan = state;

    (void)way;
    scan->sum = file_sum(scan->bench, scan->file);
}

static void stdio_ready(void *state, const struct way *way)
{
    struct scan *scan = state;
    char path[PATH_BYTES];

    (void)way;
    bench_path(scan->bench, DATABASE "/records", path);
    scan->stream = fopen(path, "rb");
    if (scan->stream == NULL || setvbuf(scan->stream, NULL, _IOFBF, BUFFER_BYTES) != 0)
        bench_die("%s: stdio cannot open it", path);
}

static void stdio_pass(void *state, const struct way *way)
{
    struct scan *scan = state;
    uint8_t record[RECORD_SIZE];

    (void)way;
    scan->sum = 0;
    while (fread(record, RECORD_SIZE, 1, scan->stream) == 1)
        scan->sum += record_field(record);
}

static uint64_t stdio_done(void *state, const struct way *way)
{
    struct scan *scan = state;

    fclose(scan->stream);
    return done(state, way);
}

/* ---- peers, each with its cursor or what it has ---- */

static void peer_ready(void *state, const struct way *way)
{
    struct scan *scan = state;

    scan->peer_db = way->peer()->open(scan->bench, DATABASE, true);
    (void)way->peer()->sum(scan->peer_db);
}

static void peer_pass(void *state, const struct way *way)
{
    struct scan *scan = state;

    scan->sum = way->peer()->sum(scan->peer_db);
}

static uint64_t peer_done(void *state, const struct way *way)
{
    struct scan *scan = state;

    way->peer()->close(scan->peer_db);
    return done(state, way);
}

/* ---- the contest ---- */

#define RAW_FRESH  "raw mapping, fresh"
#define RAW_WARM   "raw mapping, faulted in"
#define SLOT_FRESH "slotfile, runs, fresh"
#define SLOT_WARM  "slotfile, runs, faulted in"
#define SLOT_SMALL "slotfile, runs, fresh, 4 MiB budget"
#define READ_CALLS "read calls of 1 MiB"
#define READ_EACH  "read call per record"
#define LMDB       "LMDB, cursor"
#define SQLITE     "SQLite, select"
#define TCFDB      "Tokyo Cabinet FDB, get by number"

/* Open and read once before: beside the ways that are faulted in. */
#define PEER(whose)                                                                                \
    .against = SLOT_WARM, .peer = (whose), .ready = peer_ready, .pass = peer_pass, .done = peer_done

static const struct way ways[] = {
    {.name = RAW_FRESH, .raw = true, .pass = raw_fresh_pass, .done = done},
    {.name = SLOT_FRESH,
     .against = RAW_FRESH,
     .ready = slot_ready,
     .pass = slot_fresh_pass,
     .done = done},
    {.name = SLOT_SMALL,
     .against = RAW_FRESH,
     .setting = SMALL_BUDGET,
     .ready = slot_ready,
     .pass = slot_fresh_pass,
     .done = done},
    {.name = RAW_WARM,
     .against = RAW_FRESH,
     .raw = true,
     .ready = raw_warm_ready,
     .pass = raw_warm_pass,
     .done = raw_warm_done},
    {.name = SLOT_WARM,
     .against = RAW_WARM,
     .ready = slot_warm_ready,
     .pass = slot_warm_pass,
     .done = slot_warm_done},
    {.name = "slotfile, slot_get per record",
     .against = RAW_WARM,
     .ready = slot_warm_ready,
     .pass = slot_get_pass,
     .done = slot_warm_done},
    {.name = READ_CALLS,
     .against = RAW_FRESH,
     .raw = true,
     .pass = read_buffered_pass,
     .done = done},
    {.name = "stdio per record, 1 MiB buffer",
     .against = RAW_FRESH,
     .raw = true,
     .ready = stdio_ready,
     .pass = stdio_pass,
     .done = stdio_done},
    {.name = READ_EACH, .against = RAW_FRESH, .raw = true, .pass = read_each_pass, .done = done},
    {.name = LMDB, PEER(peer_lmdb)},
    {.name = SQLITE, PEER(peer_sqlite)},
    {.name = TCFDB, PEER(peer_tcfdb)},
    {.name = "Berkeley DB Queue, bulk cursor", PEER(peer_bdb)},
    {.name = "Tkrzw HashDBM, process each", PEER(peer_tkrzw)},
};

static const struct goal goals[] = {
    {SLOT_WARM, RAW_WARM, false, 1.02},   {SLOT_FRESH, RAW_FRESH, false, 1.02},
    {SLOT_SMALL, RAW_FRESH, false, 1.05}, {READ_EACH, SLOT_FRESH, true, 12},
    {READ_CALLS, SLOT_FRESH, true, 1.1},  {LMDB, SLOT_WARM, true, 2},
    {SQLITE, SLOT_WARM, true, 5},         {TCFDB, SLOT_WARM, true, 10},
};

void bench_scan(struct bench *bench)
{
    struct scan scan = {.bench = bench};
    struct contest contest = {
        .name = "scan",
        .what = "sum of one field of all records in order; one file for all",
        .cache = CACHE_WARM,
        .unit = "record",
        .count = bench->records,
        .unit_bytes = RECORD_SIZE,
        .ways = ways,
        .ways_count = COUNT_OF(ways),
        .goals = goals,
        .goals_count = COUNT_OF(goals),
        .state = &scan,
    };

    bench_have_database(bench, DATABASE);
    scan.file = bench_open_records(bench, DATABASE);
    scan.size = bench->records * RECORD_SIZE;
    for (unsigned i = 0; i < COUNT_OF(ways); i++) {
        if (ways[i].peer != NULL && ways[i].peer() != NULL)
            peer_create(bench, ways[i].peer(), DATABASE);
    }
    contest_run(bench, &contest);
    for (unsigned i = 0; i < COUNT_OF(ways); i++) {
        if (ways[i].peer != NULL && ways[i].peer() != NULL)
            ways[i].peer()->destroy(bench, DATABASE);
    }
    bench->os->close(bench->os, scan.file);
    bench_destroy(bench, DATABASE);
}
