/*
 * Bulk append: all records into a new file, durable at the end. In each pass everybody begins with
 * an empty file.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"

#define DATABASE        "append.slots"
#define RAW_FILE        "append.raw"
#define WRITEBACK_BYTES (UINT64_C(8) << 20)

struct append {
    struct bench *bench;
    uint64_t size; /* of the whole file */
    uint8_t *batch;
    uint8_t *buffer; /* of the buffered way */
    struct os_file *file;
    slot_db *db;
    struct peer_db *peer_db;
};

/* Fill the batch with the records from `first` on; returns how many. */
static uint64_t next_batch(struct append *append, uint64_t first)
{
    uint64_t left = append->bench->records - first;
    uint64_t count = left < BATCH_RECORDS ? left : BATCH_RECORDS;

    records_make(append->batch, first, count);
    return count;
}

/* ---- raw ways ---- */

static void raw_ready(void *state, const struct way *way)
{
    struct append *append = state;

    (void)way;
    append->file = bench_open_file(append->bench, RAW_FILE, OS_READ | OS_WRITE | OS_CREATE_NEW);
}

static uint64_t raw_done(void *state, const struct way *way)
{
    struct append *append = state;
    uint64_t sum = file_sum(append->bench, append->file);

    (void)way;
    append->bench->os->close(append->bench->os, append->file);
    bench_remove_file(append->bench, RAW_FILE);
    return sum;
}

struct writer {
    struct append *append;
    uint64_t fill;    /* bytes in the buffer */
    uint64_t written; /* bytes in the file */
    uint64_t started; /* bytes that the disk was told to begin with */
    uint64_t early;   /* after how many it is told; 0: it is not */
};

static void write_buffer(struct writer *writer)
{
    const struct os *os = writer->append->bench->os;
    struct os_file *file = writer->append->file;

    must_os(os->write_at(os, file, writer->written, writer->append->buffer, (size_t)writer->fill),
            "write");
    writer->written += writer->fill;
    writer->fill = 0;
    if (writer->early != 0 && writer->written - writer->started >= writer->early) {
        os->start_writeback(os, file, writer->started, writer->written - writer->started);
        writer->started = writer->written;
    }
}

static void write_pass(void *state, const struct way *way)
{
    struct append *append = state;
    struct writer writer = {.append = append, .early = way->setting};

    for (uint64_t n = 0, count; n < append->bench->records; n += count) {
        const uint8_t *from = append->batch;
        uint64_t left, part;

        count = next_batch(append, n);
        for (left = count * RECORD_SIZE; left > 0; left -= part, from += part) {
            part = left < BUFFER_BYTES - writer.fill ? left : BUFFER_BYTES - writer.fill;
            memcpy(append->buffer + writer.fill, from, (size_t)part);
            writer.fill += part;
            if (writer.fill == BUFFER_BYTES)
                write_buffer(&writer);
        }
    }
    write_buffer(&writer);
    must_os(append->bench->os->sync(append->bench->os, append->file), "sync");
}

static void map_pass(void *state, const struct way *way)
{
    struct append *append = state;
    const struct os *os = append->bench->os;
    void *base = NULL;
    uint8_t *to;
    os_result result = os->allocate(os, append->file, 0, append->size);

    (void)way;
    if (result.status == SLOT_E_UNSUPPORTED)
        result = os->resize(os, append->file, append->size);
    must_os(result, "allocate");
    must_os(os->map(os, append->file, 0, (size_t)append->size, OS_MAP_WRITE, &base), "map");
    to = base;
    for (uint64_t n = 0, count; n < append->bench->records; n += count) {
        count = next_batch(append, n);
        memcpy(to, append->batch, (size_t)(count * RECORD_SIZE));
        to += count * RECORD_SIZE;
    }
    must_os(os->flush(os, base, (size_t)append->size), "flush");
    must_os(os->sync(os, append->file), "sync");
    os->unmap(os, base, (size_t)append->size);
}

static void stdio_pass(void *state, const struct way *way)
{
    struct append *append = state;
    char path[PATH_BYTES];
    FILE *stream;

    (void)way;
    bench_path(append->bench, RAW_FILE, path);
    stream = fopen(path, "wb");
    if (stream == NULL || setvbuf(stream, NULL, _IOFBF, BUFFER_BYTES) != 0)
        bench_die("%s: stdio cannot open it", path);
    for (uint64_t n = 0, count; n < append->bench->records; n += count) {
        count = next_batch(append, n);
        for (uint64_t i = 0; i < count; i++)
            fwrite(append->batch + i * RECORD_SIZE, RECORD_SIZE, 1, stream);
    }
    if (fclose(stream) != 0)
        bench_die("%s: stdio cannot write it", path);
    must_os(append->bench->os->sync(append->bench->os, append->file), "sync");
}

/* ---- slotfile ---- */

static void slot_ready(void *state, const struct way *way)
{
    struct append *append = state;

    bench_create(append->bench, DATABASE);
    append->db = bench_open(append->bench, DATABASE, way->setting);
}

static void slot_pass(void *state, const struct way *way)
{
    struct append *append = state;
    slot_txn *txn = bench_begin(append->db, SLOT_WRITE);
    slot_error err;

    (void)way;
    for (uint64_t n = 0, count; n < append->bench->records; n += count) {
        count = next_batch(append, n);
        must(slot_append(txn, append->batch, count, NULL, &err), &err, "append");
    }
    bench_commit(txn);
}

static uint64_t slot_done(void *state, const struct way *way)
{
    struct append *append = state;
    struct os_file *file;
    uint64_t sum;

    (void)way;
    bench_close(append->db);
    file = bench_open_records(append->bench, DATABASE);
    sum = file_sum(append->bench, file);
    append->bench->os->close(append->bench->os, file);
    bench_destroy(append->bench, DATABASE);
    return sum;
}

/* ---- peers: one record at a time, as their interfaces are ---- */

static void peer_ready(void *state, const struct way *way)
{
    struct append *append = state;

    way->peer()->make(append->bench, DATABASE);
    append->peer_db = way->peer()->open(append->bench, DATABASE, true);
}

static void peer_pass(void *state, const struct way *way)
{
    struct append *append = state;

    peer_fill(append->bench, way->peer(), append->peer_db);
}

static uint64_t peer_done(void *state, const struct way *way)
{
    struct append *append = state;
    uint64_t sum = way->peer()->sum(append->peer_db);

    way->peer()->close(append->peer_db);
    way->peer()->destroy(append->bench, DATABASE);
    return sum;
}

/* ---- the contest ---- */

#define SLOTFILE "slotfile"
#define LMDB     "LMDB"
#define SQLITE   "SQLite, rollback journal"
#define TCFDB    "Tokyo Cabinet, not atomic"

#define PEER(whose)                                                                                \
    .against = SLOTFILE, .peer = (whose), .ready = peer_ready, .pass = peer_pass, .done = peer_done

#define EARLY "1 MiB writes, early write-back, sync"

static const struct way ways[] = {
    {.name = EARLY,
     .raw = true,
     .setting = WRITEBACK_BYTES,
     .ready = raw_ready,
     .pass = write_pass,
     .done = raw_done},
    {.name = "1 MiB writes, sync",
     .against = EARLY,
     .raw = true,
     .ready = raw_ready,
     .pass = write_pass,
     .done = raw_done},
    {.name = "stdio per record, sync",
     .against = EARLY,
     .raw = true,
     .ready = raw_ready,
     .pass = stdio_pass,
     .done = raw_done},
    {.name = "raw mapping, allocated file, sync",
     .against = EARLY,
     .raw = true,
     .ready = raw_ready,
     .pass = map_pass,
     .done = raw_done},
    {.name = SLOTFILE, .against = EARLY, .ready = slot_ready, .pass = slot_pass, .done = slot_done},
    {.name = "slotfile, 4 MiB budget",
     .against = EARLY,
     .setting = SMALL_BUDGET,
     .ready = slot_ready,
     .pass = slot_pass,
     .done = slot_done},
    {.name = LMDB, PEER(peer_lmdb)},
    {.name = SQLITE, PEER(peer_sqlite_journal)},
    {.name = TCFDB, PEER(peer_tcfdb)},
    {.name = "Berkeley DB Queue", PEER(peer_bdb)},
    {.name = "Tkrzw HashDBM, not atomic", PEER(peer_tkrzw)},
};

static const struct goal goals[] = {
    {SLOTFILE, NULL, false, 1.3},
    {LMDB, SLOTFILE, true, 4.5},
    {SQLITE, SLOTFILE, true, 8},
    {TCFDB, SLOTFILE, true, 3.3},
};

void bench_append(struct bench *bench)
{
    struct append append = {.bench = bench, .size = bench->records * RECORD_SIZE};
    struct contest contest = {
        .name = "append",
        .what = "all records appended to an empty file in batches of 1000, durable at the end",
        .cache = CACHE_NEW,
        .unit = "record",
        .count = bench->records,
        .unit_bytes = RECORD_SIZE,
        .writes = true,
        .new_files = true,
        .ways = ways,
        .ways_count = COUNT_OF(ways),
        .goals = goals,
        .goals_count = COUNT_OF(goals),
        .state = &append,
    };

    append.batch = must_malloc(BATCH_RECORDS * RECORD_SIZE);
    append.buffer = must_malloc(BUFFER_BYTES);
    contest_run(bench, &contest);
    free(append.buffer);
    free(append.batch);
}
