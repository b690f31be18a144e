#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any sensible spelling of a number or a time takes: zeros in front, signs. */
#define SPELLING_MAX 128u

/* Room that every row has on top of what its fields need. */
#define ROW_ROOM 65536u

bool table_init(csv_table *table, const slot_schema *schema)
{
    size_t count = slot_schema_count(schema);

    memset(table, 0, sizeof *table);
    table->schema = schema;
    table->record_size = slot_schema_record_size(schema);
    table->column = calloc(count + 1, sizeof *table->column);
    if (table->column == NULL)
        return false;
    table->text_max = 16;
    table->row_max = ROW_ROOM;
    for (size_t i = 0; i < count; i++) {
        const slot_field *field = slot_schema_field(schema, i);
        size_t name = strlen(field->name);
        size_t value = slot_field_text_max(field);
        size_t longest = name > value ? name : value;

        if (field->type == SLOT_PAD)
            continue;
        table->column[table->columns++] = field;
        table->text_max += 2 * longest + 3;
        table->row_max += 2 * longest + 3 + SPELLING_MAX;
    }
    return true;
}

void table_release(csv_table *table)
{
    free(table->column);
    table->column = NULL;
}

size_t table_fields_max(const csv_table *table)
{
    return table->columns + 1;
}

/* ---- Reading ---- */

static bool refuse(table_problem *problem, const csv_field *at, const char *name, size_t n,
                   const char *reason)
{
    problem->line = at->line;
    problem->column = at->column;
    problem->field = name;
    problem->field_n = n;
    problem->reason = reason;
    return false;
}

/* Whether one of the first n columns is that field. */
static bool is_taken(const csv_table *table, size_t n, const slot_field *field)
{
    size_t i = 0;

    while (i < n && table->column[i] != field)
        i++;
    return i < n;
}

/* The first field without a column is missing, and the place is the header's end. */
static bool refuse_missing(const csv_table *table, const csv_reader *reader, table_problem *problem)
{
    csv_field end = {.line = reader->line, .column = reader->column};
    const slot_field *field;
    size_t i = 0;

    do {
        field = slot_schema_field(table->schema, i++);
    } while (field->type == SLOT_PAD || is_taken(table, reader->count, field));
    return refuse(problem, &end, field->name, strlen(field->name),
                  "missing column (add it to the header and the rows)");
}

bool table_read_header(csv_table *table, const csv_reader *reader, table_problem *problem)
{
    /* One column too many is unknown or repeated, so the loop ends within what the reader keeps. */
    for (size_t i = 0; i < reader->count; i++) {
        const csv_field *at = &reader->fields[i];
        const slot_field *field = slot_schema_find(table->schema, at->text, at->n);

        if (field == NULL || field->type == SLOT_PAD)
            return refuse(problem, at, at->text, at->n,
                          "unknown column (take it out, or import with a schema that has it)");
        if (is_taken(table, i, field))
            return refuse(problem, at, at->text, at->n, "repeated column (take one of them out)");
        table->column[i] = field;
    }
    return reader->count == table->columns || refuse_missing(table, reader, problem);
}

/* Too few: the first missing field, at the row's end. Too many: the last field, where it is. */
static bool refuse_count(const csv_table *table, const csv_reader *reader, table_problem *problem)
{
    csv_field at = {.line = reader->line, .column = reader->column};
    size_t last = table->columns - 1;
    size_t column = reader->count < table->columns ? reader->count : last;
    const char *advice = "there must be a value for each column";

    if (reader->count > table->columns) {
        at = reader->fields[last];
        advice = "quote values that hold commas";
    }
    snprintf(problem->text, sizeof problem->text, "wrong number of fields, %zu instead of %zu (%s)",
             reader->count, table->columns, advice);
    return refuse(problem, &at, table->column[column]->name, strlen(table->column[column]->name),
                  problem->text);
}

bool table_read_row(const csv_table *table, const csv_reader *reader, void *record,
                    table_problem *problem)
{
    const char *reason;

    if (reader->count != table->columns)
        return refuse_count(table, reader, problem);
    memset(record, 0, table->record_size);
    for (size_t i = 0; i < table->columns; i++) {
        const csv_field *at = &reader->fields[i];
        const slot_field *field = table->column[i];

        reason = "not a value of the field's type (correct it)";
        if (slot_field_parse(field, at->text, at->n, record, &reason) != SLOT_OK)
            return refuse(problem, at, field->name, strlen(field->name), reason);
    }
    return true;
}

static const char *explanation(const csv_reader *reader, csv_result result, table_problem *problem)
{
    switch (result) {
    case CSV_OPEN_QUOTE:
        return "open quote at the end of the file (close it, or write \"\" for a quote)";
    case CSV_AFTER_QUOTE:
        return "junk after the closing quote (write \"\" for a quote within quotes)";
    case CSV_INNER_QUOTE:
        return "quote in an unquoted value (quote the value and write \"\" for each quote in it)";
    case CSV_BARE_RETURN:
        return "carriage return without line feed (quote the value, or end lines with LF or CRLF)";
    default:
        snprintf(problem->text, sizeof problem->text,
                 "the row is longer than %zu bytes (is a quote open?)", reader->config.limit);
        return problem->text;
    }
}

void table_explain(const csv_table *table, const csv_reader *reader, csv_result result,
                   bool is_header, table_problem *problem)
{
    csv_field at = {.line = reader->line, .column = reader->column};
    const char *reason = explanation(reader, result, problem);
    size_t last = table->columns - 1;
    size_t column = reader->count < table->columns ? reader->count : last;
    const char *name = table->column[column]->name;
    size_t n = strlen(name);

    if (is_header) {
        name = reader->raw;
        for (n = 0; n < reader->raw_n && n < SLOT_NAME_BYTES_MAX; n++) {
            if (name[n] == ',' || name[n] == '\r' || name[n] == '\n')
                break;
        }
    }
    refuse(problem, &at, name, n, reason);
}

/* ---- Writing ---- */

/* Whether the n bytes have to be quoted. Behind them there are 8 bytes that may be changed. */
static bool needs_quotes(char *text, size_t n)
{
    text[n] = '\n';
    return csv_find_special(text) != text + n || (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0);
}

/* Quote the n bytes at text where they are; the result is their new number. From the end on, so
 * that nothing is overwritten before it was moved. */
static size_t quote(char *text, size_t n)
{
    size_t quotes = 0;
    char *to;

    for (size_t i = 0; i < n; i++)
        quotes += text[i] == '"';
    to = text + n + quotes + 2;
    *--to = '"';
    for (size_t i = n; i > 0; i--) {
        *--to = text[i - 1];
        if (text[i - 1] == '"')
            *--to = '"';
    }
    *--to = '"';
    return n + quotes + 2;
}

size_t table_write_header(const csv_table *table, const char *line_end, char *text)
{
    char *p = text;

    for (size_t i = 0; i < table->columns; i++) {
        const char *name = table->column[i]->name;
        size_t n = strlen(name);

        if (i > 0)
            *p++ = ',';
        memcpy(p, name, n);
        p += needs_quotes(p, n) ? quote(p, n) : n;
    }
    memcpy(p, line_end, strlen(line_end));
    return (size_t)(p - text) + strlen(line_end);
}

size_t table_write_row(const csv_table *table, const void *record, const char *line_end, char *text,
                       const slot_field **bad)
{
    char *p = text;
    size_t n;

    for (size_t i = 0; i < table->columns; i++) {
        const slot_field *field = table->column[i];

        if (i > 0)
            *p++ = ',';
        if (slot_field_format(field, record, p, &n) != SLOT_OK) {
            *bad = field;
            return 0;
        }
        p += field->type == SLOT_TEXT && needs_quotes(p, n) ? quote(p, n) : n;
    }
    for (; *line_end != '\0'; line_end++)
        *p++ = *line_end;
    return (size_t)(p - text);
}
