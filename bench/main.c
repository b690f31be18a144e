/*
 * slotfile_bench: Slotfile beside the plain ways of keeping records in a file, on the same files,
 * in the same run. See `slotfile_bench --help`; contest.h says how it measures, group.h in which
 * processes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"
#include "group.h"
#include "report.h"
#include "support/by_path.h"
#include "system.h"

#define RECORDS_DEFAULT 1000000u
#define RECORDS_QUICK   100000u
#define RECORDS_SMOKE   10000u
#define ROUNDS_QUICK    3u
#define ROUNDS_LONG     3u /* of groups that take long, */
#define ROUNDS_USUAL    5u
#define ROUNDS_SHORT    9u /* and of those whose passes are over in hundredths of a second */

static const char help[] =
    "Usage: slotfile_bench [OPTION]...\n"
    "\n"
    "Measures Slotfile beside raw mappings, read and write calls and stdio, and beside LMDB,\n"
    "SQLite, Tokyo Cabinet, Berkeley DB and Tkrzw where they were found. All ways take turns;\n"
    "shown are medians of all rounds, and ratios within a round. Let nothing else use the\n"
    "processors and the disk meanwhile, and give --dir a directory on a disk: in memory, a flush\n"
    "costs nothing. All cases together need 4 GB there. Goals are no tests: the exit status is 0\n"
    "when all cases have run, however fast.\n"
    "\n"
    "  --records N      records of 125 bytes; 1000000\n"
    "  --rounds N       counted rounds; 3 to 9, fewer in cases that take long\n"
    "  --cases A,B      all; or of these:\n"
    "                     scan, get, append, csv\n"
    "                     get16     get from 16 times the records: 2 GB by default\n"
    "                     budget    get with 4 MiB for views\n"
    "                     readers   get and scan by threads that share a handle\n"
    "                     processes get by processes that share a database\n"
    "                     cold      get and scan with nothing in the page cache, of 16 times the\n"
    "                               records\n"
    "                     put       in direct access\n"
    "                     commit    durable transactions of one record\n"
    "                     threads   the same by threads that share a handle\n"
    "                     normal    the same without waiting for the disk, of 1 and 20 records\n"
    "                     update    many records in one transaction\n"
    "                     logget    get with everything in the log\n"
    "                     tail      how long the slowest of a million commits take\n"
    "                     deleted   every read and write where 1 % is deleted\n"
    "                     recovery  opening after a kill, and after a clean close\n"
    "  --dir DIR        where the files go; the working directory\n"
    "  --slotfile PATH  the command, for csv; the one beside this program\n"
    "  --people PATH    the program that makes the CSV; the one beside this program\n"
    "  --quick          100000 records, 3 rounds\n"
    "  --json           one JSON object instead of tables\n"
    "  --html FILE      a report with plots and all numbers as well, one file\n"
    "  --smoke          only see that everything runs: 10000 records, 1 round, no ratios\n";

struct group {
    const char *name;
    void (*run)(struct bench *bench);
    unsigned rounds; /* unless the user says how many */
};

static const struct group groups[] = {
    {"scan", bench_scan, ROUNDS_SHORT},       {"get", bench_get, ROUNDS_USUAL},
    {"get16", bench_get16, ROUNDS_USUAL},     {"budget", bench_budget, ROUNDS_USUAL},
    {"readers", bench_readers, ROUNDS_SHORT}, {"processes", bench_processes, ROUNDS_USUAL},
    {"cold", bench_cold, ROUNDS_LONG},        {"put", bench_put, ROUNDS_USUAL},
    {"append", bench_append, ROUNDS_LONG},    {"csv", bench_csv, ROUNDS_LONG},
    {"commit", bench_commits, ROUNDS_LONG},   {"threads", bench_threads, ROUNDS_LONG},
    {"normal", bench_normal, ROUNDS_LONG},    {"update", bench_update, ROUNDS_LONG},
    {"logget", bench_logget, ROUNDS_USUAL},   {"deleted", bench_deleted, ROUNDS_USUAL},
    {"tail", bench_tail, ROUNDS_LONG},        {"recovery", bench_recovery, ROUNDS_USUAL},
};

struct arguments {
    const char *records, *rounds, *cases, *dir, *slotfile, *people, *html;
    /* Of other runs of this program, see run_group, recovery.c, processes.c: not for users. */
    const char *group, *leave_log, *seed, *read_along;
    bool quick, json, smoke;
};

/* ---- options ---- */

static void usage(const char *what, const char *argument)
{
    fprintf(stderr, "slotfile_bench: %s: %s\n", argument, what);
    exit(2);
}

static uint64_t number(const char *text, uint64_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != 0 || value == 0 || value > most)
        usage("not a number, or out of range", text);
    return value;
}

static bool take_flag(struct arguments *arguments, const char *word)
{
    bool quick = strcmp(word, "--quick") == 0;
    bool json = strcmp(word, "--json") == 0;
    bool smoke = strcmp(word, "--smoke") == 0;

    if (strcmp(word, "--help") == 0) {
        fputs(help, stdout);
        exit(0);
    }
    arguments->quick |= quick;
    arguments->json |= json;
    arguments->smoke |= smoke;
    return quick || json || smoke;
}

static const char **place_of_value(struct arguments *arguments, const char *word)
{
    const struct {
        const char *name;
        const char **place;
    } options[] = {
        {"--records", &arguments->records},
        {"--rounds", &arguments->rounds},
        {"--cases", &arguments->cases},
        {"--dir", &arguments->dir},
        {"--slotfile", &arguments->slotfile},
        {"--people", &arguments->people},
        {"--html", &arguments->html},
        {"--group", &arguments->group},
        {"--leave-log", &arguments->leave_log},
        {"--seed", &arguments->seed},
        {"--read-along", &arguments->read_along},
    };

    for (unsigned i = 0; i < COUNT_OF(options); i++) {
        if (strcmp(options[i].name, word) == 0)
            return options[i].place;
    }
    return NULL;
}

static void parse(int argc, char **argv, struct arguments *arguments)
{
    for (int i = 1; i < argc; i++) {
        const char **place;

        if (take_flag(arguments, argv[i]))
            continue;
        place = place_of_value(arguments, argv[i]);
        if (place == NULL)
            usage("there is no such option; --help lists them", argv[i]);
        if (i + 1 == argc)
            usage("a value is missing", argv[i]);
        *place = argv[++i];
    }
}

static void check_cases(const char *list)
{
    const char *names[COUNT_OF(groups)];
    const char *unknown;

    for (unsigned i = 0; i < COUNT_OF(groups); i++)
        names[i] = groups[i].name;
    unknown = group_unknown(list, names, COUNT_OF(groups));
    if (unknown != NULL)
        usage("there is no such case; --help lists them", unknown);
}

/* ---- before and after ---- */

/* A program: the given path, or `name` beside ours; "" when there is none. */
static void find_program(const struct bench *bench, const char *given, const char *ours,
                         const char *name, char *path)
{
    static const char *const endings[] = {"", ".exe"};
    size_t n = strlen(ours);

    while (n > 0 && ours[n - 1] != '/' && ours[n - 1] != '\\')
        n--;
    for (unsigned i = 0; i < COUNT_OF(endings); i++) {
        if (given != NULL)
            snprintf(path, PATH_BYTES, "%s", given);
        else
            snprintf(path, PATH_BYTES, "%.*s%s%s", (int)n, ours, name, endings[i]);
        if (by_path_kind(bench->os, path) == OS_KIND_FILE)
            return;
    }
    path[0] = 0;
}

static void take_numbers(struct bench *bench, const struct arguments *arguments)
{
    bench->smoke = arguments->smoke;
    bench->records = arguments->smoke   ? RECORDS_SMOKE
                     : arguments->quick ? RECORDS_QUICK
                                        : RECORDS_DEFAULT;
    bench->rounds = arguments->smoke ? 1 : arguments->quick ? ROUNDS_QUICK : 0; /* 0: the group's */
    if (arguments->records != NULL)
        bench->records = number(arguments->records, UINT32_MAX);
    if (bench->records < 10)
        usage("at least 10", "--records");
    if (arguments->rounds != NULL)
        bench->rounds = (unsigned)number(arguments->rounds, ROUNDS_MAX);
}

/* What recovery.c has another run do, in the directory of the first. */
static _Noreturn void leave_log(struct bench *bench, const struct arguments *arguments)
{
    bench_leave_log(bench, number(arguments->leave_log, UINT32_MAX),
                    arguments->seed != NULL ? number(arguments->seed, UINT32_MAX) : 1);
}

static void prepare(struct bench *bench, const struct arguments *arguments, const char *ours)
{
    const char *dir = arguments->dir != NULL ? arguments->dir : ".";
    bool other_run =
        arguments->group != NULL || arguments->leave_log != NULL || arguments->read_along != NULL;

    system_self(ours, bench->self, sizeof bench->self);
    find_program(bench, arguments->slotfile, bench->self, "slotfile", bench->slotfile);
    find_program(bench, arguments->people, bench->self, "people", bench->people);
    if (other_run)
        snprintf(bench->dir, sizeof bench->dir, "%s", dir);
    else
        bench_make_dir(bench, dir);
    machine_read(&bench->machine, dir);
}

static void state_facts(struct report *report, const struct bench *bench)
{
    report_machine(report, &bench->machine);
    report_text(report, "lmdb", "LMDB", peer_lmdb_version());
    report_text(report, "sqlite", "SQLite", peer_sqlite_version());
    report_text(report, "tokyo_cabinet", "Tokyo Cabinet", peer_tcfdb_version());
    report_text(report, "berkeley_db", "Berkeley DB", peer_bdb_version());
    report_text(report, "tkrzw", "Tkrzw", peer_tkrzw_version());
    report_text(report, "cache_state", "cache state",
                "as each case says; files were written in pieces of 1 MiB, then synced");
    report_number(report, "records", "records", bench->records);
    report_number(report, "record_size", "record size", RECORD_SIZE);
    report_text(report, "rounds", "rounds", "as each case says");
    report_text(report, "device", "device",
                "bytes that reached the device in a pass, whoever wrote them");
}

/* ---- the groups ---- */

/* In another run of this program. */
static int run_group(const struct bench *bench, const struct group *group, struct report *report)
{
    char records[24], rounds[24];
    const char *arguments[16] = {bench->self,     "--group",
                                 group->name,     "--dir",
                                 bench->dir,      "--records",
                                 records,         "--rounds",
                                 rounds,          "--slotfile",
                                 bench->slotfile, "--people",
                                 bench->people,   bench->smoke ? "--smoke" : NULL};

    snprintf(records, sizeof records, "%llu", (unsigned long long)bench->records);
    snprintf(rounds, sizeof rounds, "%u", bench->rounds != 0 ? bench->rounds : group->rounds);
    return group_run(group->name, arguments, report);
}

/* How long each group has taken, and all. */
static void say_seconds(const uint64_t *ns)
{
    uint64_t whole = 0;

    fputs("slotfile_bench: seconds:", stderr);
    for (unsigned i = 0; i < COUNT_OF(groups); i++) {
        whole += ns[i];
        if (ns[i] != 0)
            fprintf(stderr, " %s %.1f,", groups[i].name, (double)ns[i] / 1e9);
    }
    fprintf(stderr, " in all %.1f\n", (double)whole / 1e9);
}

static int run_groups(const struct bench *bench, const struct arguments *arguments,
                      struct report *report)
{
    uint64_t ns[COUNT_OF(groups)] = {0};
    unsigned shown = 0;
    int code = 0;

    for (unsigned i = 0; i < COUNT_OF(groups) && code == 0; i++) {
        uint64_t start = clock_ns(bench);

        if (!group_listed(arguments->cases, groups[i].name))
            continue;
        code = run_group(bench, &groups[i], report);
        ns[i] = clock_ns(bench) - start;
        for (; shown < report->cases_count && !arguments->json; shown++)
            table_case(report->cases[shown], stdout);
    }
    say_seconds(ns);
    return code;
}

/* This run is the other one. */
static int be_group(struct bench *bench, const char *name)
{
    system_binary_stdout();
    for (unsigned i = 0; i < COUNT_OF(groups); i++) {
        if (strcmp(groups[i].name, name) == 0)
            groups[i].run(bench);
    }
    return 0;
}

/* Before anything is measured: minutes later it would be too late to say so. */
static FILE *open_html(const struct bench *bench, const char *path)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL)
        bench_remove_tree(bench, bench->dir);
    if (file == NULL)
        bench_die("%s: the report cannot be written there", path);
    return file;
}

static void write_html(const struct report *report, FILE *file, const char *path)
{
    bool done;

    html_report(report, file);
    done = ferror(file) == 0;
    if (fclose(file) != 0 || !done)
        bench_die("%s: the report cannot be written", path);
}

static int run_all(struct bench *bench, const struct arguments *arguments)
{
    static struct report report;
    FILE *html = arguments->html != NULL ? open_html(bench, arguments->html) : NULL;
    int code;

    state_facts(&report, bench);
    if (!arguments->json)
        table_facts(&report, stdout);
    code = run_groups(bench, arguments, &report);
    bench_remove_tree(bench, bench->dir);
    if (code == 0 && html != NULL)
        write_html(&report, html, arguments->html);
    if (code == 0 && arguments->json)
        json_report(&report, stdout);
    else if (code == 0)
        puts("\nall cases have run");
    report_release(&report);
    return fflush(stdout) == 0 ? code : 1;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct arguments arguments = {0};

    parse(argc, argv, &arguments);
    check_cases(arguments.cases);
    check_cases(arguments.group);
    bench.os = slot__os_native();
    take_numbers(&bench, &arguments);
    prepare(&bench, &arguments, argv[0]);
    if (arguments.leave_log != NULL)
        leave_log(&bench, &arguments);
    if (arguments.read_along != NULL)
        bench_read_along(&bench, arguments.read_along);
    if (arguments.group != NULL)
        return be_group(&bench, arguments.group);
    return run_all(&bench, &arguments);
}
