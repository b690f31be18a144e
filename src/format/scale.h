/*
 * floor(x * 2^e2 * 10^e10) as 64 bits, exactly: what reading and writing numbers as decimal text
 * rests on. 128 bits do where |e10| <= 27, which covers what people write; integers of a fixed size
 * do for all the rest. Memory and time are bounded.
 */
#ifndef SLOT_FORMAT_SCALE_H
#define SLOT_FORMAT_SCALE_H

#include <stdbool.h>
#include <stdint.h>

/* No halfway point between two numbers has more than 767 significant digits. */
#define DIGITS_KEPT 800

/*
 * The largest is a numerator of DIGITS_KEPT digits or 5^(DIGITS_KEPT + 342) with 96 bits more:
 * under 2,800 bits.
 */
#define BIG_LIMBS 96

struct big {
    int n; /* limbs in use; the last of them is not 0 */
    uint32_t limb[BIG_LIMBS];
};

void slot__big_set(struct big *b, uint64_t v);

/* b * factor + more. */
void slot__big_multiply(struct big *b, uint32_t factor, uint32_t more);

/* Bits without leading zeros; 0 has none. */
int slot__big_bit_length(const struct big *b);
int slot__bit_length(uint64_t v);

/* floor(log2(10^e10)) and floor(log10(2^e2)), for all exponents of numbers. */
int slot__floor_log2_pow10(int e10);
int slot__floor_log10_pow2(int e2);

/*
 * floor(x * 2^e2 * 10^e10), which must be below 2^64; *exact: nothing was cut off. slot__scale_big
 * uses *x up.
 */
uint64_t slot__scale_u64(uint64_t x, int e2, int e10, bool *exact);
uint64_t slot__scale_big(struct big *x, int e2, int e10, bool *exact);

#endif
