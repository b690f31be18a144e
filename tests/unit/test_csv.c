/*
 * The CSV reader of the command line. Every input is read with every size of buffer and of read, so
 * that a refill happens at every place; random inputs are held against a reader that goes byte by
 * byte.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The command line is a program, not a library: its reader becomes a part of this one. */
#include "../../tools/csv.c"

#define TEXT_MAX 4096

/* Text that is put together. */
typedef struct report {
    char text[TEXT_MAX];
    size_t n;
} report;

static void add(report *to, const char *text, size_t n)
{
    assert_true(to->n + n < sizeof to->text);
    memcpy(to->text + to->n, text, n);
    to->n += n;
    to->text[to->n] = '\0';
}

static void add_place(report *to, uint64_t line, uint64_t column)
{
    char place[48];

    snprintf(place, sizeof place, "%" PRIu64 ":%" PRIu64 ":", line, column);
    add(to, place, strlen(place));
}

static const char *result_name(csv_result result)
{
    static const char *const names[] = {"row",   "end",    "unread", "open",  "after",
                                        "inner", "return", "long",   "memory"};

    return names[result];
}

/* An input that is handed out in pieces. */
typedef struct source {
    const char *text;
    size_t n;
    size_t at;
    size_t piece;
    bool fails; /* at its end */
} source;

static bool read_source(void *context, void *buf, size_t n, size_t *got)
{
    source *from = context;
    size_t left = from->n - from->at;

    *got = 0;
    if (left == 0 && from->fails)
        return false;

    if (n > from->piece)
        n = from->piece;
    if (n > left)
        n = left;
    memcpy(buf, from->text + from->at, n);
    from->at += n;
    *got = n;
    return true;
}

/* What the reader makes of an input: "[line:column:value]" for each field, ";" at the place where a
 * row ends, and the last result with its place. */
static void read_all(report *to, const char *text, size_t n, size_t buffer, size_t piece)
{
    source from = {text, n, 0, piece, false};
    csv_config config = {read_source, &from, buffer, TEXT_MAX, 8};
    csv_reader reader;
    csv_result result;

    to->n = 0;
    assert_true(csv_open(&reader, &config));
    while ((result = csv_next(&reader)) == CSV_ROW) {
        for (size_t i = 0; i < reader.count && i < config.fields_max; i++) {
            add(to, "[", 1);
            add_place(to, reader.fields[i].line, reader.fields[i].column);
            add(to, reader.fields[i].text, reader.fields[i].n);
            add(to, "]", 1);
        }
        add_place(to, reader.line, reader.column);
        add(to, ";", 1);
    }
    if (result != CSV_END)
        add_place(to, reader.line, reader.column);
    add(to, result_name(result), strlen(result_name(result)));
    csv_close(&reader);
}

/* The same result whatever the buffer and the pieces are. */
static void check_bytes(const char *text, size_t n, const char *want)
{
    static report got;

    for (size_t buffer = 1; buffer <= n + 2; buffer++) {
        for (size_t piece = 1; piece <= 3; piece++) {
            read_all(&got, text, n, buffer, piece);
            assert_string_equal(got.text, want);
        }
        read_all(&got, text, n, buffer, TEXT_MAX);
        assert_string_equal(got.text, want);
    }
}

static void check(const char *text, const char *want)
{
    check_bytes(text, strlen(text), want);
}

static void test_csv__rows_and_places(void **state)
{
    (void)state;
    check("", "end");
    check("a", "[1:1:a]1:2:;end");
    check("a\n", "[1:1:a]1:2:;end");
    check("a\r\n", "[1:1:a]1:2:;end");
    check("a,bb,\n,c,\n", "[1:1:a][1:3:bb][1:6:]1:6:;[2:1:][2:2:c][2:4:]2:4:;end");
    check("\n\r\n\n", "[1:1:]1:1:;[2:1:]2:1:;[3:1:]3:1:;end");
    check("a,", "[1:1:a][1:3:]1:3:;end");
    check(",", "[1:1:][1:2:]1:2:;end");
    check("long value without specials,x\nsecond line of the text",
          "[1:1:long value without specials][1:29:x]1:30:;[2:1:second line of the text]2:24:;end");
}

static void test_csv__quotes(void **state)
{
    (void)state;
    check("\"a\"", "[1:1:a]1:4:;end");
    check("\"\"\n", "[1:1:]1:3:;end");
    check("\"a,b\",\"c\"\"d\"\r\n", "[1:1:a,b][1:7:c\"d]1:13:;end");
    check("\"\"\"\",\"\"\"\"\"\"\n", "[1:1:\"][1:6:\"\"]1:12:;end");
    check("x,\"a\nb\r\nc\",y\nz", "[1:1:x][1:3:a\nb\r\nc][3:4:y]3:5:;[4:1:z]4:2:;end");
    check("\"\r\",\"\n\"\n", "[1:1:\r][1:5:\n]2:2:;end");
}

static void test_csv__byte_order_mark(void **state)
{
    (void)state;
    check("\xef\xbb\xbfid,b\n1,2\n", "[1:1:id][1:4:b]1:5:;[2:1:1][2:3:2]2:4:;end");
    check("\xef\xbb\xbf", "end");
    check("\xef\xbb", "[1:1:\xef\xbb]1:3:;end");
    check("a\n\xef\xbb\xbf", "[1:1:a]1:2:;[2:1:\xef\xbb\xbf]2:4:;end");
}

static void test_csv__errors(void **state)
{
    (void)state;
    check("\"a", "1:1:open");
    check("a,b\nc,\"d\n\ne", "[1:1:a][1:3:b]1:4:;2:3:open");
    check("\"a\"\"", "1:1:open");
    check("\"", "1:1:open");
    check("\"a\"b,c\n", "1:1:after");
    check("x,\"a\" \n", "1:3:after");
    check("\"a\"\rb\n", "1:1:after");
    check("\"a\"\r", "1:1:after");
    check("ab\"c\n", "1:1:inner");
    check("x, \"c\"\n", "1:3:inner");
    check("a\rb\n", "1:1:return");
    check("a\r", "1:1:return");
    check("x,\ry\n", "1:3:return");
    check("\"a\nb\",c\"\n", "2:4:inner");
}

static void test_csv__bytes_beyond_ascii(void **state)
{
    static const char nul[] = "a\0b,\0\n";

    (void)state;
    check("\xac\xa2\x8d\x8a,\xff\n", "[1:1:\xac\xa2\x8d\x8a][1:6:\xff]1:7:;end");
    for (size_t buffer = 1; buffer < 9; buffer++) {
        source from = {nul, sizeof nul - 1, 0, 1, false};
        csv_config config = {read_source, &from, buffer, TEXT_MAX, 8};
        csv_reader reader;

        assert_true(csv_open(&reader, &config));
        assert_int_equal(csv_next(&reader), CSV_ROW);
        assert_int_equal(reader.count, 2);
        assert_int_equal(reader.fields[0].n, 3);
        assert_memory_equal(reader.fields[0].text, "a\0b", 3);
        assert_int_equal(reader.fields[1].n, 1);
        assert_int_equal(csv_next(&reader), CSV_END);
        csv_close(&reader);
    }
}

/* Each of the four bytes is found at each place of a word, and none of the others is. */
static void test_csv__find_special(void **state)
{
    char text[64];

    (void)state;
    for (int c = 0; c < 256; c++) {
        bool special = c == ',' || c == '"' || c == '\r' || c == '\n';

        for (size_t at = 0; at < 20; at++) {
            memset(text, c == 'x' ? 'y' : 'x', sizeof text);
            text[at] = (char)c;
            text[30] = '\n';
            assert_ptr_equal(csv_find_special(text), text + (special ? at : 30));
        }
    }
}

static csv_result read_limited(const char *text, size_t limit, size_t fields_max, size_t *count)
{
    source from = {text, strlen(text), 0, 2, false};
    csv_config config = {read_source, &from, 4, limit, fields_max};
    csv_reader reader;
    csv_result result;

    assert_true(csv_open(&reader, &config));
    result = csv_next(&reader);
    *count = reader.count;
    csv_close(&reader);
    return result;
}

/* What comes behind a failure is not known: wherever it happens, what there is of a row is none,
 * and no error of the input either. */
static void test_csv__unreadable(void **state)
{
    static const char text[] = "ab,\"c\"\r\n1,\"2\"\r\n";

    (void)state;
    for (size_t n = 0; n < sizeof text; n++) {
        for (size_t buffer = 1; buffer < sizeof text + 2; buffer++) {
            source from = {text, n, 0, 3, true};
            csv_config config = {read_source, &from, buffer, TEXT_MAX, 8};
            csv_reader reader;
            size_t rows = 0;
            csv_result result;

            assert_true(csv_open(&reader, &config));
            while ((result = csv_next(&reader)) == CSV_ROW)
                rows++;
            assert_int_equal(result, CSV_UNREADABLE);
            assert_int_equal(rows, (n >= 8) + (n >= 15));
            csv_close(&reader);
        }
    }
}

static void test_csv__limits(void **state)
{
    size_t count;

    (void)state;
    assert_int_equal(read_limited("12345678901\nx\n", 12, 4, &count), CSV_ROW);
    assert_int_equal(read_limited("123456789012\nx\n", 12, 4, &count), CSV_TOO_LONG);
    assert_int_equal(read_limited("\"234567890\n2\nx\n", 12, 4, &count), CSV_TOO_LONG);
    assert_int_equal(read_limited("1,2,3,4,5,6,7,8,9", 64, 2, &count), CSV_ROW);
    assert_int_equal(count, 9);
    assert_int_equal(read_limited("\"1\"\"\",\"\"\"\",\"\"\"\"\n", 64, 2, &count), CSV_ROW);
    assert_int_equal(count, 3);
}

/* ---- The reader that goes byte by byte ---- */

typedef struct simple {
    const char *p;
    const char *end;
    uint64_t line;
    uint64_t column; /* of *p */
    uint64_t field_line;
    uint64_t field_column;
} simple;

static int peek(const simple *s, size_t ahead)
{
    return (size_t)(s->end - s->p) > ahead ? (unsigned char)s->p[ahead] : -1;
}

static void step_over(simple *s)
{
    s->column++;
    if (*s->p++ == '\n') {
        s->line++;
        s->column = 1;
    }
}

static csv_result simple_quoted(simple *s, report *to)
{
    step_over(s);
    while (peek(s, 0) >= 0 && (peek(s, 0) != '"' || peek(s, 1) == '"')) {
        if (peek(s, 0) == '"')
            step_over(s);
        add(to, s->p, 1);
        step_over(s);
    }
    if (peek(s, 0) < 0)
        return CSV_OPEN_QUOTE;
    step_over(s);
    return CSV_ROW;
}

static csv_result simple_field(simple *s, report *to)
{
    csv_result result = CSV_ROW;
    bool quoted = peek(s, 0) == '"';

    s->field_line = s->line;
    s->field_column = s->column;
    add(to, "[", 1);
    add_place(to, s->line, s->column);
    if (quoted)
        result = simple_quoted(s, to);
    while (!quoted && peek(s, 0) >= 0 && strchr(",\"\r\n", peek(s, 0)) == NULL) {
        add(to, s->p, 1);
        step_over(s);
    }
    add(to, "]", 1);
    if (result != CSV_ROW || peek(s, 0) == ',' || peek(s, 0) == '\n' || peek(s, 0) < 0)
        return result;
    if (peek(s, 0) == '\r' && peek(s, 1) == '\n')
        return result;
    if (quoted)
        return CSV_AFTER_QUOTE;
    return peek(s, 0) == '\r' ? CSV_BARE_RETURN : CSV_INNER_QUOTE;
}

static void simple_read(report *to, const char *text, size_t n)
{
    simple s = {text, text + n, 1, 1, 1, 1};
    csv_result result = CSV_ROW;
    size_t row_start = 0;

    to->n = 0;
    while (peek(&s, 0) >= 0 && result == CSV_ROW) {
        row_start = to->n;
        result = simple_field(&s, to);
        while (result == CSV_ROW && peek(&s, 0) == ',') {
            step_over(&s);
            result = simple_field(&s, to);
        }
        if (result != CSV_ROW)
            break;
        add_place(to, s.line, s.column);
        add(to, ";", 1);
        if (peek(&s, 0) == '\r')
            step_over(&s);
        if (peek(&s, 0) == '\n')
            step_over(&s);
    }
    if (result == CSV_ROW) {
        add(to, "end", 3);
        return;
    }
    to->n = row_start;
    add_place(to, s.field_line, s.field_column);
    add(to, result_name(result), strlen(result_name(result)));
}

static void test_csv__random_against_simple(void **state)
{
    static const char alphabet[] = "aab,,\"\"\"\"\n\n\r\xc3";
    static report want;
    char text[24];
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t n = 0;

        for (; n < sizeof text && (n == 0 || random >> 28 != 0); n++) {
            random = random * 1664525u + 1013904223u;
            text[n] = alphabet[(random >> 8) % (sizeof alphabet - 1)];
        }
        random = random * 1664525u + 1013904223u;
        simple_read(&want, text, n);
        check_bytes(text, n, want.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv__rows_and_places),
        cmocka_unit_test(test_csv__quotes),
        cmocka_unit_test(test_csv__byte_order_mark),
        cmocka_unit_test(test_csv__errors),
        cmocka_unit_test(test_csv__bytes_beyond_ascii),
        cmocka_unit_test(test_csv__find_special),
        cmocka_unit_test(test_csv__unreadable),
        cmocka_unit_test(test_csv__limits),
        cmocka_unit_test(test_csv__random_against_simple),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
