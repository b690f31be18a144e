/*
 * Floats as text: fixed hard cases everywhere; against the C library, where that is known to be
 * exact, on random bit patterns and random texts.
 */
#include "format/float_text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

/* The bits of a text that must be a number. */
static uint64_t f64_of(const char *text)
{
    uint64_t bits = 0;
    const char *reason = slot__f64_parse(text, strlen(text), &bits);

    if (reason != NULL)
        fail_msg("%.60s: %s", text, reason);
    return bits;
}

static uint32_t f32_of(const char *text)
{
    uint32_t bits = 0;
    const char *reason = slot__f32_parse(text, strlen(text), &bits);

    if (reason != NULL)
        fail_msg("%.60s: %s", text, reason);
    return bits;
}

static void assert_f64_text(uint64_t bits, const char *expected)
{
    char text[F64_TEXT_MAX + 1];
    size_t n = slot__f64_format(bits, text);

    assert_true(n <= F64_TEXT_MAX);
    text[n] = 0;
    assert_string_equal(text, expected);
    assert_true(f64_of(text) == bits);
}

static void assert_f32_text(uint32_t bits, const char *expected)
{
    char text[F32_TEXT_MAX + 1];
    size_t n = slot__f32_format(bits, text);

    assert_true(n <= F32_TEXT_MAX);
    text[n] = 0;
    assert_string_equal(text, expected);
    assert_true(f32_of(text) == bits);
}

static void assert_refused(const char *text, const char *reason_part)
{
    uint64_t bits = 42;
    uint32_t bits32 = 42;
    const char *reason = slot__f64_parse(text, strlen(text), &bits);

    if (reason == NULL)
        fail_msg("%s was accepted", text);
    if (strstr(reason, reason_part) == NULL)
        fail_msg("%s: %s", text, reason);
    assert_true(bits == 42);
    assert_non_null(slot__f32_parse(text, strlen(text), &bits32));
    assert_true(bits32 == 42);
}

static void test_float_text__format_plain_and_exponent(void **state)
{
    static const struct {
        uint64_t bits;
        const char *text;
    } cases[] = {
        {0, "0"},
        {UINT64_C(0x8000000000000000), "-0"},
        {UINT64_C(0x3ff0000000000000), "1"},
        {UINT64_C(0xbff0000000000000), "-1"},
        {UINT64_C(0x4059000000000000), "100"},
        {UINT64_C(0x3fb999999999999a), "0.1"},
        {UINT64_C(0x3fd3333333333334), "0.30000000000000004"},
        {UINT64_C(0x40c81cd6c8b43958), "12345.678"},
        {UINT64_C(0x3ee4f8b588e368f1), "0.00001"},
        {UINT64_C(0x3ee4f8b588e368f0), "9.999999999999999e-6"},
        {UINT64_C(0x4340000000000000), "9007199254740992"},
        {UINT64_C(0x433fffffffffffff), "9007199254740991"},
        {UINT64_C(0x4340000000000001), "9007199254740994"},
        {UINT64_C(0x4376345785d89fff), "99999999999999980"},
        {UINT64_C(0x4376345785d8a000), "1e+17"},
        {UINT64_C(0x44b52d02c7e14af5), "9.999999999999997e+22"},
        {UINT64_C(0x44b52d02c7e14af6), "1e+23"},
        {UINT64_C(0x44b52d02c7e14af7), "1.0000000000000001e+23"},
        {UINT64_C(0x7fefffffffffffff), "1.7976931348623157e+308"},
        {UINT64_C(0xffefffffffffffff), "-1.7976931348623157e+308"},
        {UINT64_C(0x0010000000000000), "2.2250738585072014e-308"},
        {UINT64_C(0x000fffffffffffff), "2.225073858507201e-308"},
        {1, "5e-324"},
        {2, "1e-323"},
        {3, "1.5e-323"},
        {UINT64_C(0x7ff0000000000000), "inf"},
        {UINT64_C(0xfff0000000000000), "-inf"},
        {UINT64_C(0x7ff8000000000000), "nan"},
        {UINT64_C(0xfff8000000000000), "nan(0xfff8000000000000)"},
        {UINT64_C(0x7ff0000000000001), "nan(0x7ff0000000000001)"},
        {UINT64_C(0xffffffffffffffff), "nan(0xffffffffffffffff)"},
        /* Powers of two, where the distance below is half the one above. */
        {UINT64_C(0x3cb0000000000000), "2.220446049250313e-16"},
        {UINT64_C(0x4350000000000000), "18014398509481984"},
        {UINT64_C(0x0060000000000000), "7.120236347223045e-307"},
        {UINT64_C(0x7fe0000000000000), "8.98846567431158e+307"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_f64_text(cases[i].bits, cases[i].text);
}

static void test_float_text__format_f32(void **state)
{
    (void)state;
    assert_f32_text(0, "0");
    assert_f32_text(0x80000000, "-0");
    assert_f32_text(0x3dcccccd, "0.1");
    assert_f32_text(0x3f800001, "1.0000001");
    assert_f32_text(0x4b800000, "16777216");
    assert_f32_text(0x5b8e1bca, "80000000000000000");
    assert_f32_text(0x5bb1a2bc, "1e+17");
    assert_f32_text(0x7f7fffff, "3.4028235e+38");
    assert_f32_text(0x00800000, "1.1754944e-38");
    assert_f32_text(0x00000001, "1e-45");
    assert_f32_text(0x00000002, "3e-45");
    assert_f32_text(0x7f800000, "inf");
    assert_f32_text(0xff800000, "-inf");
    assert_f32_text(0x7fc00000, "nan");
    assert_f32_text(0x7f800001, "nan(0x7f800001)");
    assert_f32_text(0xffffffff, "nan(0xffffffff)");
    assert_true(f32_of("3e-45") == 2);
}

static void test_float_text__parse_halfway(void **state)
{
    static const struct {
        const char *text;
        uint64_t bits;
    } cases[] = {
        {"9007199254740993", UINT64_C(0x4340000000000000)},
        {"9007199254740993.0000000000000000000000000000000000000001", UINT64_C(0x4340000000000001)},
        {"9007199254740992.9999999999999999999999999999999999999999", UINT64_C(0x4340000000000000)},
        {"9007199254740995", UINT64_C(0x4340000000000002)},
        {"1e23", UINT64_C(0x44b52d02c7e14af6)},
        {"99999999999999999999999", UINT64_C(0x44b52d02c7e14af6)},
        {"100000000000000000000001", UINT64_C(0x44b52d02c7e14af7)},
        {"8.5e22", UINT64_C(0x44b1ffdbf6b2b2eb)},
        {"5e-324", 1},
        {"4.9406564584124654e-324", 1},
        {"2.4703282292062328e-324", 1}, /* just above half of the smallest */
        {"7.4109846876186981e-324", 1}, /* just below one and a half */
        {"7.4109846876186982e-324", 2}, /* just above */
        {"2.2250738585072011e-308", UINT64_C(0x000fffffffffffff)},
        {"2.2250738585072012e-308", UINT64_C(0x0010000000000000)},
        {"1.7976931348623157e308", UINT64_C(0x7fefffffffffffff)},
        {"1.7976931348623158e308", UINT64_C(0x7fefffffffffffff)},
        {"1.797693134862315807e308", UINT64_C(0x7fefffffffffffff)},
        {"0.000000000000000000000000000000000000000000000000000000000000000000000000001e75",
         UINT64_C(0x3ff0000000000000)},
        {"100000000000000000000000000000000000000000000000000000000000000000000000000000e-77",
         UINT64_C(0x3ff0000000000000)},
        {"18446744073709551615", UINT64_C(0x43f0000000000000)},
        {"18446744073709551616", UINT64_C(0x43f0000000000000)},
        {"0.5", UINT64_C(0x3fe0000000000000)},
        {"+1E+2", UINT64_C(0x4059000000000000)},
        {"-000.000e999999999999999999999999", UINT64_C(0x8000000000000000)},
        {"00000000000000000000000000000000001", UINT64_C(0x3ff0000000000000)},
        {"nan(0xFFF8000000000000)", UINT64_C(0xfff8000000000000)},
        {"+inf", UINT64_C(0x7ff0000000000000)},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t bits = f64_of(cases[i].text);

        if (bits != cases[i].bits)
            fail_msg("%s is %016" PRIx64, cases[i].text, bits);
    }
}

/* 2^-1075, half of the smallest number, has 752 significant digits: computed here as 5^1075. */
static size_t write_half_of_smallest(char *text, const char *more)
{
    unsigned char digits[800] = {1};
    size_t n = 1;
    size_t at = 0;

    for (int i = 0; i < 1075; i++) {
        unsigned carry = 0;

        for (size_t k = 0; k < n; k++) {
            carry += digits[k] * 5u;
            digits[k] = (unsigned char)(carry % 10);
            carry /= 10;
        }
        if (carry != 0)
            digits[n++] = (unsigned char)carry;
    }
    assert_int_equal(n, 752);
    text[at++] = '0';
    text[at++] = '.';
    for (size_t i = n; i < 1075; i++)
        text[at++] = '0';
    while (n > 0)
        text[at++] = (char)('0' + digits[--n]);
    strcpy(text + at, more);
    return at + strlen(more);
}

static void test_float_text__parse_halfway_of_752_digits(void **state)
{
    static char text[20000];
    uint64_t bits = 42;
    size_t n = write_half_of_smallest(text, "");

    (void)state;
    /* A tie that goes to the even 0: refused, since it would silently become zero. */
    assert_non_null(strstr(slot__f64_parse(text, n, &bits), "too close to zero"));
    assert_true(bits == 42);
    n = write_half_of_smallest(text, "1");
    assert_null(slot__f64_parse(text, n, &bits));
    assert_true(bits == 1);
    /* The digit that decides stands beyond all that are kept. */
    n = write_half_of_smallest(text, "");
    memset(text + n, '0', 15000);
    bits = 42;
    assert_non_null(slot__f64_parse(text, n + 15000, &bits));
    text[n + 15000] = '1';
    assert_null(slot__f64_parse(text, n + 15001, &bits));
    assert_true(bits == 1);
    text[n - 1]--;
    bits = 42;
    assert_non_null(slot__f64_parse(text, n + 15001, &bits));
    assert_true(bits == 42);
}

static void test_float_text__parse_800_digits_halfway(void **state)
{
    static char text[1000];
    size_t n = (size_t)snprintf(text, sizeof text, "9007199254740993.");

    (void)state;
    memset(text + n, '0', 900);
    text[n + 900] = 0;
    assert_true(f64_of(text) == UINT64_C(0x4340000000000000));
    for (size_t digits = 780; digits < 790; digits++) {
        text[n + digits] = '1';
        assert_true(f64_of(text) == UINT64_C(0x4340000000000001));
        text[n + digits] = '0';
    }
    text[n + 899] = '1';
    assert_true(f64_of(text) == UINT64_C(0x4340000000000001));
}

static void test_float_text__parse_f32_rounds_once(void **state)
{
    (void)state;
    assert_true(f32_of("16777217") == 0x4b800000);
    assert_true(f32_of("16777219") == 0x4b800002);
    /* Rounded to binary64 first, this would become the halfway point and then go down. */
    assert_true(f32_of("1.00000005960464477540") == 0x3f800001);
    assert_true(f32_of("1.00000005960464477539") == 0x3f800000);
    assert_true(f32_of("3.4028235677973362e38") == 0x7f7fffff);
    assert_true(f32_of("1.4e-45") == 1);
    assert_true(f32_of("7.1e-46") == 1);
}

static void test_float_text__parse_range(void **state)
{
    uint32_t bits = 0;

    (void)state;
    assert_refused("1e309", "too large");
    assert_refused("-1e309", "too large");
    assert_refused("1.7976931348623159e308", "too large");
    assert_refused("1e99999999999999999999999", "too large");
    assert_refused("1e-400", "too close to zero");
    assert_refused("2.4703282292062327e-324", "too close to zero");
    assert_refused("0.1e-99999999999999999999999", "too close to zero");
    assert_non_null(strstr(slot__f32_parse("3.4028236e38", 12, &bits), "too large"));
    assert_non_null(strstr(slot__f32_parse("1e39", 4, &bits), "too large"));
    assert_non_null(strstr(slot__f32_parse("7e-46", 5, &bits), "too close to zero"));
}

static void test_float_text__parse_refuses(void **state)
{
    static const char *const wrong[] = {"-",
                                        "+",
                                        "--1",
                                        "1-",
                                        " 1",
                                        "1 ",
                                        "0x10",
                                        "1,5",
                                        "1.5.2",
                                        "e5",
                                        "Inf",
                                        "NaN",
                                        "-nan",
                                        "+nan",
                                        "nan(",
                                        "nan(0x)",
                                        "infinity",
                                        "nan()",
                                        "1f",
                                        "\xd9\xa1",
                                        "1e1e1",
                                        "nan(0x7ff8000000000000",
                                        "nan(0x7ff80000000000000)",
                                        "nan(0x7ff000000000000g)",
                                        "nan(0x0000000000000001)",
                                        "nan(0x7ff0000000000000)",
                                        "nan(0xfff0000000000000)",
                                        "nan(0x7ff80000)x",
                                        "-nan(0x7ff8000000000000)"};
    uint64_t bits = 42;

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_refused(wrong[i], "not a number");
    assert_refused("", "empty number");
    assert_refused(".5", "before the decimal point");
    assert_refused("-.5", "before the decimal point");
    assert_refused(".", "before the decimal point");
    assert_refused("5.", "after the decimal point");
    assert_refused("5.e3", "after the decimal point");
    assert_refused("1e", "exponent");
    assert_refused("1e+", "exponent");
    assert_refused("1.5e-", "exponent");
    assert_non_null(slot__f64_parse("1\0002", 3, &bits));
    assert_non_null(slot__f64_parse("n", 1, &bits));
    assert_true(bits == 42);
}

/* Whatever the bits: the text reads back as the same, and a shorter one does not. */
static void check_round_trip(uint64_t bits)
{
    char text[F64_TEXT_MAX + 1];
    size_t n = slot__f64_format(bits, text);
    uint64_t back = ~bits;

    text[n] = 0;
    if (n > F64_TEXT_MAX || slot__f64_parse(text, n, &back) != NULL || back != bits)
        fail_msg("%016" PRIx64 " became %s and then %016" PRIx64, bits, text, back);
}

static void test_float_text__random_bits_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint32_t back = 0;
        char text[F32_TEXT_MAX];
        uint32_t bits32 = (uint32_t)random_u64();

        check_round_trip(random_u64());
        check_round_trip(random_u64() & UINT64_C(0x800fffffffffffff));
        assert_null(slot__f32_parse(text, slot__f32_format(bits32, text), &back));
        assert_true(back == bits32);
    }
    for (int e = 0; e < 2047; e++)
        for (int i = -2; i <= 2; i++)
            check_round_trip((((uint64_t)e << 52) + (uint64_t)i) & (UINT64_MAX >> 1));
}

#if defined(__GLIBC__)

/* Significant digits in a text, and their number: 12.30e5 -> "123". */
static size_t significant(const char *text, char *digits)
{
    size_t n = 0;

    for (; *text != 0 && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (n > 0 || *text != '0'))
            digits[n++] = *text;
    while (n > 0 && digits[n - 1] == '0')
        n--;
    digits[n] = 0;
    return n;
}

static bool reads_back(const char *text, double value)
{
    double back = strtod(text, NULL);

    return memcmp(&back, &value, sizeof back) == 0;
}

/*
 * Our text reads back with strtod, has the digits that %.Ne rounds to, and one digit less would be
 * another number. A power of two is exempt from the last two: its interval is not symmetric, so a
 * number within it may be shorter than, or lie on the other side of, the closest one.
 */
static void check_against_printf(uint64_t bits)
{
    char text[F64_TEXT_MAX + 1];
    char expected[40];
    char digits[40];
    char expected_digits[40];
    double value;
    size_t n;

    memcpy(&value, &bits, sizeof value);
    text[slot__f64_format(bits, text)] = 0;
    n = significant(text, digits);
    snprintf(expected, sizeof expected, "%.*e", (int)n - 1, value);
    significant(expected, expected_digits);
    if (!reads_back(text, value) ||
        ((bits & UINT64_C(0xfffffffffffff)) != 0 && strcmp(digits, expected_digits) != 0))
        fail_msg("%016" PRIx64 " became %s, not %s", bits, text, expected);
    snprintf(expected, sizeof expected, "%.*e", n > 1 ? (int)n - 2 : 0, value);
    if (n > 1 && (bits & UINT64_C(0xfffffffffffff)) != 0 && reads_back(expected, value))
        fail_msg("%016" PRIx64 " became %s, longer than %s", bits, text, expected);
}

static void test_float_text__format_like_the_c_library(void **state)
{
    (void)state;
    for (int i = 0; i < 150000; i++) {
        uint64_t bits = random_u64();
        uint64_t ordinary = (bits & UINT64_C(0x800fffffffffffff)) |
                            (uint64_t)(1023 - 30 + random_u64() % 100) << 52;

        if ((bits >> 52 & 0x7ff) != 0x7ff)
            check_against_printf(bits);
        check_against_printf(ordinary);
        check_against_printf(ordinary & UINT64_C(0xfffffffff0000000));
    }
    for (uint64_t e = 1; e < 2047; e++)
        check_against_printf(e << 52);
}

static void check_against_strtod(const char *text)
{
    size_t n = strlen(text);
    double value = strtod(text, NULL);
    float value32 = strtof(text, NULL);
    uint64_t expected;
    uint64_t bits = 0;
    uint32_t expected32;
    uint32_t bits32 = 0;
    bool zero = strspn(text, "-0.") == strcspn(text, "e");
    const char *reason = slot__f64_parse(text, n, &bits);

    memcpy(&expected, &value, sizeof expected);
    memcpy(&expected32, &value32, sizeof expected32);
    if ((reason != NULL) != (expected << 1 >> 53 == 0x7ff || (expected << 1 == 0 && !zero)) ||
        (reason == NULL && bits != expected))
        fail_msg("%s: %016" PRIx64 ", not %016" PRIx64, text, bits, expected);
    reason = slot__f32_parse(text, n, &bits32);
    if ((reason != NULL) != (expected32 << 1 >> 24 == 0xff || (expected32 << 1 == 0 && !zero)) ||
        (reason == NULL && bits32 != expected32))
        fail_msg("%s: %08" PRIx32 ", not %08" PRIx32, text, bits32, expected32);
}

/* Random digits with a point somewhere and an exponent of +-range. */
static void random_decimal(char *text, unsigned digits_max, unsigned range)
{
    unsigned digits = 1 + (unsigned)(random_u64() % digits_max);
    unsigned point = (unsigned)(random_u64() % (digits + 1));
    size_t n = 0;

    if (random_u64() % 2)
        text[n++] = '-';
    if (point == 0)
        text[n++] = '0';
    for (unsigned i = 0; i < digits; i++) {
        if (i == point)
            text[n++] = '.';
        text[n++] = (char)('0' + random_u64() % 10);
    }
    text[n] = 0;
    if (range > 0)
        sprintf(text + n, "e%d", (int)(random_u64() % (2 * range)) - (int)range);
}

static void test_float_text__parse_like_the_c_library(void **state)
{
    char text[1200];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        random_decimal(text, 20, 0);
        check_against_strtod(text);
        random_decimal(text, 19, 30);
        check_against_strtod(text);
        random_decimal(text, 25, 345);
        check_against_strtod(text);
    }
    for (int i = 0; i < 2000; i++) {
        random_decimal(text, 1100, 400);
        check_against_strtod(text);
    }
}

/* Exact halfway points between neighbours, and a little beside them. */
static void test_float_text__parse_halfway_like_the_c_library(void **state)
{
    char text[1200];

    (void)state;
    for (int i = 0; i < 5000; i++) {
        uint64_t bits = random_u64() & UINT64_C(0x7fffffffffffffff);
        uint64_t next = bits + 1;
        double value;
        double above;
        long double half;
        char *e;

        if (i % 2 == 0)
            bits = (bits & UINT64_C(0xfffffffffffff)) | (1023 - 60 + bits % 120) << 52;
        next = bits + 1;
        if (next >> 52 == 0x7ff || bits >> 52 == 0x7ff)
            continue;
        memcpy(&value, &bits, sizeof value);
        memcpy(&above, &next, sizeof above);
        half = ((long double)value + (long double)above) / 2; /* exact in 64 bits */
        snprintf(text, sizeof text, "%.800Le", half);
        check_against_strtod(text);
        e = strchr(text, 'e');
        e[-1] = '1';
        check_against_strtod(text);
    }
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float_text__format_plain_and_exponent),
        cmocka_unit_test(test_float_text__format_f32),
        cmocka_unit_test(test_float_text__parse_halfway),
        cmocka_unit_test(test_float_text__parse_halfway_of_752_digits),
        cmocka_unit_test(test_float_text__parse_800_digits_halfway),
        cmocka_unit_test(test_float_text__parse_f32_rounds_once),
        cmocka_unit_test(test_float_text__parse_range),
        cmocka_unit_test(test_float_text__parse_refuses),
        cmocka_unit_test(test_float_text__random_bits_round_trip),
#if defined(__GLIBC__)
        cmocka_unit_test(test_float_text__format_like_the_c_library),
        cmocka_unit_test(test_float_text__parse_like_the_c_library),
        cmocka_unit_test(test_float_text__parse_halfway_like_the_c_library),
#endif
    };

    return cmocka_run_group_tests(tests, seed, NULL);
}
