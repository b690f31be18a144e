#include "format/scale.h"

#include <assert.h>
#include <string.h>

/* ---------------------------------------------------------------------------------------------
 * 64 and 128 bits
 * ------------------------------------------------------------------------------------------- */

#define POW5_64_MAX 27 /* 5^27 is the last that fits in 64 bits */

static const uint64_t pow5[POW5_64_MAX + 1] = {
    1u,
    5u,
    25u,
    125u,
    625u,
    3125u,
    15625u,
    78125u,
    390625u,
    1953125u,
    9765625u,
    48828125u,
    244140625u,
    1220703125u,
    6103515625u,
    30517578125u,
    152587890625u,
    762939453125u,
    3814697265625u,
    19073486328125u,
    95367431640625u,
    476837158203125u,
    2384185791015625u,
    11920928955078125u,
    59604644775390625u,
    298023223876953125u,
    1490116119384765625u,
    7450580596923828125u,
};

int slot__bit_length(uint64_t v)
{
#if defined(__GNUC__)
    return v == 0 ? 0 : 64 - __builtin_clzll(v);
#else
    int n = 0;

    for (int step = 32; step > 0; step /= 2)
        if (v >> step != 0) {
            v >>= step;
            n += step;
        }
    return n + (v != 0);
#endif
}

/* floor(a * factor / 2^shift), also for negative a. */
static int floor_scaled(int a, int factor, int shift)
{
    int64_t product = (int64_t)a * factor;
    int64_t unit = INT64_C(1) << shift;

    return (int)(product >= 0 ? product / unit : -((-product + unit - 1) / unit));
}

int slot__floor_log2_pow10(int e10)
{
    return floor_scaled(e10, 217706, 16);
}

int slot__floor_log10_pow2(int e2)
{
    return floor_scaled(e2, 78913, 18);
}

#if defined(__SIZEOF_INT128__)

__extension__ typedef unsigned __int128 uint128;

static void multiply(uint64_t a, uint64_t b, uint64_t *high, uint64_t *low)
{
    uint128 product = (uint128)a * b;

    *high = (uint64_t)(product >> 64);
    *low = (uint64_t)product;
}

/* The quotient of high:low by d > high, hence of 64 bits. */
static uint64_t divide(uint64_t high, uint64_t low, uint64_t d, uint64_t *remainder)
{
    uint128 value = (uint128)high << 64 | low;
    uint64_t quotient = (uint64_t)(value / d);

    *remainder = low - quotient * d;
    return quotient;
}

#else

static void multiply(uint64_t a, uint64_t b, uint64_t *high, uint64_t *low)
{
    uint64_t a1 = a >> 32;
    uint64_t a0 = (uint32_t)a;
    uint64_t b1 = b >> 32;
    uint64_t b0 = (uint32_t)b;
    uint64_t low_part = a0 * b0;
    uint64_t middle = a1 * b0 + (low_part >> 32);
    uint64_t carry = a0 * b1 + (uint32_t)middle;

    *high = a1 * b1 + (middle >> 32) + (carry >> 32);
    *low = carry << 32 | (uint32_t)low_part;
}

/*
 * Schoolbook division in two digits of 32 bits: the upper half of a divisor whose highest bit is
 * set gives each digit or at most 2 more.
 */
static uint64_t divide(uint64_t high, uint64_t low, uint64_t d, uint64_t *remainder)
{
    int align = 64 - slot__bit_length(d);
    uint64_t quotient = 0;

    d <<= align;
    if (align > 0)
        high = high << align | low >> (64 - align);
    low <<= align;
    for (int i = 0; i < 2; i++) {
        uint64_t next = low >> 32;
        uint64_t digit = high / (d >> 32);
        uint64_t rest = high % (d >> 32);

        while (rest <= UINT32_MAX &&
               (digit > UINT32_MAX || digit * (uint32_t)d > (rest << 32 | next))) {
            digit--;
            rest += d >> 32;
        }
        high = (high << 32 | next) - digit * d;
        low <<= 32;
        quotient = quotient << 32 | digit;
    }
    *remainder = high >> align;
    return quotient;
}

#endif

/* floor(x * 2^e2 * 10^e10), which must be below 2^64, for |e10| <= POW5_64_MAX. */
static uint64_t scale_small(uint64_t x, int e2, int e10, bool *exact)
{
    int shift = e2 + e10; /* 10^e10 is 5^e10 * 2^e10 */
    uint64_t high;
    uint64_t low;
    uint64_t rest = 0;
    uint64_t result;

    assert(e10 >= -POW5_64_MAX && e10 <= POW5_64_MAX && shift > -128 && shift < 128);
    if (e10 < 0) {
        assert(shift >= 0);
        high = shift >= 64 ? x << (shift - 64) : shift > 0 ? x >> (64 - shift) : 0;
        low = shift >= 64 ? 0 : x << shift;
        result = divide(high, low, pow5[-e10], &rest);
    } else {
        multiply(x, pow5[e10], &high, &low);
        if (shift >= 0) {
            result = low << shift;
        } else if (shift > -64) {
            result = high << (64 + shift) | low >> -shift;
            rest = low << (64 + shift);
        } else {
            result = shift == -64 ? high : high >> (-shift - 64);
            rest = shift == -64 ? low : low | high << (128 + shift);
        }
    }
    *exact = rest == 0;
    return result;
}

/* ---------------------------------------------------------------------------------------------
 * Integers of a fixed size
 * ------------------------------------------------------------------------------------------- */

void slot__big_set(struct big *b, uint64_t v)
{
    b->n = 0;
    for (; v != 0; v >>= 32)
        b->limb[b->n++] = (uint32_t)v;
}

/* b = b * factor + more */
void slot__big_multiply(struct big *b, uint32_t factor, uint32_t more)
{
    uint64_t carry = more;

    for (int i = 0; i < b->n; i++) {
        carry += (uint64_t)b->limb[i] * factor;
        b->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        assert(b->n < BIG_LIMBS);
        b->limb[b->n++] = (uint32_t)carry;
    }
}

static void big_multiply_pow5(struct big *b, int e)
{
    for (; e >= 13; e -= 13)
        slot__big_multiply(b, 1220703125, 0); /* 5^13, the last below 2^32 */
    slot__big_multiply(b, (uint32_t)pow5[e], 0);
}

int slot__big_bit_length(const struct big *b)
{
    return b->n == 0 ? 0 : 32 * (b->n - 1) + slot__bit_length(b->limb[b->n - 1]);
}

static void big_shift_left(struct big *b, int shift)
{
    int limbs = shift / 32;
    int bits = shift % 32;

    assert(b->n + limbs + 1 <= BIG_LIMBS);
    b->limb[b->n] = 0;
    for (int i = b->n; i >= 0; i--) {
        uint64_t pair = (uint64_t)b->limb[i] << 32 | (i > 0 ? b->limb[i - 1] : 0);

        b->limb[i + limbs] = (uint32_t)(pair >> (32 - bits));
    }
    memset(b->limb, 0, (size_t)limbs * sizeof b->limb[0]);
    b->n += limbs + 1;
    while (b->n > 0 && b->limb[b->n - 1] == 0)
        b->n--;
}

/* floor(b / 2^shift), which must be below 2^64. */
static uint64_t big_shift_right(const struct big *b, int shift, bool *exact)
{
    uint64_t result = 0;
    uint32_t rest = 0;

    for (int i = 0; i < b->n; i++) {
        int place = 32 * i - shift; /* of the limb's lowest bit in the result */

        if (place >= 0)
            result |= (uint64_t)b->limb[i] << place;
        else if (place > -32)
            result |= b->limb[i] >> -place;
        if (place <= -32)
            rest |= b->limb[i];
        else if (place < 0)
            rest |= b->limb[i] << (32 + place);
    }
    *exact = rest == 0;
    return result;
}

/* a[0 .. d->n] -= digit * d; whether the result is negative (then it is 2^32^(d->n + 1) more). */
static bool subtract_product(uint32_t *a, const struct big *d, uint32_t digit)
{
    uint64_t carry = 0;
    uint32_t borrow = 0;

    for (int i = 0; i <= d->n; i++) {
        uint64_t minus;

        carry += i < d->n ? (uint64_t)d->limb[i] * digit : 0;
        minus = (uint64_t)(uint32_t)carry + borrow;
        carry >>= 32;
        borrow = a[i] < minus;
        a[i] -= (uint32_t)minus;
    }
    return borrow != 0;
}

/* a[0 .. d->n] += d; whether that carries out of it. */
static bool add_back(uint32_t *a, const struct big *d)
{
    uint64_t carry = 0;

    for (int i = 0; i <= d->n; i++) {
        carry += (uint64_t)a[i] + (i < d->n ? d->limb[i] : 0);
        a[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return carry != 0;
}

/*
 * floor(a / d), which must be below 2^64, by schoolbook division in digits of 32 bits (Knuth's
 * algorithm D). The highest bit of d's last limb must be set, so that the two highest limbs of the
 * remainder give each digit or at most 2 more. Leaves the remainder in `a`.
 */
static uint64_t big_divide(struct big *a, const struct big *d, bool *exact)
{
    uint32_t top = d->limb[d->n - 1];
    uint64_t result = 0;
    uint32_t rest = 0;

    assert(top >> 31 != 0);
    assert(a->n > d->n && a->n < BIG_LIMBS); /* callers want quotients of 26 bits and more */
    a->limb[a->n] = 0;
    for (int at = a->n - d->n; at >= 0; at--) {
        uint32_t *part = a->limb + at;
        uint64_t digit = ((uint64_t)part[d->n] << 32 | part[d->n - 1]) / top;

        if (digit > UINT32_MAX)
            digit = UINT32_MAX;
        if (subtract_product(part, d, (uint32_t)digit))
            do
                digit--;
            while (!add_back(part, d));
        result = result << 32 | digit;
    }
    for (int i = 0; i < d->n; i++)
        rest |= a->limb[i];
    *exact = rest == 0;
    return result;
}

/* As scale_small for any exponents; x is used up. */
uint64_t slot__scale_big(struct big *x, int e2, int e10, bool *exact)
{
    int shift = e2 + e10;
    uint64_t result;

    if (e10 < 0) {
        struct big divisor;
        int align;

        slot__big_set(&divisor, 1);
        big_multiply_pow5(&divisor, -e10);
        if (shift >= 0)
            big_shift_left(x, shift);
        else
            big_shift_left(&divisor, -shift);
        align = (32 - slot__big_bit_length(&divisor) % 32) % 32;
        big_shift_left(&divisor, align);
        big_shift_left(x, align);
        result = big_divide(x, &divisor, exact);
    } else {
        assert(shift <= 0); /* or the result would pass 64 bits */
        big_multiply_pow5(x, e10);
        result = big_shift_right(x, -shift, exact);
    }
    return result;
}

uint64_t slot__scale_u64(uint64_t x, int e2, int e10, bool *exact)
{
    struct big big;
    uint64_t result;

    if (e10 >= -POW5_64_MAX && e10 <= POW5_64_MAX) {
        result = scale_small(x, e2, e10, exact);
    } else {
        slot__big_set(&big, x);
        result = slot__scale_big(&big, e2, e10, exact);
    }
    return result;
}
