/*
 * UTF-8 validation: the limits of every length, at every place of a word of 8 bytes, and all texts
 * of 1 to 3 bytes and samples of 4 against a plain decoder.
 */
#include "format/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void assert_valid(const char *text)
{
    assert_true(utf8_valid(text, strlen(text)));
}

/* Not valid, and the first `good` bytes are. */
static void assert_invalid(const char *text, size_t good)
{
    assert_int_equal(slot__utf8_valid_bytes(text, strlen(text)), good);
    assert_true(good < strlen(text));
}

static void test_utf8__accepts_limits_of_each_length(void **state)
{
    (void)state;
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("\0", 1));
    assert_valid("\x01");
    assert_valid("\x7f");
    assert_valid("\xc2\x80");
    assert_valid("\xdf\xbf");
    assert_valid("\xe0\xa0\x80");
    assert_valid("\xed\x9f\xbf");
    assert_valid("\xee\x80\x80");
    assert_valid("\xef\xbf\xbf");
    assert_valid("\xf0\x90\x80\x80");
    assert_valid("\xf4\x8f\xbf\xbf");
}

static void test_utf8__refuses_overlong(void **state)
{
    (void)state;
    assert_invalid("\xc0\x80", 0);
    assert_invalid("\xc1\xbf", 0);
    assert_invalid("\xe0\x9f\xbf", 0);
    assert_invalid("\xf0\x8f\xbf\xbf", 0);
}

static void test_utf8__refuses_surrogates(void **state)
{
    (void)state;
    assert_invalid("a\xed\xa0\x80", 1);
    assert_invalid("a\xed\xbf\xbf", 1);
}

static void test_utf8__refuses_above_unicode(void **state)
{
    (void)state;
    assert_invalid("\xf4\x90\x80\x80", 0);
    assert_invalid("\xf5\x80\x80\x80", 0);
    assert_invalid("\xf8\x88\x80\x80\x80", 0);
    assert_invalid("\xfe", 0);
    assert_invalid("\xff", 0);
}

static void test_utf8__refuses_stray_and_cut_off(void **state)
{
    (void)state;
    assert_invalid("ab\x80", 2);
    assert_invalid("\xbf", 0);
    assert_invalid("\xc3", 0);
    assert_invalid("\xc3(", 0);
    assert_invalid("\xe2\x82", 0);
    assert_invalid("\xe2(\x82", 0);
    assert_invalid("\xf0\x9f\x98", 0);
    assert_invalid("\xf0\x9f(\x80", 0);
    assert_invalid("\xf0\x9f\x98(", 0);
}

static void test_utf8__finds_the_place_beside_fast_words(void **state)
{
    char text[40];

    (void)state;
    for (size_t at = 0; at < sizeof text; at++) {
        memset(text, 'a', sizeof text);
        text[at] = '\xff';
        assert_int_equal(slot__utf8_valid_bytes(text, sizeof text), at);
        assert_int_equal(slot__utf8_valid_bytes(text, at), at);
        if (at + 1 < sizeof text) {
            text[at] = '\xc3';
            text[at + 1] = '\xa9';
            assert_true(utf8_valid(text, sizeof text));
            assert_int_equal(slot__utf8_valid_bytes(text, at + 1), at);
        }
    }
}

/* Whether the n bytes are exactly one character, by decoding it and looking at the number. */
static int is_character(const uint8_t *p, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    static const uint8_t mark[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    uint32_t number = p[0] & mask[n];
    int ok = (p[0] & ~mask[n] & 0xff) == mark[n];

    for (size_t i = 1; i < n; i++) {
        ok = ok && (p[i] & 0xc0) == 0x80;
        number = number << 6 | (p[i] & 0x3f);
    }
    return ok && number >= least[n] && number <= 0x10ffff && (number < 0xd800 || number > 0xdfff);
}

static int is_valid(const uint8_t *p, size_t n)
{
    size_t at = 0;

    while (at < n) {
        size_t bytes = 1;

        while (bytes <= 4 && !(at + bytes <= n && is_character(p + at, bytes)))
            bytes++;
        if (bytes > 4)
            return 0;
        at += bytes;
    }
    return 1;
}

static void test_utf8__agrees_with_a_plain_decoder(void **state)
{
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                    0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xec, 0xed, 0xee,
                                    0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    uint8_t text[4];

    (void)state;
    for (uint32_t i = 0; i < 1u << 24; i += 1 + i / 65536 % 3) {
        text[0] = (uint8_t)(i >> 16);
        text[1] = (uint8_t)(i >> 8);
        text[2] = (uint8_t)i;
        if (utf8_valid((const char *)text, 3) != is_valid(text, 3))
            fail_msg("%06x", (unsigned)i);
    }
    for (size_t i = 0; i < COUNT(edges) * COUNT(edges) * COUNT(edges) * COUNT(edges); i++) {
        size_t rest = i;

        for (size_t k = 0; k < 4; k++, rest /= COUNT(edges))
            text[k] = edges[rest % COUNT(edges)];
        if (utf8_valid((const char *)text, 4) != is_valid(text, 4))
            fail_msg("%02x%02x%02x%02x", text[0], text[1], text[2], text[3]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8__accepts_limits_of_each_length),
        cmocka_unit_test(test_utf8__refuses_overlong),
        cmocka_unit_test(test_utf8__refuses_surrogates),
        cmocka_unit_test(test_utf8__refuses_above_unicode),
        cmocka_unit_test(test_utf8__refuses_stray_and_cut_off),
        cmocka_unit_test(test_utf8__finds_the_place_beside_fast_words),
        cmocka_unit_test(test_utf8__agrees_with_a_plain_decoder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
