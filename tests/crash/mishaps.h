/*
 * What befalls a run from outside of its processes: somebody renames the directory of the database
 * while it is open, and puts another database in its place; the disk gets full, for one call or for
 * a time. Handles go on with the database that they have opened, and nothing of the other one
 * changes by it. A full disk refuses what needs new space: begin, changes and commits, and creating
 * a database; never what reads, opens, closes or makes a checkpoint.
 *
 * The other database holds a number in its only record. Whoever visits it adds one, with sync=full.
 */
#ifndef SLOT_TESTS_CRASH_MISHAPS_H
#define SLOT_TESTS_CRASH_MISHAPS_H

#include "crash/workload.h"

/* Of one life. Steps are those of the world; 0: it does not happen. */
struct mishaps {
    uint64_t move_at;
    bool replace; /* and the other database comes to where this one was */
    uint64_t full_at, full_until;
    bool full_once;   /* until somebody was told */
    uint64_t room;    /* pages that are left then */
    const char *only; /* only files whose names end so find none; NULL: all */
};

/* Make the other database. */
void mishaps_make_other(struct run *run);

/* Draw what is to happen in the life that begins now; full: the disk may get full. */
void mishaps_draw(struct run *run, struct mishaps *mishaps, bool full);

/* Let it happen, from a hook of the steps. */
void mishaps_step(struct run *run, struct mishaps *mishaps, uint64_t step);

/* The disk has room again. */
void mishaps_end(struct run *run);

/* A process looks into the other database, adds one to its number, and closes it. */
void mishaps_visit(struct run *run, struct sim_process *process);

/* It looks where the database was before it was renamed: there is none, or the other one. */
void mishaps_look_back(struct run *run, struct sim_process *process);

/* It creates a third database and destroys it. */
void mishaps_create(struct run *run, struct sim_process *process);

/* The machine has come up in `world`: the other database is as it was left, but for commits. */
void mishaps_check_other(struct run *run, struct sim_world *world);

#endif
