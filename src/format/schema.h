/*
 * Schemas: which bytes of a record are which field. Text to struct and back; pure, no allocation:
 * all of a schema lies in one piece of memory that the caller provides and frees.
 *
 * File form, the content of the file `schema`, each line ended by one newline:
 *
 *   slotfile-schema 1 record_size N
 *   OFFSET TYPE NAME                 for each field; NAME is the rest of the line
 *
 * Fields in the order of their offsets, from 0 on without a gap, N bytes in all; or no fields.
 * There is one text for a schema: anything else that means the same is refused, because the hash of
 * this text identifies the schema.
 *
 * SPEC, for people: name:type separated by commas or newlines; blanks (space, tab, CR) around names
 * and types, empty lines, and a newline after a comma do not matter; a byte order mark in front is
 * skipped. A name in double quotes may hold , and : and, doubled, "; a first name that begins with
 * "slotfile-schema " needs them, too, since a text that begins so is taken for the file form.
 *
 * Names: 1 .. SLOT_NAME_BYTES_MAX bytes of UTF-8, no control characters (U+0000 .. U+001F, U+007F
 * .. U+009F), no space at an end, unique. Names of pads need not be unique and cannot be looked up.
 */
#ifndef SLOT_FORMAT_SCHEMA_H
#define SLOT_FORMAT_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "slotfile/slotfile.h"

struct slot_schema {
    uint32_t record_size; /* 1 .. SLOT_RECORD_SIZE_MAX */
    size_t count;
    slot_field *fields;
    size_t named;      /* fields that are no pads */
    uint16_t *by_name; /* their numbers, in the order of their names */
    char *text;        /* the file form, NUL-terminated */
    size_t text_bytes; /* without the NUL */
};

/* Bytes of memory that slot__schema_decode needs for this text, whatever is in it: under 3 MiB.
 */
size_t slot__schema_decode_bound(const char *text, size_t n);

/*
 * Make a schema from either form in `memory`, which is aligned as malloc does and has
 * slot__schema_decode_bound bytes; *schema points to its beginning. Returns SLOT_OK, or
 * SLOT_E_SCHEMA with the offset in the text, file "schema".
 */
slot_status slot__schema_decode(const char *text, size_t n, void *memory,
                                struct slot_schema **schema, slot_error *err);

/* The same for a schema without fields, of 1 .. SLOT_RECORD_SIZE_MAX bytes. */
size_t slot__schema_sized_bound(void);
struct slot_schema *slot__schema_sized(uint32_t record_size, void *memory);

/* The field of that name, or NULL. */
const slot_field *slot__schema_find(const struct slot_schema *schema, const char *name, size_t n);

#endif
