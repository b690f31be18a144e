/*
 * Reading a database of any record size, and its file `records` beside it: in order, at random, at
 * random with most of it in one place, and by two threads. Everybody reads the same records.
 */
#include <stdlib.h>

#include "system.h"
#include "user_cases.h"

#define SEED        UINT64_C(1993)
#define SMALL       UINT64_MAX          /* way->setting: with the small budget */
#define SCAN_BYTES  (UINT64_C(1) << 30) /* a scan reads at most so much, */
#define GET_BYTES   (UINT64_C(1) << 28) /* and gets copy at most so much; */
#define GETS_MAX    UINT64_C(1000000)   /* else as many as there are records, within these */
#define GETS_MIN    UINT64_C(100000)
#define HOT_PERCENT 95u /* of skewed gets go to */
#define HOT_PART    50u /* this part of the records, */
#define HOT_FIRST   3u  /* which begins behind this part */
#define THREADS     2u
#define FIELD_BYTES 8u

struct reading {
    struct user_case *user;
    struct os_file *file;
    uint64_t size; /* of the file: records, and perhaps space behind them */
    uint64_t records, scanned, gets;
    uint32_t record_size;
    bool skewed;
    const char *no_small, *no_map; /* why such ways are left out, or NULL */
    slot_error small_error;
    const uint8_t *base; /* of the raw mapping */
    slot_db *db;
    uint8_t *buffer;
    uint64_t sum;
};

static uint64_t done(void *state, const struct way *way)
{
    struct reading *reading = state;

    (void)way;
    return reading->sum;
}

/* ---- records of any size ---- */

/* The first bytes, as a number; and so what is added up. */
static inline uint64_t field_of(const uint8_t *record, uint32_t size)
{
    uint64_t field = 0;

    if (size < FIELD_BYTES)
        return record[0];
    memcpy(&field, record, sizeof field);
    return field;
}

static uint64_t add_up(const uint8_t *record, uint64_t count, uint32_t size)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++, record += size)
        sum += field_of(record, size);
    return sum;
}

static uint64_t use(const uint8_t *record, uint32_t size)
{
    return field_of(record, size) + record[size - 1];
}

static uint64_t below(uint64_t *random, uint64_t n)
{
    return n <= UINT32_MAX ? random_below(random, n) : random_next(random) % n;
}

/* Two numbers of the series for each get, whatever becomes of them. */
static uint64_t pick(const struct reading *reading, uint64_t *random)
{
    uint64_t all = reading->records, hot = all / HOT_PART > 0 ? all / HOT_PART : 1;
    bool is_hot = below(random, 100) < HOT_PERCENT && reading->skewed;

    return is_hot ? all / HOT_FIRST + below(random, hot) : below(random, all);
}

/* ---- raw mapping ---- */

static void raw_map(struct reading *reading)
{
    const struct os *os = reading->user->bench.os;
    void *base = NULL;

    must_os(os->map(os, reading->file, 0, (size_t)reading->size, OS_MAP_READ, &base), "map");
    reading->base = base;
}

static void raw_unmap(struct reading *reading)
{
    const struct os *os = reading->user->bench.os;

    os->unmap(os, (void *)(uintptr_t)reading->base, (size_t)reading->size);
}

static void raw_walk(struct reading *reading)
{
    reading->sum = add_up(reading->base, reading->scanned, reading->record_size);
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

/* The gets from `first` to before `end` of the series. */
static uint64_t raw_gets(struct reading *reading, uint64_t first, uint64_t end, uint8_t *record)
{
    uint64_t random = random_skip(SEED, 2 * first), sum = 0;
    uint32_t size = reading->record_size;

    for (uint64_t i = first; i < end; i++) {
        memcpy(record, reading->base + pick(reading, &random) * size, size);
        sum += use(record, size);
    }
    return sum;
}

static void raw_get_pass(void *state, const struct way *way)
{
    struct reading *reading = state;

    (void)way;
    reading->sum = raw_gets(reading, 0, reading->gets, reading->buffer);
}

/* ---- slotfile ---- */

static slot_status open_database(const struct reading *reading, const struct way *way, slot_db **db,
                                 slot_error *err)
{
    const struct user_case *user = reading->user;
    slot_options options;

    slot_options_init(&options);
    options.access = user->access;
    options.wait_ms = user->wait_ms;
    options.map_budget = way->setting == SMALL ? user->small_budget : 0;
    return slot_open(user->path, &options, db, err);
}

static void slot_ready(void *state, const struct way *way)
{
    struct reading *reading = state;
    slot_error err;

    must(open_database(reading, way, &reading->db, &err), &err, reading->user->path);
}

static void slot_walk(struct reading *reading)
{
    slot_txn *txn = bench_begin(reading->db, SLOT_READ);
    slot_error err;
    slot_run run;

    reading->sum = 0;
    for (uint64_t n = 0; n < reading->scanned; n = run.first + run.count) {
        slot_status status = slot_scan(txn, n, reading->scanned, &run, &err);

        if (status != SLOT_OK)
            must(status, &err, reading->user->path);
        reading->sum += add_up(run.records, run.count, reading->record_size);
    }
    slot_end(txn);
}

static void slot_fresh_pass(void *state, const struct way *way)
{
    struct reading *reading = state;

    (void)way;
    slot_walk(reading);
    bench_close(reading->db);
}

static void slot_warm_ready(void *state, const struct way *way)
{
    slot_ready(state, way);
    slot_walk(state);
}

static void slot_warm_pass(void *state, const struct way *way)
{
    (void)way;
    slot_walk(state);
}

static uint64_t slot_warm_done(void *state, const struct way *way)
{
    struct reading *reading = state;

    bench_close(reading->db);
    return done(state, way);
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
    uint64_t random = random_skip(SEED, 2 * first), sum = 0;

    for (uint64_t i = first; i < end;) {
        slot_txn *txn = bench_begin(reading->db, SLOT_READ);

        for (uint64_t last = i + batch; i < last && i < end; i++) {
            get_one(reading, txn, pick(reading, &random), record);
            sum += use(record, reading->record_size);
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

/* ---- read calls ---- */

static uint64_t step_of(const struct reading *reading)
{
    uint64_t records = BUFFER_BYTES / reading->record_size;

    return (records > 0 ? records : 1) * reading->record_size;
}

static void read_all_pass(void *state, const struct way *way)
{
    struct reading *reading = state;
    const struct os *os = reading->user->bench.os;
    uint64_t step = step_of(reading), size = reading->scanned * reading->record_size;

    (void)way;
    reading->sum = 0;
    for (uint64_t at = 0; at < size; at += step) {
        uint64_t n = size - at < step ? size - at : step;

        must_os(os->read_at(os, reading->file, at, reading->buffer, (size_t)n), "read");
        reading->sum += add_up(reading->buffer, n / reading->record_size, reading->record_size);
    }
}

static void read_each_pass(void *state, const struct way *way)
{
    struct reading *reading = state;
    const struct os *os = reading->user->bench.os;
    uint32_t size = reading->record_size;
    uint64_t random = SEED;

    (void)way;
    reading->sum = 0;
    for (uint64_t i = 0; i < reading->gets; i++) {
        uint64_t at = pick(reading, &random) * size;
        os_result result = os->read_at(os, reading->file, at, reading->buffer, size);

        if (!os_ok(result))
            must_os(result, "read");
        reading->sum += use(reading->buffer, size);
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
    struct system_thread *threads[THREADS];
    struct reader readers[THREADS];

    for (uint64_t i = 0; i < way->setting; i++) {
        readers[i].reading = reading;
        readers[i].raw = way->raw;
        readers[i].first = reading->gets * i / way->setting;
        readers[i].end = reading->gets * (i + 1) / way->setting;
        readers[i].record = must_malloc(reading->record_size);
        threads[i] = system_thread_start(read_part, &readers[i]);
        if (threads[i] == NULL)
            bench_die("no thread can be started");
    }
    reading->sum = 0;
    for (uint64_t i = 0; i < way->setting; i++) {
        system_thread_join(threads[i]);
        reading->sum += readers[i].sum;
        free(readers[i].record);
    }
}

/* ---- the contests ---- */

#define RAW_FRESH  "raw mapping, fresh"
#define RAW_WARM   "raw mapping, faulted in"
#define RAW_COPY   "raw mapping + memcpy"
#define READ_EACH  "read call per record"
#define ONE_THREAD "slotfile, 1 thread"
#define RAW_THREAD "raw mapping + memcpy, 1 thread"

#define RAW_MAPPED .raw = true, .ready = raw_warm_ready, .done = raw_warm_done
#define SLOT_OPEN  .ready = slot_warm_ready, .done = slot_warm_done

static const struct way scan_ways[] = {
    {.name = RAW_FRESH, .raw = true, .pass = raw_fresh_pass, .done = done},
    {.name = "slotfile, runs, fresh",
     .against = RAW_FRESH,
     .ready = slot_ready,
     .pass = slot_fresh_pass,
     .done = done},
    {.name = "slotfile, runs, fresh, small budget",
     .against = RAW_FRESH,
     .setting = SMALL,
     .ready = slot_ready,
     .pass = slot_fresh_pass,
     .done = done},
    {.name = RAW_WARM, .against = RAW_FRESH, RAW_MAPPED, .pass = raw_warm_pass},
    {.name = "slotfile, runs, faulted in", .against = RAW_WARM, SLOT_OPEN, .pass = slot_warm_pass},
    {.name = "read calls of 1 MiB",
     .against = RAW_FRESH,
     .raw = true,
     .pass = read_all_pass,
     .done = done},
};

static const struct way get_ways[] = {
    {.name = RAW_COPY, RAW_MAPPED, .pass = raw_get_pass},
    {.name = "slotfile, 1000 gets a txn", .against = RAW_COPY, SLOT_OPEN, .pass = slot_get_pass},
    {.name = "slotfile, 1 get a txn", .against = RAW_COPY, SLOT_OPEN, .pass = slot_get_one_pass},
    {.name = "slotfile, 1000, small budget",
     .against = READ_EACH,
     .setting = SMALL,
     SLOT_OPEN,
     .pass = slot_get_pass},
    {.name = READ_EACH, .against = RAW_COPY, .raw = true, .pass = read_each_pass, .done = done},
};

static const struct way threads_ways[] = {
    {.name = RAW_THREAD, .setting = 1, RAW_MAPPED, .pass = threads_pass},
    {.name = "raw mapping + memcpy, 2 threads",
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

/* The numbers of the database, and what cannot be done with it here. */
static void look_at(struct reading *reading)
{
    static const struct way all = {.name = "default"}, small = {.setting = SMALL};
    slot_stat_info info = {.size = sizeof info};
    slot_error err;
    slot_db *db;

    must(open_database(reading, &all, &db, &err), &err, reading->user->path);
    must(slot_stat(db, &info, &err), &err, reading->user->path);
    bench_close(db);
    reading->records = info.records;
    reading->record_size = info.record_size;
    if (reading->records == 0)
        bench_die("%s: there are no records to read", reading->user->path);
    switch (open_database(reading, &small, &db, &reading->small_error)) {
    case SLOT_OK:
        bench_close(db);
        break;
    case SLOT_E_BUDGET:
        reading->no_small = reading->small_error.what;
        break;
    default:
        must(reading->small_error.status, &reading->small_error, reading->user->path);
    }
}

static uint64_t at_most(uint64_t n, uint64_t most)
{
    return n < most ? n : most;
}

static void begin(struct reading *reading, struct user_case *user)
{
    const struct os *os = user->bench.os;
    char path[PATH_BYTES];

    memset(reading, 0, sizeof *reading);
    reading->user = user;
    look_at(reading);
    reading->scanned = at_most(reading->records, SCAN_BYTES / reading->record_size);
    reading->gets = reading->records > GETS_MIN ? at_most(reading->records, GETS_MAX) : GETS_MIN;
    reading->gets = at_most(reading->gets, GET_BYTES / reading->record_size);
    reading->buffer = must_malloc(step_of(reading));
    if (snprintf(path, sizeof path, "%s/records", user->path) >= (int)sizeof path)
        bench_die("%s: the path is too long", user->path);
    must_os(os->open(os, path, OS_READ, &reading->file), path);
    must_os(os->size(os, reading->file, &reading->size), path);
    if (reading->size > SIZE_MAX / 4)
        reading->no_map = "the file is too large for the addresses of this program";
}

static void end(struct reading *reading)
{
    reading->user->bench.os->close(reading->user->bench.os, reading->file);
    free(reading->buffer);
}

/* Without the ways that cannot be done here; their callbacks tell what they need. */
static void run(struct reading *reading, struct contest *contest)
{
    struct way ways[WAYS_MAX];

    for (unsigned i = 0; i < contest->ways_count; i++) {
        ways[i] = contest->ways[i];
        if (ways[i].done == raw_warm_done || ways[i].pass == raw_fresh_pass)
            ways[i].left_out = reading->no_map;
        else if (ways[i].setting == SMALL)
            ways[i].left_out = reading->no_small;
    }
    contest->ways = ways;
    contest->unit_bytes = reading->record_size;
    contest->state = reading;
    contest_run(&reading->user->bench, contest);
    end(reading);
}

void user_scan(struct user_case *user)
{
    struct reading reading;
    char what[SENTENCE_BYTES];
    struct contest contest = {.name = "scan",
                              .what = what,
                              .unit = "record",
                              .ways = scan_ways,
                              .ways_count = COUNT_OF(scan_ways)};

    begin(&reading, user);
    contest.count = reading.scanned;
    snprintf(what, sizeof what,
             "sum of the first bytes of %llu records of %lu bytes in order, of %llu there are; "
             "the small budget is %.4g MiB",
             (unsigned long long)reading.scanned, (unsigned long)reading.record_size,
             (unsigned long long)reading.records, (double)user->small_budget / 1048576);
    run(&reading, &contest);
}

static void run_gets(struct user_case *user, struct contest *contest, bool skewed, const char *how)
{
    struct reading reading;
    char what[SENTENCE_BYTES];

    begin(&reading, user);
    reading.skewed = skewed;
    contest->what = what;
    contest->unit = "get";
    contest->count = reading.gets;
    snprintf(what, sizeof what,
             "%llu random records of %lu bytes copied out, of %llu there are, %s; the small budget "
             "is %.4g MiB; of the file, the first %.4g MiB were touched before",
             (unsigned long long)reading.gets, (unsigned long)reading.record_size,
             (unsigned long long)reading.records, how, (double)user->small_budget / 1048576,
             (double)(reading.scanned * reading.record_size) / 1048576);
    run(&reading, contest);
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
