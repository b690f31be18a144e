/*
 * Filling in a slot_error. Every function that fails says so once, at the place where it knows
 * most; its callers pass the status on and leave the error as it is.
 */
#ifndef SLOT_BASE_STATUS_H
#define SLOT_BASE_STATUS_H

#include <stdarg.h>
#include <stdio.h>

#include "slotfile/slotfile.h"

/* Lets the compiler check format strings; `at` and `first` count the parameters from 1. */
#if defined(__MINGW_PRINTF_FORMAT)
#define SLOT_PRINTF(at, first) __attribute__((format(__MINGW_PRINTF_FORMAT, at, first)))
#elif defined(__GNUC__)
#define SLOT_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define SLOT_PRINTF(at, first)
#endif

/* A function that stays out of its callers, so that they need not save registers for it; and one
 * off the hot path altogether. */
#if defined(__GNUC__)
#define SLOT_NOINLINE __attribute__((noinline))
#define SLOT_COLD     __attribute__((noinline, cold))
#else
#define SLOT_NOINLINE
#define SLOT_COLD
#endif

/*
 * Fill *err (NULL: nothing to fill) and return `status`. `file` is a static name or "". `what` is a
 * printf format of a sentence without a full stop that says what is wrong and, where it can, what
 * to do.
 */
slot_status slot__error_set(slot_error *err, slot_status status, const char *file, uint64_t offset,
                            const char *what, ...) SLOT_PRINTF(5, 6);

/* The same with the system's own code; a NULL `what` is replaced by the text of the status. */
slot_status slot__error_os(slot_error *err, slot_status status, int os_code, const char *file,
                           uint64_t offset, const char *what, ...) SLOT_PRINTF(6, 7);

/*
 * The end of a call that another call may mend: `own` are the details of its failure, which the
 * caller of both gets only when it is the answer. Who gets SLOT_OK finds his slot_error as it was.
 */
static inline slot_status error_hand_on(slot_error *err, const slot_error *own, slot_status status)
{
    if (err != NULL && status != SLOT_OK)
        *err = *own;
    return status;
}

#endif
