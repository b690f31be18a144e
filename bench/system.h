/*
 * What a benchmark needs of the system beyond os.h: a fine clock, itself, another run of itself,
 * threads.
 * system_posix.c and system_win32.c are twins, in this order.
 */
#ifndef SLOT_BENCH_SYSTEM_H
#define SLOT_BENCH_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Nanoseconds of a clock that never goes back, from any beginning. */
uint64_t system_clock_ns(void);

/* The path of this program; `fallback` (argv[0]) where the system does not tell. */
void system_self(const char *fallback, char *path, size_t room);

/* Bytes go through stdout as they are. */
void system_binary_stdout(void);

/* From now on what would end this program (SIGINT, SIGTERM, SIGHUP, SIGQUIT; Ctrl-C and Ctrl-Break)
 * ends the program that it has started, if there is one, and is noted, so that this one can clean
 * up. */
void system_hold_interrupts(void);

/* Whether one was noted. */
bool system_interrupted(void);

/* As before; the program ends by what was noted. */
void system_release_interrupts(void);

struct system_process; /* made by start, gone after finish */

/*
 * Start the program arguments[0] with all `arguments`, a list that NULL ends; no shell sees them.
 * What it writes to stdout can be read from *output, which the caller closes. Until `finish` the
 * user's interrupt ends the other program, not this one, so that this one can clean up. NULL when
 * it cannot be started.
 */
struct system_process *system_start(const char *const *arguments, FILE **output);

/* Wait for its end. Returns its exit code, or -1 when a signal has ended it. Of several at once,
 * the last one that was started comes first. */
int system_finish(struct system_process *process);

struct system_thread; /* made by start, gone after join */

/* Run work(context) in a new thread. NULL when it cannot. */
struct system_thread *system_thread_start(void (*work)(void *context), void *context);
void system_thread_join(struct system_thread *thread);

#endif
