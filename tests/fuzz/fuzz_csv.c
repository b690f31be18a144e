/*
 * Fuzz target: any bytes as CSV. Proves that the reader stays within its buffer and its limit, and
 * that what it makes of an input does not depend on where the buffer is refilled.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

/* The command line is a program, not a library: its reader becomes a part of this one. */
#include "../../tools/csv.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct source {
    const uint8_t *data;
    size_t n;
} source;

static bool read_source(void *context, void *buf, size_t n, size_t *got)
{
    source *from = context;

    if (n > from->n)
        n = from->n;
    memcpy(buf, from->data, n);
    from->data += n;
    from->n -= n;
    *got = n;
    return true;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

/* One number for everything that the reader says about the input. */
static uint64_t digest(const uint8_t *data, size_t size, size_t buffer)
{
    source from = {data, size};
    csv_config config = {read_source, &from, buffer, 4096, 8};
    csv_reader reader;
    csv_result result = CSV_OUT_OF_MEMORY;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    if (csv_open(&reader, &config)) {
        while ((result = csv_next(&reader)) == CSV_ROW) {
            for (size_t i = 0; i < reader.count && i < config.fields_max; i++) {
                const csv_field *field = &reader.fields[i];

                assert(field->text >= reader.buffer && field->text + field->n <= reader.end);
                hash = mix(mix(hash, field->line), field->column);
                for (size_t b = 0; b < field->n; b++)
                    hash = mix(hash, (unsigned char)field->text[b]);
            }
            hash = mix(mix(mix(hash, reader.count), reader.line), reader.column);
        }
        if (result != CSV_END)
            hash = mix(mix(hash, reader.line), reader.column);
    }
    csv_close(&reader);
    return mix(hash, (uint64_t)result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t buffer = size > 0 ? data[0] + 1u : 1;

    if (size > 0)
        assert(digest(data + 1, size - 1, buffer) == digest(data + 1, size - 1, 4096));
    return 0;
}
