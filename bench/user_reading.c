#include "user_reading.h"
#include "support/by_path.h"

#include <stdlib.h>

#define SCAN_BYTES (UINT64_C(1) << 30) /* a scan reads at most so much, */
#define GET_BYTES  (UINT64_C(1) << 28) /* and gets copy at most so much; */
#define GETS_MAX   UINT64_C(1000000)   /* else as many as there are records, within these */
#define GETS_MIN   UINT64_C(20000)

uint64_t reading_sum(void *state, const struct way *way)
{
    struct reading *reading = state;

    (void)way;
    return reading->sum;
}

/* ---- raw mapping ---- */

void reading_map(struct reading *reading)
{
    const struct os *os = reading->user->bench.os;
    void *base = NULL;

    must_os(os->map(os, reading->file, 0, (size_t)reading->size, OS_MAP_READ, &base), "map");
    reading->base = base;
}

void reading_unmap(struct reading *reading)
{
    const struct os *os = reading->user->bench.os;

    os->unmap(os, (void *)(uintptr_t)reading->base, (size_t)reading->size);
}

void reading_raw_walk(struct reading *reading)
{
    reading->sum = records_add_up(reading->base, reading->scanned, reading->record_size);
}

void reading_raw_ready(void *state, const struct way *way)
{
    (void)way;
    reading_map(state);
    reading_raw_walk(state);
}

uint64_t reading_raw_done(void *state, const struct way *way)
{
    reading_unmap(state);
    return reading_sum(state, way);
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

void reading_open(void *state, const struct way *way)
{
    struct reading *reading = state;
    slot_error err;

    must(open_database(reading, way, &reading->db, &err), &err, reading->user->path);
}

void reading_walk(struct reading *reading)
{
    slot_txn *txn = bench_begin(reading->db, SLOT_READ);
    slot_error err;
    slot_run run;

    reading->sum = 0;
    for (uint64_t n = 0; n < reading->scanned; n = run.first + run.count) {
        slot_status status = slot_scan(txn, n, reading->scanned, &run, &err);

        if (status != SLOT_OK)
            must(status, &err, reading->user->path);
        reading->sum += records_add_up(run.records, run.count, reading->record_size);
    }
    slot_end(txn);
}

void reading_ready(void *state, const struct way *way)
{
    reading_open(state, way);
    reading_walk(state);
}

uint64_t reading_done(void *state, const struct way *way)
{
    struct reading *reading = state;

    bench_close(reading->db);
    return reading_sum(state, way);
}

/* ---- all of it ---- */

uint64_t reading_step(const struct reading *reading)
{
    uint64_t records = BUFFER_BYTES / reading->record_size;

    return (records > 0 ? records : 1) * reading->record_size;
}

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

void reading_begin(struct reading *reading, struct user_case *user)
{
    const struct os *os = user->bench.os;
    char path[PATH_BYTES];

    memset(reading, 0, sizeof *reading);
    reading->user = user;
    look_at(reading);
    reading->series = series_uniform(reading->records);
    reading->scanned = at_most(reading->records, SCAN_BYTES / reading->record_size);
    reading->gets = reading->records > GETS_MIN ? at_most(reading->records, GETS_MAX) : GETS_MIN;
    reading->gets = at_most(reading->gets, GET_BYTES / reading->record_size);
    reading->buffer = must_malloc(reading_step(reading));
    if (snprintf(path, sizeof path, "%s/records", user->path) >= (int)sizeof path)
        bench_die("%s: the path is too long", user->path);
    must_os(by_path_open(os, path, OS_READ, &reading->file), path);
    must_os(os->size(os, reading->file, &reading->size), path);
    if (reading->size > SIZE_MAX / 4)
        reading->no_map = "the file is too large for the addresses of this program";
}

static void end(struct reading *reading)
{
    reading->user->bench.os->close(reading->user->bench.os, reading->file);
    free(reading->buffer);
}

/* Without the ways that cannot be done here. */
void reading_run(struct reading *reading, struct contest *contest)
{
    struct way ways[WAYS_MAX];

    for (unsigned i = 0; i < contest->ways_count; i++) {
        ways[i] = contest->ways[i];
        if (strncmp(ways[i].name, RAW_MAPPING, strlen(RAW_MAPPING)) == 0)
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
