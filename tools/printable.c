#include "printable.h"

#include <string.h>

/* Bytes of the UTF-8 character that begins with c, or 0 when none does. */
static size_t announced(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c < 0xe0)
        return 2;
    if (c >= 0xe0 && c < 0xf0)
        return 3;
    return c >= 0xf0 && c < 0xf5 ? 4 : 0;
}

/* Whether the second byte fits the first: no longer form than needed, no surrogate, nothing beyond
 * U+10FFFF. */
static bool fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second < 0xa0;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second < 0x90;
    default:
        return true;
    }
}

size_t printable_unit(const char *text, size_t n, bool *plain)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = announced(bytes[0]);
    bool is_utf8 = length > 0 && length <= n;

    for (size_t i = 1; i < length && is_utf8; i++)
        is_utf8 = (bytes[i] & 0xc0) == 0x80;
    if (is_utf8 && length > 1)
        is_utf8 = fits(bytes[0], bytes[1]);
    *plain = is_utf8 && bytes[0] >= 0x20 && bytes[0] != 0x7f;
    if (bytes[0] == 0xc2 && is_utf8) /* U+0080 to U+009F are control characters as well */
        *plain = bytes[1] >= 0xa0;
    return is_utf8 ? length : 1;
}

size_t printable(const char *text, size_t n, char *shown)
{
    static const char digits[] = "0123456789abcdef";
    char *to = shown;
    bool plain;

    for (size_t i = 0, length; i < n; i += length) {
        length = printable_unit(text + i, n - i, &plain);
        if (plain)
            memcpy(to, text + i, length);
        if (plain)
            to += length;
        for (size_t j = i; j < i + length && !plain; j++) {
            unsigned char c = (unsigned char)text[j];

            *to++ = '\\';
            *to++ = 'x';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    return (size_t)(to - shown);
}
