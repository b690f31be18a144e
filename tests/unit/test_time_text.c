/*
 * Dates and timestamps as text: limits of the types, every day of a few centuries against a plain
 * count, random values there and back, and each way in which a text can be wrong.
 */
#include "format/time_text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static uint64_t random_state;

static uint64_t random_u64(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int seed(void **state)
{
    (void)state;
    random_state = (uint64_t)time(NULL);
    printf("seed %" PRIu64 "\n", random_state);
    return 0;
}

static void assert_date(int32_t days, const char *expected)
{
    char text[DATE_TEXT_MAX + 1];
    size_t n = slot__date_format(days, text);
    int32_t back = ~days;

    assert_true(n <= DATE_TEXT_MAX);
    text[n] = 0;
    assert_string_equal(text, expected);
    assert_null(slot__date_parse(text, n, &back));
    assert_true(back == days);
}

static void assert_timestamp(int64_t microseconds, const char *expected)
{
    char text[TIMESTAMP_TEXT_MAX + 1];
    size_t n = slot__timestamp_format(microseconds, text);
    int64_t back = ~microseconds;

    assert_true(n <= TIMESTAMP_TEXT_MAX);
    text[n] = 0;
    assert_string_equal(text, expected);
    assert_null(slot__timestamp_parse(text, n, &back));
    assert_true(back == microseconds);
}

static void assert_parsed(const char *text, int64_t expected)
{
    int64_t value = ~expected;
    const char *reason = slot__timestamp_parse(text, strlen(text), &value);

    if (reason != NULL)
        fail_msg("%s: %s", text, reason);
    assert_true(value == expected);
}

static void assert_date_refused(const char *text, const char *reason_part)
{
    int32_t value = 42;
    const char *reason = slot__date_parse(text, strlen(text), &value);

    if (reason == NULL || strstr(reason, reason_part) == NULL)
        fail_msg("%s: %s", text, reason == NULL ? "accepted" : reason);
    assert_true(value == 42);
}

static void assert_timestamp_refused(const char *text, const char *reason_part)
{
    int64_t value = 42;
    const char *reason = slot__timestamp_parse(text, strlen(text), &value);

    if (reason == NULL || strstr(reason, reason_part) == NULL)
        fail_msg("%s: %s", text, reason == NULL ? "accepted" : reason);
    assert_true(value == 42);
}

static void test_time_text__date_landmarks(void **state)
{
    (void)state;
    assert_date(0, "1970-01-01");
    assert_date(-1, "1969-12-31");
    assert_date(59, "1970-03-01");
    assert_date(11016, "2000-02-29");
    assert_date(11017, "2000-03-01");
    assert_date(-25509, "1900-02-28");
    assert_date(-25508, "1900-03-01");
    assert_date(2932896, "9999-12-31");
    assert_date(2932897, "+10000-01-01");
    assert_date(-719528, "0000-01-01");
    assert_date(-719469, "0000-02-29");
    assert_date(-719468, "0000-03-01");
    assert_date(-719529, "-0001-12-31");
    assert_date(-735525, "-0044-03-15");
    assert_date(3789391, "+12345-01-01");
    assert_date(INT32_MAX, "+5881580-07-11");
    assert_date(INT32_MIN, "-5877641-06-23");
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

static void test_time_text__every_day_of_900_years(void **state)
{
    int year = 1500;
    int month = 1;
    int day = 1;
    char expected[40];
    char text[DATE_TEXT_MAX];
    int32_t back = 0;

    (void)state;
    assert_date(-171664, "1500-01-01");
    for (int32_t days = -171664; year < 2400; days++) {
        size_t n = slot__date_format(days, text);

        snprintf(expected, sizeof expected, "%04d-%02d-%02d", year, month, day);
        if (n != 10 || memcmp(text, expected, 10) != 0)
            fail_msg("%" PRId32 ": %.10s, not %s", days, text, expected);
        assert_null(slot__date_parse(expected, 10, &back));
        assert_true(back == days);
        if (++day > days_of_month(year, month)) {
            day = 1;
            if (++month > 12) {
                month = 1;
                year++;
            }
        }
    }
}

static void test_time_text__timestamp_landmarks(void **state)
{
    (void)state;
    assert_timestamp(0, "1970-01-01T00:00:00Z");
    assert_timestamp(1, "1970-01-01T00:00:00.000001Z");
    assert_timestamp(-1, "1969-12-31T23:59:59.999999Z");
    assert_timestamp(INT64_C(-86400000000), "1969-12-31T00:00:00Z");
    assert_timestamp(INT64_C(1709210096500000), "2024-02-29T12:34:56.500000Z");
    assert_timestamp(INT64_C(253402300800000000), "+10000-01-01T00:00:00Z");
    assert_timestamp(INT64_MAX, "+294247-01-10T04:00:54.775807Z");
    assert_timestamp(INT64_MIN, "-290308-12-21T19:59:05.224192Z");
}

static void test_time_text__timestamp_other_forms(void **state)
{
    (void)state;
    assert_parsed("1970-01-01 00:00:00Z", 0);
    assert_parsed("1970-01-01T00:00:00.1Z", 100000);
    assert_parsed("1970-01-01T00:00:00.12Z", 120000);
    assert_parsed("1970-01-01T00:00:00.123Z", 123000);
    assert_parsed("1970-01-01T00:00:00.1234Z", 123400);
    assert_parsed("1970-01-01T00:00:00.12345Z", 123450);
    assert_parsed("1970-01-01T00:00:00.000000Z", 0);
    assert_parsed("1970-01-01T23:59:59Z", INT64_C(86399000000));
}

static void test_time_text__random_values_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 500000; i++) {
        char text[TIMESTAMP_TEXT_MAX];
        int32_t days = (int32_t)random_u64();
        int64_t microseconds = (int64_t)random_u64();
        int32_t days_back = ~days;
        int64_t back = ~microseconds;

        assert_null(slot__date_parse(text, slot__date_format(days, text), &days_back));
        assert_true(days_back == days);
        assert_null(slot__timestamp_parse(text, slot__timestamp_format(microseconds, text), &back));
        assert_true(back == microseconds);
    }
}

static void test_time_text__date_refuses(void **state)
{
    static const char *const not_dates[] = {"2024",
                                            "2024-1-01",
                                            "2024-01-1",
                                            "2024/01/01",
                                            "20240101",
                                            "24-01-01",
                                            "02024-01-01",
                                            "12345-01-01",
                                            "+2024-01-01",
                                            "-0000-01-01",
                                            "+9999-12-31",
                                            "+012345-01-01",
                                            "-00044-03-15",
                                            "-44-03-15",
                                            "+-12345-01-01",
                                            "x",
                                            "-",
                                            "2024-0a-01",
                                            "2024-01-0",
                                            "2024-01-",
                                            " 2024-01-01",
                                            "+10000000-01-01",
                                            "+99999999999999999999999-01-01"};

    (void)state;
    for (size_t i = 0; i < COUNT(not_dates); i++)
        assert_date_refused(not_dates[i], "not a date");
    assert_date_refused("", "empty date");
    assert_date_refused("2024-00-01", "no such month");
    assert_date_refused("2024-13-01", "no such month");
    assert_date_refused("2024-01-00", "no such day");
    assert_date_refused("2024-04-31", "no such day");
    assert_date_refused("2023-02-29", "no such day");
    assert_date_refused("1900-02-29", "no such day");
    assert_date_refused("-0001-02-29", "no such day");
    assert_date_refused("2024-01-01 ", "something follows");
    assert_date_refused("2024-01-01T00:00:00Z", "something follows");
    assert_date_refused("+5881580-07-12", "out of range");
    assert_date_refused("-5877641-06-22", "out of range");
    assert_date_refused("+9999999-12-31", "out of range");
    assert_date_refused("-9999999-01-01", "out of range");
}

static void test_time_text__timestamp_refuses(void **state)
{
    (void)state;
    assert_timestamp_refused("", "empty timestamp");
    assert_timestamp_refused("2024-02-30T00:00:00Z", "no such day");
    assert_timestamp_refused("2024-02-28", "no time");
    assert_timestamp_refused("2024-02-28t00:00:00Z", "no time");
    assert_timestamp_refused("2024-02-28T", "not a time");
    assert_timestamp_refused("2024-02-28  00:00:00Z", "not a time");
    assert_timestamp_refused("2024-02-28T0:00:00Z", "not a time");
    assert_timestamp_refused("2024-02-28T00:00Z", "not a time");
    assert_timestamp_refused("2024-02-28T00.00.00Z", "not a time");
    assert_timestamp_refused("2024-02-28Tx0:00:00Z", "not a time");
    assert_timestamp_refused("2024-02-28T00:00:0xZ", "not a time");
    assert_timestamp_refused("2024-02-28T24:00:00Z", "no such time");
    assert_timestamp_refused("2024-02-28T00:60:00Z", "no such time");
    assert_timestamp_refused("2024-02-28T00:00:61Z", "no such time");
    assert_timestamp_refused("2016-12-31T23:59:60Z", "leap second");
    assert_timestamp_refused("2024-02-28T00:00:00", "end in Z");
    assert_timestamp_refused("2024-02-28T00:00:00z", "end in Z");
    assert_timestamp_refused("2024-02-28T00:00:00+01:00", "end in Z");
    assert_timestamp_refused("2024-02-28T00:00:00ZZ", "end in Z");
    assert_timestamp_refused("2024-02-28T00:00:00.5", "end in Z");
    assert_timestamp_refused("2024-02-28T00:00:00.Z", "no digit after");
    assert_timestamp_refused("2024-02-28T00:00:00.0000001Z", "more than 6");
    assert_timestamp_refused("+294247-01-10T04:00:54.775808Z", "out of range");
    assert_timestamp_refused("+294247-01-11T00:00:00Z", "out of range");
    assert_timestamp_refused("-290308-12-21T19:59:05.224191Z", "out of range");
    assert_timestamp_refused("-290308-12-20T23:59:59Z", "out of range");
    assert_timestamp_refused("+9999999-12-31T00:00:00Z", "out of range");
    assert_timestamp_refused("-9999999-01-01T00:00:00Z", "out of range");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_text__date_landmarks),
        cmocka_unit_test(test_time_text__every_day_of_900_years),
        cmocka_unit_test(test_time_text__timestamp_landmarks),
        cmocka_unit_test(test_time_text__timestamp_other_forms),
        cmocka_unit_test(test_time_text__random_values_round_trip),
        cmocka_unit_test(test_time_text__date_refuses),
        cmocka_unit_test(test_time_text__timestamp_refuses),
    };

    return cmocka_run_group_tests(tests, seed, NULL);
}
