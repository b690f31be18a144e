/*
 * All schedules with few preemptions: where chance is not good enough.
 *
 * Two processes have the database open. One of them runs, is interrupted at point i, the other
 * runs, is interrupted at point j, the first goes on: for all i < j of every pair of stories. In
 * the stories with a kill, the first interruption is a SIGKILL. Races of log resets with commits
 * hide from random schedules for years and cannot hide from these.
 */
#ifndef SLOT_TESTS_CRASH_SYSTEMATIC_H
#define SLOT_TESTS_CRASH_SYSTEMATIC_H

#include "crash/workload.h"

/*
 * Run all schedules with at most `preemptions` (1 or 2), or share `part` (from 0) of `parts`.
 * *schedules gets how many. On false, `wrong` has what was wrong and under which schedule.
 */
bool systematic(uint32_t preemptions, uint32_t part, uint32_t parts, uint64_t *schedules,
                char *wrong, size_t n);

#endif
