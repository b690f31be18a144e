/*
 * Both directions rest on one operation: floor(x * 2^e2 * 10^e10) as 64 bits, with the knowledge
 * whether something was cut off. scale_small does it in 128 bits where |e10| <= 27, which covers
 * what people write; scale_big does it with integers of a fixed size for all the rest.
 *
 *   Reading   scales the digits to 61 .. 64 bits and rounds those to the mantissa.
 *   Writing   scales the number and the two ends of the interval that rounds to it to at least 17
 *             (9) decimal digits, and looks for the shortest integer in between.
 */
#include "format/float_text.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "format/digits.h"

/* What distinguishes the two formats. A finite number is m * 2^e with e >= exponent_min. */
struct binary {
    int mantissa_bits; /* with the one that is not stored */
    int exponent_min;  /* of the smallest subnormal number */
    int digits;        /* decimal digits that always suffice */
    int bytes;
    uint64_t infinity; /* bits */
    uint64_t nan;      /* bits of the quiet NaN */
};

static const struct binary binary64 = {
    53, -1074, 17, 8, UINT64_C(0x7ff0000000000000), UINT64_C(0x7ff8000000000000)};
static const struct binary binary32 = {24, -149, 9, 4, 0x7f800000, 0x7fc00000};

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

static int bit_length(uint64_t v)
{
    int n = 0;

    for (int step = 32; step > 0; step /= 2)
        if (v >> step != 0) {
            v >>= step;
            n += step;
        }
    return n + (v != 0);
}

/* floor(a * factor / 2^shift), also for negative a. */
static int floor_scaled(int a, int factor, int shift)
{
    int64_t product = (int64_t)a * factor;
    int64_t unit = INT64_C(1) << shift;

    return (int)(product >= 0 ? product / unit : -((-product + unit - 1) / unit));
}

static int floor_log2_pow10(int e10)
{
    return floor_scaled(e10, 217706, 16);
}

static int floor_log10_pow2(int e2)
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
    int align = 64 - bit_length(d);
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

/*
 * The largest is a numerator of DIGITS_KEPT digits or 5^(DIGITS_KEPT + 342) with 96 bits more:
 * under 2,800 bits.
 */
#define BIG_LIMBS 96

/* No halfway point between two numbers has more than 767 significant digits. */
#define DIGITS_KEPT 800

struct big {
    int n; /* limbs in use; the last of them is not 0 */
    uint32_t limb[BIG_LIMBS];
};

static void big_set(struct big *b, uint64_t v)
{
    b->n = 0;
    for (; v != 0; v >>= 32)
        b->limb[b->n++] = (uint32_t)v;
}

/* b = b * factor + more */
static void big_multiply(struct big *b, uint32_t factor, uint32_t more)
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
        big_multiply(b, 1220703125, 0); /* 5^13, the last below 2^32 */
    big_multiply(b, (uint32_t)pow5[e], 0);
}

static int big_bit_length(const struct big *b)
{
    return b->n == 0 ? 0 : 32 * (b->n - 1) + bit_length(b->limb[b->n - 1]);
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
static uint64_t scale_big(struct big *x, int e2, int e10, bool *exact)
{
    int shift = e2 + e10;
    uint64_t result;

    if (e10 < 0) {
        struct big divisor;
        int align;

        big_set(&divisor, 1);
        big_multiply_pow5(&divisor, -e10);
        if (shift >= 0)
            big_shift_left(x, shift);
        else
            big_shift_left(&divisor, -shift);
        align = (32 - big_bit_length(&divisor) % 32) % 32;
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

/* ---------------------------------------------------------------------------------------------
 * Writing
 * ------------------------------------------------------------------------------------------- */

static uint64_t scale(uint64_t x, int e2, int e10, bool *exact)
{
    struct big big;
    uint64_t result;

    if (e10 >= -POW5_64_MAX && e10 <= POW5_64_MAX) {
        result = scale_small(x, e2, e10, exact);
    } else {
        big_set(&big, x);
        result = scale_big(&big, e2, e10, exact);
    }
    return result;
}

/*
 * Of the integers in low .. high, the multiple of the largest power of ten that occurs, the closest
 * of them to twice / 2 (plus something when not `exact`), divided by that power.
 */
static uint64_t shortest_between(uint64_t low, uint64_t high, uint64_t twice, bool exact,
                                 int *power)
{
    uint64_t result = twice / 2;
    uint64_t unit;
    uint64_t rest;
    int n = 0;

    if (high / 100000000 >= (low + 99999999) / 100000000) {
        low = (low + 99999999) / 100000000;
        high /= 100000000;
        n = 8;
    }
    while (high / 10 >= (low + 9) / 10) {
        low = (low + 9) / 10;
        high /= 10;
        n++;
    }
    unit = digits_pow10[n];
    if (n > 0)
        result /= unit;
    rest = twice - 2 * result * unit; /* twice what the digits leave: against one unit */
    if (rest > unit || (rest == unit && (!exact || result % 2 != 0)))
        result++;
    if (result < low)
        result = low;
    /* The number has at least as much room above as below: rounding up never leaves the interval.
     */
    assert(result <= high);
    *power = n;
    return result;
}

/* The shortest decimal digits and their exponent: m * 2^e reads back from digits * 10^*e10. */
static uint64_t shortest(uint64_t m, int e, const struct binary *format, int *e10)
{
    /* Numbers down to half the distance below belong to this one: a quarter at a power of two. */
    bool close_below = m == UINT64_C(1) << (format->mantissa_bits - 1) && e > format->exponent_min;
    bool ends_belong = m % 2 == 0; /* ties go to the even mantissa */
    int up = format->digits - 1 - floor_log10_pow2(bit_length(m) - 1 + e);
    int power;
    bool exact;
    uint64_t low = scale(4 * m - (close_below ? 1 : 2), e - 2, up, &exact);
    uint64_t high;
    uint64_t twice;
    uint64_t result;

    low += !(exact && ends_belong);
    high = scale(2 * m + 1, e - 1, up, &exact);
    high -= exact && !ends_belong;
    twice = scale(m, e + 1, up, &exact);
    result = shortest_between(low, high, twice, exact, &power);
    *e10 = power - up;
    return result;
}

static size_t write_exponent(char *text, int e)
{
    size_t n = 0;

    text[n++] = 'e';
    text[n++] = e < 0 ? '-' : '+';
    n += digits_write(text + n, (uint64_t)(e < 0 ? -e : e));
    return n;
}

/* digits * 10^e10 as described in the header. */
static size_t write_decimal(char *text, uint64_t digits, int e10)
{
    size_t n = digits_count(digits);
    int point = (int)n + e10; /* digits before the decimal point */
    size_t whole;

    if (point < -4 || point > 17) {
        digits_write_n(text + 1, digits, n);
        text[0] = text[1];
        text[1] = '.';
        n = n == 1 ? 1 : n + 1;
        n += write_exponent(text + n, point - 1);
    } else if (e10 >= 0) {
        digits_write_n(text, digits, n);
        memset(text + n, '0', (size_t)e10);
        n = (size_t)point;
    } else if (point > 0) {
        whole = (size_t)point;
        digits_write_n(text + 1, digits, n);
        memmove(text, text + 1, whole);
        text[whole] = '.';
        n++;
    } else {
        whole = 2 + (size_t)-point;
        memset(text, '0', whole);
        text[1] = '.';
        digits_write_n(text + whole, digits, n);
        n += whole;
    }
    return n;
}

static size_t write_nan(char *text, uint64_t bits, const struct binary *format)
{
    uint8_t bytes[8];
    size_t n = 3;

    memcpy(text, "nan", 3);
    if (bits != format->nan) {
        for (int i = 0; i < format->bytes; i++)
            bytes[i] = (uint8_t)(bits >> 8 * (format->bytes - 1 - i));
        memcpy(text + 3, "(0x", 3);
        hex_write(text + 6, bytes, (size_t)format->bytes);
        n = 6 + 2 * (size_t)format->bytes;
        text[n++] = ')';
    }
    return n;
}

/* A finite number that is not 0; `bits` without the sign. */
static size_t write_finite(char *text, uint64_t bits, const struct binary *format)
{
    int stored = format->mantissa_bits - 1;
    uint64_t hidden = UINT64_C(1) << stored;
    int biased = (int)(bits >> stored);
    uint64_t m = (bits & (hidden - 1)) | (biased > 0 ? hidden : 0);
    int e = format->exponent_min + (biased > 0 ? biased - 1 : 0);
    int e10 = 0;
    uint64_t digits;

    /* Integers that are exact need no search: any other decimal as short is another number. */
    if (e <= 0 && e > -format->mantissa_bits && (m & ((UINT64_C(1) << -e) - 1)) == 0)
        digits = m >> -e;
    else
        digits = shortest(m, e, format, &e10);
    return write_decimal(text, digits, e10);
}

static size_t format_bits(uint64_t bits, const struct binary *format, char *text)
{
    uint64_t sign = UINT64_C(1) << (8 * format->bytes - 1);
    uint64_t magnitude = bits & (sign - 1);
    size_t n = 0;

    if (magnitude > format->infinity) {
        n = write_nan(text, bits, format);
    } else {
        if (bits & sign)
            text[n++] = '-';
        if (magnitude == format->infinity) {
            memcpy(text + n, "inf", 3);
            n += 3;
        } else if (magnitude == 0) {
            text[n++] = '0';
        } else {
            n += write_finite(text + n, magnitude, format);
        }
    }
    return n;
}

size_t f64_format(uint64_t bits, char *text)
{
    return format_bits(bits, &binary64, text);
}

size_t f32_format(uint32_t bits, char *text)
{
    return format_bits(bits, &binary32, text);
}

/* ---------------------------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------------------------- */

/* A decimal number as it stands in the text: value * 10^e10. */
struct decimal {
    const char *first; /* significant digit */
    const char *end;   /* of the digits */
    uint64_t value;    /* of all digits */
    bool fits;         /* else value has no meaning */
    int64_t e10;       /* of the last digit */
    int64_t digits;    /* from the first significant one on */
};

static const char *read_exponent(const char *p, const char *end, int64_t *e10, const char **reason)
{
    bool negative = false;
    bool fits = true;
    uint64_t value = 0;
    const char *first;
    int64_t e;

    if (p < end && (*p == '-' || *p == '+'))
        negative = *p++ == '-';
    first = p;
    p = digits_read(p, end, &value, &fits);
    if (p == first)
        *reason = "no digits in the exponent (write them, or leave out the e)";
    /* Far beyond what any text has room to make up for with digits. */
    e = fits && value < UINT64_C(1) << 60 ? (int64_t)value : INT64_C(1) << 60;
    *e10 += negative ? -e : e;
    return p;
}

static const char *skip_zeros(const char *p, const char *end)
{
    while (p < end && *p == '0')
        p++;
    return p;
}

/* Take the number apart, without the sign. Returns NULL or the reason. */
static const char *read_decimal(const char *p, const char *end, struct decimal *d)
{
    const char *whole = p;
    const char *reason = NULL;

    *d = (struct decimal){.fits = true};
    d->first = skip_zeros(p, end);
    p = digits_read(d->first, end, &d->value, &d->fits);
    d->digits = p - d->first;
    d->end = p;
    if (p == whole)
        reason = p < end && *p == '.' ? "no digit before the decimal point (write 0.5, not .5)"
                                      : "not a number (write digits, a point for decimals)";
    if (reason == NULL && p < end && *p == '.') {
        const char *fraction = p + 1;

        if (d->digits == 0)
            d->first = skip_zeros(fraction, end);
        p = digits_read(d->digits == 0 ? d->first : fraction, end, &d->value, &d->fits);
        if (p == fraction)
            reason = "no digit after the decimal point (write one, or leave out the point)";
        d->digits += p - (d->digits == 0 ? d->first : fraction);
        d->e10 = fraction - p;
        d->end = p;
    }
    if (reason == NULL && p < end && (*p == 'e' || *p == 'E'))
        p = read_exponent(p + 1, end, &d->e10, &reason);
    if (reason == NULL && p != end)
        reason = "not a number (only digits, a point and an exponent are allowed)";
    return reason;
}

/*
 * Up to DIGITS_KEPT digits of a long number; returns how many. When others than 0 are cut off, the
 * last one stands for them: it is a 1 that puts the number off any halfway point it is close to.
 */
static int64_t big_read(struct big *b, const struct decimal *d)
{
    int64_t n = 0;
    bool more = false;

    big_set(b, 0);
    for (const char *p = d->first; p < d->end; p++) {
        if (*p == '.')
            continue;
        if (n < DIGITS_KEPT) {
            big_multiply(b, 10, (uint32_t)(*p - '0'));
            n++;
        } else if (*p != '0') {
            more = true;
            break;
        }
    }
    if (more) {
        big_multiply(b, 10, 1);
        n++;
    }
    return n;
}

/*
 * Round m * 2^e (plus something below m's last bit when not `exact`), m of at least 60 bits.
 * The result may be 0 or infinity.
 */
static uint64_t round_bits(uint64_t m, int e, bool exact, const struct binary *format)
{
    int spare = 64 - bit_length(m);
    int drop = 64 - format->mantissa_bits;
    uint64_t kept = 0;
    uint64_t rest;
    uint64_t half;
    uint64_t bits;

    assert(spare <= 4);
    m <<= spare;
    e += drop - spare; /* of the last bit that is kept */
    if (e < format->exponent_min) {
        drop += format->exponent_min - e;
        e = format->exponent_min;
    }
    if (drop > 64) {
        drop = 64; /* under a quarter of the smallest number */
        m >>= 2;
    }
    if (drop < 64)
        kept = m >> drop;
    rest = drop < 64 ? m & ((UINT64_C(1) << drop) - 1) : m;
    half = UINT64_C(1) << (drop - 1);
    kept += rest > half || (rest == half && (!exact || kept % 2 != 0));
    /* The hidden bit adds itself to the exponent, and so does a carry out of the mantissa. */
    bits = ((uint64_t)(e - format->exponent_min) << (format->mantissa_bits - 1)) + kept;
    return bits < format->infinity ? bits : format->infinity;
}

/* The bits of a decimal that is neither 0 nor far out of range. */
static uint64_t decimal_bits(const struct decimal *d, const struct binary *format)
{
    bool exact;
    uint64_t m;
    int e10;
    int e2;

    if (d->fits && d->e10 >= -POW5_64_MAX && d->e10 <= POW5_64_MAX) {
        e10 = (int)d->e10;
        e2 = 62 - bit_length(d->value) - floor_log2_pow10(e10);
        m = scale_small(d->value, e2, e10, &exact);
    } else {
        struct big big;

        e10 = (int)(d->e10 + d->digits - big_read(&big, d));
        e2 = 62 - big_bit_length(&big) - floor_log2_pow10(e10);
        m = scale_big(&big, e2, e10, &exact);
    }
    return round_bits(m, -e2, exact, format);
}

static const char *parse_decimal(const char *p, const char *end, const struct binary *format,
                                 uint64_t *bits)
{
    struct decimal d;
    uint64_t result = 0;
    const char *reason = read_decimal(p, end, &d);

    /* All digits zero: only then no significant one was found. */
    if (reason == NULL && d.digits > 0) {
        int64_t point = d.e10 + d.digits; /* the number is in 10^(point - 1) .. 10^point */

        if (point > 310)
            result = format->infinity;
        else if (point > -330)
            result = decimal_bits(&d, format);
        if (result == format->infinity)
            reason = "number too large for the field (use f64 if it is f32)";
        else if (result == 0)
            reason = "number too close to zero for the field (write 0)";
    }
    if (reason == NULL)
        *bits = result;
    return reason;
}

/* nan or nan(0xBITS): whether all of the text is one. */
static bool parse_nan(const char *p, const char *end, const struct binary *format, uint64_t *bits)
{
    ptrdiff_t digits = 2 * format->bytes;
    bool ok = end - p >= 3 && memcmp(p, "nan", 3) == 0;
    uint64_t value = 0;

    if (ok && end - p == 3) {
        value = format->nan;
    } else if (ok) {
        ok = end - p == digits + 7 && memcmp(p + 3, "(0x", 3) == 0 && end[-1] == ')';
        for (ptrdiff_t i = 0; ok && i < digits; i++) {
            unsigned digit = hex_value(p[6 + i]);

            ok = digit < 16;
            value = value << 4 | (digit & 15);
        }
        ok = ok && (value & (UINT64_MAX >> (65 - 8 * format->bytes))) > format->infinity;
    }
    if (ok)
        *bits = value;
    return ok;
}

static const char *parse_bits(const char *text, size_t n, const struct binary *format,
                              uint64_t *bits)
{
    const char *end = text + n;
    const char *p = text;
    const char *reason = NULL;
    uint64_t result = 0;

    if (n > 0 && (*p == '-' || *p == '+'))
        p++;
    if (n == 0)
        reason = "empty number (write 0 or nan)";
    else if (p < end && (is_digit(*p) || *p == '.'))
        reason = parse_decimal(p, end, format, &result);
    else if (end - p == 3 && memcmp(p, "inf", 3) == 0)
        result = format->infinity;
    else if (p != text || !parse_nan(p, end, format, &result))
        reason = "not a number (write digits, inf, nan, or nan(0x...) with all of the NaN's bits)";
    if (reason == NULL)
        *bits = n > 0 && *text == '-' ? result | UINT64_C(1) << (8 * format->bytes - 1) : result;
    return reason;
}

const char *f64_parse(const char *text, size_t n, uint64_t *bits)
{
    return parse_bits(text, n, &binary64, bits);
}

const char *f32_parse(const char *text, size_t n, uint32_t *bits)
{
    uint64_t result = 0;
    const char *reason = parse_bits(text, n, &binary32, &result);

    if (reason == NULL)
        *bits = (uint32_t)result;
    return reason;
}
