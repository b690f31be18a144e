/*
 * Runs as varied as what users do: several processes with different options in one to three lives
 * of the machine, of which some are slow, are killed, or have calls that fail, and whose callers go
 * on after that; between the lives, power cuts, other options, and damage.
 *
 * Everything is drawn from the seed. What a run had and met is counted (tally.h), and what must be
 * true of it is what must be true of any run (workload.h), with one addition: statuses that tell of
 * a failure are allowed only where something was made to fail.
 */
#ifndef SLOT_TESTS_CRASH_VARIED_H
#define SLOT_TESTS_CRASH_VARIED_H

#include "crash/workload.h"

/*
 * One run. `images`: of each policy that has many; about `steps` steps of the run are looked at.
 * run->tally, run->quiet are the caller's; the caller frees the run, also when something is wrong.
 */
void varied_run(struct run *run, uint64_t seed, uint32_t images, uint32_t steps);

#endif
