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

#include "base/checked.h"
#include "reads.h"

#define DATABASE     "scan.slots"
#define WINDOW_BYTES (UINT64_C(1) << 20)

struct scan {
    struct reads reads;
    FILE *stream;
};

static void raw_fresh_pass(void *state, const struct way *way)
{
    reads_map(state);
    reads_walk_pass(state, way);
    reads_unmap(state);
}

/* One window after the other, each with a page more for the record that its end cuts. */
static void raw_sliding_pass(void *state, const struct way *way)
{
    struct reads *reads = state;
    const struct os *os = reads->bench->os;

    (void)way;
    reads->sum = 0;
    for (uint64_t at = 0; at < reads->size; at += WINDOW_BYTES) {
        uint64_t first = (at + RECORD_SIZE - 1) / RECORD_SIZE;
        uint64_t end = (min_u64(at + WINDOW_BYTES, reads->size) + RECORD_SIZE - 1) / RECORD_SIZE;
        uint64_t n = min_u64(WINDOW_BYTES + OS_PAGE_SIZE, reads->size - at);
        void *base = NULL;

        must_os(os->map(os, reads->file, at, (size_t)n, OS_MAP_READ, &base), "map");
        reads->sum += records_sum((uint8_t *)base + (first * RECORD_SIZE - at), end - first);
        os->unmap(os, base, (size_t)n);
    }
}

static void slot_fresh_pass(void *state, const struct way *way)
{
    struct reads *reads = state;

    reads_scan_pass(state, way);
    bench_close(reads->db);
}

/* Each record copied out by a call of its own. */
static void slot_get_pass(void *state, const struct way *way)
{
    struct reads *reads = state;
    slot_txn *txn = bench_begin(reads->db, SLOT_READ);
    uint8_t record[RECORD_SIZE];
    slot_error err;

    (void)way;
    reads->sum = 0;
    for (uint64_t n = 0; n < reads->bench->records; n++) {
        slot_status status = slot_get(txn, n, record, &err);

        if (status != SLOT_OK)
            must(status, &err, "get");
        reads->sum += record_field(record);
    }
    slot_end(txn);
}

/* ---- calls that copy ---- */

static void read_each_pass(void *state, const struct way *way)
{
    struct reads *reads = state;
    const struct os *os = reads->bench->os;
    uint8_t record[RECORD_SIZE];

    (void)way;
    reads->sum = 0;
    for (uint64_t at = 0; at < reads->size; at += RECORD_SIZE) {
        os_result result = os->read_at(os, reads->file, at, record, RECORD_SIZE);

        if (!os_ok(result))
            must_os(result, "read");
        reads->sum += record_field(record);
    }
}

static void stdio_ready(void *state, const struct way *way)
{
    struct scan *scan = state;
    char path[PATH_BYTES];

    (void)way;
    bench_path(scan->reads.bench, DATABASE "/records", path);
    scan->stream = fopen(path, "rb");
    if (scan->stream == NULL || setvbuf(scan->stream, NULL, _IOFBF, BUFFER_BYTES) != 0)
        bench_die("%s: stdio cannot open it", path);
}

static void stdio_pass(void *state, const struct way *way)
{
    struct scan *scan = state;
    uint8_t record[RECORD_SIZE];

    (void)way;
    scan->reads.sum = 0;
    while (fread(record, RECORD_SIZE, 1, scan->stream) == 1)
        scan->reads.sum += record_field(record);
}

static uint64_t stdio_done(void *state, const struct way *way)
{
    struct scan *scan = state;

    fclose(scan->stream);
    return reads_done(state, way);
}

/* ---- peers, each with its cursor or what it has ---- */

static void peer_pass(void *state, const struct way *way)
{
    struct reads *reads = state;

    reads->sum = way->peer()->sum(reads->peer_db);
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
    .against = SLOT_WARM, .peer = (whose), .ready = reads_peer_ready, .pass = peer_pass,           \
    .done = reads_peer_done

static const struct way ways[] = {
    {.name = RAW_FRESH, .raw = true, .pass = raw_fresh_pass, .done = reads_done},
    {.name = "raw mapping, 1 MiB at a time",
     .against = RAW_FRESH,
     .raw = true,
     .pass = raw_sliding_pass,
     .done = reads_done},
    {.name = SLOT_FRESH,
     .against = RAW_FRESH,
     .ready = reads_slot_ready,
     .pass = slot_fresh_pass,
     .done = reads_done},
    {.name = SLOT_SMALL,
     .against = RAW_FRESH,
     .ready = reads_slot_small_ready,
     .pass = slot_fresh_pass,
     .done = reads_done},
    {.name = RAW_WARM,
     .against = RAW_FRESH,
     .raw = true,
     .ready = reads_raw_warm_ready,
     .pass = reads_walk_pass,
     .done = reads_raw_warm_done},
    {.name = SLOT_WARM,
     .against = RAW_WARM,
     .ready = reads_slot_warm_ready,
     .pass = reads_scan_pass,
     .done = reads_slot_done},
    {.name = "slotfile, slot_get per record",
     .against = RAW_WARM,
     .ready = reads_slot_warm_ready,
     .pass = slot_get_pass,
     .done = reads_slot_done},
    {.name = READ_CALLS,
     .against = RAW_FRESH,
     .raw = true,
     .pass = reads_calls_pass,
     .done = reads_done},
    {.name = "stdio per record, 1 MiB buffer",
     .against = RAW_FRESH,
     .raw = true,
     .ready = stdio_ready,
     .pass = stdio_pass,
     .done = stdio_done},
    {.name = READ_EACH,
     .against = RAW_FRESH,
     .raw = true,
     .pass = read_each_pass,
     .done = reads_done},
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
    struct scan scan;
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

    reads_begin(&scan.reads, bench, DATABASE, bench->records);
    reads_make_peers(&scan.reads, ways, COUNT_OF(ways));
    contest_run(bench, &contest);
    reads_destroy_peers(&scan.reads, ways, COUNT_OF(ways));
    reads_end(&scan.reads);
}
