/*
 * Both directions rest on one operation: floor(x * 2^e2 * 10^e10) as 64 bits, with the knowledge
 * whether something was cut off (scale.h).
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
#include "format/scale.h"

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
 * Writing
 * ------------------------------------------------------------------------------------------- */

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
    int up = format->digits - 1 - slot__floor_log10_pow2(slot__bit_length(m) - 1 + e);
    int power;
    bool exact;
    uint64_t low = slot__scale_u64(4 * m - (close_below ? 1 : 2), e - 2, up, &exact);
    uint64_t high;
    uint64_t twice;
    uint64_t result;

    low += !(exact && ends_belong);
    high = slot__scale_u64(2 * m + 1, e - 1, up, &exact);
    high -= exact && !ends_belong;
    twice = slot__scale_u64(m, e + 1, up, &exact);
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

size_t slot__f64_format(uint64_t bits, char *text)
{
    return format_bits(bits, &binary64, text);
}

size_t slot__f32_format(uint32_t bits, char *text)
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

    slot__big_set(b, 0);
    for (const char *p = d->first; p < d->end; p++) {
        if (*p == '.')
            continue;
        if (n < DIGITS_KEPT) {
            slot__big_multiply(b, 10, (uint32_t)(*p - '0'));
            n++;
        } else if (*p != '0') {
            more = true;
            break;
        }
    }
    if (more) {
        slot__big_multiply(b, 10, 1);
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
    int spare = 64 - slot__bit_length(m);
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

    if (d->fits) {
        e10 = (int)d->e10;
        e2 = 62 - slot__bit_length(d->value) - slot__floor_log2_pow10(e10);
        m = slot__scale_u64(d->value, e2, e10, &exact);
    } else {
        struct big big;

        e10 = (int)(d->e10 + d->digits - big_read(&big, d));
        e2 = 62 - slot__big_bit_length(&big) - slot__floor_log2_pow10(e10);
        m = slot__scale_big(&big, e2, e10, &exact);
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

const char *slot__f64_parse(const char *text, size_t n, uint64_t *bits)
{
    return parse_bits(text, n, &binary64, bits);
}

const char *slot__f32_parse(const char *text, size_t n, uint32_t *bits)
{
    uint64_t result = 0;
    const char *reason = parse_bits(text, n, &binary32, &result);

    if (reason == NULL)
        *bits = (uint32_t)result;
    return reason;
}
