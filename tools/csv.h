/*
 * A streaming reader of CSV as RFC 4180 has it: commas, double quotes, "" for a quote within
 * quotes, commas and line ends within quotes, lines that end with LF or CRLF, a UTF-8 byte order
 * mark before the first line, a last line with or without its end. Everything else is an error
 * with its place; nothing is guessed.
 *
 * A row lies whole in one buffer that grows up to a limit, and its fields are parts of that buffer,
 * unescaped in place: reading a row allocates nothing and copies nothing.
 *
 *     csv_reader reader;
 *
 *     if (!csv_open(&reader, &config)) ...
 *     while ((result = csv_next(&reader)) == CSV_ROW)
 *         for (size_t i = 0; i < reader.count; i++) ... reader.fields[i] ...
 *     csv_close(&reader);
 */
#ifndef SLOTFILE_TOOLS_CSV_H
#define SLOTFILE_TOOLS_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads up to n bytes into buf; *got is how many, and 0 is the end, for good. They may be fewer
 * than there will be: a row is handed out as soon as its line end was read. False when nothing can
 * be read: then what was read of a row is no row. */
typedef bool (*csv_read_fn)(void *context, void *buf, size_t n, size_t *got);

typedef struct csv_config {
    csv_read_fn read;
    void *context;
    size_t buffer;     /* bytes to begin with, at least 1 */
    size_t limit;      /* most bytes of a row, its quotes and its line end included */
    size_t fields_max; /* fields that are kept of a row; more are counted only */
} csv_config;

/* One value, valid until the next csv_next. The place is that of its first byte in the input, an
 * opening quote included; both count from 1, columns in bytes of the physical line. */
typedef struct csv_field {
    char *text;
    size_t n;
    uint64_t line;
    uint64_t column;
    bool doubled; /* "" is still to be made one quote; the reader's own */
} csv_field;

typedef enum csv_result {
    CSV_ROW,
    CSV_END,
    CSV_UNREADABLE,   /* the input cannot be read: nothing is known of what comes */
    CSV_OPEN_QUOTE,   /* the input ends within quotes */
    CSV_AFTER_QUOTE,  /* something other than , or a line end behind a closing quote */
    CSV_INNER_QUOTE,  /* a quote within a value that does not begin with one */
    CSV_BARE_RETURN,  /* CR without LF, outside quotes */
    CSV_TOO_LONG,     /* a row beyond the limit */
    CSV_OUT_OF_MEMORY /* the buffer cannot grow */
} csv_result;

typedef struct csv_reader {
    csv_field *fields;
    size_t count; /* fields of the row, also of those beyond fields_max */

    /* CSV_ROW: one byte beyond the row's last. An error: the first byte of the field in question,
     * and `count` is its number in the row, from 0. */
    uint64_t line;
    uint64_t column;
    const char *raw; /* an error: that byte; there are raw_n bytes of input from it on */
    size_t raw_n;

    /* From here on the reader's own. */
    csv_config config;
    char *buffer;
    size_t capacity;
    char *row; /* first byte that was not handed out yet */
    char *end; /* one beyond the last byte read */
    uint64_t row_line;
    bool at_end;    /* the input has no more bytes */
    bool has_begun; /* the byte order mark was looked for */
    bool any_doubled;
    csv_result failure;
} csv_reader;

/* False when there is no memory. csv_close is allowed in both cases. */
bool csv_open(csv_reader *reader, const csv_config *config);

void csv_close(csv_reader *reader);

/* The next row. After anything but CSV_ROW the reader is of no more use. */
csv_result csv_next(csv_reader *reader);

/* The first comma, quote, CR or LF at or after p. There is one, and 8 bytes behind it may be read.
 */
char *csv_find_special(char *p);

#endif
