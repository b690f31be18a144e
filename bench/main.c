/*
 * slotfile_bench: Slotfile beside the plain ways of keeping records in a file, on the same files,
 * in the same run. See `slotfile_bench --help`; contest.h says how it measures.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contest.h"

#define RECORDS_DEFAULT 1000000u
#define RECORDS_QUICK   100000u
#define RECORDS_SMOKE   10000u
#define ROUNDS_DEFAULT  5u
#define ROUNDS_QUICK    3u

static const char help[] =
    "Usage: slotfile_bench [OPTION]...\n"
    "\n"
    "Measures Slotfile beside raw mappings, read and write calls and stdio, and beside LMDB,\n"
    "SQLite, Tokyo Cabinet, Berkeley DB and Tkrzw where they were found. All ways take turns;\n"
    "shown are medians of all rounds, and ratios within a round. Let nothing else use the\n"
    "processors and the disk meanwhile, and give --dir a directory on a disk: in memory, a flush\n"
    "costs nothing. All cases together need 4 GB there.\n"
    "\n"
    "  --records N      records of 125 bytes; 1000000\n"
    "  --rounds N       counted rounds; 5\n"
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
    "                     normal    the same without waiting for the disk\n"
    "                     update    many records in one transaction\n"
    "                     logget    get with everything in the log\n"
    "                     recovery  opening after a kill, and after a clean close\n"
    "  --dir DIR        where the files go; the working directory\n"
    "  --slotfile PATH  the command, for csv; the one beside this program\n"
    "  --people PATH    the program that makes the CSV; the one beside this program\n"
    "  --quick          100000 records, 3 rounds\n"
    "  --json           one JSON object instead of tables\n"
    "  --smoke          only see that everything runs: 10000 records, 1 round, no ratios\n";

struct group {
    const char *name;
    void (*run)(struct bench *bench);
};

static const struct group groups[] = {
    {"scan", bench_scan},       {"get", bench_get},           {"put", bench_put},
    {"append", bench_append},   {"csv", bench_csv},           {"commit", bench_commits},
    {"threads", bench_threads}, {"normal", bench_normal},     {"update", bench_update},
    {"logget", bench_logget},   {"recovery", bench_recovery}, {"get16", bench_get16},
    {"budget", bench_budget},   {"readers", bench_readers},   {"processes", bench_processes},
    {"cold", bench_cold},
};

struct arguments {
    const char *records, *rounds, *cases, *dir, *slotfile, *people;
    const char *leave_log, *seed; /* of another run, see recovery.c: not for users */
    const char *read_along;       /* the same for processes.c */
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
        {"--records", &arguments->records},       {"--rounds", &arguments->rounds},
        {"--cases", &arguments->cases},           {"--dir", &arguments->dir},
        {"--slotfile", &arguments->slotfile},     {"--people", &arguments->people},
        {"--leave-log", &arguments->leave_log},   {"--seed", &arguments->seed},
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

/* Whether `name` is in the list of names with commas; everything is in none. */
static bool listed(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == 0))
            return true;
    }
    return list == NULL;
}

static void check_cases(const char *list)
{
    size_t n;

    for (const char *at = list; at != NULL && *at != 0; at += n + (at[n] == ',')) {
        bool known = false;

        n = strcspn(at, ",");
        for (unsigned i = 0; i < COUNT_OF(groups); i++)
            known |= strlen(groups[i].name) == n && strncmp(groups[i].name, at, n) == 0;
        if (!known)
            usage("there is no such case; --help lists them", at);
    }
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
        if (bench->os->kind(bench->os, path) == OS_KIND_FILE)
            return;
    }
    path[0] = 0;
}

static void take_numbers(struct bench *bench, const struct arguments *arguments)
{
    bench->first_case = true;
    bench->smoke = arguments->smoke;
    bench->json = arguments->json;
    bench->records = arguments->smoke   ? RECORDS_SMOKE
                     : arguments->quick ? RECORDS_QUICK
                                        : RECORDS_DEFAULT;
    bench->rounds = arguments->smoke ? 1 : arguments->quick ? ROUNDS_QUICK : ROUNDS_DEFAULT;
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
    snprintf(bench->dir, sizeof bench->dir, "%.4000s",
             arguments->dir != NULL ? arguments->dir : ".");
    bench_leave_log(bench, number(arguments->leave_log, UINT32_MAX),
                    arguments->seed != NULL ? number(arguments->seed, UINT32_MAX) : 1);
}

/* And processes.c. */
static _Noreturn void read_along(struct bench *bench, const struct arguments *arguments)
{
    snprintf(bench->dir, sizeof bench->dir, "%.4000s",
             arguments->dir != NULL ? arguments->dir : ".");
    bench_read_along(bench, arguments->read_along);
}

static void prepare(struct bench *bench, const struct arguments *arguments, const char *ours)
{
    const char *dir = arguments->dir != NULL ? arguments->dir : ".";
    unsigned long long name = 0;

    find_program(bench, NULL, ours, "slotfile_bench", bench->self);
    find_program(bench, arguments->slotfile, ours, "slotfile", bench->slotfile);
    find_program(bench, arguments->people, ours, "people", bench->people);
    must_os(bench->os->random(bench->os, &name, sizeof name), "random");
    snprintf(bench->dir, sizeof bench->dir, "%.4000s/slotfile-bench-%08llx", dir,
             name & 0xffffffffu);
    must_os(bench->os->make_dir(bench->os, bench->dir), bench->dir);
    machine_read(&bench->machine, dir);
}

static const char *compiler(void)
{
#if defined(__clang__)
    return __VERSION__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

static void print_head(const struct bench *bench)
{
    const struct machine *machine = &bench->machine;

    printf("machine      %s, %s cores, %s memory\n", machine->cpu, machine->cores, machine->memory);
    printf("kernel       %s\n", machine->kernel);
    printf("file system  %s, read-ahead %s KiB\n", machine->file_system, machine->read_ahead);
    printf("cache state  warm page cache; files written in pieces of 1 MiB, then synced\n");
    printf("versions     slotfile %s, compiler %s", slot_version(), compiler());
    if (peer_lmdb() != NULL)
        printf(", %s", peer_lmdb_version());
    if (peer_sqlite() != NULL)
        printf(", %s", peer_sqlite_version());
    if (peer_tcfdb() != NULL)
        printf(", %s", peer_tcfdb_version());
    if (peer_bdb() != NULL)
        printf(", %s", peer_bdb_version());
    if (peer_tkrzw() != NULL)
        printf(", %s", peer_tkrzw_version());
    putchar('\n');
    printf("records      %llu of %u bytes, %u rounds, medians (min..max)\n",
           (unsigned long long)bench->records, RECORD_SIZE, bench->rounds);
    printf("device       bytes that reached the device in a pass, whoever wrote them\n");
    fflush(stdout);
}

static void json_string(const char *key, const char *text)
{
    printf("\"%s\":\"", key);
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        if ((unsigned char)*text >= ' ')
            putchar(*text);
    }
    fputs("\",", stdout);
}

static void json_head(const struct bench *bench)
{
    const struct machine *machine = &bench->machine;

    putchar('{');
    json_string("cpu", machine->cpu);
    json_string("cores", machine->cores);
    json_string("memory", machine->memory);
    json_string("kernel", machine->kernel);
    json_string("file_system", machine->file_system);
    json_string("read_ahead_kib", machine->read_ahead);
    json_string("cache_state", "warm");
    json_string("slotfile", slot_version());
    json_string("compiler", compiler());
    json_string("lmdb", peer_lmdb_version());
    json_string("sqlite", peer_sqlite_version());
    json_string("tokyo_cabinet", peer_tcfdb_version());
    json_string("berkeley_db", peer_bdb_version());
    json_string("tkrzw", peer_tkrzw_version());
    printf("\"records\":%llu,\"record_size\":%u,\"rounds\":%u,\"cases\":[",
           (unsigned long long)bench->records, RECORD_SIZE, bench->rounds);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct arguments arguments = {0};

    parse(argc, argv, &arguments);
    check_cases(arguments.cases);
    bench.os = os_native();
    take_numbers(&bench, &arguments);
    if (arguments.leave_log != NULL)
        leave_log(&bench, &arguments);
    if (arguments.read_along != NULL)
        read_along(&bench, &arguments);
    prepare(&bench, &arguments, argv[0]);
    if (bench.json)
        json_head(&bench);
    else
        print_head(&bench);
    for (unsigned i = 0; i < COUNT_OF(groups); i++) {
        if (listed(arguments.cases, groups[i].name))
            groups[i].run(&bench);
    }
    must_os(bench.os->remove_dir(bench.os, bench.dir), bench.dir);
    if (bench.json)
        puts("\n]}");
    else
        puts("\nall cases have run");
    return fflush(stdout) == 0 ? 0 : 1;
}
