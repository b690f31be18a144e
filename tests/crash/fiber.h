/*
 * Stacks to switch between, within one thread of the real system: ucontext on POSIX systems, fibers
 * on Windows. The sanitizers are told of each switch.
 */
#ifndef SLOT_TESTS_CRASH_FIBER_H
#define SLOT_TESTS_CRASH_FIBER_H

#include <stddef.h>

struct fiber;

/* The stack that the caller runs on. fiber_free when nobody switches to it any more. */
struct fiber *fiber_of_caller(void);

/* A new stack. Ends the program without memory. */
struct fiber *fiber_make(void);
void fiber_free(struct fiber *fiber);

/*
 * Make fn(argument) what runs at the next switch to it; whatever ran on it is forgotten. fn must
 * not return, it switches away for the last time.
 */
void fiber_prepare(struct fiber *fiber, void (*fn)(void *argument), void *argument);

/* Go on in `to`. Returns when somebody switches to `from`, which is what runs now. */
void fiber_switch(struct fiber *from, struct fiber *to);

#endif
