/*
 * Fibers by the system's own.
 */
#include "crash/fiber.h"

#include <stdlib.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#ifdef __MINGW32__
#pragma GCC diagnostic ignored                                                                     \
    "-Warray-bounds" /* its GetCurrentFiber reads address 0 of a segment */
#endif

#define STACK_BYTES ((SIZE_T)1 << 20)

struct fiber {
    void *system;
    BOOL converted; /* the caller was no fiber before */
    BOOL is_caller;
    void (*fn)(void *argument);
    void *argument;
};

static VOID CALLBACK begin(void *argument)
{
    struct fiber *fiber = argument;

    fiber->fn(fiber->argument);
    abort();
}

struct fiber *fiber_of_caller(void)
{
    struct fiber *fiber = calloc(1, sizeof *fiber);

    if (fiber == NULL)
        abort();
    fiber->is_caller = TRUE;
    fiber->converted = !IsThreadAFiber();
    fiber->system = fiber->converted ? ConvertThreadToFiber(NULL) : GetCurrentFiber();
    if (fiber->system == NULL)
        abort();
    return fiber;
}

struct fiber *fiber_make(void)
{
    struct fiber *fiber = calloc(1, sizeof *fiber);

    if (fiber == NULL)
        abort();
    return fiber;
}

void fiber_free(struct fiber *fiber)
{
    if (fiber == NULL)
        return;
    if (fiber->is_caller && fiber->converted)
        ConvertFiberToThread();
    else if (!fiber->is_caller && fiber->system != NULL)
        DeleteFiber(fiber->system);
    free(fiber);
}

void fiber_prepare(struct fiber *fiber, void (*fn)(void *argument), void *argument)
{
    if (fiber->system != NULL)
        DeleteFiber(fiber->system);
    fiber->fn = fn;
    fiber->argument = argument;
    fiber->system = CreateFiber(STACK_BYTES, begin, fiber);
    if (fiber->system == NULL)
        abort();
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
    (void)from;
    SwitchToFiber(to->system);
}
