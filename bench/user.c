#include "user.h"

#include <stdlib.h>

#include "group.h"
#include "report.h"
#include "system.h"
#include "user_cases.h"

struct entry {
    const char *name;
    bool reads;  /* the temporary database, or the user's */
    bool writes; /* not on a user's database */
    void (*run)(struct user_case *user);
};

static const struct entry entries[] = {
    {"scan", true, false, user_scan},     {"get", true, false, user_get},
    {"skewed", true, false, user_skewed}, {"threads", true, false, user_threads},
    {"append", false, true, user_append}, {"commit", false, true, user_commit},
    {"update", false, true, user_update},
};

static const struct entry make = {"make", false, true, user_make};

struct bench_run {
    const struct bench_wish *wish;
    struct bench bench;
    struct report report;
};

static bool is_wanted(const struct bench_wish *wish, const struct entry *entry)
{
    return group_listed(wish->cases, entry->name) && !(entry->writes && wish->database != NULL);
}

enum bench_listed bench_check_cases(const struct bench_wish *wish, const char **name)
{
    const char *names[COUNT_OF(entries)];

    for (unsigned i = 0; i < COUNT_OF(entries); i++)
        names[i] = entries[i].name;
    *name = group_unknown(wish->cases, names, COUNT_OF(entries));
    if (*name != NULL)
        return BENCH_UNKNOWN;
    for (unsigned i = 0; i < COUNT_OF(entries) && wish->cases != NULL; i++) {
        *name = entries[i].name;
        if (group_listed(wish->cases, *name) && !is_wanted(wish, &entries[i]))
            return BENCH_WRITES;
    }
    return BENCH_LISTED;
}

/* ---- all cases ---- */

static void set_up(struct bench *bench, const struct bench_wish *wish)
{
    const struct bench_errors errors = {wish->exit_code, wish->tell, wish->say};

    bench_set_errors(&errors);
    bench->os = slot__os_native();
    bench->records = wish->records;
    bench->rounds = (unsigned)wish->rounds;
}

static void state_facts(struct report *report, const struct bench_wish *wish)
{
    if (wish->database != NULL)
        report_text(report, "database", "database", wish->database);
    else
        report_number(report, "records", "records", wish->records);
    report_number(report, "rounds", "rounds", wish->rounds);
    report_text(report, "cache_state", "cache state",
                "warm: each way runs once before it counts, and what the page cache keeps of the "
                "files then is what it finds");
}

struct bench_run *bench_begin_run(const struct bench_wish *wish)
{
    struct bench_run *run = must_malloc(sizeof *run);

    memset(run, 0, sizeof *run);
    run->wish = wish;
    set_up(&run->bench, wish);
    system_self("slotfile", run->bench.self, sizeof run->bench.self);
    if (wish->database == NULL) {
        system_hold_interrupts();
        bench_make_dir(&run->bench, wish->dir);
    }
    machine_read(&run->bench.machine, wish->database != NULL ? wish->database : wish->dir);
    report_machine(&run->report, &run->bench.machine);
    state_facts(&run->report, wish);
    return run;
}

/* In another run of this program, see bench_be_case. */
static int run_entry(struct bench_run *run, const char *name)
{
    const struct bench_wish *wish = run->wish;
    char records[24], rounds[24], budget[24], wait[24];
    const char *reading[] = {"--", wish->database, NULL};
    const char *writing[] = {"--records", records, "--dir", run->bench.dir, NULL};
    const char *arguments[16] = {run->bench.self, "bench",        "--one", name,        "--rounds",
                                 rounds,          "--map-budget", budget,  "--wait-ms", wait};

    snprintf(records, sizeof records, "%llu", (unsigned long long)wish->records);
    snprintf(rounds, sizeof rounds, "%llu", (unsigned long long)wish->rounds);
    snprintf(budget, sizeof budget, "%llu", (unsigned long long)wish->small_budget);
    snprintf(wait, sizeof wait, "%lu", (unsigned long)wish->wait_ms);
    if (wish->database != NULL)
        memcpy(&arguments[10], reading, sizeof reading);
    else
        memcpy(&arguments[10], writing, sizeof writing);
    return group_run(name, arguments, &run->report);
}

int bench_measure(struct bench_run *run, FILE *table)
{
    const struct bench_wish *wish = run->wish;
    bool reads = false;
    unsigned shown = 0;
    int code = 0;

    for (unsigned i = 0; i < COUNT_OF(entries); i++)
        reads |= entries[i].reads && is_wanted(wish, &entries[i]);
    if (table != NULL)
        table_facts(&run->report, table);
    if (reads && wish->database == NULL)
        code = run_entry(run, make.name);
    for (unsigned i = 0; i < COUNT_OF(entries) && code == 0; i++) {
        if (!is_wanted(wish, &entries[i]))
            continue;
        if (system_interrupted())
            return wish->exit_code;
        code = run_entry(run, entries[i].name);
        for (; shown < run->report.cases_count && table != NULL; shown++)
            table_case(run->report.cases[shown], table);
    }
    return code;
}

void bench_write_json(const struct bench_run *run, FILE *file)
{
    json_report(&run->report, file);
}

void bench_write_html(const struct bench_run *run, FILE *file)
{
    html_report(&run->report, file);
}

void bench_end_run(struct bench_run *run)
{
    report_release(&run->report);
    if (run->wish->database == NULL) {
        bench_remove_tree(&run->bench, run->bench.dir);
        system_release_interrupts();
    }
    free(run);
}

/* ---- one case ---- */

void bench_be_case(const struct bench_wish *wish, const char *name)
{
    struct user_case *user = must_malloc(sizeof *user);
    char path[PATH_BYTES];

    memset(user, 0, sizeof *user);
    set_up(&user->bench, wish);
    system_binary_stdout();
    if (wish->database == NULL) {
        snprintf(user->bench.dir, sizeof user->bench.dir, "%s", wish->dir);
        bench_path(&user->bench, TEMPORARY, path);
    }
    user->path = wish->database != NULL ? wish->database : path;
    user->access = wish->database != NULL ? SLOT_READ_ONLY : SLOT_TRANSACTIONAL;
    user->small_budget = wish->small_budget;
    user->wait_ms = wish->wait_ms;
    machine_read(&user->bench.machine, wish->database != NULL ? wish->database : wish->dir);
    if (strcmp(name, make.name) == 0)
        make.run(user);
    for (unsigned i = 0; i < COUNT_OF(entries); i++) {
        if (strcmp(name, entries[i].name) == 0)
            entries[i].run(user);
    }
    free(user);
}
