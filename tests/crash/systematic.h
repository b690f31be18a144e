/*
 * All schedules with few preemptions: where chance is not good enough.
 *
 * Two processes have the database open, or open it. One of them leads, is interrupted at point i,
 * the other runs, is interrupted at point j, the first goes on: for all i < j of every pair of
 * parts. In the stories with a kill, process 1 is interrupted at point i of its part, process 0 is
 * killed at its point j, and process 1 goes on and then reads, writes and makes a checkpoint. Races
 * of log resets with commits hide from random schedules for years and cannot hide from these.
 *
 * A search that searches nothing is the worst of tests: what each story came to is counted.
 */
#ifndef SLOT_TESTS_CRASH_SYSTEMATIC_H
#define SLOT_TESTS_CRASH_SYSTEMATIC_H

#include "crash/workload.h"

#define SYSTEMATIC_STORIES_MAX 20u

struct systematic_settings {
    uint32_t preemptions; /* at most: 1 or 2 */
    uint32_t part, parts; /* this one, from 0, of so many shares */
    uint64_t most;        /* schedules of a story, evenly out of all; 0: all */
    uint64_t least;       /* kills with a survivor that each story with a kill must have */
    const char *only;     /* one story; NULL: all */
    bool told;            /* what processes do is printed */
};

struct systematic_count {
    const char *name;
    uint64_t schedules;
    uint64_t preempted[3]; /* schedules with no, one and two preemptions that took the turn */
    uint64_t kills;        /* of process 0 */
    uint64_t survivors;    /* of them: process 1 could do everything afterwards */
};

struct systematic_result {
    uint64_t schedules;
    uint32_t stories;
    struct systematic_count count[SYSTEMATIC_STORIES_MAX];
    char wrong[800];
};

/* On false, result->wrong has what was wrong and under which schedule, or what there was too little
 * of. */
bool systematic(const struct systematic_settings *settings, struct systematic_result *result);

#endif
