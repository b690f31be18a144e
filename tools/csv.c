/*
 * How a row is read: `scan_row` goes over the bytes once, changes nothing, and notes where the
 * fields lie. When it comes to the end of the buffer first, the row is moved to the front, the
 * buffer is filled up (and grown, if the row fills it) and the row is scanned again from its
 * beginning; the buffer doubles, so this stays linear. Quotes are taken out only when the whole
 * row is there.
 */
#include "csv.h"

#include <stdlib.h>
#include <string.h>

/* Behind the data there is always one line feed, at which every search stops, and room for the
 * eight bytes that a search looks at. */
#define SLACK 16u

#define EVERY_BYTE(c) (UINT64_C(0x0101010101010101) * (c))
#define HIGH_BITS     EVERY_BYTE(0x80)
#define LOW_BITS      EVERY_BYTE(0x7f)

/* The eight bytes at p, the first one lowest. Compilers make one load of it. */
static inline uint64_t load_word(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;

    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 |
           (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 |
           (uint64_t)b[7] << 56;
}

/* The high bit of each of the eight bytes at p that is one of , " CR LF. Adding 0x7f clears it only
 * if the low seven bits are equal; a byte beyond ASCII has its own. */
static inline uint64_t special_bytes(const char *p)
{
    uint64_t word = load_word(p);
    uint64_t low = word & LOW_BITS;
    uint64_t comma = (low ^ EVERY_BYTE(',')) + LOW_BITS;
    uint64_t quote = (low ^ EVERY_BYTE('"')) + LOW_BITS;
    uint64_t cr = (low ^ EVERY_BYTE('\r')) + LOW_BITS;
    uint64_t lf = (low ^ EVERY_BYTE('\n')) + LOW_BITS;

    return ~((comma & quote & cr & lf) | word) & HIGH_BITS;
}

/* The number of the lowest byte whose high bit is set: the bits below that bit, counted by bytes.
 */
static inline size_t first_marked(uint64_t mask)
{
    uint64_t below = ((mask & (0 - mask)) - 1) & EVERY_BYTE(1);

    return (size_t)((below * EVERY_BYTE(1)) >> 56) - 1;
}

char *csv_find_special(char *p)
{
    uint64_t special;

    while ((special = special_bytes(p)) == 0)
        p += 8;
    return p + first_marked(special);
}

bool csv_open(csv_reader *reader, const csv_config *config)
{
    memset(reader, 0, sizeof *reader);
    reader->config = *config;
    reader->capacity = config->buffer < config->limit ? config->buffer : config->limit;
    reader->buffer = malloc(reader->capacity + SLACK);
    reader->fields = calloc(config->fields_max, sizeof *reader->fields);
    if (reader->buffer == NULL || reader->fields == NULL)
        return false;
    reader->row = reader->end = reader->buffer;
    memset(reader->end, '\n', SLACK);
    reader->row_line = 1;
    return true;
}

void csv_close(csv_reader *reader)
{
    free(reader->buffer);
    free(reader->fields);
    reader->buffer = NULL;
    reader->fields = NULL;
}

/* Double the buffer, up to the limit. */
static csv_result grow(csv_reader *reader)
{
    size_t limit = reader->config.limit;
    size_t capacity = reader->capacity < limit / 2 ? reader->capacity * 2 : limit;
    size_t used = (size_t)(reader->end - reader->buffer);
    char *buffer;

    if (reader->capacity == limit)
        return CSV_TOO_LONG;
    buffer = realloc(reader->buffer, capacity + SLACK);
    if (buffer == NULL)
        return CSV_OUT_OF_MEMORY;
    reader->buffer = reader->row = buffer;
    reader->end = buffer + used;
    reader->capacity = capacity;
    return CSV_ROW;
}

/* Move the row that has begun to the front and read on, until there is a line feed that may end the
 * row, so that it is not held back until the buffer is full, or the buffer is full. CSV_ROW: there
 * are more bytes, or the end of the input was found. When reading fails, the row has no end. */
static csv_result refill(csv_reader *reader)
{
    size_t used = (size_t)(reader->end - reader->row);
    csv_result result = CSV_ROW;
    bool may_end = false;
    size_t n;

    memmove(reader->buffer, reader->row, used);
    reader->row = reader->buffer;
    reader->end = reader->buffer + used;
    if (used == reader->capacity)
        result = grow(reader);
    while (result == CSV_ROW && !reader->at_end && !may_end && used < reader->capacity) {
        if (!reader->config.read(reader->config.context, reader->end, reader->capacity - used, &n))
            return CSV_UNREADABLE;
        reader->at_end = n == 0;
        may_end = memchr(reader->end, '\n', n) != NULL;
        reader->end += n;
        used += n;
    }
    memset(reader->end, '\n', SLACK);
    return result;
}

/* Where scan_row is. The eight bytes before `ahead` were searched, and `special` marks those of
 * them that were not yet come to. */
typedef struct position {
    char *p;
    char *ahead;
    uint64_t special;
    const char *line_start;
    uint64_t line;
} position;

/* The next comma, quote, CR or LF, which is stepped over. */
static inline char *next_special(position *at)
{
    char *p;

    while (at->special == 0) {
        at->special = special_bytes(at->ahead);
        at->ahead += 8;
    }
    p = at->ahead - 8 + first_marked(at->special);
    at->special &= at->special - 1;
    return p;
}

/* What scan_row has come to. */
typedef enum scan_step { AT_COMMA, AT_LINE_END, AT_EDGE, BROKEN } scan_step;

static scan_step broken(csv_reader *reader, csv_result why)
{
    reader->failure = why;
    return BROKEN;
}

/* The field ends before at->p: step over what ends it. `wrong` is the error if nothing does. */
static inline scan_step end_field(csv_reader *reader, position *at, csv_result wrong)
{
    char *p = at->p;

    if (p == reader->end)
        return reader->at_end ? AT_LINE_END : AT_EDGE;
    if (*p == ',') {
        at->p = p + 1;
        return AT_COMMA;
    }
    if (*p == '\n') {
        at->p = p + 1;
        return AT_LINE_END;
    }
    if (*p != '\r')
        return broken(reader, wrong);
    if (p + 1 == reader->end && !reader->at_end)
        return AT_EDGE;
    if (p + 1 == reader->end || p[1] != '\n')
        return broken(reader, wrong == CSV_INNER_QUOTE ? CSV_BARE_RETURN : wrong);
    at->p = p + 2;
    return AT_LINE_END;
}

static inline scan_step scan_plain(csv_reader *reader, position *at, csv_field *field)
{
    field->text = at->p;
    field->doubled = false;
    at->p = next_special(at);
    field->n = (size_t)(at->p - field->text);
    return end_field(reader, at, CSV_INNER_QUOTE);
}

/* Line ends within quotes begin new physical lines. */
static void count_lines(position *at, const char *p, const char *end)
{
    while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        at->line++;
        at->line_start = ++p;
    }
}

static scan_step scan_quoted(csv_reader *reader, position *at, csv_field *field)
{
    char *p = at->p + 1;
    scan_step result;

    field->text = p;
    field->doubled = false;
    for (;;) {
        p = memchr(p, '"', (size_t)(reader->end - p));
        if (p == NULL)
            return reader->at_end ? broken(reader, CSV_OPEN_QUOTE) : AT_EDGE;
        if (p + 1 == reader->end && !reader->at_end)
            return AT_EDGE;
        if (p + 1 == reader->end || p[1] != '"')
            break;
        field->doubled = true;
        p += 2;
    }
    field->n = (size_t)(p - field->text);
    count_lines(at, field->text, p);
    at->p = p + 1;
    result = end_field(reader, at, CSV_AFTER_QUOTE);
    at->ahead = at->p;
    at->special = 0;
    return result;
}

/* The common case in as few steps as possible: unquoted fields that end with a comma. Stops before
 * the first field that is anything else. */
static void scan_commas(csv_reader *reader, position *at)
{
    csv_field *field = reader->fields + reader->count;
    csv_field *fields_end = reader->fields + reader->config.fields_max;
    position now = *at;
    position next = now;
    char *stop;

    while (field < fields_end && *(stop = next_special(&next)) == ',') {
        field->text = now.p;
        field->n = (size_t)(stop - now.p);
        field->line = now.line;
        field->column = (uint64_t)(now.p - now.line_start) + 1;
        field->doubled = false;
        field++;
        next.p = stop + 1;
        now = next;
    }
    reader->count = (size_t)(field - reader->fields);
    *at = now;
}

/* Scan the row that begins at reader->row; after AT_LINE_END `at` is where the next one begins. */
static scan_step scan_row(csv_reader *reader, position *at)
{
    csv_field field;
    scan_step step;

    *at = (position){reader->row, reader->row, 0, reader->row, reader->row_line};
    reader->count = 0;
    do {
        if (reader->count < reader->config.fields_max)
            scan_commas(reader, at);
        reader->raw = at->p;
        field.line = reader->line = at->line;
        field.column = reader->column = (uint64_t)(at->p - at->line_start) + 1;
        step = *at->p == '"' ? scan_quoted(reader, at, &field) : scan_plain(reader, at, &field);
        if (step == AT_EDGE || step == BROKEN)
            break;
        if (reader->count < reader->config.fields_max)
            reader->fields[reader->count] = field;
        reader->any_doubled |= field.doubled;
        reader->count++;
    } while (step == AT_COMMA);
    return step;
}

/* Make one quote of each "" in the field. */
static void unescape(csv_field *field)
{
    char *from = field->text;
    char *end = from + field->n;
    char *to = from;
    char *quote;

    while ((quote = memchr(from, '"', (size_t)(end - from))) != NULL) {
        size_t n = (size_t)(quote - from) + 1;

        memmove(to, from, n);
        to += n;
        from = quote + 2;
    }
    memmove(to, from, (size_t)(end - from));
    field->n = (size_t)(to - field->text) + (size_t)(end - from);
}

/* The row is whole: take its escapes out, note where it ends, and step over it. */
static void finish_row(csv_reader *reader, const position *at)
{
    size_t kept =
        reader->count < reader->config.fields_max ? reader->count : reader->config.fields_max;
    const char *stop = at->p;

    if (stop > reader->row && stop[-1] == '\n')
        stop -= stop - 1 > reader->row && stop[-2] == '\r' ? 2 : 1;
    reader->line = at->line;
    reader->column = (uint64_t)(stop - at->line_start) + 1;
    for (size_t i = 0; reader->any_doubled && i < kept; i++) {
        if (reader->fields[i].doubled)
            unescape(&reader->fields[i]);
    }
    reader->row = at->p;
    reader->row_line = at->line + 1;
}

/* Skip a byte order mark; it is no part of the first line's columns. */
static csv_result begin(csv_reader *reader)
{
    static const char mark[3] = "\xef\xbb\xbf";
    csv_result result = CSV_ROW;
    size_t n = 0;

    /* No byte more is waited for than it takes to see that there is none. */
    while (result == CSV_ROW && n < sizeof mark && memcmp(reader->row, mark, n) == 0 &&
           !reader->at_end) {
        result = refill(reader);
        n = (size_t)(reader->end - reader->row);
    }
    if (n >= sizeof mark && memcmp(reader->row, mark, sizeof mark) == 0)
        reader->row += sizeof mark;
    reader->has_begun = true;
    return result;
}

csv_result csv_next(csv_reader *reader)
{
    csv_result result = reader->has_begun ? CSV_ROW : begin(reader);
    scan_step step = AT_EDGE;
    position at;

    reader->any_doubled = false;
    reader->raw = reader->row;
    while (result == CSV_ROW) {
        if (reader->row == reader->end && reader->at_end)
            return CSV_END;
        step = scan_row(reader, &at);
        if (step != AT_EDGE)
            break;
        result = refill(reader);
        reader->raw = reader->row;
    }
    reader->raw_n = (size_t)(reader->end - reader->raw);
    if (step == BROKEN)
        return reader->failure;
    if (step == AT_LINE_END)
        finish_row(reader, &at);
    return result;
}
