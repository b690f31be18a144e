/*
 * Arithmetic on sizes that may come from a file or a caller: each returns false instead of a
 * wrapped result, and then leaves *out alone. Standard C only.
 */
#ifndef SLOT_BASE_CHECKED_H
#define SLOT_BASE_CHECKED_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a > UINT64_MAX - b)
        return false;
    *out = a + b;
    return true;
}

static inline bool mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b != 0 && a > UINT64_MAX / b)
        return false;
    *out = a * b;
    return true;
}

static inline bool mul_size(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline bool is_power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/*
 * Up or down to a multiple of `unit`, a power of two: sizes of records and blocks mostly are none.
 * The caller knows that it does not wrap.
 */
static inline uint64_t round_up(uint64_t n, uint64_t unit)
{
    assert(is_power_of_two(unit));
    return (n + unit - 1) & ~(unit - 1);
}

static inline uint64_t round_down(uint64_t n, uint64_t unit)
{
    assert(is_power_of_two(unit));
    return n & ~(unit - 1);
}

#endif
