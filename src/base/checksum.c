#include "base/checksum.h"

#include "base/bytes.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t slot__checksum(const void *bytes, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, n, seed);
}

uint64_t slot__checksum_mix(uint64_t a, uint64_t b)
{
    uint8_t pair[16];

    put_u64(pair, a);
    put_u64(pair + 8, b);
    return XXH3_64bits_withSeed(pair, sizeof pair, 0);
}
