/*
 * Child processes of a test, the same on every system: this very program again, with other
 * arguments. To kill one is SIGKILL or TerminateProcess: it gets no say in it.
 */
#ifndef SLOT_TESTS_TORTURE_PROCESS_H
#define SLOT_TESTS_TORTURE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#define PROCESS_ARGUMENTS_MAX 8

struct process; /* made by start, gone after release */

struct process_end {
    bool killed; /* by process_kill or process_kill_self */
    int code;    /* else: the exit code; 128 and the signal when it died of another one */
};

/*
 * Start `program`, which is argv[0] of main, with the arguments after it; NULL ends them. Ends the
 * program when it cannot.
 */
struct process *process_start(const char *program, const char *const *arguments);

/* Kill it; one that has ended already stays as it is. */
void process_kill(struct process *process);

/* The same to ourselves: nothing is closed, flushed or freed. */
_Noreturn void process_kill_self(void);

/* Let it stand still, and go on; false where the system cannot do that. */
bool process_stop(struct process *process);
bool process_continue(struct process *process);

/* Wait at most wait_ms for its end; false: it lives. */
bool process_wait(struct process *process, uint32_t wait_ms, struct process_end *end);

/* Forget one that has ended. */
void process_release(struct process *process);

/* Give the file another size, as any program may; false where the system refuses that to a file
 * that is mapped. */
bool process_cut(const char *path, uint64_t size);

#endif
