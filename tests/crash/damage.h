/*
 * Damage between two lives: one bit or one sector of one file is not what was written. What must be
 * true then depends on the file:
 *
 *   records, sums, deleted   verify names the place, and a change of it is refused; or all is there
 *                            (a recovery has written the block anew)
 *   meta, schema, log        open refuses and names the file; or all is there. But for the tail of
 *                            a log behind a power cut, or what of a log was never durable without
 *                            one: nobody can tell that from a torn write
 *   shared, indexes          all is there, nothing is found
 */
#ifndef SLOT_TESTS_CRASH_DAMAGE_H
#define SLOT_TESTS_CRASH_DAMAGE_H

#include "crash/workload.h"

/* Up to where in the log a checkpoint or a recovery that is under way brings blocks home; 0: none
 * is. */
uint64_t damage_homing(const struct run *run);

/*
 * One damage in each kind of file that there is, each in a machine that comes up after a power cut
 * that has lost nothing. All processes of run->world have ended; run->homing says how.
 */
void damage_each(struct run *run);

/* One damage in run->world itself, whose processes have ended without a power cut. The database is
 * of no more use after it. */
void damage_one(struct run *run);

#endif
