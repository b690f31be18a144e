#include "format/schema.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/status.h"
#include "format/digits.h"
#include "format/field.h"
#include "format/utf8.h"

static const char file_form_mark[] = "slotfile-schema ";
static const char first_line[] = "slotfile-schema 1 record_size ";
static const char byte_order_mark[] = "\xef\xbb\xbf";

#define FIRST_LINE_BYTES_MAX (sizeof first_line + 7)

/* Of one line, but for the name: two numbers of 7 digits, the word, brackets, blanks, newline. */
#define LINE_BYTES_MAX 32u

/* A schema in the making, and how far its text is read. */
struct reader {
    const char *text;
    size_t n;
    size_t at;
    uint64_t record_bytes; /* of the fields so far */
    struct slot_schema *schema;
    size_t *places; /* in the text: where each field's name begins */
    char *names;    /* room for the next name */
    slot_error *err;
};

/* ---------------------------------------------------------------------------------------------
 * Memory: the struct, then arrays in the order of their alignment
 * ------------------------------------------------------------------------------------------- */

static size_t aligned(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

static size_t fields_max(const char *text, size_t n)
{
    size_t separators = 0;

    for (size_t i = 0; i < n && separators < SLOT_FIELDS_MAX; i++)
        separators += text[i] == ',' || text[i] == '\n';
    return separators < SLOT_FIELDS_MAX ? separators + 1 : SLOT_FIELDS_MAX;
}

static size_t names_bytes_max(size_t n, size_t fields)
{
    size_t most = fields * SLOT_NAME_BYTES_MAX;

    return (n < most ? n : most) + fields;
}

static size_t memory_bytes(size_t n, size_t fields)
{
    size_t names = names_bytes_max(n, fields);

    return aligned(sizeof(struct slot_schema)) + fields * sizeof(slot_field) +
           fields * sizeof(size_t) + fields * sizeof(uint16_t) + names + FIRST_LINE_BYTES_MAX +
           fields * LINE_BYTES_MAX + names + 1;
}

static void lay_out(struct reader *r, void *memory, size_t fields)
{
    struct slot_schema *schema = memory;
    char *p = (char *)memory + aligned(sizeof *schema);

    schema->fields = (void *)p;
    p += fields * sizeof(slot_field);
    r->places = (void *)p;
    p += fields * sizeof(size_t);
    schema->by_name = (void *)p;
    p += fields * sizeof(uint16_t);
    r->names = p;
    schema->text = p + names_bytes_max(r->n, fields);
    schema->count = 0;
    schema->named = 0;
    schema->record_size = 0;
    schema->text_bytes = 0;
    r->schema = schema;
}

size_t slot__schema_decode_bound(const char *text, size_t n)
{
    return memory_bytes(n, fields_max(text, n));
}

/* ---------------------------------------------------------------------------------------------
 * Encode
 * ------------------------------------------------------------------------------------------- */

static char *put_word(char *p, const char *word, size_t n)
{
    memcpy(p, word, n);
    return p + n;
}

static char *put_decimal(char *p, uint64_t value)
{
    return p + digits_write(p, value);
}

/* OFFSET TYPE NAME and the newline. */
static char *put_field(char *p, const slot_field *field)
{
    const struct field_type *type = slot__field_type(field->type);
    bool bracket = type->bytes == 0 || field->type == SLOT_DECIMAL;

    p = put_decimal(p, field->offset);
    *p++ = ' ';
    p = put_word(p, type->word, strlen(type->word));
    if (bracket) {
        *p++ = '[';
        p = put_decimal(p, field->type == SLOT_DECIMAL ? field->scale : field->size);
        *p++ = ']';
    }
    *p++ = ' ';
    p = put_word(p, field->name, strlen(field->name));
    *p++ = '\n';
    return p;
}

static void encode(struct slot_schema *schema)
{
    char *p = put_word(schema->text, first_line, sizeof first_line - 1);

    p = put_decimal(p, schema->record_size);
    *p++ = '\n';
    for (size_t i = 0; i < schema->count; i++)
        p = put_field(p, &schema->fields[i]);
    *p = 0;
    schema->text_bytes = (size_t)(p - schema->text);
}

/* ---------------------------------------------------------------------------------------------
 * Names: order, uniqueness, look-up
 * ------------------------------------------------------------------------------------------- */

static int compare_names(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    size_t common = a_bytes < b_bytes ? a_bytes : b_bytes;
    int order = memcmp(a, b, common);

    return order != 0 ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

/* Whether field a comes before field b: by name, then by number. */
static bool comes_before(const struct slot_schema *schema, uint16_t a, uint16_t b)
{
    int order = strcmp(schema->fields[a].name, schema->fields[b].name);

    return order < 0 || (order == 0 && a < b);
}

/* Let the entry at `root` sink to its place in the heap of the first n. */
static void sift_down(struct slot_schema *schema, size_t root, size_t n)
{
    uint16_t *heap = schema->by_name;
    uint16_t entry = heap[root];
    bool placed = false;

    while (!placed && 2 * root + 1 < n) {
        size_t child = 2 * root + 1;

        if (child + 1 < n && comes_before(schema, heap[child], heap[child + 1]))
            child++;
        placed = !comes_before(schema, entry, heap[child]);
        if (!placed) {
            heap[root] = heap[child];
            root = child;
        }
    }
    heap[root] = entry;
}

/* A heap sort: no allocation, and no order of names makes it slow. */
static void sort_names(struct slot_schema *schema)
{
    uint16_t *heap = schema->by_name;

    for (size_t i = schema->named / 2; i > 0; i--)
        sift_down(schema, i - 1, schema->named);
    for (size_t n = schema->named; n > 1; n--) {
        uint16_t last = heap[0];

        heap[0] = heap[n - 1];
        heap[n - 1] = last;
        sift_down(schema, 0, n - 1);
    }
}

const slot_field *slot__schema_find(const struct slot_schema *schema, const char *name, size_t n)
{
    const slot_field *found = NULL;
    size_t low = 0;
    size_t high = schema->named;

    while (found == NULL && low < high) {
        size_t middle = low + (high - low) / 2;
        const slot_field *field = &schema->fields[schema->by_name[middle]];
        int order = compare_names(name, n, field->name, strlen(field->name));

        if (order == 0)
            found = field;
        else if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return found;
}

/* ---------------------------------------------------------------------------------------------
 * Decode: what both forms have in common
 * ------------------------------------------------------------------------------------------- */

static slot_status refuse(struct reader *r, size_t at, const char *what)
{
    return slot__error_set(r->err, SLOT_E_SCHEMA, "schema", at, "%s", what);
}

static bool at_end(const struct reader *r)
{
    return r->at == r->n;
}

static bool next_is(const struct reader *r, char c)
{
    return r->at < r->n && r->text[r->at] == c;
}

static bool starts_with(const struct reader *r, const char *word, size_t n)
{
    return r->n - r->at >= n && memcmp(r->text + r->at, word, n) == 0;
}

/* The digits at the reader's place, at least one, as a number: UINT64_MAX when it is larger. */
static bool read_number(struct reader *r, uint64_t *value)
{
    const char *first = r->text + r->at;
    uint64_t number = 0;
    bool fits = true;
    const char *end = digits_read(first, r->text + r->n, &number, &fits);

    r->at += (size_t)(end - first);
    *value = fits ? number : UINT64_MAX;
    return end != first;
}

static bool type_of_word(const char *word, size_t n, slot_type *type)
{
    bool found = false;

    for (slot_type t = SLOT_U8; !found && t <= SLOT_PAD; t++) {
        const char *known = slot__field_type(t)->word;

        found = strlen(known) == n && memcmp(known, word, n) == 0;
        if (found)
            *type = t;
    }
    return found;
}

/* The [N] or [S] of a type into field->size or field->scale. */
static slot_status read_bracket(struct reader *r, slot_field *field)
{
    size_t open = r->at;
    bool decimal = field->type == SLOT_DECIMAL;
    uint64_t number = 0;
    slot_status status = SLOT_OK;

    if (!next_is(r, '['))
        status =
            refuse(r, open,
                   decimal ? "decimal needs its number of decimals (write decimal[2])"
                           : "the type needs its size in bytes (write, for example, text[20])");
    if (status == SLOT_OK) {
        r->at++;
        if (!read_number(r, &number) || !next_is(r, ']'))
            status = refuse(r, open + 1, "no decimal number and ] after the [ of the type");
        else if (decimal && number > FIELD_SCALE_MAX)
            status = refuse(r, open + 1, "too many decimals (decimal[0] to decimal[18] exist)");
        else if (!decimal && (number < 1 || number > SLOT_RECORD_SIZE_MAX))
            status = refuse(r, open + 1, "field size out of range (1 to 1048576 bytes)");
    }
    if (status == SLOT_OK) {
        r->at++;
        if (decimal)
            field->scale = (uint32_t)number;
        else
            field->size = (uint32_t)number;
    }
    return status;
}

/* The type at the reader's place: type, size and scale of the field. */
static slot_status read_type(struct reader *r, slot_field *field)
{
    size_t start = r->at;
    slot_status status = SLOT_OK;

    while (r->at < r->n && ((r->text[r->at] >= 'a' && r->text[r->at] <= 'z') ||
                            (r->text[r->at] >= '0' && r->text[r->at] <= '9')))
        r->at++;
    if (!type_of_word(r->text + start, r->at - start, &field->type))
        status = refuse(r, start,
                        "no such type (u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 bool text[N] bytes[N] "
                        "date timestamp decimal[S] pad[N])");
    if (status == SLOT_OK) {
        field->size = slot__field_type(field->type)->bytes;
        field->scale = 0;
        if (field->size == 0 || field->type == SLOT_DECIMAL)
            status = read_bracket(r, field);
        else if (next_is(r, '['))
            status = refuse(r, r->at, "this type has a fixed size (leave out the [...])");
    }
    return status;
}

/* The offset in a name of its first control character, or n. */
static size_t find_control(const char *name, size_t n)
{
    size_t at = 0;
    bool found = false;

    while (!found && at < n) {
        unsigned char c = (unsigned char)name[at];

        found = c < 0x20 || c == 0x7f ||
                (c == 0xc2 && at + 1 < n && (unsigned char)name[at + 1] < 0xa0);
        at += !found;
    }
    return at;
}

/* A name as it stands in the text. */
struct name {
    size_t at;     /* its first byte, behind the quote if there is one */
    size_t bytes;  /* in the text */
    size_t quotes; /* how many of them are the first of a doubled quote */
};

static slot_status check_name(struct reader *r, const struct name *name)
{
    const char *text = r->text + name->at;
    size_t n = name->bytes;
    size_t valid = slot__utf8_valid_bytes(text, n);
    size_t control = find_control(text, n);
    slot_status status = SLOT_OK;

    if (n == 0)
        status = refuse(r, name->at, "the field has no name (write name:type)");
    else if (n - name->quotes > SLOT_NAME_BYTES_MAX)
        status = refuse(r, name->at, "the name is too long (at most 255 bytes)");
    else if (valid < n)
        status =
            refuse(r, name->at + valid, "the name is not valid UTF-8 (convert the text to UTF-8)");
    else if (control < n)
        status = refuse(r, name->at + control, "control character in a name (remove it)");
    else if (text[0] == ' ')
        status = refuse(r, name->at, "the name begins with a space (remove it)");
    else if (text[n - 1] == ' ')
        status = refuse(r, name->at + n - 1, "the name ends with a space (remove it)");
    return status;
}

/* Copy the name into the schema, of doubled quotes one. */
static const char *keep_name(struct reader *r, const struct name *name)
{
    const char *from = r->text + name->at;
    const char *kept = r->names;
    size_t skip = name->quotes;

    for (size_t i = 0; i < name->bytes; i++) {
        *r->names++ = from[i];
        if (skip > 0 && from[i] == '"') {
            skip--;
            i++;
        }
    }
    *r->names++ = 0;
    return kept;
}

/* Add a field whose name was checked and whose type, size and scale are set. */
static slot_status add_field(struct reader *r, const struct name *name, slot_field *field)
{
    struct slot_schema *schema = r->schema;
    slot_status status = SLOT_OK;

    if (schema->count == SLOT_FIELDS_MAX)
        status = refuse(r, name->at, "too many fields (at most 4096)");
    else if (field->size > SLOT_RECORD_SIZE_MAX - r->record_bytes)
        status = refuse(r, name->at,
                        "the fields are too large for a record (at most 1048576 "
                        "bytes)");
    if (status == SLOT_OK) {
        field->name = keep_name(r, name);
        field->offset = (uint32_t)r->record_bytes;
        r->record_bytes += field->size;
        if (field->type != SLOT_PAD)
            schema->by_name[schema->named++] = (uint16_t)schema->count;
        r->places[schema->count] = name->at;
        schema->fields[schema->count++] = *field;
    }
    return status;
}

static slot_status check_unique(struct reader *r)
{
    const struct slot_schema *schema = r->schema;
    slot_status status = SLOT_OK;

    for (size_t i = 1; status == SLOT_OK && i < schema->named; i++) {
        uint16_t a = schema->by_name[i - 1];
        uint16_t b = schema->by_name[i];

        if (strcmp(schema->fields[a].name, schema->fields[b].name) == 0)
            status = refuse(r, r->places[b], "another field has the same name (rename one)");
    }
    return status;
}

/* ---------------------------------------------------------------------------------------------
 * Decode: SPEC
 * ------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->n && is_blank(r->text[r->at]))
        r->at++;
}

static void skip_blanks_and_lines(struct reader *r)
{
    while (r->at < r->n && (is_blank(r->text[r->at]) || r->text[r->at] == '\n'))
        r->at++;
}

/* A name in double quotes, the first of which is next. */
static slot_status read_quoted_name(struct reader *r, struct name *name)
{
    size_t open = r->at++;
    bool closed = false;
    slot_status status = SLOT_OK;

    name->at = r->at;
    name->quotes = 0;
    while (!closed && !at_end(r)) {
        closed = r->text[r->at++] == '"';
        if (closed && next_is(r, '"')) {
            closed = false;
            name->quotes++;
            r->at++;
        }
    }
    if (closed)
        name->bytes = r->at - 1 - name->at;
    else
        status = refuse(r, open, "the quote is not closed (end the name with a quote)");
    return status;
}

/* A name without quotes, up to the colon and without blanks before that. */
static slot_status read_plain_name(struct reader *r, struct name *name)
{
    slot_status status = SLOT_OK;

    name->at = r->at;
    name->quotes = 0;
    while (!at_end(r) && strchr(":,\n\"", r->text[r->at]) == NULL)
        r->at++;
    name->bytes = r->at - name->at;
    while (name->bytes > 0 && is_blank(r->text[name->at + name->bytes - 1]))
        name->bytes--;
    if (next_is(r, '"'))
        status = refuse(r, r->at,
                        "quote within a name (put all of it in quotes and double this "
                        "one)");
    return status;
}

/* name:type, and the blanks behind it. */
static slot_status read_spec_field(struct reader *r)
{
    struct name name = {0};
    slot_field field = {0};
    slot_status status;

    if (next_is(r, '"'))
        status = read_quoted_name(r, &name);
    else
        status = read_plain_name(r, &name);
    if (status == SLOT_OK)
        status = check_name(r, &name);
    if (status == SLOT_OK) {
        skip_blanks(r);
        if (!next_is(r, ':'))
            status = refuse(r, r->at, "no colon and type after the name (write name:type)");
    }
    if (status == SLOT_OK) {
        r->at++;
        skip_blanks(r);
        status = read_type(r, &field);
    }
    if (status == SLOT_OK)
        status = add_field(r, &name, &field);
    skip_blanks(r);
    return status;
}

static slot_status decode_spec(struct reader *r)
{
    slot_status status = SLOT_OK;

    if (starts_with(r, byte_order_mark, sizeof byte_order_mark - 1))
        r->at += sizeof byte_order_mark - 1;
    skip_blanks_and_lines(r);
    if (at_end(r))
        status = refuse(r, r->at, "no field (write name:type,name:type,...)");
    while (status == SLOT_OK && !at_end(r)) {
        status = read_spec_field(r);
        if (status == SLOT_OK && !at_end(r)) {
            bool comma = next_is(r, ',');

            if (!comma && !next_is(r, '\n'))
                status = refuse(r, r->at, "no comma or end of line after the type");
            r->at += comma;
            skip_blanks_and_lines(r);
            if (status == SLOT_OK && comma && at_end(r))
                status = refuse(r, r->at, "no field after the comma (remove the comma)");
        }
    }
    if (status == SLOT_OK)
        r->schema->record_size = (uint32_t)r->record_bytes;
    return status;
}

/* ---------------------------------------------------------------------------------------------
 * Decode: file form
 * ------------------------------------------------------------------------------------------- */

/* The first line; *place is where its number stands. */
static slot_status read_first_line(struct reader *r, size_t *place)
{
    uint64_t number = 0;
    slot_status status = SLOT_OK;

    if (!starts_with(r, first_line, sizeof first_line - 1)) {
        status = refuse(r, sizeof file_form_mark - 1,
                        "the first line is not `slotfile-schema 1 record_size N` (a newer version "
                        "may have written it)");
    } else {
        r->at += sizeof first_line - 1;
        *place = r->at;
        if (!read_number(r, &number) || !next_is(r, '\n'))
            status = refuse(r, r->at, "the first line does not end with a number and a newline");
        else if (number < 1 || number > SLOT_RECORD_SIZE_MAX)
            status = refuse(r, *place, "record size out of range (1 to 1048576 bytes)");
    }
    if (status == SLOT_OK) {
        r->at++;
        r->schema->record_size = (uint32_t)number;
    }
    return status;
}

/* The offset of the next field, and the blank behind it. */
static slot_status read_offset(struct reader *r)
{
    size_t place = r->at;
    uint64_t offset = 0;
    slot_status status = SLOT_OK;

    if (!read_number(r, &offset) || !next_is(r, ' '))
        status = refuse(r, r->at, "the line does not begin with an offset and a blank");
    else if (offset < r->record_bytes)
        status = refuse(r, place, "the field overlaps the one before it (correct the offset)");
    else if (offset > r->record_bytes)
        status = refuse(r, place, "gap before the field (correct the offset or add a pad[N])");
    else
        r->at++;
    return status;
}

/* One line: OFFSET TYPE NAME. */
static slot_status read_line(struct reader *r)
{
    struct name name = {0};
    slot_field field = {0};
    slot_status status = read_offset(r);

    if (status == SLOT_OK)
        status = read_type(r, &field);
    if (status == SLOT_OK && !next_is(r, ' '))
        status = refuse(r, r->at, "no blank and name after the type");
    if (status == SLOT_OK) {
        const char *first = r->text + ++r->at;
        const char *end = memchr(first, '\n', r->n - r->at);

        name.at = r->at;
        if (end == NULL) {
            status = refuse(r, r->n,
                            "the last line does not end with a newline (was the file "
                            "cut off?)");
        } else {
            name.bytes = (size_t)(end - first);
            r->at += name.bytes + 1;
            status = check_name(r, &name);
        }
    }
    if (status == SLOT_OK)
        status = add_field(r, &name, &field);
    return status;
}

static slot_status decode_file_form(struct reader *r)
{
    size_t place = 0;
    slot_status status = read_first_line(r, &place);

    while (status == SLOT_OK && !at_end(r))
        status = read_line(r);
    if (status == SLOT_OK && r->schema->count > 0 && r->record_bytes != r->schema->record_size)
        status = refuse(r, place,
                        "record_size is not the sum of the fields (correct it, or add a "
                        "pad[N])");
    return status;
}

/* Whether the text is what encode has made of it: what is left to differ are zeros before numbers.
 */
static slot_status check_canonical(struct reader *r)
{
    const struct slot_schema *schema = r->schema;
    size_t at = 0;
    slot_status status = SLOT_OK;

    while (at < r->n && at < schema->text_bytes && r->text[at] == schema->text[at])
        at++;
    if (at < r->n || at < schema->text_bytes)
        status = refuse(r, at,
                        "not the canonical form of this schema (write numbers without "
                        "leading zeros)");
    return status;
}

/* ---------------------------------------------------------------------------------------------
 * The interface
 * ------------------------------------------------------------------------------------------- */

slot_status slot__schema_decode(const char *text, size_t n, void *memory,
                                struct slot_schema **schema, slot_error *err)
{
    struct reader r = {.text = text, .n = n, .err = err};
    bool file_form = starts_with(&r, file_form_mark, sizeof file_form_mark - 1);
    slot_status status;

    lay_out(&r, memory, fields_max(text, n));
    status = file_form ? decode_file_form(&r) : decode_spec(&r);
    if (status == SLOT_OK) {
        sort_names(r.schema);
        status = check_unique(&r);
    }
    if (status == SLOT_OK) {
        encode(r.schema);
        if (file_form)
            status = check_canonical(&r);
    }
    if (status == SLOT_OK)
        *schema = r.schema;
    return status;
}

size_t slot__schema_sized_bound(void)
{
    return memory_bytes(0, 0);
}

struct slot_schema *slot__schema_sized(uint32_t record_size, void *memory)
{
    struct reader r = {.n = 0};

    assert(record_size >= 1 && record_size <= SLOT_RECORD_SIZE_MAX);
    lay_out(&r, memory, 0);
    r.schema->record_size = record_size;
    encode(r.schema);
    return r.schema;
}
