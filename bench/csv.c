/*
 * CSV import and export, through the `slotfile` command as a user runs it, beside the least that
 * anybody can do with such a file: count its lines as `wc -l` does, and copy it; and beside the
 * `sqlite3` command, where there is one. The file is made by the `people` program of the tests. The
 * raw ways run inside this program and so save the start of a process, one or two milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"
#include "support/people.h"

#define CSV         "people.csv"
#define COPY        "copy.csv"
#define DATABASE    "people.slots"
#define COUNT_BYTES (UINT64_C(128) << 10) /* what wc reads at once */

struct csv {
    struct bench *bench;
    struct os_file *file;
    uint64_t size;
    uint8_t *buffer;
    uint64_t lines;
};

static void run_import(const struct csv *csv, const char *more)
{
    char arguments[2 * PATH_BYTES + 512], from[PATH_BYTES], to[PATH_BYTES];

    bench_path(csv->bench, CSV, from);
    bench_path(csv->bench, DATABASE, to);
    snprintf(arguments, sizeof arguments, "import \"%s\" \"%s\" --schema \"%s\"%s", to, from,
             PEOPLE_SCHEMA, more);
    bench_run(csv->bench, csv->bench->slotfile, arguments, "output");
    bench_remove_file(csv->bench, "output");
}

static uint64_t count_lines(const struct csv *csv, struct os_file *file, uint64_t size)
{
    const struct os *os = csv->bench->os;
    uint64_t lines = 0;

    for (uint64_t at = 0; at < size; at += COUNT_BYTES) {
        size_t n = (size_t)(size - at < COUNT_BYTES ? size - at : COUNT_BYTES);
        const uint8_t *end = csv->buffer + n, *next = csv->buffer;

        must_os(os->read_at(os, file, at, csv->buffer, n), "read");
        while ((next = memchr(next, '\n', (size_t)(end - next))) != NULL) {
            lines++;
            next++;
        }
    }
    return lines;
}

/* A checksum of all bytes of a file. */
static uint64_t hash_file(const struct csv *csv, struct os_file *file)
{
    const struct os *os = csv->bench->os;
    uint64_t size = 0, hash;

    must_os(os->size(os, file, &size), "size");
    hash = size;
    for (uint64_t at = 0; at < size; at += BUFFER_BYTES) {
        size_t n = (size_t)(size - at < BUFFER_BYTES ? size - at : BUFFER_BYTES);

        must_os(os->read_at(os, file, at, csv->buffer, n), "read");
        for (size_t i = 0; i < n; i++)
            hash = (hash ^ csv->buffer[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* ---- counting lines ---- */

static void count_pass(void *state, const struct way *way)
{
    struct csv *csv = state;

    (void)way;
    csv->lines = count_lines(csv, csv->file, csv->size);
}

static uint64_t count_done(void *state, const struct way *way)
{
    struct csv *csv = state;

    (void)way;
    return csv->lines;
}

/* ---- copying ---- */

/* way->setting: whether the copy is durable at the end. */
static void copy_pass(void *state, const struct way *way)
{
    struct csv *csv = state;
    const struct os *os = csv->bench->os;
    struct os_file *to = bench_open_file(csv->bench, COPY, OS_WRITE | OS_CREATE_NEW);

    for (uint64_t at = 0; at < csv->size; at += BUFFER_BYTES) {
        size_t n = (size_t)(csv->size - at < BUFFER_BYTES ? csv->size - at : BUFFER_BYTES);

        must_os(os->read_at(os, csv->file, at, csv->buffer, n), "read");
        must_os(os->write_at(os, to, at, csv->buffer, n), "write");
    }
    if (way->setting != 0)
        must_os(os->sync(os, to), "sync");
    os->close(os, to);
}

static uint64_t copy_lines_done(void *state, const struct way *way)
{
    struct csv *csv = state;
    struct os_file *file = bench_open_file(csv->bench, COPY, OS_READ);
    uint64_t size = 0, lines;

    (void)way;
    must_os(csv->bench->os->size(csv->bench->os, file, &size), "size");
    lines = count_lines(csv, file, size);
    csv->bench->os->close(csv->bench->os, file);
    bench_remove_file(csv->bench, COPY);
    return lines;
}

static uint64_t copy_hash_done(void *state, const struct way *way)
{
    struct csv *csv = state;
    struct os_file *file = bench_open_file(csv->bench, COPY, OS_READ);
    uint64_t hash = hash_file(csv, file);

    (void)way;
    csv->bench->os->close(csv->bench->os, file);
    bench_remove_file(csv->bench, COPY);
    return hash;
}

/* ---- slotfile ---- */

static const char *budget_option(const struct way *way)
{
    return way->setting != 0 ? " --map-budget 4M" : "";
}

static void import_pass(void *state, const struct way *way)
{
    run_import(state, budget_option(way));
}

/* The header is a line too. */
static uint64_t import_done(void *state, const struct way *way)
{
    struct csv *csv = state;
    slot_db *db = bench_open(csv->bench, DATABASE, 0);
    slot_txn *txn = bench_begin(db, SLOT_READ);
    uint64_t lines = slot_records(txn) + 1;

    (void)way;
    slot_end(txn);
    bench_close(db);
    bench_destroy(csv->bench, DATABASE);
    return lines;
}

static void export_pass(void *state, const struct way *way)
{
    struct csv *csv = state;
    char arguments[2 * PATH_BYTES + 64], from[PATH_BYTES], to[PATH_BYTES];

    bench_path(csv->bench, DATABASE, from);
    bench_path(csv->bench, COPY, to);
    snprintf(arguments, sizeof arguments, "export \"%s\" -o \"%s\"%s", from, to,
             budget_option(way));
    bench_run(csv->bench, csv->bench->slotfile, arguments, "output");
    bench_remove_file(csv->bench, "output");
}

/* ---- sqlite3, the command, as a user runs it ---- */

#define SQLITE_DATABASE "people.sqlite"
#define SQLITE_COMMAND  "sqlite3"

static bool has_sqlite(const struct bench *bench)
{
    char line[PATH_BYTES + 64], path[PATH_BYTES];
    bool found;

    bench_path(bench, "output", path);
    snprintf(line, sizeof line, SQLITE_COMMAND " -version >\"%s\" 2>&1", path);
    found = system(line) == 0;
    bench_remove_file(bench, "output");
    return found;
}

/* Run it on the database, with what it prints in the file `output`. */
static void run_sqlite(const struct csv *csv, const char *options, const char *words,
                       const char *output)
{
    char arguments[3 * PATH_BYTES], path[PATH_BYTES];

    bench_path(csv->bench, SQLITE_DATABASE, path);
    snprintf(arguments, sizeof arguments, "%s \"%s\" %s", options, path, words);
    bench_run(csv->bench, SQLITE_COMMAND, arguments, output);
}

/* A table with types; .import is one transaction, durable with the journal that is the default. */
static void sqlite_import_pass(void *state, const struct way *way)
{
    struct csv *csv = state;
    char words[PATH_BYTES + 512], from[PATH_BYTES];

    (void)way;
    bench_path(csv->bench, CSV, from);
    snprintf(words, sizeof words,
             "\"CREATE TABLE people (id INTEGER PRIMARY KEY, first TEXT, last TEXT, email TEXT, "
             "born TEXT, joined TEXT, balance REAL, score REAL, visits INTEGER, active TEXT)\" "
             "\".import --csv --skip 1 '%s' people\"",
             from);
    run_sqlite(csv, "", words, "output");
    bench_remove_file(csv->bench, "output");
}

static uint64_t sqlite_import_done(void *state, const struct way *way)
{
    struct csv *csv = state;
    unsigned long long rows = 0;
    char path[PATH_BYTES];
    FILE *file;

    (void)way;
    run_sqlite(csv, "", "\"SELECT count(*) FROM people\"", "output");
    bench_path(csv->bench, "output", path);
    file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%llu", &rows) != 1)
        bench_die("sqlite3 counts no rows");
    fclose(file);
    bench_remove_file(csv->bench, "output");
    bench_remove_file(csv->bench, SQLITE_DATABASE);
    return rows + 1;
}

static void sqlite_export_pass(void *state, const struct way *way)
{
    (void)way;
    run_sqlite(state, "-csv -header", "\"SELECT * FROM people\"", COPY);
}

/* It writes numbers and line ends in its own way: only the lines are compared. */
static uint64_t sqlite_export_done(void *state, const struct way *way)
{
    struct csv *csv = state;
    uint64_t lines = copy_lines_done(state, way);

    if (lines != csv->bench->records + 1)
        bench_die("sqlite3 has exported %llu lines", (unsigned long long)lines);
    return lines;
}

/* ---- the contests ---- */

#define IMPORT        "slotfile import"
#define EXPORT        "slotfile export"
#define SQLITE_IMPORT "sqlite3 .import"
#define SQLITE_EXPORT "sqlite3 -csv"
#define COUNT         "count lines, 128 KiB read calls"

static const struct way import_ways[] = {
    {.name = COUNT, .raw = true, .no_new_file = true, .pass = count_pass, .done = count_done},
    {.name = "copy, 1 MiB buffer, sync",
     .against = COUNT,
     .raw = true,
     .setting = 1,
     .pass = copy_pass,
     .done = copy_lines_done},
    {.name = IMPORT, .against = COUNT, .pass = import_pass, .done = import_done},
    {.name = "slotfile import, 4 MiB budget",
     .against = COUNT,
     .setting = SMALL_BUDGET,
     .pass = import_pass,
     .done = import_done},
    {.name = SQLITE_IMPORT,
     .against = IMPORT,
     .rival = true,
     .pass = sqlite_import_pass,
     .done = sqlite_import_done},
};

static uint64_t count_hash_done(void *state, const struct way *way)
{
    struct csv *csv = state;

    (void)way;
    return hash_file(csv, csv->file);
}

static const struct way export_ways[] = {
    {.name = COUNT, .raw = true, .no_new_file = true, .pass = count_pass, .done = count_hash_done},
    {.name = "copy, 1 MiB buffer",
     .against = COUNT,
     .raw = true,
     .pass = copy_pass,
     .done = copy_hash_done},
    {.name = EXPORT, .against = COUNT, .pass = export_pass, .done = copy_hash_done},
    {.name = "slotfile export, 4 MiB budget",
     .against = COUNT,
     .setting = SMALL_BUDGET,
     .pass = export_pass,
     .done = copy_hash_done},
    {.name = SQLITE_EXPORT,
     .against = EXPORT,
     .rival = true,
     .other = true,
     .pass = sqlite_export_pass,
     .done = sqlite_export_done},
};

static const struct goal import_goals[] = {
    {IMPORT, COUNT, false, 25},
    {SQLITE_IMPORT, IMPORT, true, 8},
};

static const struct goal export_goals[] = {
    {SQLITE_EXPORT, EXPORT, true, 4.5},
};

static void run_contest(struct csv *csv, struct contest *contest, bool sqlite)
{
    struct way ways[WAYS_MAX];

    for (unsigned i = 0; i < contest->ways_count; i++) {
        ways[i] = contest->ways[i];
        if (ways[i].rival && !sqlite)
            ways[i].left_out = "there is no command " SQLITE_COMMAND;
    }
    contest->ways = ways;
    contest_run(csv->bench, contest);
}

static void run_contests(struct csv *csv)
{
    struct contest contest = {
        .name = "import",
        .what = "CSV of people into a new database, durable",
        .cache = "warm: the page cache has all of the CSV; memory for the new database is at hand",
        .unit = "row",
        .count = csv->bench->records,
        .unit_bytes = (double)csv->size / (double)csv->bench->records,
        .new_files = true,
        .elsewhere = true,
        .ways = import_ways,
        .ways_count = COUNT_OF(import_ways),
        .goals = import_goals,
        .goals_count = COUNT_OF(import_goals),
        .state = csv,
    };
    bool sqlite = has_sqlite(csv->bench);

    run_contest(csv, &contest, sqlite);
    contest.name = "export";
    contest.what = "the same database to a new CSV file, equal to the first one byte by byte";
    contest.cache =
        "warm: the page cache has all of the database; memory for the new CSV is at hand";
    contest.ways = export_ways;
    contest.ways_count = COUNT_OF(export_ways);
    contest.goals = export_goals;
    contest.goals_count = COUNT_OF(export_goals);
    run_import(csv, "");
    if (sqlite)
        sqlite_import_pass(csv, NULL);
    run_contest(csv, &contest, sqlite);
    bench_remove_file(csv->bench, SQLITE_DATABASE);
    bench_destroy(csv->bench, DATABASE);
}

void bench_csv(struct bench *bench)
{
    struct csv csv = {.bench = bench};
    char count[32];

    if (bench->slotfile[0] == 0 || bench->people[0] == 0) {
        bench_complain("csv is left out: no %s beside this program",
                       bench->slotfile[0] == 0 ? "slotfile" : "people");
        return;
    }
    csv.buffer = must_malloc(BUFFER_BYTES);
    snprintf(count, sizeof count, "%llu", (unsigned long long)bench->records);
    bench_run(bench, bench->people, count, CSV);
    csv.file = bench_open_file(bench, CSV, OS_READ);
    must_os(bench->os->size(bench->os, csv.file, &csv.size), "size");
    run_contests(&csv);
    bench->os->close(bench->os, csv.file);
    bench_remove_file(bench, CSV);
    free(csv.buffer);
}
