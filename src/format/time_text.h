/*
 * Dates and timestamps as text, in the proleptic Gregorian calendar with a year 0, over the full
 * range of their types.
 *
 *   date       days since 1970-01-01              2024-02-29
 *   timestamp  microseconds since then, UTC       2024-02-29T12:34:56Z, 2024-02-29T12:34:56.000001Z
 *
 * Years 0000 .. 9999 have 4 digits and no sign; all others a sign, no more zeros in front than make
 * 4 digits: -0044-03-15, +12345-01-01. There are no leap seconds.
 */
#ifndef SLOT_FORMAT_TIME_TEXT_H
#define SLOT_FORMAT_TIME_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define DATE_TEXT_MAX      14u /* -5877641-06-23 */
#define TIMESTAMP_TEXT_MAX 30u /* -290308-12-21T19:59:05.224192Z */

/* Write the text, at most the maximum of bytes without a NUL; returns its length. A timestamp has
 * no fraction when that is zero, else 6 digits of it. */
size_t slot__date_format(int32_t days, char *text);
size_t slot__timestamp_format(int64_t microseconds, char *text);

/*
 * Read all n bytes. A timestamp may have a blank for the T and 1 .. 6 digits of a fraction. Returns
 * NULL, or a static reason; the number is written on NULL only.
 */
const char *slot__date_parse(const char *text, size_t n, int32_t *days);
const char *slot__timestamp_parse(const char *text, size_t n, int64_t *microseconds);

#endif
