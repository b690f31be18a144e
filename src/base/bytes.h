/*
 * Little-endian integers in unaligned bytes: the only way in which this project reads and writes
 * numbers on disk or in records. Compilers make one load or store of each.
 */
#ifndef SLOT_BASE_BYTES_H
#define SLOT_BASE_BYTES_H

#include <stdint.h>

static inline uint16_t get_u16(const void *p)
{
    const uint8_t *b = p;
    return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t get_u32(const void *p)
{
    const uint8_t *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t get_u64(const void *p)
{
    const uint8_t *b = p;
    return (uint64_t)get_u32(b) | (uint64_t)get_u32(b + 4) << 32;
}

static inline void put_u16(void *p, uint16_t v)
{
    uint8_t *b = p;
    b[0] = (uint8_t)v;
    b[1] = (uint8_t)(v >> 8);
}

static inline void put_u32(void *p, uint32_t v)
{
    uint8_t *b = p;
    put_u16(b, (uint16_t)v);
    put_u16(b + 2, (uint16_t)(v >> 16));
}

static inline void put_u64(void *p, uint64_t v)
{
    uint8_t *b = p;
    put_u32(b, (uint32_t)v);
    put_u32(b + 4, (uint32_t)(v >> 32));
}

#endif
