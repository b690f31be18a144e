/*
 * The benchmark as the command `slotfile bench` uses it: on a user's own database, which is only
 * read, or on a temporary one. What measures and reports is what the project's own benchmark uses.
 * The one header of bench/ that the command line may include.
 */
#ifndef SLOT_BENCH_USER_H
#define SLOT_BENCH_USER_H

#include <slotfile/slotfile.h>
#include <stdio.h>

#define BENCH_ROUNDS_MAX  100u
#define BENCH_RECORDS_MIN 1000u
#define BENCH_RECORDS_MAX UINT32_MAX

/* What is wanted. */
struct bench_wish {
    /* To be read, never changed; NULL: a temporary one of `records` records. */
    const char *database;
    const char *dir;   /* where the files of the run go; without a database only */
    const char *cases; /* names with commas between them; NULL: all */
    uint64_t records;
    uint64_t rounds;
    uint64_t small_budget; /* bytes; measured beside the default */
    uint32_t wait_ms;
    /* Say one line on stderr. */
    void (*tell)(const char *what);
    /* Say on stderr what went wrong there; returns the exit code. */
    int (*say)(const char *where, const slot_error *err);
    int exit_code; /* of what has no status: results that differ, a process that was killed */
};

enum bench_listed {
    BENCH_LISTED,
    BENCH_UNKNOWN, /* no case has that name */
    BENCH_WRITES   /* it writes: not on a user's database */
};

/* Whether all listed cases can be run. Unless they can, *name is the first that cannot. */
enum bench_listed bench_check_cases(const struct bench_wish *wish, const char **name);

struct bench_run; /* made by begin, gone after end */

/* Make the directory of the run, without a database. Ends the program when it cannot. */
struct bench_run *bench_begin_run(const struct bench_wish *wish);

/*
 * Run the cases, each in a process of its own, and write each as text to `table`, unless that is
 * NULL, when it is there. Returns the exit code; when it is not 0, it was said why.
 */
int bench_measure(struct bench_run *run, FILE *table);

/* All of it as one JSON object, and as one HTML file. */
void bench_write_json(const struct bench_run *run, FILE *file);
void bench_write_html(const struct bench_run *run, FILE *file);

/* Remove the directory of the run. */
void bench_end_run(struct bench_run *run);

/* One case; its results go to stdout, for the process that has started this one. wish->dir is the
 * directory of the run. Ends the program when something goes wrong. */
void bench_be_case(const struct bench_wish *wish, const char *name);

#endif
