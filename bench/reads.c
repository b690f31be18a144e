#include "reads.h"

#define PLACE_STEP 832u /* bytes: from one round to the next */
#define PLACE_ROOM (OS_PAGE_SIZE + RECORD_SIZE)

/* ---- the databases ---- */

void reads_begin(struct reads *reads, struct bench *bench, const char *database, uint64_t count)
{
    reads->bench = bench;
    reads->database = database;
    reads->count = count;
    reads->series = series_uniform(bench->records);
    bench_have_database(bench, database);
    reads->file = bench_open_records(bench, database);
    reads->size = bench->records * RECORD_SIZE;
}

void reads_end(struct reads *reads)
{
    reads->bench->os->close(reads->bench->os, reads->file);
    bench_destroy(reads->bench, reads->database);
}

void reads_make_peers(const struct reads *reads, const struct way *ways, unsigned ways_count)
{
    for (unsigned i = 0; i < ways_count; i++) {
        if (ways[i].peer != NULL && ways[i].peer() != NULL)
            peer_create(reads->bench, ways[i].peer(), reads->database);
    }
}

void reads_destroy_peers(const struct reads *reads, const struct way *ways, unsigned ways_count)
{
    for (unsigned i = 0; i < ways_count; i++) {
        if (ways[i].peer != NULL && ways[i].peer() != NULL)
            ways[i].peer()->destroy(reads->bench, reads->database);
    }
}

/* ---- reading ---- */

/*
 * Where in a page records are copied to: elsewhere in each round. Processors take a load for one of
 * what was just stored when the last 12 bits of both addresses agree, and let it wait; which would
 * make a get half as slow again in one process of ten, in all its rounds.
 */
static uint8_t *place_of(const struct reads *reads, uint8_t *room)
{
    return room + reads->bench->round * PLACE_STEP % OS_PAGE_SIZE;
}

uint64_t reads_mapped(const struct reads *reads, struct series *series, uint64_t count)
{
    uint8_t room[PLACE_ROOM], *record = place_of(reads, room);
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++) {
        memcpy(record, reads->base + series_next(series) * RECORD_SIZE, RECORD_SIZE);
        sum += record_use(record);
    }
    return sum;
}

uint64_t reads_called(const struct reads *reads, struct series *series, uint64_t count)
{
    const struct os *os = reads->bench->os;
    uint8_t room[PLACE_ROOM], *record = place_of(reads, room);
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = series_next(series) * RECORD_SIZE;
        os_result result = os->read_at(os, reads->file, at, record, RECORD_SIZE);

        if (!os_ok(result))
            must_os(result, "read");
        sum += record_use(record);
    }
    return sum;
}

uint64_t reads_in_txn(const struct reads *reads, slot_txn *txn, struct series *series,
                      uint64_t count)
{
    uint8_t room[PLACE_ROOM], *record = place_of(reads, room);
    uint64_t sum = 0;
    slot_error err;

    for (uint64_t i = 0; i < count; i++) {
        slot_status status = slot_get(txn, series_next(series), record, &err);

        if (status != SLOT_OK)
            must(status, &err, "get");
        sum += record_use(record);
    }
    return sum;
}

uint64_t reads_slots(const struct reads *reads, struct series *series, uint64_t count,
                     uint64_t per_txn)
{
    uint64_t sum = 0;

    for (uint64_t i = 0, n; i < count; i += n) {
        slot_txn *txn = bench_begin(reads->db, SLOT_READ);

        n = count - i < per_txn ? count - i : per_txn;
        sum += reads_in_txn(reads, txn, series, n);
        slot_end(txn);
    }
    return sum;
}

/* In the order of the cursor. */
static uint64_t run_sum(const slot_run *run)
{
    const uint8_t *record = run->records;
    uint64_t sum = 0;

    if (run->step == 1)
        return records_sum(record, run->count);
    for (uint64_t i = 0; i < run->count; i++)
        sum += record_field(record + (ptrdiff_t)i * (ptrdiff_t)run->step * (ptrdiff_t)RECORD_SIZE);
    return sum;
}

uint64_t reads_cursor(slot_db *db, const slot_scan_options *options)
{
    slot_txn *txn = bench_begin(db, SLOT_READ);
    slot_status status;
    slot_cursor cursor;
    uint64_t sum = 0;
    slot_error err;
    slot_run run;

    must(slot_cursor_init(&cursor, txn, options, &err), &err, "cursor");
    while ((status = slot_cursor_next(&cursor, &run, &err)) == SLOT_OK)
        sum += run_sum(&run);
    if (status != SLOT_NOT_FOUND)
        must(status, &err, "scan");
    slot_end(txn);
    return sum;
}

/* ---- raw ways ---- */

void reads_map(struct reads *reads)
{
    const struct os *os = reads->bench->os;
    void *base = NULL;

    must_os(os->map(os, reads->file, 0, (size_t)reads->size, OS_MAP_READ, &base), "map");
    reads->base = base;
}

void reads_unmap(struct reads *reads)
{
    reads->bench->os->unmap(reads->bench->os, reads->base, (size_t)reads->size);
}

void reads_raw_warm_ready(void *state, const struct way *way)
{
    reads_map(state);
    reads_walk_pass(state, way);
}

void reads_raw_warm_pass(void *state, const struct way *way)
{
    struct reads *reads = state;
    struct series series = reads->series;

    reads->sum = reads_mapped(reads, &series, way_share(way, reads->count));
}

uint64_t reads_raw_warm_done(void *state, const struct way *way)
{
    reads_unmap(state);
    return reads_done(state, way);
}

void reads_raw_fresh_pass(void *state, const struct way *way)
{
    reads_map(state);
    reads_raw_warm_pass(state, way);
    reads_unmap(state);
}

void reads_call_pass(void *state, const struct way *way)
{
    struct reads *reads = state;
    struct series series = reads->series;

    reads->sum = reads_called(reads, &series, way_share(way, reads->count));
}

/* ---- slotfile ---- */

void reads_slot_ready(void *state, const struct way *way)
{
    struct reads *reads = state;

    (void)way;
    reads->db = bench_open(reads->bench, reads->database, 0);
}

void reads_slot_small_ready(void *state, const struct way *way)
{
    struct reads *reads = state;

    (void)way;
    reads->db = bench_open(reads->bench, reads->database, SMALL_BUDGET);
}

/* Through the views that the pass will use. */
void reads_slot_warm_ready(void *state, const struct way *way)
{
    struct reads *reads = state;

    reads_slot_ready(state, way);
    (void)bench_sum(reads->db);
}

void reads_direct_warm_ready(void *state, const struct way *way)
{
    struct reads *reads = state;
    slot_options options;

    (void)way;
    slot_options_init(&options);
    options.access = SLOT_DIRECT;
    reads->db = bench_open_with(reads->bench, reads->database, &options);
    (void)bench_sum(reads->db);
}

void reads_slot_pass(void *state, const struct way *way)
{
    struct reads *reads = state;
    struct series series = reads->series;

    reads->sum = reads_slots(reads, &series, way_share(way, reads->count), way->setting);
}

void reads_slot_fresh_pass(void *state, const struct way *way)
{
    struct reads *reads = state;

    reads_slot_pass(state, way);
    bench_close(reads->db);
}

uint64_t reads_slot_done(void *state, const struct way *way)
{
    struct reads *reads = state;

    bench_close(reads->db);
    return reads_done(state, way);
}

/* ---- peers ---- */

void reads_peer_ready(void *state, const struct way *way)
{
    struct reads *reads = state;

    reads->peer_db = way->peer()->open(reads->bench, reads->database, true);
    (void)way->peer()->sum(reads->peer_db);
}

void reads_peer_pass(void *state, const struct way *way)
{
    struct reads *reads = state;
    struct series series = reads->series;
    const struct peer *peer = way->peer();
    uint64_t count = way_share(way, reads->count);
    uint8_t room[PLACE_ROOM], *record = place_of(reads, room);

    reads->sum = 0;
    for (uint64_t i = 0; i < count;) {
        peer->begin_read(reads->peer_db);
        for (uint64_t end = i + BATCH_RECORDS; i < end && i < count; i++) {
            peer->get(reads->peer_db, series_next(&series), record);
            reads->sum += record_use(record);
        }
        peer->end_read(reads->peer_db);
    }
}

uint64_t reads_peer_done(void *state, const struct way *way)
{
    struct reads *reads = state;

    way->peer()->close(reads->peer_db);
    return reads_done(state, way);
}

/* ---- scans ---- */

void reads_walk_pass(void *state, const struct way *way)
{
    struct reads *reads = state;

    (void)way;
    reads->sum = records_sum(reads->base, reads->bench->records);
}

void reads_scan_pass(void *state, const struct way *way)
{
    struct reads *reads = state;

    (void)way;
    reads->sum = bench_sum(reads->db);
}

void reads_calls_pass(void *state, const struct way *way)
{
    struct reads *reads = state;

    (void)way;
    reads->sum = file_sum(reads->bench, reads->file);
}

uint64_t reads_done(void *state, const struct way *way)
{
    struct reads *reads = state;

    (void)way;
    return reads->sum;
}
