/*
 * Fibers by ucontext. A switch costs one system call, for the signal mask.
 */
#include "crash/fiber.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WITH_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#define STACK_BYTES ((size_t)1 << 20) /* of address space; used pages only are memory */
#define GUARD_BYTES ((size_t)1 << 16) /* below the stack: running over is a signal */

struct fiber {
    ucontext_t context;
    uint8_t *memory; /* guard and stack; NULL: a caller's */
    void (*fn)(void *argument);
    void *argument;
    const void *stack; /* what the sanitizer takes for its lowest byte */
    size_t stack_bytes;
    void *fake_stack;
    struct fiber *from; /* who switched here last */
    void *tsan;
};

struct fiber *fiber_of_caller(void)
{
    struct fiber *fiber = calloc(1, sizeof *fiber);

    if (fiber == NULL)
        abort();
#ifdef WITH_TSAN
    fiber->tsan = __tsan_get_current_fiber();
#endif
    return fiber;
}

struct fiber *fiber_make(void)
{
    struct fiber *fiber = calloc(1, sizeof *fiber);
    void *memory = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (fiber == NULL || memory == MAP_FAILED || mprotect(memory, GUARD_BYTES, PROT_NONE) != 0)
        abort();
    fiber->memory = memory;
    fiber->stack = fiber->memory + GUARD_BYTES;
    fiber->stack_bytes = STACK_BYTES;
#ifdef WITH_TSAN
    fiber->tsan = __tsan_create_fiber(0);
#endif
    return fiber;
}

void fiber_free(struct fiber *fiber)
{
    if (fiber == NULL)
        return;
    if (fiber->memory != NULL) {
#ifdef WITH_TSAN
        __tsan_destroy_fiber(fiber->tsan);
#endif
        (void)munmap(fiber->memory, GUARD_BYTES + STACK_BYTES);
    }
    free(fiber);
}

/* The first thing after each switch, in the fiber that goes on. */
static void arrived(struct fiber *fiber)
{
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(fiber->fake_stack, &fiber->from->stack,
                                    &fiber->from->stack_bytes);
#else
    (void)fiber;
#endif
}

/* makecontext hands over nothing but ints. */
static void begin(unsigned high, unsigned low)
{
    struct fiber *fiber = (struct fiber *)((uintptr_t)((uint64_t)high << 32 | low));

    arrived(fiber);
    fiber->fn(fiber->argument);
    abort();
}

void fiber_prepare(struct fiber *fiber, void (*fn)(void *argument), void *argument)
{
    uint64_t number = (uint64_t)(uintptr_t)fiber;

    fiber->fn = fn;
    fiber->argument = argument;
    fiber->fake_stack = NULL;
#ifdef WITH_ASAN
    ASAN_UNPOISON_MEMORY_REGION(fiber->memory + GUARD_BYTES, STACK_BYTES);
#endif
    if (getcontext(&fiber->context) != 0)
        abort();
    fiber->context.uc_stack.ss_sp = fiber->memory + GUARD_BYTES;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, (void (*)(void))begin, 2, (unsigned)(number >> 32),
                (unsigned)number);
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
    to->from = from;
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
#endif
#ifdef WITH_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    if (swapcontext(&from->context, &to->context) != 0)
        abort();
    arrived(from);
}
