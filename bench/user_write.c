/*
 * Writing, on temporary databases of RECORD_SIZE bytes a record: appending, small durable commits
 * by one thread and by many, and one large transaction with and without its checkpoint.
 */
#include <stdlib.h>

#include "user_cases.h"

#define RAW_FILE    "raw"
#define DATABASE    "write.slots"
#define PAGE_BYTES  4096u
#define COMMITS     2048u   /* with a million records */
#define UPDATES_MAX 100000u /* of one transaction: fits the log whatever is hit */

struct writing {
    struct bench *bench;
    uint64_t puts;
    slot_db *db;
    struct os_file *file; /* of the raw ways */
    uint8_t *buffer;      /* BUFFER_BYTES */
};

void user_make(struct user_case *user)
{
    bench_have_database(&user->bench, TEMPORARY);
}

static uint64_t sum_done(void *state, const struct way *way)
{
    struct writing *writing = state;
    slot_error err;

    (void)way;
    must(slot_checkpoint(writing->db, &err), &err, "checkpoint");
    return bench_sum(writing->db);
}

static uint64_t no_sum(void *state, const struct way *way)
{
    (void)state, (void)way;
    return 0;
}

static void begin(struct writing *writing, struct bench *bench)
{
    memset(writing, 0, sizeof *writing);
    writing->bench = bench;
    writing->buffer = must_malloc(BUFFER_BYTES);
}

/* A database, and a file for the raw way with `size` bytes on disk. */
static void have_files(struct writing *writing, uint64_t size)
{
    const struct os *os = writing->bench->os;

    bench_have_database(writing->bench, DATABASE);
    writing->db = bench_open(writing->bench, DATABASE, 0);
    writing->file = bench_open_file(writing->bench, RAW_FILE, OS_WRITE | OS_CREATE_NEW);
    memset(writing->buffer, 1, BUFFER_BYTES);
    for (uint64_t at = 0; at < size; at += BUFFER_BYTES)
        must_os(os->write_at(os, writing->file, at, writing->buffer, BUFFER_BYTES), "write");
    must_os(os->sync(os, writing->file), "sync");
}

static void drop_files(struct writing *writing)
{
    bench_close(writing->db);
    bench_destroy(writing->bench, DATABASE);
    writing->bench->os->close(writing->bench->os, writing->file);
    bench_remove_file(writing->bench, RAW_FILE);
    free(writing->buffer);
}

/* ---- append ---- */

static void append_ready(void *state, const struct way *way)
{
    struct writing *writing = state;

    (void)way;
    bench_create(writing->bench, DATABASE);
    writing->db = bench_open(writing->bench, DATABASE, 0);
}

static void append_pass(void *state, const struct way *way)
{
    struct writing *writing = state;
    slot_txn *txn = bench_begin(writing->db, SLOT_WRITE);
    uint64_t records = writing->bench->records, count;
    slot_error err;

    (void)way;
    for (uint64_t at = 0; at < records; at += count) {
        count = records - at < BATCH_RECORDS ? records - at : BATCH_RECORDS;
        records_make(writing->buffer, at, count);
        must(slot_append(txn, writing->buffer, count, NULL, &err), &err, "append");
    }
    bench_commit(txn);
}

static uint64_t append_done(void *state, const struct way *way)
{
    struct writing *writing = state;
    uint64_t sum = bench_sum(writing->db);

    (void)way;
    bench_close(writing->db);
    bench_destroy(writing->bench, DATABASE);
    return sum;
}

static void write_ready(void *state, const struct way *way)
{
    struct writing *writing = state;

    (void)way;
    writing->file = bench_open_file(writing->bench, RAW_FILE, OS_WRITE | OS_CREATE_NEW);
}

static void write_pass(void *state, const struct way *way)
{
    struct writing *writing = state;
    const struct os *os = writing->bench->os;
    uint64_t step = BUFFER_BYTES / RECORD_SIZE, records = writing->bench->records, count;

    (void)way;
    for (uint64_t at = 0; at < records; at += count) {
        count = records - at < step ? records - at : step;
        records_make(writing->buffer, at, count);
        must_os(os->write_at(os, writing->file, at * RECORD_SIZE, writing->buffer,
                             (size_t)(count * RECORD_SIZE)),
                "write");
    }
    must_os(os->sync(os, writing->file), "sync");
}

static uint64_t write_done(void *state, const struct way *way)
{
    struct writing *writing = state;
    uint64_t sum = file_sum(writing->bench, writing->file);

    (void)way;
    writing->bench->os->close(writing->bench->os, writing->file);
    bench_remove_file(writing->bench, RAW_FILE);
    return sum;
}

#define WRITES "1 MiB writes, sync"

static const struct way append_ways[] = {
    {.name = WRITES, .raw = true, .ready = write_ready, .pass = write_pass, .done = write_done},
    {.name = "slotfile, one transaction",
     .against = WRITES,
     .ready = append_ready,
     .pass = append_pass,
     .done = append_done},
};

void user_append(struct user_case *user)
{
    struct writing writing;
    struct contest contest = {
        .name = "append",
        .what = "a new file or database gets all records, on disk at the end",
        .cache = CACHE_NEW,
        .unit = "record",
        .count = user->bench.records,
        .unit_bytes = RECORD_SIZE,
        .writes = true,
        .new_files = true,
        .ways = append_ways,
        .ways_count = COUNT_OF(append_ways),
        .state = &writing,
    };

    begin(&writing, &user->bench);
    contest_run(&user->bench, &contest);
    free(writing.buffer);
}

/* ---- small commits ---- */

struct writer {
    const struct writing *writing;
    uint64_t first, end; /* of the puts */
};

static void commit_part(void *context)
{
    const struct writer *writer = context;
    const struct bench *bench = writer->writing->bench;
    uint64_t random = random_skip(bench->round, writer->first);
    uint8_t record[RECORD_SIZE];
    slot_error err;

    for (uint64_t i = writer->first; i < writer->end; i++) {
        slot_txn *txn = bench_begin(writer->writing->db, SLOT_WRITE);
        uint64_t recno = random_put(&random, bench->records, bench->round, record);

        must(slot_put(txn, recno, record, &err), &err, "put");
        bench_commit(txn);
    }
}

/* way->setting threads, each its part of the same puts. */
static void commit_pass(void *state, const struct way *way)
{
    struct writing *writing = state;
    struct writer writers[THREADS_MAX];

    for (uint64_t i = 0; i < way->setting; i++) {
        writers[i].writing = writing;
        writers[i].first = writing->puts * i / way->setting;
        writers[i].end = writing->puts * (i + 1) / way->setting;
    }
    bench_together((unsigned)way->setting, commit_part, writers, sizeof *writers);
}

static void page_pass(void *state, const struct way *way)
{
    struct writing *writing = state;
    const struct os *os = writing->bench->os;

    (void)way;
    for (uint64_t i = 0; i < writing->puts; i++) {
        must_os(os->write_at(os, writing->file, i * PAGE_BYTES, writing->buffer, PAGE_BYTES),
                "write");
        must_os(os->sync(os, writing->file), "sync");
    }
}

#define PAGES  "write call, a page, sync"
#define SINGLE "slotfile, 1 thread"

static const struct way commit_ways[] = {
    {.name = PAGES, .raw = true, .other = true, .pass = page_pass, .done = no_sum},
    {.name = SINGLE, .against = PAGES, .setting = 1, .pass = commit_pass, .done = sum_done},
    {.name = "slotfile, 8 threads",
     .against = SINGLE,
     .setting = 8,
     .pass = commit_pass,
     .done = sum_done},
    {.name = "slotfile, 32 threads",
     .against = SINGLE,
     .setting = 32,
     .pass = commit_pass,
     .done = sum_done},
};

void user_commit(struct user_case *user)
{
    struct writing writing;
    struct contest contest = {
        .name = "commit",
        .what = "one random record changed in each of many durable transactions; the same number "
                "of commits for all",
        .cache = CACHE_WARM,
        .unit = "commit",
        .unit_bytes = RECORD_SIZE,
        .writes = true,
        .writes_each = true,
        .ways = commit_ways,
        .ways_count = COUNT_OF(commit_ways),
        .state = &writing,
    };

    begin(&writing, &user->bench);
    writing.puts = contest.count = bench_scaled(&user->bench, COMMITS);
    have_files(&writing, writing.puts * PAGE_BYTES);
    contest_run(&user->bench, &contest);
    drop_files(&writing);
}

/* ---- one large transaction ---- */

static void update_pass(void *state, const struct way *way)
{
    struct writing *writing = state;
    const struct bench *bench = writing->bench;
    slot_txn *txn = bench_begin(writing->db, SLOT_WRITE);
    uint64_t random = bench->round;
    uint8_t record[RECORD_SIZE];
    slot_error err;

    (void)way;
    for (uint64_t i = 0; i < writing->puts; i++) {
        uint64_t recno = random_put(&random, bench->records, bench->round, record);

        must(slot_put(txn, recno, record, &err), &err, "put");
    }
    bench_commit(txn);
}

static void update_home_pass(void *state, const struct way *way)
{
    struct writing *writing = state;
    slot_error err;

    update_pass(state, way);
    must(slot_checkpoint(writing->db, &err), &err, "checkpoint");
}

static void write_each_pass(void *state, const struct way *way)
{
    struct writing *writing = state;
    const struct bench *bench = writing->bench;
    uint64_t random = bench->round;
    uint8_t record[RECORD_SIZE];

    (void)way;
    for (uint64_t i = 0; i < writing->puts; i++) {
        uint64_t recno = random_put(&random, bench->records, bench->round, record);

        must_os(
            bench->os->write_at(bench->os, writing->file, recno * RECORD_SIZE, record, RECORD_SIZE),
            "write");
    }
    must_os(bench->os->sync(bench->os, writing->file), "sync");
}

#define EACH "write call per record, sync"

static const struct way update_ways[] = {
    {.name = EACH, .raw = true, .other = true, .pass = write_each_pass, .done = no_sum},
    {.name = "slotfile, one transaction", .against = EACH, .pass = update_pass, .done = sum_done},
    {.name = "slotfile, the same + checkpoint",
     .against = EACH,
     .pass = update_home_pass,
     .done = sum_done},
};

void user_update(struct user_case *user)
{
    struct writing writing;
    struct contest contest = {
        .name = "update",
        .what = "a tenth as many random records as there are, at most 100000, changed in one "
                "durable transaction; in place and not atomically by the raw way",
        .cache = CACHE_WARM,
        .unit = "update",
        .unit_bytes = RECORD_SIZE,
        .writes = true,
        .ways = update_ways,
        .ways_count = COUNT_OF(update_ways),
        .state = &writing,
    };

    begin(&writing, &user->bench);
    writing.puts = user->bench.records / 10;
    writing.puts = contest.count = writing.puts < UPDATES_MAX ? writing.puts : UPDATES_MAX;
    have_files(&writing, user->bench.records * RECORD_SIZE);
    contest_run(&user->bench, &contest);
    drop_files(&writing);
}
