/*
 * Transactions that change random records, beside those of other databases. Three cases: one record
 * in each of many durable commits (and what a file alone can do), the same without waiting for the
 * disk, and as many changes as there are records in one durable commit. Each contestant has a
 * database of its own, made in the same way; in each round all make the same changes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"
#include "raw_pages.h"

#define NORMAL_COMMITS 100000u
#define TWENTY         20u
#define COMMITS        16384u /* with a million records: as many as there are between checkpoints */

struct commits {
    struct bench *bench;
    const char *name; /* what the names of all databases begin with */
    uint64_t puts;
    bool made[WAYS_MAX];            /* the database of the contestant way->setting */
    struct peer_db *kept[WAYS_MAX]; /* its handle, if that is open through all rounds */
    struct peer_db *db;             /* of this pass */
    struct raw_pages raw;           /* `puts` of them */
    uint8_t *page;
};

/* ---- databases ---- */

static void database_name(const struct commits *commits, const struct way *way, char *name)
{
    snprintf(name, PATH_BYTES, "%s%u.slots", commits->name, (unsigned)way->setting);
}

/* The first write of a handle marks its database as open: that is no put of ours, and changes
 * nothing. */
static void open_database(struct commits *commits, const struct way *way, bool durable)
{
    const struct peer *peer = way->peer();
    uint8_t record[RECORD_SIZE];
    char name[PATH_BYTES];

    database_name(commits, way, name);
    if (!commits->made[way->setting])
        peer_create(commits->bench, peer, name);
    commits->made[way->setting] = true;
    commits->db = peer->open(commits->bench, name, durable);
    peer->begin_read(commits->db);
    peer->get(commits->db, 0, record);
    peer->end_read(commits->db);
    peer->put_alone(commits->db, 0, record);
}

static void kept_ready(void *state, const struct way *way)
{
    struct commits *commits = state;

    if (commits->kept[way->setting] == NULL) {
        open_database(commits, way, true);
        peer_break_in(commits->bench, way->peer(), commits->db);
        commits->kept[way->setting] = commits->db;
    }
    commits->db = commits->kept[way->setting];
}

static uint64_t kept_done(void *state, const struct way *way)
{
    struct commits *commits = state;

    return way->peer()->sum(commits->db);
}

static uint64_t kept_checkpoint_done(void *state, const struct way *way)
{
    struct commits *commits = state;

    way->peer()->checkpoint(commits->db);
    return kept_done(state, way);
}

static void opened_ready(void *state, const struct way *way)
{
    open_database(state, way, true);
}

static uint64_t opened_done(void *state, const struct way *way)
{
    uint64_t sum = kept_done(state, way);
    struct commits *commits = state;

    way->peer()->close(commits->db);
    return sum;
}

static void normal_ready(void *state, const struct way *way)
{
    open_database(state, way, false);
}

static uint64_t normal_done(void *state, const struct way *way)
{
    open_database(state, way, true);
    return opened_done(state, way);
}

static void destroy_all(struct commits *commits, const struct way *ways, unsigned ways_count)
{
    char name[PATH_BYTES];

    for (unsigned i = 0; i < ways_count; i++) {
        if (ways[i].peer == NULL || !commits->made[ways[i].setting])
            continue;
        if (commits->kept[ways[i].setting] != NULL)
            ways[i].peer()->close(commits->kept[ways[i].setting]);
        database_name(commits, &ways[i], name);
        ways[i].peer()->destroy(commits->bench, name);
    }
}

/* ---- passes ---- */

static void put_each(struct commits *commits, const struct way *way)
{
    const struct peer *peer = way->peer();
    uint64_t random = commits->bench->round;
    uint8_t record[RECORD_SIZE];

    for (uint64_t i = 0, all = way_share(way, commits->puts); i < all; i++) {
        uint64_t recno =
            random_put(&random, commits->bench->records, commits->bench->round, record);

        peer->put_alone(commits->db, recno, record);
    }
}

static void each_pass(void *state, const struct way *way)
{
    put_each(state, way);
}

/* In transactions of twenty. */
static void twenty_and_close_pass(void *state, const struct way *way)
{
    struct commits *commits = state;
    const struct peer *peer = way->peer();
    uint64_t random = commits->bench->round, all = way_share(way, commits->puts);
    uint8_t record[RECORD_SIZE];

    for (uint64_t i = 0; i < all; i++) {
        uint64_t recno =
            random_put(&random, commits->bench->records, commits->bench->round, record);

        if (i % TWENTY == 0)
            peer->begin(commits->db);
        peer->put(commits->db, recno, record);
        if (i % TWENTY == TWENTY - 1 || i + 1 == all)
            peer->commit(commits->db);
    }
    peer->checkpoint(commits->db);
    peer->close(commits->db);
}

static void each_and_close_pass(void *state, const struct way *way)
{
    struct commits *commits = state;

    put_each(commits, way);
    way->peer()->checkpoint(commits->db);
    way->peer()->close(commits->db);
}

static void together_pass(void *state, const struct way *way)
{
    struct commits *commits = state;
    const struct peer *peer = way->peer();
    uint64_t random = commits->bench->round;
    uint8_t record[RECORD_SIZE];

    peer->begin(commits->db);
    for (uint64_t i = 0; i < commits->puts; i++) {
        uint64_t recno =
            random_put(&random, commits->bench->records, commits->bench->round, record);

        peer->put(commits->db, recno, record);
    }
    peer->commit(commits->db);
}

/* ---- raw ways: pages of a log that is there already, one for each commit ---- */

#define RAW_FILE "commit.raw"

static void raw_create(struct commits *commits)
{
    raw_pages_create(&commits->raw, commits->bench, RAW_FILE, commits->puts);
    commits->page = must_malloc(PAGE_BYTES);
    memset(commits->page, 1, PAGE_BYTES);
}

static void raw_destroy(struct commits *commits)
{
    free(commits->page);
    raw_pages_destroy(&commits->raw);
}

static void map_pass(void *state, const struct way *way)
{
    struct commits *commits = state;
    const struct os *os = commits->bench->os;
    uint8_t *to = commits->raw.base;

    for (uint64_t i = 0, all = way_share(way, commits->puts); i < all; i++, to += PAGE_BYTES) {
        memcpy(to, commits->page, PAGE_BYTES);
        must_os(os->flush(os, to, PAGE_BYTES), "flush");
        must_os(os->sync(os, commits->raw.file), "sync");
    }
}

static void write_pass(void *state, const struct way *way)
{
    struct commits *commits = state;
    const struct os *os = commits->bench->os;

    for (uint64_t i = 0, all = way_share(way, commits->puts); i < all; i++) {
        must_os(os->write_at(os, commits->raw.file, i * PAGE_BYTES, commits->page, PAGE_BYTES),
                "write");
        must_os(os->sync(os, commits->raw.file), "sync");
    }
}

static uint64_t raw_done(void *state, const struct way *way)
{
    (void)state;
    (void)way;
    return 0;
}

/* ---- the contests ---- */

#define SLOTFILE       "slotfile"
#define NO_CHECKPOINTS "slotfile, no checkpoints, 1/4 of it"
#define JUST_OPENED    "slotfile, just opened"
#define SQLITE         "SQLite, WAL"
#define LMDB           "LMDB"
#define BDB            "Berkeley DB Queue"
#define TCFDB          "Tokyo Cabinet, not atomic"

/* Passes and states of a contestant that keeps its database open. */
#define KEPT(number, whose, does)                                                                  \
    .setting = (number), .peer = (whose), .ready = kept_ready, .pass = (does), .done = kept_done

/* And of one that opens it for each pass, so that it begins without a log. */
#define OPENED(number, whose, does)                                                                \
    .setting = (number), .peer = (whose), .ready = opened_ready, .pass = (does), .done = opened_done

/* All of it takes them seconds. An eighth has some of SQLite's checkpoints, too; Berkeley DB's are
 * not due in all of it. Results are compared in the case of one transaction. */
#define EIGHTH(name)  name ", 1/8 of it"
#define QUARTER(name) name ", 1/4 of it"

static const struct way commit_ways[] = {
    {.name = SLOTFILE, KEPT(0, peer_slotfile, each_pass)},
    {.name = NO_CHECKPOINTS,
     .part = 4,
     .against = SLOTFILE,
     .setting = 1,
     .peer = peer_slotfile_no_checkpoints,
     .ready = kept_ready,
     .pass = each_pass,
     .done = kept_checkpoint_done},
    {.name = JUST_OPENED, .against = SLOTFILE, OPENED(2, peer_slotfile, each_pass)},
    {.name = QUARTER("raw mapping, a page, flush, sync"),
     .part = 4,
     .against = SLOTFILE,
     .raw = true,
     .other = true,
     .pass = map_pass,
     .done = raw_done},
    {.name = QUARTER("write call, a page, sync"),
     .part = 4,
     .against = SLOTFILE,
     .raw = true,
     .other = true,
     .pass = write_pass,
     .done = raw_done},
    {.name = EIGHTH(SQLITE), .part = 8, .against = SLOTFILE, KEPT(3, peer_sqlite, each_pass)},
    {.name = EIGHTH(LMDB), .part = 8, .against = SLOTFILE, KEPT(4, peer_lmdb, each_pass)},
    {.name = EIGHTH(BDB), .part = 8, .against = SLOTFILE, KEPT(5, peer_bdb, each_pass)},
    {.name = EIGHTH(TCFDB), .part = 8, .against = SLOTFILE, KEPT(6, peer_tcfdb, each_pass)},
};

/* At least 0.9 of the raw way's commits a second are at most 1/0.9 of its time. */
static const struct goal commit_goals[] = {
    {SLOTFILE, NULL, false, 1 / 0.9},
    {EIGHTH(SQLITE), SLOTFILE, true, 1.0},
    {EIGHTH(LMDB), SLOTFILE, true, 2.3},
    {EIGHTH(BDB), SLOTFILE, true, 1.1},
    {NO_CHECKPOINTS, DEVICE_BYTES, false, 2 * PAGE_BYTES},
};

#define NORMAL(number, whose, does)                                                                \
    .setting = (number), .peer = (whose), .ready = normal_ready, .pass = (does), .done = normal_done

static const struct way normal_ways[] = {
    {.name = SLOTFILE, NORMAL(0, peer_slotfile, each_and_close_pass)},
    {.name = QUARTER(SQLITE),
     .part = 4,
     .against = SLOTFILE,
     NORMAL(1, peer_sqlite, each_and_close_pass)},
    {.name = QUARTER(BDB),
     .part = 4,
     .against = SLOTFILE,
     NORMAL(2, peer_bdb, each_and_close_pass)},
};

static const struct way normal20_ways[] = {
    {.name = SLOTFILE, NORMAL(0, peer_slotfile, twenty_and_close_pass)},
    {.name = SQLITE, .against = SLOTFILE, NORMAL(1, peer_sqlite, twenty_and_close_pass)},
    {.name = BDB, .against = SLOTFILE, NORMAL(2, peer_bdb, twenty_and_close_pass)},
};

static const struct goal normal_goals[] = {
    {QUARTER(SQLITE), SLOTFILE, true, 2.5},
};

static const struct way update_ways[] = {
    {.name = SLOTFILE, KEPT(0, peer_slotfile, together_pass)},
    {.name = JUST_OPENED, .against = SLOTFILE, OPENED(1, peer_slotfile, together_pass)},
    {.name = LMDB, .against = SLOTFILE, KEPT(2, peer_lmdb, together_pass)},
    {.name = SQLITE, .against = SLOTFILE, KEPT(3, peer_sqlite, together_pass)},
    {.name = BDB, .against = SLOTFILE, KEPT(4, peer_bdb, together_pass)},
    {.name = TCFDB, .against = SLOTFILE, KEPT(5, peer_tcfdb, together_pass)},
};

static const struct goal update_goals[] = {
    {SLOTFILE, LMDB, false, 0.5},
};

static void run(struct commits *commits, const struct contest *contest)
{
    contest_run(commits->bench, contest);
    destroy_all(commits, contest->ways, contest->ways_count);
}

void bench_commits(struct bench *bench)
{
    struct commits commits = {
        .bench = bench, .name = "commit", .puts = bench_scaled(bench, COMMITS)};
    struct contest contest = {
        .name = "commit",
        .what = "one random record changed in each of many durable transactions; one thread; "
                "checkpoints on the way; the raw ways write a page of a preallocated file",
        .cache = CACHE_WARM,
        .unit = "commit",
        .count = commits.puts,
        .unit_bytes = RECORD_SIZE,
        .writes = true,
        .writes_each = true,
        .ways = commit_ways,
        .ways_count = COUNT_OF(commit_ways),
        .goals = commit_goals,
        .goals_count = COUNT_OF(commit_goals),
        .state = &commits,
    };

    raw_create(&commits);
    run(&commits, &contest);
    raw_destroy(&commits);
}

void bench_normal(struct bench *bench)
{
    struct commits commits = {
        .bench = bench, .name = "normal", .puts = bench_scaled(bench, NORMAL_COMMITS)};
    struct contest contest = {
        .name = "normal",
        .what = "one random record changed in each of many transactions that do not wait for the "
                "disk; checkpoints on the way, one at the end, and the close",
        .cache = CACHE_WARM,
        .unit = "commit",
        .count = commits.puts,
        .unit_bytes = RECORD_SIZE,
        .writes = true,
        .writes_each = true,
        .ways = normal_ways,
        .ways_count = COUNT_OF(normal_ways),
        .goals = normal_goals,
        .goals_count = COUNT_OF(normal_goals),
        .state = &commits,
    };

    run(&commits, &contest);
    memset(commits.made, 0, sizeof commits.made);
    commits.name = "normal20-";
    contest.name = "normal20";
    contest.what = "twenty random records changed in each of such transactions; as before";
    contest.unit = "update";
    contest.writes_each = false;
    contest.ways = normal20_ways;
    contest.ways_count = COUNT_OF(normal20_ways);
    contest.goals_count = 0;
    run(&commits, &contest);
}

void bench_update(struct bench *bench)
{
    struct commits commits = {.bench = bench, .name = "update", .puts = bench->records};
    struct contest contest = {
        .name = "update",
        .what = "random records changed, as many as there are, in one durable transaction",
        .cache = CACHE_WARM,
        .unit = "update",
        .count = commits.puts,
        .unit_bytes = RECORD_SIZE,
        .writes = true,
        .ways = update_ways,
        .ways_count = COUNT_OF(update_ways),
        .goals = update_goals,
        .goals_count = COUNT_OF(update_goals),
        .state = &commits,
    };

    run(&commits, &contest);
}
