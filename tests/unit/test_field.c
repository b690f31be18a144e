/*
 * Fields: the limits of every type there and back, typed access, and each way in which a text or
 * the bytes can be wrong. Every record has bytes around the field that must not change.
 */
#include "slotfile/slotfile.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "format/field.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The field stands at an odd offset in a record filled with 0x55. */
#define OFFSET      3u
#define RECORD_SIZE 64u

static uint8_t record[RECORD_SIZE];

static slot_field field_of(slot_type type, uint32_t size_or_scale)
{
    slot_field field = {.name = "x", .type = type, .offset = OFFSET};

    field.size = slot__field_type(type)->bytes;
    if (field.size == 0)
        field.size = size_or_scale;
    else
        field.scale = size_or_scale;
    memset(record, 0x55, sizeof record);
    return field;
}

static void assert_rest_untouched(const slot_field *field)
{
    for (uint32_t i = 0; i < RECORD_SIZE; i++)
        if (i < OFFSET || i >= OFFSET + field->size)
            assert_int_equal(record[i], 0x55);
}

static slot_status parse(const slot_field *field, const char *text, const char **reason)
{
    return slot_field_parse(field, text, strlen(text), record, reason);
}

static void assert_format(const slot_field *field, const char *expected)
{
    char text[2 * RECORD_SIZE + 1];
    size_t n = 999;

    assert_int_equal(slot_field_format(field, record, text, &n), SLOT_OK);
    assert_true(n <= slot_field_text_max(field));
    text[n] = 0;
    assert_string_equal(text, expected);
}

/* The text is accepted and written back as `canonical`. */
static void assert_becomes(slot_field field, const char *text, const char *canonical)
{
    const char *reason = NULL;

    if (parse(&field, text, &reason) != SLOT_OK)
        fail_msg("%s: %s", text, reason);
    assert_null(reason);
    assert_format(&field, canonical);
    assert_rest_untouched(&field);
}

static void assert_stays(slot_field field, const char *text)
{
    assert_becomes(field, text, text);
}

static void assert_refused(slot_field field, const char *text, const char *reason_part)
{
    const char *reason = "";
    slot_status status;

    memset(record, 0x55, sizeof record);
    status = parse(&field, text, &reason);

    if (status != SLOT_E_VALUE || strstr(reason, reason_part) == NULL)
        fail_msg("\"%s\": %d %s", text, status, reason);
    assert_int_equal(reason[strlen(reason) - 1], ')');
    for (size_t i = 0; i < sizeof record; i++)
        assert_int_equal(record[i], 0x55);
    assert_int_equal(parse(&field, text, NULL), SLOT_E_VALUE);
}

/* Both limits of an integer type are kept, and what is one beyond is refused. */
static void check_integer(slot_type type, const char *below, const char *least, const char *most,
                          const char *above)
{
    slot_field field = field_of(type, 0);

    assert_stays(field_of(type, 0), least);
    assert_stays(field_of(type, 0), most);
    assert_stays(field_of(type, 0), "0");
    assert_becomes(field_of(type, 0), "+7", "7");
    assert_becomes(field_of(type, 0), "-0", "0");
    assert_becomes(field_of(type, 0), "000000000000000000000000000000100", "100");
    field = field_of(type, 0);
    assert_refused(field, below, "out of range");
    assert_refused(field, above, "out of range");
    assert_refused(field, "99999999999999999999999999", "out of range");
    assert_refused(field, "-99999999999999999999999999", "out of range");
    assert_refused(field, "18446744073709551616", "out of range");
    assert_refused(field, "", "empty number");
    assert_refused(field, "+", "not an integer");
    assert_refused(field, "-", "not an integer");
    assert_refused(field, "+-1", "not an integer");
    assert_refused(field, " 1", "not an integer");
    assert_refused(field, "1 ", "not an integer");
    assert_refused(field, "1.0", "not an integer");
    assert_refused(field, "1e1", "not an integer");
    assert_refused(field, "0x1", "not an integer");
    assert_refused(field, "12345678x", "not an integer");
}

static void test_field__unsigned_integers(void **state)
{
    (void)state;
    check_integer(SLOT_U8, "-1", "0", "255", "256");
    check_integer(SLOT_U16, "-1", "0", "65535", "65536");
    check_integer(SLOT_U32, "-1", "0", "4294967295", "4294967296");
    check_integer(SLOT_U64, "-1", "0", "18446744073709551615", "18446744073709551616");
}

static void test_field__signed_integers(void **state)
{
    (void)state;
    check_integer(SLOT_I8, "-129", "-128", "127", "128");
    check_integer(SLOT_I16, "-32769", "-32768", "32767", "32768");
    check_integer(SLOT_I32, "-2147483649", "-2147483648", "2147483647", "2147483648");
    check_integer(SLOT_I64, "-9223372036854775809", "-9223372036854775808", "9223372036854775807",
                  "9223372036854775808");
}

static void test_field__integers_of_every_length(void **state)
{
    char text[24];

    (void)state;
    for (uint64_t power = 1;; power *= 10) {
        for (uint64_t value = power - 1; value <= power + 1; value++) {
            snprintf(text, sizeof text, "%" PRIu64, value);
            assert_stays(field_of(SLOT_U64, 0), text);
        }
        if (power > UINT64_MAX / 10)
            break;
    }
}

static void test_field__integers_are_little_endian(void **state)
{
    slot_field field = field_of(SLOT_I32, 0);

    (void)state;
    assert_int_equal(parse(&field, "-2", NULL), SLOT_OK);
    assert_memory_equal(record + OFFSET, "\xfe\xff\xff\xff", 4);
    field = field_of(SLOT_U64, 0);
    assert_int_equal(parse(&field, "1", NULL), SLOT_OK);
    assert_memory_equal(record + OFFSET, "\1\0\0\0\0\0\0\0", 8);
}

static void test_field__floats(void **state)
{
    (void)state;
    assert_stays(field_of(SLOT_F64, 0), "0.1");
    assert_stays(field_of(SLOT_F64, 0), "-1.7976931348623157e+308");
    assert_stays(field_of(SLOT_F64, 0), "nan(0xfff8000000000000)");
    assert_stays(field_of(SLOT_F64, 0), "-0.000012345678901234568");
    assert_becomes(field_of(SLOT_F64, 0), "1E3", "1000");
    assert_stays(field_of(SLOT_F32, 0), "0.1");
    assert_stays(field_of(SLOT_F32, 0), "-3.4028235e+38");
    assert_stays(field_of(SLOT_F32, 0), "nan(0x7f800001)");
    assert_refused(field_of(SLOT_F32, 0), "1e39", "too large");
    assert_refused(field_of(SLOT_F64, 0), "", "empty number");
    assert_refused(field_of(SLOT_F64, 0), "1,5", "not a number");
    assert_refused(field_of(SLOT_F32, 0), "abc", "not a number");
}

static void test_field__bool(void **state)
{
    slot_field field = field_of(SLOT_BOOL, 0);
    char text[8];
    size_t n = 99;

    (void)state;
    assert_stays(field, "true");
    assert_stays(field, "false");
    assert_becomes(field, "1", "true");
    assert_becomes(field, "0", "false");
    field = field_of(SLOT_BOOL, 0);
    assert_refused(field, "", "empty bool");
    assert_refused(field, "TRUE", "not a bool");
    assert_refused(field, "2", "not a bool");
    assert_refused(field, "yes", "not a bool");
    assert_refused(field, "truth", "not a bool");
    record[OFFSET] = 2;
    assert_int_equal(slot_field_format(&field, record, text, &n), SLOT_E_VALUE);
    assert_int_equal(n, 99);
}

static void test_field__text(void **state)
{
    slot_field field = field_of(SLOT_TEXT, 20);

    (void)state;
    assert_stays(field_of(SLOT_TEXT, 20), "");
    assert_stays(field_of(SLOT_TEXT, 20), "a");
    assert_stays(field_of(SLOT_TEXT, 20), "12345678901234567890");
    assert_stays(field_of(SLOT_TEXT, 20), "\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80");
    assert_stays(field_of(SLOT_TEXT, 1), "x");
    assert_refused(field, "123456789012345678901", "too long");
    assert_refused(field, "caf\xe9", "UTF-8");
    assert_int_equal(slot_field_parse(&field, "a\0b", 3, record, NULL), SLOT_E_VALUE);
    assert_int_equal(record[OFFSET], 0x55);
    assert_int_equal(slot_field_parse(&field, NULL, 0, record, NULL), SLOT_OK);
    assert_format(&field, "");
}

static void test_field__text_bytes_that_are_no_value(void **state)
{
    slot_field field = field_of(SLOT_TEXT, 12);
    const char *value = NULL;
    char text[12];
    size_t n = 99;

    (void)state;
    for (size_t i = 1; i < 12; i++) {
        memset(record + OFFSET, 0, 12);
        record[OFFSET + i] = 'x'; /* after a NUL */
        assert_int_equal(slot_field_format(&field, record, text, &n), SLOT_E_VALUE);
        assert_int_equal(slot_field_get_text(&field, record, &value, &n), SLOT_E_VALUE);
    }
    memset(record + OFFSET, 0, 12);
    record[OFFSET] = 0xff;
    assert_int_equal(slot_field_format(&field, record, text, &n), SLOT_E_VALUE);
    memset(record + OFFSET, 'a', 12);
    record[OFFSET + 11] = 0xc3; /* cut off */
    assert_int_equal(slot_field_format(&field, record, text, &n), SLOT_E_VALUE);
    assert_int_equal(n, 99);
    assert_null(value);
}

static void test_field__bytes(void **state)
{
    slot_field field = field_of(SLOT_BYTES, 4);

    (void)state;
    assert_stays(field_of(SLOT_BYTES, 4), "00ff7f80");
    assert_becomes(field_of(SLOT_BYTES, 4), "DEADbeef", "deadbeef");
    assert_refused(field, "", "wrong number of digits");
    assert_refused(field, "00ff7f8", "wrong number of digits");
    assert_refused(field, "00ff7f", "wrong number of digits");
    assert_refused(field, "00ff7f8000", "wrong number of digits");
    assert_refused(field, "00ff7f8g", "hexadecimal");
    assert_refused(field, "0x00ff7f", "hexadecimal");
    assert_refused(field, "00 f7f80", "hexadecimal");
}

static void test_field__date_and_timestamp(void **state)
{
    (void)state;
    assert_stays(field_of(SLOT_DATE, 0), "1970-01-01");
    assert_stays(field_of(SLOT_DATE, 0), "-5877641-06-23");
    assert_stays(field_of(SLOT_DATE, 0), "+5881580-07-11");
    assert_stays(field_of(SLOT_TIMESTAMP, 0), "-290308-12-21T19:59:05.224192Z");
    assert_stays(field_of(SLOT_TIMESTAMP, 0), "+294247-01-10T04:00:54.775807Z");
    assert_becomes(field_of(SLOT_TIMESTAMP, 0), "2024-02-29 01:02:03.5Z",
                   "2024-02-29T01:02:03.500000Z");
    assert_refused(field_of(SLOT_DATE, 0), "", "empty date");
    assert_refused(field_of(SLOT_DATE, 0), "2023-02-29", "no such day");
    assert_refused(field_of(SLOT_TIMESTAMP, 0), "", "empty timestamp");
    assert_refused(field_of(SLOT_TIMESTAMP, 0), "2016-12-31T23:59:60Z", "leap second");
}

static void test_field__decimal(void **state)
{
    slot_field field = field_of(SLOT_DECIMAL, 2);

    (void)state;
    assert_stays(field_of(SLOT_DECIMAL, 2), "0.00");
    assert_stays(field_of(SLOT_DECIMAL, 2), "-0.05");
    assert_stays(field_of(SLOT_DECIMAL, 2), "92233720368547758.07");
    assert_stays(field_of(SLOT_DECIMAL, 2), "-92233720368547758.08");
    assert_stays(field_of(SLOT_DECIMAL, 0), "-9223372036854775808");
    assert_stays(field_of(SLOT_DECIMAL, 18), "-9.223372036854775808");
    assert_stays(field_of(SLOT_DECIMAL, 18), "9.223372036854775807");
    assert_stays(field_of(SLOT_DECIMAL, 18), "-0.000000000000000001");
    assert_becomes(field_of(SLOT_DECIMAL, 2), "5", "5.00");
    assert_becomes(field_of(SLOT_DECIMAL, 2), "+5", "5.00");
    assert_becomes(field_of(SLOT_DECIMAL, 2), "5.1", "5.10");
    assert_becomes(field_of(SLOT_DECIMAL, 2), "-0", "0.00");
    assert_becomes(field_of(SLOT_DECIMAL, 2), "00000000000000000000000001.5", "1.50");
    assert_refused(field, "", "empty number");
    assert_refused(field, "-", "not a decimal");
    assert_refused(field, "x", "not a decimal");
    assert_refused(field, "1e2", "not a decimal");
    assert_refused(field, "1.2.3", "not a decimal");
    assert_refused(field, "1,2", "not a decimal");
    assert_refused(field, "-.5", "before the decimal point");
    assert_refused(field, ".5", "before the decimal point");
    assert_refused(field, "5.", "after the decimal point");
    assert_refused(field, "5.123", "too many decimals");
    assert_refused(field, "5.120", "too many decimals");
    assert_refused(field_of(SLOT_DECIMAL, 0), "5.0", "too many decimals");
    assert_refused(field, "92233720368547758.08", "out of range");
    assert_refused(field, "-92233720368547758.09", "out of range");
    assert_refused(field, "184467440737095516.16", "out of range");
    assert_refused(field, "18446744073709551616", "out of range");
    assert_refused(field_of(SLOT_DECIMAL, 18), "10", "out of range");
    assert_refused(field_of(SLOT_DECIMAL, 18), "9223372036854775807", "out of range");
}

static void test_field__pad_and_unknown_types_are_refused(void **state)
{
    slot_field fields[] = {{.type = SLOT_PAD, .size = 4},
                           {.type = (slot_type)0, .size = 4},
                           {.type = (slot_type)99, .size = 4},
                           {.type = SLOT_DECIMAL, .size = 8, .scale = 19}};
    char text[64];
    const char *value = NULL;
    size_t n = 99;

    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++) {
        const char *reason = NULL;

        assert_int_equal(slot_field_parse(&fields[i], "1", 1, record, &reason), SLOT_E_ARG);
        assert_null(reason);
        assert_int_equal(slot_field_format(&fields[i], record, text, &n), SLOT_E_ARG);
        assert_int_equal(slot_field_get_text(&fields[i], record, &value, &n), SLOT_E_ARG);
    }
    assert_int_equal(slot_field_text_max(&fields[0]), 0);
    assert_int_equal(slot_field_text_max(&fields[1]), 0);
    assert_int_equal(n, 99);
}

/* What slot_field_get_u64, _i64 and _f64 return for the field. */
static void assert_access(slot_type type, slot_status as_u64, slot_status as_i64,
                          slot_status as_f64)
{
    slot_field field = field_of(type, 4);
    uint64_t u = 42;
    int64_t i = 42;
    double d = 42;

    if (type == SLOT_DECIMAL)
        field.scale = 2;
    memset(record + OFFSET, 0, field.size);
    assert_int_equal(slot_field_get_u64(&field, record, &u), as_u64);
    assert_int_equal(slot_field_get_i64(&field, record, &i), as_i64);
    assert_int_equal(slot_field_get_f64(&field, record, &d), as_f64);
    assert_true(u == (as_u64 == SLOT_OK ? 0u : 42u));
    assert_true(i == (as_i64 == SLOT_OK ? 0 : 42));
    assert_true(d == (as_f64 == SLOT_OK ? 0.0 : 42.0));
}

static void test_field__access_by_type(void **state)
{
    (void)state;
    assert_access(SLOT_U8, SLOT_OK, SLOT_OK, SLOT_E_ARG);
    assert_access(SLOT_U16, SLOT_OK, SLOT_OK, SLOT_E_ARG);
    assert_access(SLOT_U32, SLOT_OK, SLOT_OK, SLOT_E_ARG);
    assert_access(SLOT_U64, SLOT_OK, SLOT_E_ARG, SLOT_E_ARG);
    assert_access(SLOT_I8, SLOT_E_ARG, SLOT_OK, SLOT_E_ARG);
    assert_access(SLOT_I16, SLOT_E_ARG, SLOT_OK, SLOT_E_ARG);
    assert_access(SLOT_I32, SLOT_E_ARG, SLOT_OK, SLOT_E_ARG);
    assert_access(SLOT_I64, SLOT_E_ARG, SLOT_OK, SLOT_E_ARG);
    assert_access(SLOT_F32, SLOT_E_ARG, SLOT_E_ARG, SLOT_OK);
    assert_access(SLOT_F64, SLOT_E_ARG, SLOT_E_ARG, SLOT_OK);
    assert_access(SLOT_BOOL, SLOT_OK, SLOT_E_ARG, SLOT_E_ARG);
    assert_access(SLOT_TEXT, SLOT_E_ARG, SLOT_E_ARG, SLOT_E_ARG);
    assert_access(SLOT_BYTES, SLOT_E_ARG, SLOT_E_ARG, SLOT_E_ARG);
    assert_access(SLOT_DATE, SLOT_E_ARG, SLOT_OK, SLOT_E_ARG);
    assert_access(SLOT_TIMESTAMP, SLOT_E_ARG, SLOT_OK, SLOT_E_ARG);
    assert_access(SLOT_DECIMAL, SLOT_E_ARG, SLOT_OK, SLOT_E_ARG);
    assert_access(SLOT_PAD, SLOT_E_ARG, SLOT_E_ARG, SLOT_E_ARG);
}

static void assert_i64(slot_type type, const char *text, int64_t expected)
{
    slot_field field = field_of(type, type == SLOT_DECIMAL ? 2 : 0);
    int64_t value = ~expected;

    assert_int_equal(parse(&field, text, NULL), SLOT_OK);
    assert_int_equal(slot_field_get_i64(&field, record, &value), SLOT_OK);
    assert_true(value == expected);
}

static void assert_u64(slot_type type, const char *text, uint64_t expected)
{
    slot_field field = field_of(type, 0);
    uint64_t value = ~expected;

    assert_int_equal(parse(&field, text, NULL), SLOT_OK);
    assert_int_equal(slot_field_get_u64(&field, record, &value), SLOT_OK);
    assert_true(value == expected);
}

static void test_field__access_limits(void **state)
{
    (void)state;
    assert_u64(SLOT_U8, "255", 255);
    assert_u64(SLOT_U16, "65535", 65535);
    assert_u64(SLOT_U32, "4294967295", UINT32_MAX);
    assert_u64(SLOT_U64, "18446744073709551615", UINT64_MAX);
    assert_u64(SLOT_BOOL, "true", 1);
    assert_i64(SLOT_U8, "255", 255);
    assert_i64(SLOT_U16, "65535", 65535);
    assert_i64(SLOT_U32, "4294967295", UINT32_MAX);
    assert_i64(SLOT_I8, "-128", -128);
    assert_i64(SLOT_I16, "-32768", -32768);
    assert_i64(SLOT_I32, "-2147483648", INT32_MIN);
    assert_i64(SLOT_I64, "-9223372036854775808", INT64_MIN);
    assert_i64(SLOT_DATE, "1969-12-31", -1);
    assert_i64(SLOT_TIMESTAMP, "1969-12-31T23:59:59Z", -1000000);
    assert_i64(SLOT_DECIMAL, "-1.5", -150);
}

static void test_field__access_bool_of_2(void **state)
{
    slot_field field = field_of(SLOT_BOOL, 0);
    uint64_t value = 42;

    (void)state;
    record[OFFSET] = 2;
    assert_int_equal(slot_field_get_u64(&field, record, &value), SLOT_E_VALUE);
    assert_true(value == 42);
}

static void test_field__access_floats(void **state)
{
    slot_field field = field_of(SLOT_F32, 0);
    double value = 0;

    (void)state;
    assert_int_equal(parse(&field, "0.1", NULL), SLOT_OK);
    assert_int_equal(slot_field_get_f64(&field, record, &value), SLOT_OK);
    assert_true(value > 0.1 && value < 0.10000001);
    field = field_of(SLOT_F64, 0);
    assert_int_equal(parse(&field, "-2.5", NULL), SLOT_OK);
    assert_int_equal(slot_field_get_f64(&field, record, &value), SLOT_OK);
    assert_true(value >= -2.5 && value <= -2.5);
}

static void test_field__access_text(void **state)
{
    slot_field field = field_of(SLOT_TEXT, 8);
    const char *text = NULL;
    size_t n = 99;

    (void)state;
    assert_int_equal(parse(&field, "abc", NULL), SLOT_OK);
    assert_int_equal(slot_field_get_text(&field, record, &text, &n), SLOT_OK);
    assert_true((const void *)text == record + OFFSET);
    assert_int_equal(n, 3);
    assert_int_equal(parse(&field, "abcdefgh", NULL), SLOT_OK);
    assert_int_equal(slot_field_get_text(&field, record, &text, &n), SLOT_OK);
    assert_int_equal(n, 8);
}

/* Whatever bytes have a text: the text fits, and gives the same bytes. */
static void test_field__random_bytes_round_trip(void **state)
{
    uint64_t random = (uint64_t)time(NULL);

    (void)state;
    printf("seed %" PRIu64 "\n", random);
    for (int i = 0; i < 400000; i++) {
        slot_type type = (slot_type)(SLOT_U8 + i % (SLOT_PAD - SLOT_U8));
        slot_field field = field_of(type, type == SLOT_DECIMAL ? (uint32_t)i % 19 : 7);
        uint8_t before[8];
        char text[64];
        size_t n = 0;

        if (slot__field_type(type)->bytes != 0 && type != SLOT_DECIMAL)
            field.scale = 0;
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        put_u64(record + OFFSET, random ^ random >> 29);
        if (type == SLOT_TEXT) /* ASCII, then NULs */
            put_u64(record + OFFSET, (random & UINT64_C(0x7f7f7f7f7f7f7f)) >> random % 56);
        memcpy(before, record + OFFSET, 8);
        if (slot_field_format(&field, record, text, &n) != SLOT_OK)
            continue;
        assert_true(n <= slot_field_text_max(&field));
        memset(record + OFFSET, 0xaa, field.size);
        assert_int_equal(slot_field_parse(&field, text, n, record, NULL), SLOT_OK);
        assert_memory_equal(record + OFFSET, before, field.size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field__unsigned_integers),
        cmocka_unit_test(test_field__signed_integers),
        cmocka_unit_test(test_field__integers_of_every_length),
        cmocka_unit_test(test_field__integers_are_little_endian),
        cmocka_unit_test(test_field__floats),
        cmocka_unit_test(test_field__bool),
        cmocka_unit_test(test_field__text),
        cmocka_unit_test(test_field__text_bytes_that_are_no_value),
        cmocka_unit_test(test_field__bytes),
        cmocka_unit_test(test_field__date_and_timestamp),
        cmocka_unit_test(test_field__decimal),
        cmocka_unit_test(test_field__pad_and_unknown_types_are_refused),
        cmocka_unit_test(test_field__access_by_type),
        cmocka_unit_test(test_field__access_limits),
        cmocka_unit_test(test_field__access_bool_of_2),
        cmocka_unit_test(test_field__access_floats),
        cmocka_unit_test(test_field__access_text),
        cmocka_unit_test(test_field__random_bytes_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
