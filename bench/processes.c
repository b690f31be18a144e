/*
 * Processes that read one database at once: uniformly random gets, the same number in all however
 * many processes there are.
 *
 * Each is another run of this program, with the word --read-along: it opens the database, reads all
 * of it once, says by a file that it is ready, waits for a file that says go, and prints when it
 * began and ended. What counts is the time from the first beginning to the last end. The resident
 * bytes are those of the program that waits for them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"
#include "support/thread.h"

#define DATABASE      "processes.slots"
#define PROCESSES_MAX 4u
#define SEED          UINT64_C(1993)
#define GO            "go"
#define WAIT_US       50u
#define WAIT_MOST_NS  (UINT64_C(60) * 1000000000)

static const struct {
    const char *name;
    const struct peer *(*peer)(void);
} readers[] = {{"slotfile", peer_slotfile}, {"lmdb", peer_lmdb}, {"sqlite", peer_sqlite}};

/* ---- signs by files, which every system has ---- */

static void ready_name(unsigned index, char *name)
{
    snprintf(name, PATH_BYTES, "ready%u", index);
}

static void raise_sign(const struct bench *bench, const char *name)
{
    bench->os->close(bench->os, bench_open_file(bench, name, OS_WRITE | OS_CREATE_NEW));
}

static void await_sign(const struct bench *bench, const char *name)
{
    uint64_t start = clock_ns(bench);
    char path[PATH_BYTES];

    bench_path(bench, name, path);
    while (bench->os->kind(bench->os, path) == OS_KIND_NONE) {
        if (clock_ns(bench) - start > WAIT_MOST_NS)
            bench_die("processes: waited too long for %s", path);
        bench->os->sleep_us(bench->os, WAIT_US);
    }
}

/* ---- a process that reads ---- */

static uint64_t read_part(const struct bench *bench, const struct peer *peer, struct peer_db *db,
                          uint64_t first, uint64_t end)
{
    uint64_t random = random_skip(SEED, first), sum = 0;
    uint8_t record[RECORD_SIZE];

    for (uint64_t i = first; i < end;) {
        peer->begin_read(db);
        for (uint64_t last = i + BATCH_RECORDS; i < last && i < end; i++) {
            peer->get(db, random_below(&random, bench->records), record);
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
    char name[PATH_BYTES];

    if (sscanf(what, "%u,%u,%u", &which, &index, &count) != 3 || which >= COUNT_OF(readers) ||
        count == 0 || index >= count || readers[which].peer() == NULL)
        bench_die("--read-along is not for users: %s", what);
    peer = readers[which].peer();
    db = peer->open(bench, DATABASE, true);
    (void)peer->sum(db);
    ready_name(index, name);
    raise_sign(bench, name);
    await_sign(bench, GO);
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
    const struct bench *bench;
    unsigned which, index, count;
    struct test_thread *thread;
};

static void child_output(unsigned index, char *name)
{
    snprintf(name, PATH_BYTES, "output%u", index);
}

static void run_child(void *context)
{
    const struct child *child = context;
    const struct bench *bench = child->bench;
    char arguments[PATH_BYTES + 128], output[PATH_BYTES];

    child_output(child->index, output);
    snprintf(arguments, sizeof arguments, "--read-along %u,%u,%u --records %llu --dir \"%s\"",
             child->which, child->index, child->count, (unsigned long long)bench->records,
             bench->dir);
    bench_run(bench, bench->self, arguments, output);
}

/* What a child has printed. */
static void take_output(const struct bench *bench, unsigned index, unsigned long long *numbers)
{
    char name[PATH_BYTES], path[PATH_BYTES];
    FILE *file;

    child_output(index, name);
    bench_path(bench, name, path);
    file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%llu %llu %llu", &numbers[0], &numbers[1], &numbers[2]) != 3)
        bench_die("processes: %s holds no numbers", path);
    fclose(file);
    bench_remove_file(bench, name);
    ready_name(index, name);
    bench_remove_file(bench, name);
}

/* way->setting: how many; way->peer: whose database. */
static void pass(void *state, const struct way *way)
{
    struct processes *processes = state;
    struct bench *bench = processes->bench;
    struct child children[PROCESSES_MAX];
    unsigned which = 0, count = (unsigned)way->setting;
    uint64_t first = UINT64_MAX, last = 0;
    char name[PATH_BYTES];

    while (readers[which].peer != way->peer)
        which++;
    for (unsigned i = 0; i < count; i++) {
        children[i] = (struct child){.bench = bench, .which = which, .index = i, .count = count};
        children[i].thread = test_thread_start(run_child, &children[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        ready_name(i, name);
        await_sign(bench, name);
    }
    raise_sign(bench, GO);
    processes->sum = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned long long numbers[3];

        test_thread_join(children[i].thread);
        take_output(bench, i, numbers);
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
                "database open at once, 1000 gets a transaction; warm, faulted in",
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
        fprintf(stderr,
                "slotfile_bench: processes is left out: this program does not find itself\n");
        return;
    }
    for (unsigned i = 0; i < COUNT_OF(readers); i++) {
        if (readers[i].peer() != NULL)
            peer_create(bench, readers[i].peer(), DATABASE);
    }
    contest_run(bench, &contest);
    for (unsigned i = 0; i < COUNT_OF(readers); i++) {
        if (readers[i].peer() != NULL)
            readers[i].peer()->destroy(bench, DATABASE);
    }
}
