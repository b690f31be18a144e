/*
 * Decimal and hexadecimal digits: the innermost loops of all texts of values, and the only place
 * where characters become numbers. No locale, no allocation.
 */
#ifndef SLOT_FORMAT_DIGITS_H
#define SLOT_FORMAT_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define U64_DIGITS_MAX 20u

static const char digits_pairs[] = "00010203040506070809101112131415161718192021222324"
                                   "25262728293031323334353637383940414243444546474849"
                                   "50515253545556575859606162636465666768697071727374"
                                   "75767778798081828384858687888990919293949596979899";

static const uint64_t digits_pow10[U64_DIGITS_MAX] = {
    1u,
    10u,
    100u,
    1000u,
    10000u,
    100000u,
    1000000u,
    10000000u,
    100000000u,
    1000000000u,
    10000000000u,
    100000000000u,
    1000000000000u,
    10000000000000u,
    100000000000000u,
    1000000000000000u,
    10000000000000000u,
    100000000000000000u,
    1000000000000000000u,
    10000000000000000000u,
};

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* Whether the 8 bytes are all digits: each has the high half 3, also after 6 was added. */
static inline bool digits_are_eight(uint64_t bytes)
{
    uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0);
    uint64_t more = bytes + UINT64_C(0x0606060606060606);

    return ((bytes & high) | ((more & high) >> 4)) == UINT64_C(0x3333333333333333);
}

/* The number of 8 digits, the first in the lowest byte: pairs, then fours, then all, in parallel.
 */
static inline uint64_t digits_eight(uint64_t bytes)
{
    bytes &= UINT64_C(0x0f0f0f0f0f0f0f0f);
    bytes = (bytes * 10 + (bytes >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    bytes = (bytes * 100 + (bytes >> 16)) & UINT64_C(0x0000ffff0000ffff);
    return (bytes * 10000 + (bytes >> 32)) & UINT64_C(0xffffffff);
}

/*
 * Append the digits from p on to *value and return where they end. When the number passes
 * UINT64_MAX, *fits becomes false, *value has no meaning, and the digits are skipped all the same.
 */
static inline const char *digits_read(const char *p, const char *end, uint64_t *value, bool *fits)
{
    const uint64_t limit8 = (UINT64_MAX - 99999999) / 100000000;
    const uint64_t limit1 = UINT64_MAX / 10;
    uint64_t v = *value;

    while (end - p >= 8 && v <= limit8) {
        uint64_t bytes = get_u64(p);

        if (!digits_are_eight(bytes))
            break;
        v = v * 100000000 + digits_eight(bytes);
        p += 8;
    }
    /* Behind the loop less than 8 digits are left, which still fit; or v is large. */
    if (v <= limit8) {
        for (; p < end && is_digit(*p); p++)
            v = v * 10 + (uint64_t)(*p - '0');
    }
    for (; p < end && is_digit(*p); p++) {
        uint64_t digit = (uint64_t)(*p - '0');

        if (v > limit1 || (v == limit1 && digit > UINT64_MAX % 10))
            *fits = false;
        v = v * 10 + digit;
    }
    *value = v;
    return p;
}

static inline size_t digits_count(uint64_t value)
{
    size_t n = 1;

    while (value >= 10000) {
        value /= 10000;
        n += 4;
    }
    return n + (value >= 10) + (value >= 100) + (value >= 1000);
}

/* Write the last n digits of `value`, with zeros before them where it has fewer. */
static inline void digits_write_n(char *text, uint64_t value, size_t n)
{
    while (n >= 2) {
        n -= 2;
        memcpy(text + n, digits_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (n == 1)
        text[0] = (char)('0' + value % 10);
}

/* Write `value` without leading zeros; returns the number of its digits, at most U64_DIGITS_MAX. */
static inline size_t digits_write(char *text, uint64_t value)
{
    size_t n = digits_count(value);

    digits_write_n(text, value, n);
    return n;
}

/* 0..15, or a larger number when c is no hexadecimal digit. */
static inline unsigned hex_value(char c)
{
    unsigned digit = (unsigned char)(c - '0');
    unsigned letter = (unsigned char)((c | 0x20) - 'a');

    return digit < 10 ? digit : letter < 6 ? letter + 10 : 16;
}

/* Write 2 n hexadecimal digits in lower case. */
static inline void hex_write(char *text, const uint8_t *bytes, size_t n)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        text[2 * i] = hex[bytes[i] >> 4];
        text[2 * i + 1] = hex[bytes[i] & 15];
    }
}

#endif
