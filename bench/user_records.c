#include "user_reading.h"

#define FIELD_BYTES 8u

/* The first bytes, as a number; and so what is added up. */
static inline uint64_t field_of(const uint8_t *record, uint32_t size)
{
    uint64_t field = 0;

    if (size < FIELD_BYTES)
        return record[0];
    memcpy(&field, record, sizeof field);
    return field;
}

uint64_t records_add_up(const uint8_t *record, uint64_t count, uint32_t size)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++, record += size)
        sum += field_of(record, size);
    return sum;
}

uint64_t record_use_all(const uint8_t *record, uint32_t size)
{
    return field_of(record, size) + record[size - 1];
}
