/*
 * A run as it is shown: facts about it, and the results of its cases. One file for each form.
 */
#ifndef SLOT_BENCH_REPORT_H
#define SLOT_BENCH_REPORT_H

#include "machine.h"
#include "results.h"
#include "slotfile/slotfile.h"

#define FACTS_MAX 32u
#define CASES_MAX 64u

struct fact {
    const char *key;   /* in JSON */
    const char *label; /* for people */
    bool number;
    char text[SENTENCE_BYTES]; /* "": nothing to say */
};

struct report {
    struct fact facts[FACTS_MAX];
    unsigned facts_count;
    struct results *cases[CASES_MAX];
    unsigned cases_count;
};

/* An unsigned number, or any text, in the order of the calls. */
void report_number(struct report *report, const char *key, const char *label, uint64_t number);
void report_text(struct report *report, const char *key, const char *label, const char *text);

/* What every report says: the machine, when it was, the versions of Slotfile and the compiler. */
void report_machine(struct report *report, const struct machine *machine);

/* The report keeps the results. */
void report_add(struct report *report, struct results *results);
void report_release(struct report *report);

/* Four digits that matter, all of those before the point, no exponent. */
struct shown {
    char text[40];
};
struct shown show_number(double number);

/* table.c: for a terminal. Facts first, then each case as soon as there is one. */
void table_facts(const struct report *report, FILE *file);
void table_case(const struct results *results, FILE *file);

/* json.c: one object. It never holds a <, so that it can stand in HTML as it is. */
void json_report(const struct report *report, FILE *file);

/* html.c: one file that needs no other, nor scripts. */
void html_report(const struct report *report, FILE *file);
void html_text(FILE *file, const char *text);

/* plot.c: the times of a case as an SVG element. */
void plot_case(const struct results *results, FILE *file);

#endif
