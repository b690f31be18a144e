/*
 * Threads for tests, the same on every system.
 */
#ifndef SLOT_TESTS_SUPPORT_THREAD_H
#define SLOT_TESTS_SUPPORT_THREAD_H

struct test_thread; /* made by start, gone after join */

/* Run fn(context) in a new thread. Ends the program when it cannot. */
struct test_thread *test_thread_start(void (*fn)(void *context), void *context);

/* Wait until it is done. */
void test_thread_join(struct test_thread *thread);

#endif
