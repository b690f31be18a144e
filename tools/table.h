/*
 * CSV and records: which column is which field, rows to records, records to rows. Pads are no
 * columns. What is written is canonical: columns in the order of the schema, values as
 * slot_field_format has them, quotes only where they are needed; reading it back gives the same
 * bytes.
 */
#ifndef SLOTFILE_TOOLS_TABLE_H
#define SLOTFILE_TOOLS_TABLE_H

#include <slotfile/slotfile.h>

#include "csv.h"

typedef struct csv_table {
    const slot_schema *schema;
    const slot_field *
        *column; /* the field of each column of the input; at first as in the schema */
    size_t columns;
    size_t record_size;
    size_t text_max; /* most bytes of a row that is written, and of the header */
    size_t row_max;  /* most bytes of a row that is read, see table_init */
} csv_table;

/* Why a row or a header is refused, and where. The texts live until the next row is read. */
typedef struct table_problem {
    uint64_t line;
    uint64_t column;
    const char *field; /* field_n bytes */
    size_t field_n;
    const char *reason; /* "what is wrong (what to do)" */
    char text[200];     /* where `reason` is put together if it is not static */
} table_problem;

/*
 * False when there is no memory; table_release is allowed in both cases. The schema must outlive
 * the table.
 *
 * row_max leaves room for every value in the longest form that makes sense, with all its bytes
 * quoted, and some more: beyond it there is an open quote and not a row.
 */
bool table_init(csv_table *table, const slot_schema *schema);

void table_release(csv_table *table);

/* The bound for csv_config.fields_max: one more than can be right. */
size_t table_fields_max(const csv_table *table);

/* Match the header that the reader has come to with the fields, in any order. */
bool table_read_header(csv_table *table, const csv_reader *reader, table_problem *problem);

/* Make a record of the row that the reader has come to; its pads become zero. */
bool table_read_row(const csv_table *table, const csv_reader *reader, void *record,
                    table_problem *problem);

/* Turn a result of csv_next that is neither CSV_ROW nor CSV_END into a problem; `is_header`: it was
 * the header that was read. CSV_OUT_OF_MEMORY is not for this function. */
void table_explain(const csv_table *table, const csv_reader *reader, csv_result result,
                   bool is_header, table_problem *problem);

/* Write the header or a record as a row, with its line end, into `text` (text_max bytes); the
 * result is the number of bytes. A record with a value that is none gives 0, and its field. */
size_t table_write_header(const csv_table *table, const char *line_end, char *text);
size_t table_write_row(const csv_table *table, const void *record, const char *line_end, char *text,
                       const slot_field **bad);

#endif
