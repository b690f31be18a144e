/*
 * One field of a record: typed access, text to bytes, bytes to text. The hot path of import and
 * export: a switch on the type, and below it a small function for each kind of value, without
 * allocation, locale or formatted printing.
 *
 * The readers of text return NULL or a static reason, and write the record on NULL only. A field
 * comes from a schema, but the struct is public: what an array or shift depends on is checked.
 */
#include "format/field.h"

#include <string.h>

#include "base/bytes.h"
#include "format/digits.h"
#include "format/float_text.h"
#include "format/time_text.h"
#include "format/utf8.h"

static const struct field_type types[] = {
    [SLOT_U8] = {"u8", 1, 3},
    [SLOT_U16] = {"u16", 2, 5},
    [SLOT_U32] = {"u32", 4, 10},
    [SLOT_U64] = {"u64", 8, 20},
    [SLOT_I8] = {"i8", 1, 4},
    [SLOT_I16] = {"i16", 2, 6},
    [SLOT_I32] = {"i32", 4, 11},
    [SLOT_I64] = {"i64", 8, 20},
    [SLOT_F32] = {"f32", 4, F32_TEXT_MAX},
    [SLOT_F64] = {"f64", 8, F64_TEXT_MAX},
    [SLOT_BOOL] = {"bool", 1, 5},
    [SLOT_TEXT] = {"text", 0, 0},
    [SLOT_BYTES] = {"bytes", 0, 0},
    [SLOT_DATE] = {"date", 4, DATE_TEXT_MAX},
    [SLOT_TIMESTAMP] = {"timestamp", 8, TIMESTAMP_TEXT_MAX},
    [SLOT_DECIMAL] = {"decimal", 8, 21}, /* sign, 19 digits, point */
    [SLOT_PAD] = {"pad", 0, 0},
};

const struct field_type *slot__field_type(slot_type type)
{
    return type >= SLOT_U8 && type <= SLOT_PAD ? &types[type] : NULL;
}

static int64_t get_i64(const uint8_t *p)
{
    return (int64_t)get_u64(p);
}

/* ---------------------------------------------------------------------------------------------
 * Typed access
 * ------------------------------------------------------------------------------------------- */

slot_status slot_field_get_u64(const slot_field *field, const void *record, uint64_t *value)
{
    const uint8_t *p = (const uint8_t *)record + field->offset;
    slot_status status = SLOT_OK;

    switch (field->type) {
    case SLOT_U8:
        *value = p[0];
        break;
    case SLOT_U16:
        *value = get_u16(p);
        break;
    case SLOT_U32:
        *value = get_u32(p);
        break;
    case SLOT_U64:
        *value = get_u64(p);
        break;
    case SLOT_BOOL:
        if (p[0] <= 1)
            *value = p[0];
        else
            status = SLOT_E_VALUE;
        break;
    default:
        status = SLOT_E_ARG;
    }
    return status;
}

slot_status slot_field_get_i64(const slot_field *field, const void *record, int64_t *value)
{
    const uint8_t *p = (const uint8_t *)record + field->offset;
    slot_status status = SLOT_OK;

    switch (field->type) {
    case SLOT_U8:
        *value = p[0];
        break;
    case SLOT_U16:
        *value = get_u16(p);
        break;
    case SLOT_U32:
        *value = get_u32(p);
        break;
    case SLOT_I8:
        *value = (int8_t)p[0];
        break;
    case SLOT_I16:
        *value = (int16_t)get_u16(p);
        break;
    case SLOT_I32:
    case SLOT_DATE:
        *value = (int32_t)get_u32(p);
        break;
    case SLOT_I64:
    case SLOT_TIMESTAMP:
    case SLOT_DECIMAL:
        *value = get_i64(p);
        break;
    default:
        status = SLOT_E_ARG;
    }
    return status;
}

slot_status slot_field_get_f64(const slot_field *field, const void *record, double *value)
{
    const uint8_t *p = (const uint8_t *)record + field->offset;
    slot_status status = SLOT_OK;

    if (field->type == SLOT_F64) {
        uint64_t bits = get_u64(p);

        memcpy(value, &bits, sizeof bits);
    } else if (field->type == SLOT_F32) {
        uint32_t bits = get_u32(p);
        float narrow;

        memcpy(&narrow, &bits, sizeof bits);
        *value = (double)narrow;
    } else {
        status = SLOT_E_ARG;
    }
    return status;
}

/* Whether all n bytes are 0. */
static bool all_zero(const uint8_t *p, size_t n)
{
    uint64_t sum = 0;

    for (; n >= 8; p += 8, n -= 8)
        sum |= get_u64(p);
    for (; n > 0; p++, n--)
        sum |= *p;
    return sum == 0;
}

slot_status slot_field_get_text(const slot_field *field, const void *record, const char **text,
                                size_t *n)
{
    const uint8_t *p = (const uint8_t *)record + field->offset;
    slot_status status = SLOT_OK;

    if (field->type == SLOT_TEXT) {
        const uint8_t *nul = memchr(p, 0, field->size);
        size_t bytes = nul != NULL ? (size_t)(nul - p) : field->size;

        if (all_zero(p + bytes, field->size - bytes) && utf8_valid((const char *)p, bytes)) {
            *text = (const char *)p;
            *n = bytes;
        } else {
            status = SLOT_E_VALUE;
        }
    } else {
        status = SLOT_E_ARG;
    }
    return status;
}

/* ---------------------------------------------------------------------------------------------
 * Text to bytes
 * ------------------------------------------------------------------------------------------- */

static const char empty_number[] = "empty number (write 0, or give a value)";
static const char not_integer[] = "not an integer (write digits only, with an optional sign)";

/* The magnitude behind an optional sign; digits only. */
static const char *read_integer(const char *text, size_t n, uint64_t *magnitude, bool *negative,
                                bool *fits)
{
    const char *end = text + n;
    bool sign = n > 0 && (*text == '-' || *text == '+');
    const char *first = text + sign;
    const char *reason = NULL;

    *magnitude = 0;
    *fits = true;
    *negative = sign && *text == '-';
    if (n == 0)
        reason = empty_number;
    else if (first == end || digits_read(first, end, magnitude, fits) != end)
        reason = not_integer;
    return reason;
}

/* The integer types: their largest number and what to say about a number that is beyond. */
static const struct integer {
    uint64_t max;
    const char *range;
} integers[] = {
    [SLOT_U8] = {UINT8_MAX, "number out of range (u8 holds 0 to 255)"},
    [SLOT_U16] = {UINT16_MAX, "number out of range (u16 holds 0 to 65535)"},
    [SLOT_U32] = {UINT32_MAX, "number out of range (u32 holds 0 to 4294967295)"},
    [SLOT_U64] = {UINT64_MAX, "number out of range (u64 holds 0 to 18446744073709551615)"},
    [SLOT_I8] = {INT8_MAX, "number out of range (i8 holds -128 to 127)"},
    [SLOT_I16] = {INT16_MAX, "number out of range (i16 holds -32768 to 32767)"},
    [SLOT_I32] = {INT32_MAX, "number out of range (i32 holds -2147483648 to 2147483647)"},
    [SLOT_I64] = {INT64_MAX, "number out of range (i64 holds -9223372036854775808 to "
                             "9223372036854775807)"},
};

static const char *parse_unsigned(slot_type type, const char *text, size_t n, uint64_t *value)
{
    const struct integer *integer = &integers[type];
    uint64_t magnitude;
    bool negative;
    bool fits;
    const char *reason = read_integer(text, n, &magnitude, &negative, &fits);

    if (reason == NULL && (!fits || magnitude > integer->max || (negative && magnitude > 0)))
        reason = integer->range;
    if (reason == NULL)
        *value = magnitude;
    return reason;
}

/* As two's complement. */
static const char *parse_signed(slot_type type, const char *text, size_t n, uint64_t *value)
{
    const struct integer *integer = &integers[type];
    uint64_t magnitude;
    bool negative;
    bool fits;
    const char *reason = read_integer(text, n, &magnitude, &negative, &fits);

    if (reason == NULL && (!fits || magnitude > integer->max + negative))
        reason = integer->range;
    if (reason == NULL)
        *value = negative ? 0 - magnitude : magnitude;
    return reason;
}

static const char *parse_bool(const char *text, size_t n, uint64_t *value)
{
    const char *reason = NULL;

    if ((n == 4 && memcmp(text, "true", 4) == 0) || (n == 1 && *text == '1'))
        *value = 1;
    else if ((n == 5 && memcmp(text, "false", 5) == 0) || (n == 1 && *text == '0'))
        *value = 0;
    else
        reason = n == 0 ? "empty bool (write true, false, 1 or 0)"
                        : "not a bool (write true, false, 1 or 0)";
    return reason;
}

/* value * 10^places, as far as it fits. */
static uint64_t shift_decimal(uint64_t value, size_t places, bool *fits)
{
    if (value > UINT64_MAX / digits_pow10[places])
        *fits = false;
    return value * digits_pow10[places];
}

static const char *parse_decimal(const char *text, size_t n, uint32_t scale, uint64_t *value)
{
    const char *end = text + n;
    bool sign = n > 0 && (*text == '-' || *text == '+');
    bool negative = sign && *text == '-';
    const char *first = text + sign;
    const char *p;
    uint64_t magnitude = 0;
    bool fits = true;
    size_t decimals = 0;
    const char *reason = NULL;

    p = digits_read(first, end, &magnitude, &fits);
    if (n == 0)
        reason = empty_number;
    else if (p == first)
        reason = p < end && *p == '.' ? "no digit before the decimal point (write 0.5, not .5)"
                                      : "not a decimal number (write digits, a point for decimals)";
    if (reason == NULL && p < end && *p == '.') {
        const char *fraction = p + 1;

        p = digits_read(fraction, end, &magnitude, &fits);
        decimals = (size_t)(p - fraction);
        if (decimals == 0)
            reason = "no digit after the decimal point (write one, or leave out the point)";
    }
    if (reason == NULL && p != end)
        reason = "not a decimal number (only digits and one decimal point are allowed)";
    else if (reason == NULL && decimals > scale)
        reason = "too many decimals for the field (round it or use a larger decimal[S])";
    if (reason == NULL)
        magnitude = shift_decimal(magnitude, scale - decimals, &fits);
    if (reason == NULL && (!fits || magnitude > (uint64_t)INT64_MAX + negative))
        reason = "number out of range for the field (use a smaller decimal[S] or f64)";
    if (reason == NULL)
        *value = negative ? 0 - magnitude : magnitude;
    return reason;
}

static const char *parse_text(const char *text, size_t n, uint8_t *p, size_t size)
{
    const char *reason = NULL;

    if (n > size) {
        reason = "value too long for the field (shorten it or use a larger text[N])";
    } else if (memchr(text, 0, n) != NULL) {
        reason = "text holds a NUL character (remove it or use bytes[N])";
    } else if (!utf8_valid(text, n)) {
        reason = "text is not valid UTF-8 (convert it to UTF-8)";
    } else {
        memcpy(p, text, n);
        memset(p + n, 0, size - n);
    }
    return reason;
}

static const char *parse_bytes(const char *text, size_t n, uint8_t *p, size_t size)
{
    const char *reason = NULL;
    unsigned wrong = 0;

    if (n % 2 != 0 || n / 2 != size) {
        reason = "wrong number of digits (write two hexadecimal digits for each byte of the field)";
    } else {
        for (size_t i = 0; i < n; i++)
            wrong |= hex_value(text[i]);
        if (wrong > 15)
            reason = "not a hexadecimal digit (use 0 to 9 and a to f)";
    }
    for (size_t i = 0; reason == NULL && i < size; i++)
        p[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    return reason;
}

static const char *parse_f32(const char *text, size_t n, uint64_t *value)
{
    uint32_t bits = 0;
    const char *reason = slot__f32_parse(text, n, &bits);

    *value = bits;
    return reason;
}

static const char *parse_date(const char *text, size_t n, uint64_t *value)
{
    int32_t days = 0;
    const char *reason = slot__date_parse(text, n, &days);

    *value = (uint32_t)days;
    return reason;
}

static const char *parse_timestamp(const char *text, size_t n, uint64_t *value)
{
    int64_t microseconds = 0;
    const char *reason = slot__timestamp_parse(text, n, &microseconds);

    *value = (uint64_t)microseconds;
    return reason;
}

/* The types that are one little-endian number: its bits. */
static const char *parse_number(const slot_field *field, const char *text, size_t n,
                                uint64_t *value)
{
    switch (field->type) {
    case SLOT_U8:
    case SLOT_U16:
    case SLOT_U32:
    case SLOT_U64:
        return parse_unsigned(field->type, text, n, value);
    case SLOT_F32:
        return parse_f32(text, n, value);
    case SLOT_F64:
        return slot__f64_parse(text, n, value);
    case SLOT_BOOL:
        return parse_bool(text, n, value);
    case SLOT_DATE:
        return parse_date(text, n, value);
    case SLOT_TIMESTAMP:
        return parse_timestamp(text, n, value);
    case SLOT_DECIMAL:
        return parse_decimal(text, n, field->scale, value);
    default:
        return parse_signed(field->type, text, n, value);
    }
}

static void put_number(uint8_t *p, uint64_t value, uint32_t bytes)
{
    switch (bytes) {
    case 1:
        p[0] = (uint8_t)value;
        break;
    case 2:
        put_u16(p, (uint16_t)value);
        break;
    case 4:
        put_u32(p, (uint32_t)value);
        break;
    default:
        put_u64(p, value);
    }
}

/* Whether there are values of the field's type that have a text. */
static bool has_text(const slot_field *field)
{
    return field->type >= SLOT_U8 && field->type < SLOT_PAD && field->scale <= FIELD_SCALE_MAX;
}

slot_status slot_field_parse(const slot_field *field, const char *text, size_t n, void *record,
                             const char **reason)
{
    uint8_t *p = (uint8_t *)record + field->offset;
    const char *wrong;
    slot_status status = SLOT_OK;

    if (n == 0)
        text = ""; /* it may be NULL */
    if (!has_text(field)) {
        status = SLOT_E_ARG;
    } else {
        if (field->type == SLOT_TEXT) {
            wrong = parse_text(text, n, p, field->size);
        } else if (field->type == SLOT_BYTES) {
            wrong = parse_bytes(text, n, p, field->size);
        } else {
            uint64_t value = 0;

            wrong = parse_number(field, text, n, &value);
            if (wrong == NULL)
                put_number(p, value, types[field->type].bytes);
        }
        if (wrong != NULL) {
            status = SLOT_E_VALUE;
            if (reason != NULL)
                *reason = wrong;
        }
    }
    return status;
}

/* ---------------------------------------------------------------------------------------------
 * Bytes to text
 * ------------------------------------------------------------------------------------------- */

size_t slot_field_text_max(const slot_field *field)
{
    const struct field_type *type = slot__field_type(field->type);
    size_t n = type != NULL ? type->text_max : 0;

    if (field->type == SLOT_TEXT)
        n = field->size;
    else if (field->type == SLOT_BYTES)
        n = 2 * (size_t)field->size;
    return n;
}

static size_t format_signed(char *text, int64_t value)
{
    bool negative = value < 0;

    if (negative)
        text[0] = '-';
    return negative +
           digits_write(text + negative, negative ? 0 - (uint64_t)value : (uint64_t)value);
}

/* With exactly `scale` decimals and at least one digit before the point. */
static size_t format_decimal(char *text, int64_t value, size_t scale)
{
    bool negative = value < 0;
    uint64_t magnitude = negative ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t unit = digits_pow10[scale];
    size_t n = 0;

    if (negative)
        text[n++] = '-';
    n += digits_write(text + n, magnitude / unit);
    if (scale > 0) {
        text[n] = '.';
        digits_write_n(text + n + 1, magnitude % unit, scale);
        n += 1 + scale;
    }
    return n;
}

static size_t format_bool(char *text, uint8_t value)
{
    size_t n = value ? 4 : 5;

    memcpy(text, value ? "true" : "false", n);
    return n;
}

/* Of types whose every pattern of bits is a value, except for a bool. */
static size_t format_number(const slot_field *field, const uint8_t *p, char *text)
{
    switch (field->type) {
    case SLOT_U8:
        return digits_write(text, p[0]);
    case SLOT_U16:
        return digits_write(text, get_u16(p));
    case SLOT_U32:
        return digits_write(text, get_u32(p));
    case SLOT_U64:
        return digits_write(text, get_u64(p));
    case SLOT_I8:
        return format_signed(text, (int8_t)p[0]);
    case SLOT_I16:
        return format_signed(text, (int16_t)get_u16(p));
    case SLOT_I32:
        return format_signed(text, (int32_t)get_u32(p));
    case SLOT_I64:
        return format_signed(text, get_i64(p));
    case SLOT_F32:
        return slot__f32_format(get_u32(p), text);
    case SLOT_F64:
        return slot__f64_format(get_u64(p), text);
    case SLOT_BOOL:
        return format_bool(text, p[0]);
    case SLOT_DATE:
        return slot__date_format((int32_t)get_u32(p), text);
    case SLOT_TIMESTAMP:
        return slot__timestamp_format(get_i64(p), text);
    default:
        return format_decimal(text, get_i64(p), field->scale);
    }
}

slot_status slot_field_format(const slot_field *field, const void *record, char *text, size_t *n)
{
    const uint8_t *p = (const uint8_t *)record + field->offset;
    slot_status status = SLOT_OK;

    if (!has_text(field)) {
        status = SLOT_E_ARG;
    } else if (field->type == SLOT_TEXT) {
        const char *value = NULL;

        status = slot_field_get_text(field, record, &value, n);
        if (status == SLOT_OK)
            memcpy(text, value, *n);
    } else if (field->type == SLOT_BYTES) {
        hex_write(text, p, field->size);
        *n = 2 * (size_t)field->size;
    } else if (field->type == SLOT_BOOL && p[0] > 1) {
        status = SLOT_E_VALUE;
    } else {
        *n = format_number(field, p, text);
    }
    return status;
}
