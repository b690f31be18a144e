/*
 * Proves about slot_schema_parse, for any text:
 *
 *   - no crash, no read outside the text, no write outside its memory;
 *   - a refusal has an offset within the text and a reason;
 *   - what is accepted has fields that fill the record without gap or overlap, each found by its
 *     name; its file form is accepted again, gives the same text, and is equal;
 *   - a text in the file form is accepted only when it is that text itself.
 */
#include "slotfile/slotfile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void check_fields(const slot_schema *schema)
{
    uint32_t end = 0;

    for (size_t i = 0; i < slot_schema_count(schema); i++) {
        const slot_field *field = slot_schema_field(schema, i);
        const slot_field *found = slot_schema_find(schema, field->name, strlen(field->name));

        require(field->offset == end && field->size > 0);
        end += field->size;
        require(field->type == SLOT_PAD ? found != field : found == field);
    }
    require(slot_schema_count(schema) == 0 || end == slot_schema_record_size(schema));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char mark[] = "slotfile-schema ";
    const char *text = (const char *)data;
    slot_schema *schema = NULL;
    slot_schema *again = NULL;
    slot_error err;
    slot_status status = slot_schema_parse(text, size, &schema, &err);

    if (status == SLOT_OK) {
        size_t n = 0;
        size_t again_n = 0;
        const char *form = slot_schema_text(schema, &n);

        check_fields(schema);
        require(slot_schema_parse(form, n, &again, NULL) == SLOT_OK);
        require(strcmp(slot_schema_text(again, &again_n), form) == 0 && again_n == n);
        require(slot_schema_equal(schema, again));
        if (size >= sizeof mark - 1 && memcmp(text, mark, sizeof mark - 1) == 0)
            require(n == size && memcmp(form, text, n) == 0);
    } else {
        require(status == SLOT_E_SCHEMA && err.status == status);
        require(err.offset <= size && err.what[0] != 0);
    }
    slot_schema_free(schema);
    slot_schema_free(again);
    return 0;
}
