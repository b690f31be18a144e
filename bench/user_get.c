/*
 * Reading random records of a database of any record size, and of its file `records` beside it:
 * uniform, with most of it in one place, and by two threads. Everybody reads the same records.
 */
#include <stdlib.h>

#include "user_reading.h"

#define THREADS   2u  /* at most */
#define HOT_FIRST 85u /* in 256ths of the records */

/* ---- one after the other ---- */

/* The gets from `first` to before `end` of the series. */
static uint64_t raw_gets(struct reading *reading, uint64_t first, uint64_t end, uint8_t *record)
{
    struct series series = series_skip(reading->series, first);
    uint32_t size = reading->record_size;
    uint64_t sum = 0;

    for (uint64_t i = first; i < end; i++) {
        memcpy(record, reading->base + series_next(&series) * size, size);
        sum += record_use_all(record, size);
    }
    return sum;
}

static void raw_get_pass(void *state, const struct way *way)
{
    struct reading *reading = state;

    (void)way;
    reading->sum = raw_gets(reading, 0, reading->gets, reading->buffer);
}

/* A deleted record is zeros in the file, and so it is here. */
static void get_one(const struct reading *reading, slot_txn *txn, uint64_t recno, uint8_t *record)
{
    slot_error err;
    slot_status status = slot_get(txn, recno, record, &err);

    if (status == SLOT_DELETED)
        memset(record, 0, reading->record_size);
    else if (status != SLOT_OK)
        must(status, &err, reading->user->path);
}

static uint64_t slot_gets(struct reading *reading, uint64_t first, uint64_t end, uint64_t batch,
                          uint8_t *record)
{
    struct series series = series_skip(reading->series, first);
    uint64_t sum = 0;

    for (uint64_t i = first; i < end;) {
        slot_txn *txn = bench_begin(reading->db, SLOT_READ);

        for (uint64_t last = i + batch; i < last && i < end; i++) {
            get_one(reading, txn, series_next(&series), record);
            sum += record_use_all(record, reading->record_size);
        }
        slot_end(txn);
    }
    return sum;
}

static void slot_get_pass(void *state, const struct way *way)
{
    struct reading *reading = state;

    (void)way;
    reading->sum = slot_gets(reading, 0, reading->gets, BATCH_RECORDS, reading->buffer);
}

static void slot_get_one_pass(void *state, const struct way *way)
{
    struct reading *reading = state;

    (void)way;
    reading->sum = slot_gets(reading, 0, reading->gets, 1, reading->buffer);
}

static void read_each_pass(void *state, const struct way *way)
{
    struct reading *reading = state;
    const struct os *os = reading->user->bench.os;
    uint32_t size = reading->record_size;
    struct series series = reading->series;

    (void)way;
    reading->sum = 0;
    for (uint64_t i = 0; i < reading->gets; i++) {
        uint64_t at = series_next(&series) * size;
        os_result result = os->read_at(os, reading->file, at, reading->buffer, size);

        if (!os_ok(result))
            must_os(result, "read");
        reading->sum += record_use_all(reading->buffer, size);
    }
}

/* ---- threads ---- */

struct reader {
    struct reading *reading;
    bool raw;
    uint64_t first, end; /* of the gets */
    uint8_t *record;
    uint64_t sum;
};

static void read_part(void *context)
{
    struct reader *reader = context;

    if (reader->raw)
        reader->sum = raw_gets(reader->reading, reader->first, reader->end, reader->record);
    else
        reader->sum =
            slot_gets(reader->reading, reader->first, reader->end, BATCH_RECORDS, reader->record);
}

/* way->setting threads, each its part of the same gets. */
static void threads_pass(void *state, const struct way *way)
{
    struct reading *reading = state;
    struct reader readers[THREADS];

    for (uint64_t i = 0; i < way->setting; i++) {
        readers[i].reading = reading;
        readers[i].raw = way->raw;
        readers[i].first = reading->gets * i / way->setting;
        readers[i].end = reading->gets * (i + 1) / way->setting;
        readers[i].record = must_malloc(reading->record_size);
    }
    bench_together((unsigned)way->setting, read_part, readers, sizeof *readers);
    reading->sum = 0;
    for (uint64_t i = 0; i < way->setting; i++) {
        reading->sum += readers[i].sum;
        free(readers[i].record);
    }
}

/* ---- the contests ---- */

#define RAW_COPY   RAW_MAPPING " + memcpy"
#define READ_EACH  "read call per record"
#define ONE_THREAD "slotfile, 1 thread"
#define RAW_THREAD RAW_COPY ", 1 thread"

static const struct way get_ways[] = {
    {.name = RAW_COPY, RAW_MAPPED, .pass = raw_get_pass},
    {.name = "slotfile, 1000 gets a txn", .against = RAW_COPY, SLOT_OPEN, .pass = slot_get_pass},
    {.name = "slotfile, 1 get a txn", .against = RAW_COPY, SLOT_OPEN, .pass = slot_get_one_pass},
    {.name = "slotfile, 1000, small budget",
     .against = READ_EACH,
     .setting = SMALL,
     SLOT_OPEN,
     .pass = slot_get_pass},
    {.name = READ_EACH,
     .against = RAW_COPY,
     .raw = true,
     .pass = read_each_pass,
     .done = reading_sum},
};

static const struct way threads_ways[] = {
    {.name = RAW_THREAD, .setting = 1, RAW_MAPPED, .pass = threads_pass},
    {.name = RAW_COPY ", 2 threads",
     .against = RAW_THREAD,
     .setting = 2,
     RAW_MAPPED,
     .pass = threads_pass},
    {.name = ONE_THREAD, .against = RAW_THREAD, .setting = 1, SLOT_OPEN, .pass = threads_pass},
    {.name = "slotfile, 2 threads",
     .against = ONE_THREAD,
     .setting = 2,
     SLOT_OPEN,
     .pass = threads_pass},
};

static void run_gets(struct user_case *user, struct contest *contest, bool skewed, const char *how)
{
    struct reading reading;
    char what[SENTENCE_BYTES];

    reading_begin(&reading, user);
    if (skewed)
        reading.series = series_hot(reading.series, HOT_FIRST);
    contest->what = what;
    contest->cache = USER_CACHE;
    contest->unit = "get";
    contest->count = reading.gets;
    snprintf(what, sizeof what,
             "%llu random records of %lu bytes copied out, of %llu there are, %s; the small budget "
             "is %.4g MiB; of the file, the first %.4g MiB were touched before",
             (unsigned long long)reading.gets, (unsigned long)reading.record_size,
             (unsigned long long)reading.records, how, (double)user->small_budget / 1048576,
             (double)(reading.scanned * reading.record_size) / 1048576);
    reading_run(&reading, contest);
}

void user_get(struct user_case *user)
{
    struct contest contest = {.name = "get", .ways = get_ways, .ways_count = COUNT_OF(get_ways)};

    run_gets(user, &contest, false, "uniform");
}

void user_skewed(struct user_case *user)
{
    struct contest contest = {.name = "skewed", .ways = get_ways, .ways_count = COUNT_OF(get_ways)};

    run_gets(user, &contest, true, "95 % of them in one fiftieth of the file");
}

void user_threads(struct user_case *user)
{
    struct contest contest = {
        .name = "threads", .ways = threads_ways, .ways_count = COUNT_OF(threads_ways)};

    run_gets(user, &contest, false, "uniform, by threads that share a handle");
}
