/*
 * Allocations that fail: a program that is linked with -Wl,--wrap for malloc, calloc and realloc
 * has those of memory.c instead, which count while they are armed.
 */
#ifndef SLOT_TESTS_OOM_MEMORY_H
#define SLOT_TESTS_OOM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* From now on the nth allocation fails (1 is the next), or all from it on. */
void memory_arm(uint64_t nth, bool forever);

/* None fails any more. How many have failed since memory_arm. */
uint64_t memory_disarm(void);

#endif
