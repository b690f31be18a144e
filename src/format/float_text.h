/*
 * IEEE 754 binary64 and binary32 numbers as decimal text, exactly.
 *
 * Reading rounds correctly (to nearest, ties to even) however many digits there are. Writing gives
 * the fewest digits that read back as the same number, and of those the closest to it:
 *
 *   0.1  100  -0  12345.678     1e-5 <= |v| < 1e17, and zero
 *   1.5e-9  1e+300              all other numbers
 *   inf  -inf
 *   nan                         the quiet NaN without sign and payload (7ff8000000000000)
 *   nan(0x7ff0000000000001)     any other NaN, with all of its 16 (8) digits
 *
 * Numbers are passed as their bits, and all arithmetic is on integers: the result depends neither
 * on the rounding mode, nor on excess precision, nor on the locale. Memory and time are bounded.
 */
#ifndef SLOT_FORMAT_FLOAT_TEXT_H
#define SLOT_FORMAT_FLOAT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define F64_TEXT_MAX 24u /* -1.7976931348623157e+308 */
#define F32_TEXT_MAX 18u /* -16777216000000000 */

/* Write the text, at most F64_TEXT_MAX (F32_TEXT_MAX) bytes without a NUL; returns its length. */
size_t slot__f64_format(uint64_t bits, char *text);
size_t slot__f32_format(uint32_t bits, char *text);

/*
 * Read [sign] digits [. digits] [e [sign] digits], or inf and nan as above; all n bytes. Returns
 * NULL, or a static reason why they are no number: also when it is too large, or is not zero but so
 * small that it would become zero. *bits is written on NULL only.
 */
const char *slot__f64_parse(const char *text, size_t n, uint64_t *bits);
const char *slot__f32_parse(const char *text, size_t n, uint32_t *bits);

#endif
