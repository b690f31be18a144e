/*
 * Opening a database. Two cases: after its process was killed, with commits in the log that have
 * not reached `records`; and after a clean close, beside LMDB and SQLite.
 *
 * The process that is killed is another run of this program, with the words --leave-log: it commits
 * and exits without a close, as on every system a process can.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"

/* ---- the process that is killed ---- */

#define LOG_NAME    "log.slots"
#define FRAME_BYTES 4096u                /* of the log, for a block of 32 records of 125 bytes */
#define LOG_BYTES   (UINT64_C(64) << 20) /* with a million records */
#define LOG_LIMIT   (UINT64_C(1) << 30)

/* All commits stay in the log, and are on disk or not as the system likes. */
void bench_leave_log(struct bench *bench, uint64_t commits, uint64_t seed)
{
    slot_options options;
    slot_stat_info info = {.size = sizeof info};
    uint64_t random = seed;
    uint8_t record[RECORD_SIZE];
    slot_error err;
    slot_db *db;

    slot_options_init(&options);
    options.sync = SLOT_SYNC_NORMAL;
    options.log_limit_bytes = options.checkpoint_bytes = LOG_LIMIT;
    db = bench_open_with(bench, LOG_NAME, &options);
    for (uint64_t i = 0; i < commits; i++) {
        slot_txn *txn = bench_begin(db, SLOT_WRITE);
        uint64_t recno = random_put(&random, bench->records, seed, record);

        must(slot_put(txn, recno, record, &err), &err, "put");
        bench_commit(txn);
    }
    must(slot_stat(db, &info, &err), &err, "stat");
    if (info.published_lsn - info.checkpoint_lsn < commits * (FRAME_BYTES - 64u))
        bench_die("the log holds %llu bytes, less than %llu commits need",
                  (unsigned long long)(info.published_lsn - info.checkpoint_lsn),
                  (unsigned long long)commits);
    fflush(NULL);
    _Exit(0);
}

/* ---- recovery ---- */

struct recovery {
    struct bench *bench;
    uint64_t commits;
    uint64_t *fields; /* what record_field must be, for each record */
    slot_db *db;
    struct os_file *from, *to; /* of the raw way */
    uint8_t *buffer;
};

static void killed_ready(void *state, const struct way *way)
{
    struct recovery *recovery = state;
    const struct bench *bench = recovery->bench;
    uint64_t random = bench->round;
    uint8_t record[RECORD_SIZE];
    char arguments[PATH_BYTES + 128];

    (void)way;
    snprintf(arguments, sizeof arguments,
             "--leave-log %llu --seed %llu --records %llu --dir \"%s\"",
             (unsigned long long)recovery->commits, (unsigned long long)bench->round,
             (unsigned long long)bench->records, bench->dir);
    bench_run(bench, bench->self, arguments, "output");
    bench_remove_file(bench, "output");
    for (uint64_t i = 0; i < recovery->commits; i++) {
        uint64_t recno = random_put(&random, bench->records, bench->round, record);

        recovery->fields[recno] = record_field(record);
    }
}

static void recover_pass(void *state, const struct way *way)
{
    struct recovery *recovery = state;

    (void)way;
    recovery->db = bench_open(recovery->bench, LOG_NAME, 0);
}

static uint64_t recover_done(void *state, const struct way *way)
{
    struct recovery *recovery = state;
    uint64_t sum = bench_sum(recovery->db), expected = 0;

    (void)way;
    for (uint64_t i = 0; i < recovery->bench->records; i++)
        expected += recovery->fields[i];
    if (sum != expected)
        bench_die("recovery: the sum is %llx, it should be %llx", (unsigned long long)sum,
                  (unsigned long long)expected);
    bench_close(recovery->db);
    return sum;
}

static void copy_pass(void *state, const struct way *way)
{
    struct recovery *recovery = state;
    const struct os *os = recovery->bench->os;
    uint64_t size = recovery->commits * FRAME_BYTES;

    (void)way;
    /* After a crash nothing is in memory; and recovery reads from the disk in any case. */
    os->advise(os, recovery->from, 0, 0, OS_ADVICE_FORGET);
    for (uint64_t at = 0; at < size; at += BUFFER_BYTES) {
        size_t n = (size_t)(size - at < BUFFER_BYTES ? size - at : BUFFER_BYTES);

        must_os(os->read_at(os, recovery->from, at, recovery->buffer, n), "read");
        must_os(os->write_at(os, recovery->to, at, recovery->buffer, n), "write");
    }
    must_os(os->sync(os, recovery->to), "sync");
}

static uint64_t copy_done(void *state, const struct way *way)
{
    (void)state;
    (void)way;
    return 0;
}

#define COPY "read, write, sync of as many bytes"

static const struct way recovery_ways[] = {
    {.name = COPY, .raw = true, .other = true, .pass = copy_pass, .done = copy_done},
    {.name = "slot_open after a kill",
     .against = COPY,
     .other = true,
     .ready = killed_ready,
     .pass = recover_pass,
     .done = recover_done},
};

static const struct goal recovery_goals[] = {
    {"slot_open after a kill", COPY, false, 3},
};

/* A file of the size of the log, in the page cache and on disk. */
static struct os_file *make_file(struct recovery *recovery, const char *name)
{
    const struct os *os = recovery->bench->os;
    struct os_file *file =
        bench_open_file(recovery->bench, name, OS_READ | OS_WRITE | OS_CREATE_NEW);
    uint64_t size = recovery->commits * FRAME_BYTES;

    memset(recovery->buffer, 1, BUFFER_BYTES);
    for (uint64_t at = 0; at < size; at += BUFFER_BYTES)
        must_os(os->write_at(os, file, at, recovery->buffer, BUFFER_BYTES), "write");
    must_os(os->sync(os, file), "sync");
    return file;
}

static void run_recovery(struct bench *bench)
{
    struct recovery recovery = {.bench = bench,
                                .commits = bench_scaled(bench, LOG_BYTES / FRAME_BYTES)};
    struct contest contest = {
        .name = "recovery",
        .what = "opening after the process was killed with commits of one random record each in "
                "the log, none of them synced",
        .cache = "cold: both read from the disk; what the log changes is warm",
        .unit = "commit",
        .count = recovery.commits,
        .unit_bytes = FRAME_BYTES,
        .writes = true,
        .ways = recovery_ways,
        .ways_count = COUNT_OF(recovery_ways),
        .goals = recovery_goals,
        .goals_count = COUNT_OF(recovery_goals),
        .state = &recovery,
    };

    recovery.buffer = must_malloc(BUFFER_BYTES);
    recovery.fields = must_malloc(bench->records * sizeof *recovery.fields);
    for (uint64_t i = 0; i < bench->records; i++)
        recovery.fields[i] = i;
    recovery.from = make_file(&recovery, "from.raw");
    recovery.to = make_file(&recovery, "to.raw");
    bench_have_database(bench, LOG_NAME);
    contest_run(bench, &contest);
    bench_destroy(bench, LOG_NAME);
    bench->os->close(bench->os, recovery.to);
    bench->os->close(bench->os, recovery.from);
    bench_remove_file(bench, "to.raw");
    bench_remove_file(bench, "from.raw");
    free(recovery.fields);
    free(recovery.buffer);
}

/* ---- opening after a clean close ---- */

struct opening {
    struct bench *bench;
    uint64_t opens;
    uint64_t ns; /* of this pass */
    uint64_t sum;
};

/* Only the opening counts, not the close. way->setting: whether one record is read, too. */
static void open_pass(void *state, const struct way *way)
{
    struct opening *opening = state;
    struct bench *bench = opening->bench;
    const struct peer *peer = way->peer();
    uint64_t random = bench->round;
    uint8_t record[RECORD_SIZE];

    opening->ns = opening->sum = 0;
    for (uint64_t i = 0; i < opening->opens; i++) {
        uint64_t recno = random_below(&random, bench->records), start = clock_ns(bench);
        struct peer_db *db = peer->open(bench, "open.slots", true);

        peer->begin_read(db);
        if (way->setting != 0)
            peer->get(db, recno, record);
        opening->ns += clock_ns(bench) - start;
        if (way->setting == 0)
            peer->get(db, recno, record);
        opening->sum += record_use(record);
        peer->end_read(db);
        peer->close(db);
    }
}

static uint64_t open_done(void *state, const struct way *way)
{
    struct opening *opening = state;

    (void)way;
    return opening->sum;
}

#define SLOT_OPEN     "slotfile, open + begin"
#define LMDB_OPEN     "LMDB, open + begin"
#define SLOT_READ_ONE "slotfile, open + begin + get"

static const struct way open_ways[] = {
    {.name = SLOT_OPEN, .peer = peer_slotfile, .pass = open_pass, .done = open_done},
    {.name = LMDB_OPEN,
     .against = SLOT_OPEN,
     .peer = peer_lmdb,
     .pass = open_pass,
     .done = open_done},
    {.name = SLOT_READ_ONE,
     .against = SLOT_OPEN,
     .setting = 1,
     .peer = peer_slotfile,
     .pass = open_pass,
     .done = open_done},
    {.name = "LMDB, open + begin + get",
     .against = SLOT_READ_ONE,
     .setting = 1,
     .peer = peer_lmdb,
     .pass = open_pass,
     .done = open_done},
    {.name = "SQLite, open + begin + get",
     .against = SLOT_READ_ONE,
     .setting = 1,
     .peer = peer_sqlite,
     .pass = open_pass,
     .done = open_done},
};

static const struct goal open_goals[] = {
    {SLOT_OPEN, LMDB_OPEN, false, 3},
};

static void run_open(struct bench *bench)
{
    static const struct peer *(*const peers[])(void) = {peer_slotfile, peer_lmdb, peer_sqlite};
    struct opening opening = {.bench = bench, .opens = 20};
    struct contest contest = {
        .name = "open",
        .what = "opening after a clean close, until a read transaction has begun; the close is not "
                "counted",
        .cache = CACHE_WARM,
        .unit = "open",
        .count = opening.opens,
        .unit_bytes = RECORD_SIZE,
        .ns = &opening.ns,
        .ways = open_ways,
        .ways_count = COUNT_OF(open_ways),
        .goals = open_goals,
        .goals_count = COUNT_OF(open_goals),
        .state = &opening,
    };

    for (unsigned i = 0; i < COUNT_OF(peers); i++) {
        if (peers[i]() != NULL)
            peer_create(bench, peers[i](), "open.slots");
    }
    contest_run(bench, &contest);
    for (unsigned i = 0; i < COUNT_OF(peers); i++) {
        if (peers[i]() != NULL)
            peers[i]()->destroy(bench, "open.slots");
    }
}

void bench_recovery(struct bench *bench)
{
    if (bench->self[0] != 0)
        run_recovery(bench);
    else
        bench_complain("recovery is left out: this program does not find itself");
    run_open(bench);
}
