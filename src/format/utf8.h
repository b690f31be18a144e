/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. U+0000 is a
 * character like any other here; who must not have it looks for it himself.
 */
#ifndef SLOT_FORMAT_UTF8_H
#define SLOT_FORMAT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length in bytes of the longest valid beginning of the n bytes: n when all are valid. */
size_t slot__utf8_valid_bytes(const char *text, size_t n);

static inline bool utf8_valid(const char *text, size_t n)
{
    return slot__utf8_valid_bytes(text, n) == n;
}

#endif
