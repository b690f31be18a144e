/*
 * What simulated processes share with the real one, made theirs: memory and mutexes. A program that
 * links crash_sim_wrap (by the linker's --wrap; Linux and the like, not Windows or macOS) has
 *
 *   malloc, calloc, realloc, free   counted by process while it runs in sim_run or sim_call. What a
 *                                   killed process has allocated is freed; allocations can be made
 *                                   to fail. What an ended one has left is nobody's from then on.
 *   slot__os_mutex_lock             lets the other threads run when the mutex is held: needed as
 *                                   soon as a process has several threads, because some critical
 *                                   sections of the engine call the table. Without crash_sim_wrap
 *                                   they would wait for themselves for ever.
 *
 * A program that does not link it has neither; then the memory of killed processes leaks. One that
 * does must not free what other functions of the C library have allocated (strdup, getline).
 *
 *     | previous next owner n | what malloc returned ... |        each piece of memory
 */
#ifndef SLOT_TESTS_CRASH_SIM_HEAP_H
#define SLOT_TESTS_CRASH_SIM_HEAP_H

#include "crash/sim.h"

/* Pieces of memory that the process has, or had when it ended, and calls that asked for one. */
uint64_t sim_heap_pieces(const struct sim_process *process);
uint64_t sim_heap_calls(const struct sim_process *process);

/* Make the nth allocation from now on (1 is the next) return NULL; SIM_ONCE or SIM_FOREVER. */
void sim_heap_fail(struct sim_process *process, uint64_t nth, int how);

/* How many allocations were made to fail. */
uint64_t sim_heap_failed(const struct sim_process *process);

#endif
