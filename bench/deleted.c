/*
 * What deleted records cost all others: every way of reading and of writing one, in a database
 * without deleted records and in one where each hundredth is deleted. Nobody touches a deleted one
 * but slot_insert, which takes them. Transactions that write are aborted: commits cost what they
 * cost, and each round begins with the same databases.
 */
#include "contest.h"
#include "series.h"

#define EVERY 100u /* one of so many is deleted */

static const char *const names[] = {"deleted_none.slots", "deleted_some.slots"};

struct deleted {
    struct bench *bench;
    slot_db *db[2]; /* without deleted records, and with; open through all rounds */
    uint64_t count; /* records of a pass */
    slot_txn *txn;
    uint64_t sum;
};

/* ---- the databases ---- */

static bool is_deleted(uint64_t recno)
{
    return recno % EVERY == EVERY - 1;
}

static void delete_some(const struct bench *bench, slot_db *db)
{
    slot_txn *txn = bench_begin(db, SLOT_WRITE);
    slot_error err;

    for (uint64_t n = EVERY - 1; n < bench->records; n += EVERY)
        must(slot_delete(txn, n, &err), &err, "delete");
    bench_commit(txn);
    must(slot_checkpoint(db, &err), &err, "checkpoint");
}

static void open_both(struct deleted *deleted)
{
    slot_options options;

    slot_options_init(&options);
    options.sync = SLOT_SYNC_NORMAL;
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        bench_have_database(deleted->bench, names[i]);
        deleted->db[i] = bench_open_with(deleted->bench, names[i], &options);
    }
    delete_some(deleted->bench, deleted->db[1]);
}

static void close_both(struct deleted *deleted)
{
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        bench_close(deleted->db[i]);
        bench_destroy(deleted->bench, names[i]);
    }
}

/* ---- passes ---- */

static slot_db *db_of(const struct deleted *deleted, const struct way *way)
{
    return deleted->db[way->setting];
}

static void read_ready(void *state, const struct way *way)
{
    struct deleted *deleted = state;

    deleted->txn = bench_begin(db_of(deleted, way), SLOT_READ);
    deleted->sum = 0;
}

static void write_ready(void *state, const struct way *way)
{
    struct deleted *deleted = state;

    deleted->txn = bench_begin(db_of(deleted, way), SLOT_WRITE);
    deleted->sum = 0;
}

static uint64_t read_done(void *state, const struct way *way)
{
    struct deleted *deleted = state;

    (void)way;
    slot_end(deleted->txn);
    return deleted->sum;
}

static uint64_t write_done(void *state, const struct way *way)
{
    struct deleted *deleted = state;

    (void)way;
    slot_abort(deleted->txn);
    return deleted->sum;
}

/* One that is not deleted, the same for both databases. */
static uint64_t next_live(struct series *series)
{
    uint64_t recno = series_next(series);

    return is_deleted(recno) ? recno - 1 : recno;
}

static void get_pass(void *state, const struct way *way)
{
    struct deleted *deleted = state;
    struct series series = series_uniform(deleted->bench->records);
    uint8_t record[RECORD_SIZE];
    slot_error err;

    (void)way;
    for (uint64_t i = 0; i < deleted->count; i++) {
        must(slot_get(deleted->txn, next_live(&series), record, &err), &err, "get");
        deleted->sum += record_use(record);
    }
}

static void ordered_pass(void *state, const struct way *way)
{
    struct deleted *deleted = state;
    uint8_t record[RECORD_SIZE];
    slot_error err;

    (void)way;
    for (uint64_t n = 0; n < deleted->count; n++) {
        if (is_deleted(n))
            continue;
        must(slot_get(deleted->txn, n, record, &err), &err, "get");
        deleted->sum += record_use(record);
    }
}

static void ref_pass(void *state, const struct way *way)
{
    struct deleted *deleted = state;
    struct series series = series_uniform(deleted->bench->records);
    const void *record = NULL;
    slot_error err;

    (void)way;
    for (uint64_t i = 0; i < deleted->count; i++) {
        must(slot_ref(deleted->txn, next_live(&series), &record, &err), &err, "ref");
        deleted->sum += record_use(record);
    }
}

static void part_pass(void *state, const struct way *way)
{
    struct deleted *deleted = state;
    struct series series = series_uniform(deleted->bench->records);
    uint8_t field[8];
    slot_error err;

    (void)way;
    for (uint64_t i = 0; i < deleted->count; i++) {
        must(slot_read(deleted->txn, next_live(&series), 0, sizeof field, field, &err), &err,
             "read");
        deleted->sum += record_field(field);
    }
}

static void put_pass(void *state, const struct way *way)
{
    struct deleted *deleted = state;
    struct series series = series_uniform(deleted->bench->records);
    const uint8_t record[RECORD_SIZE] = {1};
    slot_error err;

    (void)way;
    for (uint64_t i = 0; i < deleted->count; i++)
        must(slot_put(deleted->txn, next_live(&series), record, &err), &err, "put");
}

static void ordered_put_pass(void *state, const struct way *way)
{
    struct deleted *deleted = state;
    const uint8_t record[RECORD_SIZE] = {1};
    slot_error err;

    (void)way;
    for (uint64_t n = 0; n < deleted->count; n++) {
        if (!is_deleted(n))
            must(slot_put(deleted->txn, n, record, &err), &err, "put");
    }
}

static void write_pass(void *state, const struct way *way)
{
    struct deleted *deleted = state;
    struct series series = series_uniform(deleted->bench->records);
    const uint8_t field[8] = {1};
    slot_error err;

    (void)way;
    for (uint64_t i = 0; i < deleted->count; i++)
        must(slot_write(deleted->txn, next_live(&series), 0, sizeof field, field, &err), &err,
             "write");
}

static void edit_pass(void *state, const struct way *way)
{
    struct deleted *deleted = state;
    struct series series = series_uniform(deleted->bench->records);
    void *record = NULL;
    slot_error err;

    (void)way;
    for (uint64_t i = 0; i < deleted->count; i++) {
        must(slot_edit(deleted->txn, next_live(&series), &record, &err), &err, "edit");
        deleted->sum += record_field(record);
    }
}

/* What slot_insert does where nothing is deleted: each of these is in another block. */
static void put_some_pass(void *state, const struct way *way)
{
    struct deleted *deleted = state;
    const uint8_t record[RECORD_SIZE] = {1};
    slot_error err;

    for (uint64_t i = 0; i < way_share(way, deleted->count); i++)
        must(slot_put(deleted->txn, i * EVERY + EVERY - 1, record, &err), &err, "put");
}

static void insert_pass(void *state, const struct way *way)
{
    struct deleted *deleted = state;
    const uint8_t record[RECORD_SIZE] = {1};
    slot_error err;

    for (uint64_t i = 0; i < way_share(way, deleted->count); i++)
        must(slot_insert(deleted->txn, record, NULL, &err), &err, "insert");
}

/* ---- the contests ---- */

#define NONE(what) what ", none deleted"
#define SOME(what) what ", 1 % deleted"

#define BOTH(what, begins, does, ends)                                                             \
    {.name = NONE(what), .other = true, .ready = (begins), .pass = (does), .done = (ends)},        \
    {                                                                                              \
        .name = SOME(what), .against = NONE(what), .other = true, .setting = 1, .ready = (begins), \
        .pass = (does), .done = (ends)                                                             \
    }

static const struct way read_ways[] = {
    BOTH("get", read_ready, get_pass, read_done),
    BOTH("get in order", read_ready, ordered_pass, read_done),
    BOTH("ref", read_ready, ref_pass, read_done),
    BOTH("read of 8 bytes", read_ready, part_pass, read_done),
};

static const struct goal read_goals[] = {
    {SOME("get"), NONE("get"), false, 1.15},
    {SOME("ref"), NONE("ref"), false, 1.15},
    {SOME("read of 8 bytes"), NONE("read of 8 bytes"), false, 1.15},
};

static const struct way write_ways[] = {
    BOTH("put", write_ready, put_pass, write_done),
    BOTH("put in order", write_ready, ordered_put_pass, write_done),
    BOTH("write of 8 bytes", write_ready, write_pass, write_done),
    BOTH("edit", write_ready, edit_pass, write_done),
    {.name = "put, 1/100 of it",
     .part = EVERY,
     .ready = write_ready,
     .pass = put_some_pass,
     .done = write_done},
    {.name = "insert, 1/100 of it",
     .part = EVERY,
     .against = "put, 1/100 of it",
     .setting = 1,
     .ready = write_ready,
     .pass = insert_pass,
     .done = write_done},
};

static const struct goal write_goals[] = {
    {SOME("put"), NONE("put"), false, 1.15},
    {SOME("put in order"), NONE("put in order"), false, 1.15},
    {SOME("write of 8 bytes"), NONE("write of 8 bytes"), false, 1.15},
    {SOME("edit"), NONE("edit"), false, 1.15},
};

void bench_deleted(struct bench *bench)
{
    struct deleted deleted = {.bench = bench, .count = bench->records};
    struct contest contest = {
        .name = "deleted_read",
        .what = "records that are not deleted, read in one transaction, where each hundredth is "
                "deleted and where none is",
        .cache = CACHE_WARM,
        .unit = "record",
        .count = deleted.count,
        .unit_bytes = RECORD_SIZE,
        .ways = read_ways,
        .ways_count = COUNT_OF(read_ways),
        .goals = read_goals,
        .goals_count = COUNT_OF(read_goals),
        .state = &deleted,
    };

    open_both(&deleted);
    contest_run(bench, &contest);
    contest.name = "deleted_write";
    contest.what = "the same changed in one transaction, which is aborted";
    contest.ways = write_ways;
    contest.ways_count = COUNT_OF(write_ways);
    contest.goals = write_goals;
    contest.goals_count = COUNT_OF(write_goals);
    contest_run(bench, &contest);
    close_both(&deleted);
}
