/*
 * The one table of field types: word, size, longest text. The public functions slot_field_get_...,
 * slot_field_parse and slot_field_format are in field.c, too.
 */
#ifndef SLOT_FORMAT_FIELD_H
#define SLOT_FORMAT_FIELD_H

#include "slotfile/slotfile.h"

#define FIELD_SCALE_MAX 18u /* S of decimal[S] */

struct field_type {
    const char *word;  /* in schema text, without [N] or [S] */
    uint32_t bytes;    /* in the record; 0: as many as [N] says */
    uint32_t text_max; /* bytes of the longest text of a value; 0: depends on N */
};

/* The entry of a type, static; NULL when there is no such type. */
const struct field_type *slot__field_type(slot_type type);

#endif
