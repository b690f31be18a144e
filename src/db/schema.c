/*
 * The public face of schemas: memory for what format/schema.c makes. One allocation holds it all.
 */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "format/schema.h"

static slot_status no_memory(slot_error *err)
{
    return slot__error_set(err, SLOT_E_NO_MEMORY, "schema", SLOT_NO_OFFSET,
                           "no memory for a schema (free some)");
}

slot_status slot_schema_parse(const char *text, size_t n, slot_schema **schema, slot_error *err)
{
    void *memory;
    slot_status status;

    if (n == 0)
        text = ""; /* it may be NULL */
    memory = malloc(slot__schema_decode_bound(text, n));
    if (memory == NULL)
        status = no_memory(err);
    else
        status = slot__schema_decode(text, n, memory, schema, err);
    if (status != SLOT_OK)
        free(memory);
    return status;
}

slot_status slot_schema_sized(uint32_t record_size, slot_schema **schema, slot_error *err)
{
    void *memory = NULL;
    slot_status status = SLOT_OK;

    if (record_size < 1 || record_size > SLOT_RECORD_SIZE_MAX)
        status = slot__error_set(err, SLOT_E_ARG, "", SLOT_NO_OFFSET,
                                 "record size out of range (1 to 1048576 bytes)");
    if (status == SLOT_OK) {
        memory = malloc(slot__schema_sized_bound());
        if (memory == NULL)
            status = no_memory(err);
    }
    if (status == SLOT_OK)
        *schema = slot__schema_sized(record_size, memory);
    return status;
}

void slot_schema_free(slot_schema *schema)
{
    free(schema);
}

uint32_t slot_schema_record_size(const slot_schema *schema)
{
    return schema->record_size;
}

size_t slot_schema_count(const slot_schema *schema)
{
    return schema->count;
}

const slot_field *slot_schema_field(const slot_schema *schema, size_t i)
{
    return i < schema->count ? &schema->fields[i] : NULL;
}

const slot_field *slot_schema_find(const slot_schema *schema, const char *name, size_t n)
{
    return n > 0 ? slot__schema_find(schema, name, n) : NULL; /* no name is empty; it may be NULL */
}

const char *slot_schema_text(const slot_schema *schema, size_t *n)
{
    *n = schema->text_bytes;
    return schema->text;
}

bool slot_schema_equal(const slot_schema *a, const slot_schema *b)
{
    return a->text_bytes == b->text_bytes && memcmp(a->text, b->text, a->text_bytes) == 0;
}
