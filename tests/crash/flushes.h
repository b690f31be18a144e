/*
 * Processes and threads that flush the log and are killed in it, some of them after the sync has
 * failed and before anybody knows (the kind `flushes` of crash_main.c). What must hold: a kill in a
 * sync poisons nobody, and a loss that only a dead process was told of loses nothing acknowledged.
 */
#ifndef SLOT_TESTS_CRASH_FLUSHES_H
#define SLOT_TESTS_CRASH_FLUSHES_H

#include "crash/workload.h"

/* Before each step: a sync may be the last call of its process, or fail. */
void flushes_disturb(struct run *run, const struct sim_step *step);

/* The processes of a run, on a database that is there. */
void flushes_start(struct run *run);

#endif
