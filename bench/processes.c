/*
 * Processes that read one database at once: uniformly random gets, the same number in all however
 * many processes there are.
 *
 * Each is another run of this program, with the words --read-along: it opens the database, reads
 * all of it once, says on its stdout that it is ready, waits for a file that says go, and prints
 * when it began and ended. What counts is the time from the first beginning to the last end. The
 * resident bytes are those of the program that waits for them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"
#include "series.h"
#include "support/by_path.h"
#include "system.h"

#define DATABASE      "processes.slots"
#define PROCESSES_MAX 4u
#define READY         "ready"
#define GO            "go"
#define WAIT_US       50u
#define WAIT_MOST_NS  (UINT64_C(60) * 1000000000)

static const struct peer *(*const peers[])(void) = {peer_slotfile, peer_lmdb, peer_sqlite};

/* ---- a process that reads ---- */

/* Not for ever: who started this one may be gone. */
static void await_go(const struct bench *bench)
{
    uint64_t start = clock_ns(bench);
    char path[PATH_BYTES];

    bench_path(bench, GO, path);
    while (by_path_kind(bench->os, path) == OS_KIND_NONE) {
        if (clock_ns(bench) - start > WAIT_MOST_NS)
            bench_die("processes: waited too long for %s", path);
        bench->os->sleep_us(bench->os, WAIT_US);
    }
}

static uint64_t read_part(const struct bench *bench, const struct peer *peer, struct peer_db *db,
                          uint64_t first, uint64_t end)
{
    struct series series = series_skip(series_uniform(bench->records), first);
    uint8_t record[RECORD_SIZE];
    uint64_t sum = 0;

    for (uint64_t i = first; i < end;) {
        peer->begin_read(db);
        for (uint64_t last = i + BATCH_RECORDS; i < last && i < end; i++) {
            peer->get(db, series_next(&series), record);
            sum += record_use(record);
        }
        peer->end_read(db);
    }
    return sum;
}

void bench_read_along(struct bench *bench, const char *what)
{
    unsigned which, index, count;
    const struct peer *peer;
    struct peer_db *db;
    uint64_t start, end, sum;

    if (sscanf(what, "%u,%u,%u", &which, &index, &count) != 3 || which >= COUNT_OF(peers) ||
        count == 0 || index >= count || peers[which]() == NULL)
        bench_die("--read-along is not for users: %s", what);
    peer = peers[which]();
    db = peer->open(bench, DATABASE, true);
    (void)peer->sum(db);
    puts(READY);
    fflush(stdout);
    await_go(bench);
    start = clock_ns(bench);
    sum = read_part(bench, peer, db, bench->records * index / count,
                    bench->records * (index + 1) / count);
    end = clock_ns(bench);
    peer->close(db);
    printf("%llu %llu %llu\n", (unsigned long long)start, (unsigned long long)end,
           (unsigned long long)sum);
    exit(fflush(stdout) == 0 ? 0 : 1);
}

/* ---- the one who waits ---- */

struct processes {
    struct bench *bench;
    uint64_t ns; /* of this pass */
    uint64_t sum;
};

struct child {
    struct system_process *process;
    FILE *output;
};

/* Returns when it is ready. */
static void start_child(const struct bench *bench, struct child *child, unsigned which,
                        unsigned index, unsigned count)
{
    char what[64], records[24], word[16];
    const char *const arguments[] = {bench->self, "--read-along", what,       "--records",
                                     records,     "--dir",        bench->dir, NULL};

    snprintf(what, sizeof what, "%u,%u,%u", which, index, count);
    snprintf(records, sizeof records, "%llu", (unsigned long long)bench->records);
    child->process = system_start(arguments, &child->output);
    if (child->process == NULL)
        bench_die("processes: %s cannot be started", bench->self);
    if (fscanf(child->output, "%15s", word) != 1 || strcmp(word, READY) != 0)
        bench_die("processes: another process does not get ready");
}

/* What it has printed: beginning, end, sum. */
static void finish_child(struct child *child, unsigned long long *numbers)
{
    if (fscanf(child->output, "%llu %llu %llu", &numbers[0], &numbers[1], &numbers[2]) != 3)
        bench_die("processes: another process has said nothing");
    fclose(child->output);
    if (system_finish(child->process) != 0)
        bench_die("processes: another process has failed");
}

/* way->setting: how many; way->peer: whose database. */
static void pass(void *state, const struct way *way)
{
    struct processes *processes = state;
    struct bench *bench = processes->bench;
    struct child children[PROCESSES_MAX];
    unsigned which = 0, count = (unsigned)way->setting;
    uint64_t first = UINT64_MAX, last = 0;

    while (peers[which] != way->peer)
        which++;
    for (unsigned i = 0; i < count; i++)
        start_child(bench, &children[i], which, i, count);
    bench->os->close(bench->os, bench_open_file(bench, GO, OS_WRITE | OS_CREATE_NEW));
    processes->sum = 0;
    for (unsigned i = count; i-- > 0;) {
        unsigned long long numbers[3];

        finish_child(&children[i], numbers);
        first = numbers[0] < first ? numbers[0] : first;
        last = numbers[1] > last ? numbers[1] : last;
        processes->sum += numbers[2];
    }
    bench_remove_file(bench, GO);
    processes->ns = last - first;
}

static uint64_t done(void *state, const struct way *way)
{
    struct processes *processes = state;

    (void)way;
    return processes->sum;
}

/* ---- the contest ---- */

#define ONE "slotfile, 1 process"
#define TWO "slotfile, 2 processes"

#define WAY(processes, whose) .setting = (processes), .peer = (whose), .pass = pass, .done = done

static const struct way ways[] = {
    {.name = ONE, WAY(1, peer_slotfile)},
    {.name = TWO, .against = ONE, WAY(2, peer_slotfile)},
    {.name = "slotfile, 4 processes", .against = ONE, WAY(4, peer_slotfile)},
    {.name = "LMDB, 1 process", .against = ONE, WAY(1, peer_lmdb)},
    {.name = "LMDB, 2 processes", .against = TWO, WAY(2, peer_lmdb)},
    {.name = "SQLite, 1 process", .against = ONE, WAY(1, peer_sqlite)},
    {.name = "SQLite, 2 processes", .against = TWO, WAY(2, peer_sqlite)},
};

/* As two threads. */
static const struct goal goals[] = {
    {ONE, TWO, true, 1.9},
};

void bench_processes(struct bench *bench)
{
    struct processes processes = {.bench = bench};
    struct contest contest = {
        .name = "processes",
        .what = "random records copied out, as many as there are, by processes that have the "
                "database open at once, 1000 gets a transaction; faulted in",
        .cache = CACHE_WARM,
        .elsewhere = true,
        .unit = "get",
        .count = bench->records,
        .unit_bytes = RECORD_SIZE,
        .ns = &processes.ns,
        .ways = ways,
        .ways_count = COUNT_OF(ways),
        .goals = goals,
        .goals_count = COUNT_OF(goals),
        .state = &processes,
    };

    if (bench->self[0] == 0) {
        bench_complain("processes is left out: this program does not find itself");
        return;
    }
    for (unsigned i = 0; i < COUNT_OF(peers); i++) {
        if (peers[i]() != NULL)
            peer_create(bench, peers[i](), DATABASE);
    }
    contest_run(bench, &contest);
    for (unsigned i = 0; i < COUNT_OF(peers); i++) {
        if (peers[i]() != NULL)
            peers[i]()->destroy(bench, DATABASE);
    }
}
