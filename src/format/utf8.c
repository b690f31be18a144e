#include "format/utf8.h"

#include <stdint.h>

#include "base/bytes.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* The bytes of the character at p, which does not begin with an ASCII byte; 0 when it is none. */
static size_t character_bytes(const uint8_t *p, size_t left)
{
    uint8_t first = p[0];
    /* The second byte has the narrower limits that keep out overlong forms and surrogates. */
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t n;

    if (first >= 0xc2 && first <= 0xdf)
        n = 2;
    else if (first >= 0xe0 && first <= 0xef)
        n = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        n = 4;
    else
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (n > left || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

size_t slot__utf8_valid_bytes(const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t at = 0;

    while (at < n) {
        size_t bytes = 1;

        if (n - at >= 8 && (get_u64(p + at) & HIGH_BITS) == 0)
            bytes = 8;
        else if (n - at < 8 && n >= 8 && (get_u64(p + n - 8) & HIGH_BITS) == 0)
            bytes = n - at; /* the last 8 of all are ASCII, and so is what is left */
        else if (p[at] >= 0x80)
            bytes = character_bytes(p + at, n - at);
        if (bytes == 0)
            break;
        at += bytes;
    }
    return at;
}
