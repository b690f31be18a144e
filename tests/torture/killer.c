/*
 * Processes that use one database and are killed: 4 that write and 4 that read, on a real file
 * system. Whatever is killed, whenever, nothing that was acknowledged is lost, no transaction is
 * there by half, no reader sees anything else than a snapshot, and nobody gets a status that he
 * must not get or waits for ever.
 *
 *     killer [--kills N] [--seed S] [--gap-ms G]
 *
 * Rounds: all are started; one after the other is killed and started again, or stands still for a
 * while; then all of them are killed at once, or told to end, with some killed while they close.
 * Then the database is opened and checked. --gap-ms is the longest time between two kills.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "support/by_path.h"
#include "support/tmpdir.h"
#include "torture/process.h"
#include "torture/worker.h"

#define HANG_MS   45000 /* a living process that does not get on for so long hangs */
#define CREATE_AT 40000 /* records; the next round gets a new database */

struct killer {
    const char *program;
    char *dir;
    char bank[4096];
    struct board *board;
    struct process *worker[WORKER_PROCESSES];
    uint64_t beat[WORKER_PROCESSES]; /* when last looked at, and the clock when it changed */
    uint64_t beat_ms[WORKER_PROCESSES];
    bool stopped[WORKER_PROCESSES];
    uint64_t seed, random;
    uint64_t kills_wanted, kills, stops, rounds, clean_rounds, databases;
    uint32_t gap_ms;
};

_Noreturn static void end_all(struct killer *k)
{
    for (unsigned i = 0; i < WORKER_PROCESSES; i++) {
        if (k->worker[i] != NULL)
            process_kill(k->worker[i]);
    }
    fprintf(stderr, "FAILED: killer --seed %llu after %llu kills, %llu rounds; see %s\n",
            (unsigned long long)k->seed, (unsigned long long)k->kills,
            (unsigned long long)k->rounds, k->dir);
    _Exit(1);
}

static void start(struct killer *k, unsigned i)
{
    char index[16], seed[32];
    const char *arguments[] = {"--worker", k->dir, index, seed, NULL};

    snprintf(index, sizeof index, "%u", i);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)bank_random(&k->random));
    k->worker[i] = process_start(k->program, arguments);
    k->beat_ms[i] = slot__os_native()->clock_ms(slot__os_native());
    k->stopped[i] = false;
}

/* None has ended by itself, none hangs. */
static void watch(struct killer *k)
{
    uint64_t now = slot__os_native()->clock_ms(slot__os_native());
    struct process_end end;

    atomic_fetch_add(&k->board->parent, 1);
    for (unsigned i = 0; i < WORKER_PROCESSES; i++) {
        uint64_t beat = atomic_load(&k->board->process[i].beat);

        if (k->worker[i] == NULL)
            continue;
        if (process_wait(k->worker[i], 0, &end)) {
            fprintf(stderr, "FAILED: process %u ended by itself: exit code %d, while at %s\n", i,
                    end.code, board_doing_text(atomic_load(&k->board->process[i].doing)));
            end_all(k);
        }
        if (beat != k->beat[i] || k->stopped[i])
            k->beat_ms[i] = now;
        k->beat[i] = beat;
        if (now - k->beat_ms[i] > HANG_MS) {
            fprintf(stderr, "FAILED: process %u hangs, at %s\n", i,
                    board_doing_text(atomic_load(&k->board->process[i].doing)));
            end_all(k);
        }
    }
}

/* Kill one and bury it. */
static void kill_one(struct killer *k, unsigned i)
{
    struct process_end end = {false, 0};

    process_kill(k->worker[i]);
    if (!process_wait(k->worker[i], HANG_MS, &end)) {
        fprintf(stderr, "FAILED: process %u does not die\n", i);
        end_all(k);
    }
    if (!end.killed && end.code != 0) {
        fprintf(stderr, "FAILED: process %u ended with exit code %d\n", i, end.code);
        end_all(k);
    }
    process_release(k->worker[i]);
    k->worker[i] = NULL;
    k->kills += end.killed;
}

static void pause_us(struct killer *k, uint64_t most_us)
{
    const struct os *os = slot__os_native();
    uint64_t us = bank_below(&k->random, most_us + 1);

    for (; us > 20000; us -= 20000) {
        os->sleep_us(os, 20000);
        watch(k);
    }
    os->sleep_us(os, (uint32_t)us);
    watch(k);
}

/* Stand still for up to half a second; killed there, or not. */
static void stop_one(struct killer *k, unsigned i)
{
    if (!process_stop(k->worker[i]))
        return;
    k->stops++;
    k->stopped[i] = true;
    pause_us(k, 500000);
    if (bank_below(&k->random, 2) == 0) {
        kill_one(k, i);
        start(k, i);
    } else {
        (void)process_continue(k->worker[i]);
        k->stopped[i] = false;
    }
}

static void torment(struct killer *k)
{
    uint64_t events = 8 + bank_below(&k->random, 12);

    for (uint64_t event = 0; event < events; event++) {
        unsigned i = (unsigned)bank_below(&k->random, WORKER_PROCESSES);

        pause_us(k, UINT64_C(1000) * k->gap_ms);
        if (bank_below(&k->random, 20) == 0) {
            stop_one(k, i);
        } else {
            kill_one(k, i);
            start(k, i);
        }
    }
}

static void kill_all(struct killer *k)
{
    unsigned first = (unsigned)bank_below(&k->random, WORKER_PROCESSES);
    bool at_once = bank_below(&k->random, 2) == 0;

    for (unsigned i = 0; i < WORKER_PROCESSES; i++) {
        unsigned which = (first + i) % WORKER_PROCESSES;

        if (!at_once)
            slot__os_native()->sleep_us(slot__os_native(), (uint32_t)bank_below(&k->random, 2000));
        else if (i == 0)
            for (unsigned j = 0; j < WORKER_PROCESSES; j++)
                process_kill(k->worker[j]);
        kill_one(k, which);
    }
}

/* Told to end; some are killed while they close. The others end with exit code 0. */
static void end_round(struct killer *k, unsigned killed)
{
    struct process_end end = {false, 0};

    atomic_store(&k->board->stop, 1);
    for (unsigned n = 0; n < killed; n++) {
        unsigned i = (unsigned)bank_below(&k->random, WORKER_PROCESSES);

        slot__os_native()->sleep_us(slot__os_native(), (uint32_t)bank_below(&k->random, 8000));
        if (k->worker[i] != NULL)
            kill_one(k, i);
    }
    for (unsigned i = 0; i < WORKER_PROCESSES; i++) {
        if (k->worker[i] == NULL)
            continue;
        if (!process_wait(k->worker[i], HANG_MS, &end) || end.killed || end.code != 0) {
            fprintf(stderr, "FAILED: process %u was told to end: exit code %d, at %s\n", i,
                    end.code, board_doing_text(atomic_load(&k->board->process[i].doing)));
            end_all(k);
        }
        process_release(k->worker[i]);
        k->worker[i] = NULL;
    }
    atomic_store(&k->board->stop, 0);
}

/* Recovery, cut short a few times. */
static void kill_recoveries(struct killer *k)
{
    uint64_t times = bank_below(&k->random, 4);

    for (uint64_t n = 0; n < times; n++) {
        char seed[32];
        const char *arguments[] = {"--open", k->dir, seed, NULL};

        snprintf(seed, sizeof seed, "%llu", (unsigned long long)bank_random(&k->random));
        k->worker[0] = process_start(k->program, arguments);
        slot__os_native()->sleep_us(slot__os_native(), (uint32_t)bank_below(&k->random, 20000));
        kill_one(k, 0);
    }
}

static bool print_finding(void *context, const slot_finding *finding)
{
    (void)context;
    fprintf(stderr, "verify: %s, offset %lld, records %llu to %llu: %s\n", finding->file,
            (long long)finding->offset, (unsigned long long)finding->first_record,
            (unsigned long long)(finding->first_record + finding->record_count), finding->what);
    return true;
}

static void check_writers(struct killer *k, const struct bank_view *view)
{
    for (unsigned w = 0; w < BOARD_WRITERS; w++) {
        unsigned long long acknowledged = atomic_load(&k->board->writer[w].acknowledged);
        unsigned long long attempted = atomic_load(&k->board->writer[w].attempted);

        if (view->number[w] < acknowledged || view->number[w] > attempted) {
            fprintf(stderr, "FAILED: writer %u is at %llu; acknowledged %llu, attempted %llu\n", w,
                    (unsigned long long)view->number[w], acknowledged, attempted);
            end_all(k);
        }
    }
}

static void must(struct killer *k, const char *call, slot_status status, const slot_error *err)
{
    if (status == SLOT_OK)
        return;
    fprintf(stderr, "FAILED: %s: %d (%s): %s, offset %lld: %s\n", call, (int)status,
            slot_status_text(status), err->file, (long long)err->offset, err->what);
    end_all(k);
}

/* Open it as one that nobody has open, check all there is to check, close; returns its records. */
static uint64_t check(struct killer *k, slot_access access)
{
    slot_options options;
    slot_db *db = NULL;
    slot_txn *txn = NULL;
    slot_error err = {0};
    struct bank_view view;
    uint64_t records;

    worker_options(&options, &k->random);
    options.access = access;
    options.wait_ms = 10000; /* the system takes its time to unlock what the dead had locked */
    must(k, "slot_open", slot_open(k->bank, &options, &db, &err), &err);
    must(k, "slot_verify", slot_verify(db, print_finding, NULL, &err), &err);
    must(k, "slot_begin", slot_begin(db, SLOT_READ, &txn, &err), &err);
    if (!bank_look(txn, &view))
        must(k, "slot_scan", SLOT_E_BUDGET, &err);
    records = slot_records(txn);
    slot_end(txn);
    check_writers(k, &view);
    must(k, "slot_close", slot_close(db, &err), &err);
    return records;
}

/* After a clean end `records` is the records and nothing else. */
static void check_size(struct killer *k, uint64_t records)
{
    const struct os *os = slot__os_native();
    char *path = tmpdir_join(k->bank, "records");
    struct os_file *file = NULL;
    uint64_t size = 0;

    if (!os_ok(by_path_open(os, path, OS_READ, &file)) || !os_ok(os->size(os, file, &size)) ||
        size != records * BANK_RECORD_SIZE) {
        fprintf(stderr, "FAILED: records has %llu bytes for %llu records\n",
                (unsigned long long)size, (unsigned long long)records);
        end_all(k);
    }
    os->close(os, file);
    free(path);
}

static void make_bank(struct killer *k)
{
    slot_options options;

    worker_options(&options, &k->random);
    bank_create(k->bank, &options);
    for (unsigned w = 0; w < BOARD_WRITERS; w++) {
        atomic_store(&k->board->writer[w].attempted, 0);
        atomic_store(&k->board->writer[w].acknowledged, 0);
    }
    k->databases++;
}

static void play_round(struct killer *k)
{
    uint64_t chance = bank_below(&k->random, 100);
    uint64_t records;
    slot_error err = {0};

    for (unsigned i = 0; i < WORKER_PROCESSES; i++)
        start(k, i);
    torment(k);
    if (chance < 60)
        kill_all(k);
    else
        end_round(k, chance < 85 ? 1 + (unsigned)bank_below(&k->random, 4) : 0);
    if (chance >= 85) {
        k->clean_rounds++;
        records = check(k, SLOT_READ_ONLY);
        check_size(k, records);
    } else {
        kill_recoveries(k);
    }
    records = check(k, SLOT_TRANSACTIONAL);
    check_size(k, records);
    if (records >= CREATE_AT) {
        must(k, "slot_destroy", slot_destroy(k->bank, NULL, &err), &err);
        make_bank(k);
    }
    k->rounds++;
}

static void report(struct killer *k, uint64_t ms)
{
    struct board *b = k->board;

    printf("%llu kills, %llu stops, %llu rounds (%llu ended cleanly), %llu databases, %llu s, "
           "seed %llu\n",
           (unsigned long long)k->kills, (unsigned long long)k->stops,
           (unsigned long long)k->rounds, (unsigned long long)k->clean_rounds,
           (unsigned long long)k->databases, (unsigned long long)(ms / 1000),
           (unsigned long long)k->seed);
#define X(name) printf("  %-26s %llu\n", #name, (unsigned long long)atomic_load(&b->name));
    BOARD_COUNTERS_MAP(X)
#undef X
    /* A test in which nothing happens between the kills shows nothing. */
    if (atomic_load(&b->commits_full) + atomic_load(&b->commits_normal) < k->kills ||
        atomic_load(&b->reads) < k->kills) {
        printf("FAILED: fewer commits or reads than kills\n");
        exit(1);
    }
    printf("PASSED\n");
}

static int run(struct killer *k)
{
    const struct os *os = slot__os_native();
    uint64_t started = os->clock_ms(os);
    char board[4096];

    k->dir = tmpdir_make();
    worker_paths(k->dir, board, k->bank, sizeof board);
    k->board = board_make(board);
    k->random = k->seed;
    make_bank(k);
    while (k->kills < k->kills_wanted)
        play_round(k);
    report(k, os->clock_ms(os) - started);
    board_close(k->board);
    tmpdir_remove(k->dir);
    return 0;
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
    const char *longer = getenv("SLOT_TEST_LONG");
    struct killer k = {.program = argv[0], .seed = 1993, .kills_wanted = 1000, .gap_ms = 60};

    setvbuf(stdout, NULL, _IONBF, 0);
    setvbuf(stderr, NULL, _IONBF, 0);
    if (argc == 5 && strcmp(argv[1], "--worker") == 0)
        return worker_main(argv[2], (unsigned)number(argv[3]), number(argv[4]));
    if (argc == 4 && strcmp(argv[1], "--open") == 0)
        return worker_open_main(argv[2], number(argv[3]));
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--kills") == 0)
            k.kills_wanted = number(argv[i + 1]);
        else if (strcmp(argv[i], "--seed") == 0)
            k.seed = number(argv[i + 1]);
        else if (strcmp(argv[i], "--gap-ms") == 0)
            k.gap_ms = (uint32_t)number(argv[i + 1]);
    }
    if (longer != NULL && strcmp(longer, "1") == 0)
        k.kills_wanted *= 10;
    return run(&k);
}
