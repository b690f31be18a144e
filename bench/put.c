/*
 * Random put + flush, in place: direct access beside the raw ways. Two cases: a tenth of all
 * records changed in one durable commit, and one record in each of many durable commits. Each
 * contestant has a file of its own, all of them the `records` of databases that were written in the
 * same way; in each round all write the same. What transactions cost is in commits.c.
 */
#include <stdlib.h>

#include "contest.h"

struct put {
    struct bench *bench;
    uint64_t puts;
    uint64_t commit_puts; /* of each commit */
    uint64_t size;        /* of each file */
    const char *database; /* of this pass */
    struct os_file *file;
    uint8_t *base;
    slot_db *db;
};

static uint64_t next_put(const struct put *put, uint64_t *random, uint8_t *record)
{
    return random_put(random, put->bench->records, put->bench->round, record);
}

static uint64_t puts_of(const struct put *put, const struct way *way)
{
    return way_share(way, put->puts);
}

/* ---- raw ways ---- */

static void file_ready(void *state, const struct way *way)
{
    struct put *put = state;

    put->database = way->setting == 0 ? "put_map.slots" : "put_write.slots";
    put->file = bench_open_records(put->bench, put->database);
}

static uint64_t file_done(void *state, const struct way *way)
{
    struct put *put = state;
    uint64_t sum = file_sum(put->bench, put->file);

    (void)way;
    put->bench->os->close(put->bench->os, put->file);
    return sum;
}

static void map_ready(void *state, const struct way *way)
{
    struct put *put = state;
    const struct os *os = put->bench->os;
    void *base = NULL;

    file_ready(state, way);
    must_os(os->map(os, put->file, 0, (size_t)put->size, OS_MAP_WRITE, &base), "map");
    put->base = base;
}

static void map_pass(void *state, const struct way *way)
{
    struct put *put = state;
    const struct os *os = put->bench->os;
    uint64_t random = put->bench->round;
    uint8_t record[RECORD_SIZE];

    for (uint64_t i = 0, all = puts_of(put, way); i < all;) {
        uint8_t *first = put->base + put->size, *last = put->base;

        for (uint64_t end = i + put->commit_puts; i < end && i < all; i++) {
            uint8_t *to = put->base + next_put(put, &random, record) * RECORD_SIZE;

            memcpy(to, record, RECORD_SIZE);
            first = to < first ? to : first;
            last = to > last ? to : last;
        }
        must_os(os->flush(os, first, (size_t)(last - first) + RECORD_SIZE), "flush");
        must_os(os->sync(os, put->file), "sync");
    }
}

static uint64_t map_done(void *state, const struct way *way)
{
    struct put *put = state;

    put->bench->os->unmap(put->bench->os, put->base, (size_t)put->size);
    return file_done(state, way);
}

static void write_pass(void *state, const struct way *way)
{
    struct put *put = state;
    const struct os *os = put->bench->os;
    uint64_t random = put->bench->round;
    uint8_t record[RECORD_SIZE];

    for (uint64_t i = 0, all = puts_of(put, way); i < all;) {
        for (uint64_t end = i + put->commit_puts; i < end && i < all; i++) {
            uint64_t at = next_put(put, &random, record) * RECORD_SIZE;

            must_os(os->write_at(os, put->file, at, record, RECORD_SIZE), "write");
        }
        must_os(os->sync(os, put->file), "sync");
    }
}

/* ---- slotfile ---- */

/* The first write transaction of a handle marks the database as open: that is not a put. */
static void slot_ready(void *state, const struct way *way)
{
    struct put *put = state;
    slot_options options;

    slot_options_init(&options);
    options.access = SLOT_DIRECT;
    options.map_budget = way->setting;
    put->database = way->setting == 0 ? "put.slots" : "put_small.slots";
    put->db = bench_open_with(put->bench, put->database, &options);
    slot_abort(bench_begin(put->db, SLOT_WRITE));
}

static void slot_pass(void *state, const struct way *way)
{
    struct put *put = state;
    uint64_t random = put->bench->round;
    uint8_t record[RECORD_SIZE];
    slot_error err;

    for (uint64_t i = 0, all = puts_of(put, way); i < all;) {
        slot_txn *txn = bench_begin(put->db, SLOT_WRITE);

        for (uint64_t end = i + put->commit_puts; i < end && i < all; i++) {
            uint64_t recno = next_put(put, &random, record);

            must(slot_put(txn, recno, record, &err), &err, "put");
        }
        bench_commit(txn);
    }
}

static uint64_t slot_done(void *state, const struct way *way)
{
    struct put *put = state;

    bench_close(put->db);
    put->file = bench_open_records(put->bench, put->database);
    return file_done(state, way);
}

/* ---- the contests ---- */

#define RAW_MAP "raw mapping store, flush, sync"

static const struct way ways[] = {
    {.name = RAW_MAP, .raw = true, .ready = map_ready, .pass = map_pass, .done = map_done},
    {.name = "write call per record, sync",
     .against = RAW_MAP,
     .raw = true,
     .setting = 1,
     .ready = file_ready,
     .pass = write_pass,
     .done = file_done},
    {.name = "slotfile, direct",
     .against = RAW_MAP,
     .ready = slot_ready,
     .pass = slot_pass,
     .done = slot_done},
    {.name = "slotfile, direct, 4 MiB, 1/10 of it",
     .against = RAW_MAP,
     .part = 10,
     .setting = SMALL_BUDGET,
     .ready = slot_ready,
     .pass = slot_pass,
     .done = slot_done},
};

static const char *const databases[] = {"put.slots", "put_small.slots", "put_map.slots",
                                        "put_write.slots"};

static void run(struct put *put, const char *name, const char *what)
{
    struct contest contest = {
        .name = name,
        .what = what,
        .cache = CACHE_WARM,
        .unit = "put",
        .count = put->puts,
        .unit_bytes = RECORD_SIZE,
        .writes = true,
        .ways = ways,
        .ways_count = COUNT_OF(ways),
        .state = put,
    };

    for (unsigned i = 0; i < COUNT_OF(databases); i++)
        bench_have_database(put->bench, databases[i]);
    contest_run(put->bench, &contest);
    for (unsigned i = 0; i < COUNT_OF(databases); i++)
        bench_destroy(put->bench, databases[i]);
}

void bench_put(struct bench *bench)
{
    struct put put = {.bench = bench, .size = bench->records * RECORD_SIZE};

    put.puts = put.commit_puts = bench->records / 10;
    run(&put, "put",
        "random records changed, a tenth of all, then one durable flush; files written in 1 MiB "
        "pieces, fresh mappings");
    put.puts = bench->smoke ? 20 : 200;
    put.commit_puts = 1;
    run(&put, "put1", "random records changed, each with a durable flush of its own; as before");
}
