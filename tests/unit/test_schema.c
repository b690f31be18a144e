/*
 * Schemas: both text forms, the canonical text, look-up, limits, and each way in which a text can
 * be wrong, with the offset that is reported.
 */
#include "slotfile/slotfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define LINE1 "slotfile-schema 1 record_size "

/* The text in memory of its exact size, so that a sanitizer sees reads beyond its end. */
static slot_status parse_bytes(const char *text, size_t n, slot_schema **schema, slot_error *err)
{
    char *exact = malloc(n > 0 ? n : 1);
    slot_status status;

    assert_non_null(exact);
    memcpy(exact, text, n);
    status = slot_schema_parse(exact, n, schema, err);
    free(exact);
    return status;
}

static slot_schema *parse(const char *text)
{
    slot_schema *schema = NULL;
    slot_error err;

    if (parse_bytes(text, strlen(text), &schema, &err) != SLOT_OK)
        fail_msg("%.60s: %s at %u", text, err.what, (unsigned)err.offset);
    return schema;
}

/* The text is accepted, and its file form is `expected`, which stands for itself. */
static void assert_file_form(const char *text, const char *expected)
{
    slot_schema *schema = parse(text);
    slot_schema *again = parse(expected);
    size_t n = 0;

    assert_string_equal(slot_schema_text(schema, &n), expected);
    assert_int_equal(n, strlen(expected));
    assert_string_equal(slot_schema_text(again, &n), expected);
    assert_true(slot_schema_equal(schema, again));
    slot_schema_free(schema);
    slot_schema_free(again);
}

static void assert_refused_bytes(const char *text, size_t n, uint64_t offset,
                                 const char *reason_part)
{
    slot_schema *schema = NULL;
    slot_error err;
    slot_status status = parse_bytes(text, n, &schema, &err);

    if (status != SLOT_E_SCHEMA || err.offset != offset || strstr(err.what, reason_part) == NULL)
        fail_msg("%.60s: %d, %s at %u, not %u", text, status,
                 status == SLOT_OK ? "accepted" : err.what,
                 status == SLOT_OK ? 0 : (unsigned)err.offset, (unsigned)offset);
    assert_int_equal(err.status, SLOT_E_SCHEMA);
    assert_string_equal(err.file, "schema");
    assert_null(schema);
    assert_int_equal(parse_bytes(text, n, &schema, NULL), SLOT_E_SCHEMA);
}

static void assert_refused(const char *text, uint64_t offset, const char *reason_part)
{
    assert_refused_bytes(text, strlen(text), offset, reason_part);
}

static void assert_field(const slot_schema *schema, size_t i, const char *name, slot_type type,
                         uint32_t offset, uint32_t size, uint32_t scale)
{
    const slot_field *field = slot_schema_field(schema, i);

    assert_non_null(field);
    assert_string_equal(field->name, name);
    assert_int_equal(field->type, type);
    assert_int_equal(field->offset, offset);
    assert_int_equal(field->size, size);
    assert_int_equal(field->scale, scale);
}

static void test_schema__spec_with_every_type(void **state)
{
    slot_schema *schema = parse("a:u8,b:u16,c:u32,d:u64,e:i8,f:i16,g:i32,h:i64,i:f32,j:f64,k:bool,"
                                "l:text[20],m:bytes[4],n:date,o:timestamp,p:decimal[2],q:pad[3]");

    (void)state;
    assert_int_equal(slot_schema_count(schema), 17);
    assert_int_equal(slot_schema_record_size(schema), 90);
    assert_field(schema, 0, "a", SLOT_U8, 0, 1, 0);
    assert_field(schema, 1, "b", SLOT_U16, 1, 2, 0);
    assert_field(schema, 2, "c", SLOT_U32, 3, 4, 0);
    assert_field(schema, 3, "d", SLOT_U64, 7, 8, 0);
    assert_field(schema, 4, "e", SLOT_I8, 15, 1, 0);
    assert_field(schema, 5, "f", SLOT_I16, 16, 2, 0);
    assert_field(schema, 6, "g", SLOT_I32, 18, 4, 0);
    assert_field(schema, 7, "h", SLOT_I64, 22, 8, 0);
    assert_field(schema, 8, "i", SLOT_F32, 30, 4, 0);
    assert_field(schema, 9, "j", SLOT_F64, 34, 8, 0);
    assert_field(schema, 10, "k", SLOT_BOOL, 42, 1, 0);
    assert_field(schema, 11, "l", SLOT_TEXT, 43, 20, 0);
    assert_field(schema, 12, "m", SLOT_BYTES, 63, 4, 0);
    assert_field(schema, 13, "n", SLOT_DATE, 67, 4, 0);
    assert_field(schema, 14, "o", SLOT_TIMESTAMP, 71, 8, 0);
    assert_field(schema, 15, "p", SLOT_DECIMAL, 79, 8, 2);
    assert_field(schema, 16, "q", SLOT_PAD, 87, 3, 0);
    assert_null(slot_schema_field(schema, 17));
    slot_schema_free(schema);
}

static void test_schema__file_form_of_spec(void **state)
{
    (void)state;
    assert_file_form("id:u32,name:text[20],price:decimal[2],pad:pad[3],pad:pad[1]",
                     LINE1 "36\n"
                           "0 u32 id\n"
                           "4 text[20] name\n"
                           "24 decimal[2] price\n"
                           "32 pad[3] pad\n"
                           "35 pad[1] pad\n");
}

static void test_schema__spec_white_space_and_lines(void **state)
{
    static const char expected[] = LINE1 "3\n0 u8 a\n1 u8 b c\n2 u8 d\n";

    (void)state;
    assert_file_form("a:u8,b c:u8,d:u8", expected);
    assert_file_form("a:u8\nb c:u8\nd:u8\n", expected);
    assert_file_form("\r\n\r\n a : u8 \r\n\r\n\tb c\t:\tu8\t,\r\n  d:u8\r\n\r\n", expected);
    assert_file_form("\xef\xbb\xbf"
                     "a:u8,b c:u8,d:u8",
                     expected);
    assert_file_form("\"a\":u8, \"b c\" :u8,\"d\":u8", expected);
}

static void test_schema__spec_quoted_names(void **state)
{
    (void)state;
    assert_file_form("\"a,b:c\":u8,\"say \"\"hi\"\"\":u8,\"\"\"\":u8,\"\"\"\"\"\":u8",
                     LINE1 "4\n0 u8 a,b:c\n1 u8 say \"hi\"\n2 u8 \"\n3 u8 \"\"\n");
    assert_file_form("\"slotfile-schema 1\":u8", LINE1 "1\n0 u8 slotfile-schema 1\n");
    assert_file_form("slotfile-schema:u8", LINE1 "1\n0 u8 slotfile-schema\n");
}

static void test_schema__sized(void **state)
{
    slot_schema *schema = NULL;
    slot_schema *parsed = parse(LINE1 "125\n");
    slot_error err;
    size_t n = 0;

    (void)state;
    assert_int_equal(slot_schema_sized(125, &schema, &err), SLOT_OK);
    assert_int_equal(slot_schema_record_size(schema), 125);
    assert_int_equal(slot_schema_count(schema), 0);
    assert_null(slot_schema_field(schema, 0));
    assert_null(slot_schema_find(schema, "a", 1));
    assert_string_equal(slot_schema_text(schema, &n), LINE1 "125\n");
    assert_true(slot_schema_equal(schema, parsed));
    slot_schema_free(schema);
    slot_schema_free(parsed);
    slot_schema_free(NULL);
}

static void test_schema__sized_limits(void **state)
{
    slot_schema *schema = NULL;
    slot_error err;

    (void)state;
    assert_int_equal(slot_schema_sized(0, &schema, &err), SLOT_E_ARG);
    assert_int_equal(slot_schema_sized(SLOT_RECORD_SIZE_MAX + 1, &schema, &err), SLOT_E_ARG);
    assert_int_equal(slot_schema_sized(UINT32_MAX, &schema, NULL), SLOT_E_ARG);
    assert_null(schema);
    assert_int_equal(slot_schema_sized(SLOT_RECORD_SIZE_MAX, &schema, &err), SLOT_OK);
    slot_schema_free(schema);
    assert_int_equal(slot_schema_sized(1, &schema, &err), SLOT_OK);
    slot_schema_free(schema);
}

static void test_schema__equal_compares_bytes_and_names(void **state)
{
    slot_schema *a = parse("a:u8,b:u8");
    static const char *const others[] = {"a:u8,c:u8", "a:u8,b:i8", "a:u8", "b:u8,a:u8",
                                         "a:u8,b:u8,c:pad[1]"};

    (void)state;
    assert_true(slot_schema_equal(a, a));
    for (size_t i = 0; i < COUNT(others); i++) {
        slot_schema *b = parse(others[i]);

        assert_false(slot_schema_equal(a, b));
        slot_schema_free(b);
    }
    slot_schema_free(a);
}

static void test_schema__find(void **state)
{
    slot_schema *schema = parse("b:u8,a:u8,pad:pad[1],\xc3\xa9:u8,ab:u8,a b:u8");
    static const char *const names[] = {"b", "a", "\xc3\xa9", "ab", "a b"};
    static const char *const none[] = {"pad", "c", "", "abc", "A", "\xc3"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        const slot_field *field = slot_schema_find(schema, names[i], strlen(names[i]));

        assert_non_null(field);
        assert_string_equal(field->name, names[i]);
    }
    for (size_t i = 0; i < COUNT(none); i++)
        assert_null(slot_schema_find(schema, none[i], strlen(none[i])));
    assert_null(slot_schema_find(schema, NULL, 0));
    assert_true(slot_schema_find(schema, "abcdef", 2) == slot_schema_field(schema, 4));
    slot_schema_free(schema);
}

/* "nI:u8," for each I, in an order that is not sorted; returns the length without the last comma.
 */
static size_t write_fields(char *text, unsigned count)
{
    size_t n = 0;

    for (unsigned i = 0; i < count; i++)
        n += (size_t)sprintf(text + n, "n%u:u8,", i * 1237 % 65521);
    return n - 1;
}

static void test_schema__limit_of_fields(void **state)
{
    char *text = malloc(65536);
    slot_schema *schema = NULL;
    slot_error err;
    size_t n;

    (void)state;
    assert_non_null(text);
    n = write_fields(text, SLOT_FIELDS_MAX);
    assert_int_equal(parse_bytes(text, n, &schema, &err), SLOT_OK);
    assert_int_equal(slot_schema_count(schema), SLOT_FIELDS_MAX);
    for (size_t i = 0; i < SLOT_FIELDS_MAX; i++) {
        const slot_field *field = slot_schema_field(schema, i);

        assert_true(slot_schema_find(schema, field->name, strlen(field->name)) == field);
    }
    slot_schema_free(schema);
    n = write_fields(text, SLOT_FIELDS_MAX + 1);
    schema = NULL;
    assert_int_equal(parse_bytes(text, n, &schema, &err), SLOT_E_SCHEMA);
    assert_non_null(strstr(err.what, "too many fields"));
    /* The offset is that of the last name. */
    assert_memory_equal(text + (size_t)err.offset - 1, ",n", 2);
    assert_null(memchr(text + (size_t)err.offset, ',', n - (size_t)err.offset));
    free(text);
}

static void test_schema__limit_of_names(void **state)
{
    char text[300];
    slot_schema *schema;

    (void)state;
    memset(text, 'x', sizeof text);
    strcpy(text + 255, ":u8");
    schema = parse(text);
    assert_int_equal(strlen(slot_schema_field(schema, 0)->name), 255);
    slot_schema_free(schema);
    memset(text, 'x', 256);
    strcpy(text + 256, ":u8");
    assert_refused(text, 0, "too long");
    /* 128 doubled quotes are a name of 128 bytes. */
    memset(text, '"', 258);
    strcpy(text + 258, ":u8");
    schema = parse(text);
    assert_int_equal(strlen(slot_schema_field(schema, 0)->name), 128);
    slot_schema_free(schema);
}

static void test_schema__limit_of_record_size(void **state)
{
    (void)state;
    assert_file_form("a:bytes[1048576]", LINE1 "1048576\n0 bytes[1048576] a\n");
    assert_file_form("a:u8,b:text[1048575]", LINE1 "1048576\n0 u8 a\n1 text[1048575] b\n");
    assert_refused("a:bytes[1048577]", 8, "size out of range");
    assert_refused("a:bytes[18446744073709551616]", 8, "size out of range");
    assert_refused("a:u16,b:text[1048575]", 6, "too large for a record");
    assert_refused("a:bytes[1048576],b:u8", 17, "too large for a record");
    assert_refused("a:text[0]", 7, "size out of range");
    assert_refused("a:pad[0]", 6, "size out of range");
}

static void test_schema__spec_refuses(void **state)
{
    (void)state;
    assert_refused("", 0, "no field");
    assert_refused(" \n\t", 3, "no field");
    assert_refused("\xef\xbb\xbf", 3, "no field");
    assert_refused("a", 1, "no colon");
    assert_refused("a,b:u8", 1, "no colon");
    assert_refused("a\nb:u8", 1, "no colon");
    assert_refused(":u8", 0, "no name");
    assert_refused("a:u8,,b:u8", 5, "no name");
    assert_refused("\"\":u8", 1, "no name");
    assert_refused("a:u8,", 5, "no field after the comma");
    assert_refused("a:u8,\n", 6, "no field after the comma");
    assert_refused("a:u8 b:u8", 5, "no comma");
    assert_refused("a:u8;b:u8", 4, "no comma");
    assert_refused("\"a:u8", 0, "not closed");
    assert_refused("a:u8,\"b\"\":u8", 5, "not closed");
    assert_refused("a\"b:u8", 1, "quote within");
    assert_refused("\"a\"b:u8", 3, "no colon");
}

static void test_schema__spec_refuses_types(void **state)
{
    (void)state;
    assert_refused("a:", 2, "no such type");
    assert_refused("a: ", 3, "no such type");
    assert_refused("a:u", 2, "no such type");
    assert_refused("a:u88", 2, "no such type");
    assert_refused("a:U8", 2, "no such type");
    assert_refused("a:int", 2, "no such type");
    assert_refused("a:u8[4]", 4, "fixed size");
    assert_refused("a:text", 6, "needs its size");
    assert_refused("a:pad,b:u8", 5, "needs its size");
    assert_refused("a:text [5]", 6, "needs its size");
    assert_refused("a:text[]", 7, "no decimal number");
    assert_refused("a:text[5", 7, "no decimal number");
    assert_refused("a:text[-5]", 7, "no decimal number");
    assert_refused("a:text[ 5]", 7, "no decimal number");
    assert_refused("a:text[5 ]", 7, "no decimal number");
    assert_refused("a:decimal", 9, "number of decimals");
    assert_refused("a:decimal[19]", 10, "too many decimals");
    assert_refused("a:decimal[99999999999999999999]", 10, "too many decimals");
}

static void test_schema__refuses_names(void **state)
{
    (void)state;
    assert_refused("a\tb:u8", 1, "control character");
    assert_refused("a\x7f:u8", 1, "control character");
    assert_refused("ab\xc2\x85:u8", 2, "control character");
    assert_refused("\"a\nb\":u8", 2, "control character");
    assert_refused("\"\"\"\"\"\x01\":u8", 5, "control character");
    assert_refused_bytes("a\0b:u8", 6, 1, "no colon");
    assert_refused_bytes("\"a\0b\":u8", 8, 2, "control character");
    assert_refused("a\xff:u8", 1, "UTF-8");
    assert_refused("a\xc3:u8", 1, "UTF-8");
    assert_refused("a\xed\xa0\x80:u8", 1, "UTF-8");
    assert_refused("\" a\":u8", 1, "begins with a space");
    assert_refused("\"a \":u8", 2, "ends with a space");
    assert_refused("a:u8,b:u8,a:u8", 10, "same name");
    assert_refused("a:u8,\"a\":u8", 6, "same name");
    assert_file_form("\xc2\xa0:u8", LINE1 "1\n0 u8 \xc2\xa0\n");
}

static void test_schema__corrupt_first_line(void **state)
{
    (void)state;
    assert_refused("slotfile-schema ", 16, "first line is not");
    assert_refused("slotfile-schema 2 record_size 1\n", 16, "first line is not");
    assert_refused("slotfile-schema 1 recordsize 1\n", 16, "first line is not");
    assert_refused("slotfile-schema 1  record_size 1\n", 16, "first line is not");
    assert_refused(LINE1, 30, "first line does not end");
    assert_refused(LINE1 "x\n", 30, "first line does not end");
    assert_refused(LINE1 "-1\n", 30, "first line does not end");
    assert_refused(LINE1 "12", 32, "first line does not end");
    assert_refused(LINE1 "12 \n", 32, "first line does not end");
    assert_refused(LINE1 "12\r\n", 32, "first line does not end");
    assert_refused(LINE1 "0\n", 30, "record size out of range");
    assert_refused(LINE1 "1048577\n", 30, "record size out of range");
    assert_refused(LINE1 "18446744073709551617\n", 30, "record size out of range");
    assert_refused(LINE1 "012\n", 30, "canonical");
    assert_refused(" " LINE1 "12\n", 33, "no colon");
}

static void test_schema__corrupt_offset(void **state)
{
    (void)state;
    assert_refused(LINE1 "1\n u8 a\n", 32, "does not begin with an offset");
    assert_refused(LINE1 "1\n\n", 32, "does not begin with an offset");
    assert_refused(LINE1 "1\n0\n", 33, "does not begin with an offset");
    assert_refused(LINE1 "1\n-0 u8 a\n", 32, "does not begin with an offset");
    assert_refused(LINE1 "2\n1 u8 a\n", 32, "gap");
    assert_refused(LINE1 "3\n0 u8 a\n2 u8 b\n", 39, "gap");
    assert_refused(LINE1 "3\n0 u16 a\n1 u16 b\n", 40, "overlaps");
    assert_refused(LINE1 "1\n99999999999999999999999 u8 a\n", 32, "gap");
    assert_refused(LINE1 "1\n00 u8 a\n", 33, "canonical");
}

static void test_schema__corrupt_type(void **state)
{
    (void)state;
    assert_refused(LINE1 "1\n0  u8 a\n", 34, "no such type");
    assert_refused(LINE1 "1\n0 u9 a\n", 34, "no such type");
    assert_refused(LINE1 "1\n0 u8\n", 36, "no blank and name");
    assert_refused(LINE1 "1\n0 u8\ta\n", 36, "no blank and name");
    assert_refused(LINE1 "1\n0 u8[1] a\n", 36, "fixed size");
    assert_refused(LINE1 "5\n0 text a\n", 38, "needs its size");
    assert_refused(LINE1 "5\n0 text[05] a\n", 39, "canonical");
    assert_refused(LINE1 "8\n0 decimal[02] a\n", 42, "canonical");
}

static void test_schema__corrupt_name(void **state)
{
    (void)state;
    assert_refused(LINE1 "1\n0 u8 \n", 37, "no name");
    assert_refused(LINE1 "1\n0 u8  a\n", 37, "begins with a space");
    assert_refused(LINE1 "1\n0 u8 a \n", 38, "ends with a space");
    assert_refused(LINE1 "1\n0 u8 a\r\n", 38, "control character");
    assert_refused(LINE1 "1\n0 u8 a\xff\n", 38, "UTF-8");
    assert_refused(LINE1 "1\n0 u8 a", 38, "does not end with a newline");
    assert_refused(LINE1 "2\n0 u8 a\n1 u8 a\n", 44, "same name");
    assert_refused_bytes(LINE1 "1\n0 u8 a\0\n", 40, 38, "control character");
}

static void test_schema__corrupt_sum(void **state)
{
    (void)state;
    assert_refused(LINE1 "2\n0 u8 a\n", 30, "not the sum");
    assert_refused(LINE1 "1\n0 u16 a\n", 30, "not the sum");
    assert_refused(LINE1 "1048576\n0 text[1048576] a\n1048576 u8 b\n", 67, "too large");
}

static void test_schema__cut_off_anywhere(void **state)
{
    static const char text[] = LINE1 "24\n0 u32 id\n4 text[20] name\n";

    (void)state;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        slot_schema *schema = NULL;
        slot_error err;
        slot_status status = parse_bytes(text, n, &schema, &err);

        if (status == SLOT_OK) /* the first line alone is a schema without fields */
            assert_int_equal(n, strlen(LINE1 "24\n"));
        else
            assert_true(err.offset <= n);
        slot_schema_free(schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema__spec_with_every_type),
        cmocka_unit_test(test_schema__file_form_of_spec),
        cmocka_unit_test(test_schema__spec_white_space_and_lines),
        cmocka_unit_test(test_schema__spec_quoted_names),
        cmocka_unit_test(test_schema__sized),
        cmocka_unit_test(test_schema__sized_limits),
        cmocka_unit_test(test_schema__equal_compares_bytes_and_names),
        cmocka_unit_test(test_schema__find),
        cmocka_unit_test(test_schema__limit_of_fields),
        cmocka_unit_test(test_schema__limit_of_names),
        cmocka_unit_test(test_schema__limit_of_record_size),
        cmocka_unit_test(test_schema__spec_refuses),
        cmocka_unit_test(test_schema__spec_refuses_types),
        cmocka_unit_test(test_schema__refuses_names),
        cmocka_unit_test(test_schema__corrupt_first_line),
        cmocka_unit_test(test_schema__corrupt_offset),
        cmocka_unit_test(test_schema__corrupt_type),
        cmocka_unit_test(test_schema__corrupt_name),
        cmocka_unit_test(test_schema__corrupt_sum),
        cmocka_unit_test(test_schema__cut_off_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
