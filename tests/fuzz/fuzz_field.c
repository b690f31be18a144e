/*
 * Proves about the fields of every type (byte 0 of the input), size and scale (byte 1), for any
 * text and any bytes (the rest):
 *
 *   - no crash, no access outside the field, the text, or slot_field_text_max bytes;
 *   - what slot_field_parse refuses leaves the record alone and has a reason;
 *   - what it accepts can be formatted, and that text gives the same bytes again;
 *   - bytes that slot_field_format accepts come back from their text unchanged.
 */
#include "slotfile/slotfile.h"

#include <stdlib.h>
#include <string.h>

#include "format/field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

/* The text of the bytes gives them again. Returns whether they have one. */
static bool check_round_trip(const slot_field *field, const uint8_t *record)
{
    size_t max = slot_field_text_max(field);
    char *text = malloc(max > 0 ? max : 1);
    uint8_t *back = malloc(field->size);
    size_t n = 0;
    bool ok;

    require(text != NULL && back != NULL);
    ok = slot_field_format(field, record, text, &n) == SLOT_OK;
    if (ok) {
        require(n <= max);
        memset(back, 0x55, field->size);
        require(slot_field_parse(field, text, n, back, NULL) == SLOT_OK);
        require(memcmp(record, back, field->size) == 0);
    }
    free(text);
    free(back);
    return ok;
}

static void check_text(const slot_field *field, const char *text, size_t n)
{
    uint8_t *record = malloc(field->size);
    const char *reason = NULL;
    slot_status status;

    require(record != NULL);
    memset(record, 0x55, field->size);
    status = slot_field_parse(field, text, n, record, &reason);
    if (status == SLOT_OK) {
        require(check_round_trip(field, record));
    } else {
        require(field->type == SLOT_PAD ? status == SLOT_E_ARG : status == SLOT_E_VALUE);
        require(field->type == SLOT_PAD || reason != NULL);
        for (uint32_t i = 0; i < field->size; i++)
            require(record[i] == 0x55);
    }
    free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slot_field field = {.name = "x"};

    if (size >= 2) {
        field.type = (slot_type)(SLOT_U8 + data[0] % SLOT_PAD);
        field.size = slot__field_type(field.type)->bytes;
        if (field.size == 0)
            field.size = 1u + data[1];
        if (field.type == SLOT_DECIMAL)
            field.scale = data[1] % (FIELD_SCALE_MAX + 1);
        check_text(&field, (const char *)data + 2, size - 2);
        if (size - 2 >= field.size)
            check_round_trip(&field, data + 2);
    }
    return 0;
}
