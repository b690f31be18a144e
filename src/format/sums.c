#include "format/sums.h"

#include <string.h>

#include "base/checksum.h"
#include "format/meta.h"

uint64_t slot__sums_seed(const uint8_t *file_id)
{
    return slot__checksum(file_id, META_FILE_ID_BYTES, 0);
}

uint64_t slot__sums_of_block(uint64_t seed, uint64_t block, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t sum;

    if (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0)
        return 0;
    sum = slot__checksum(bytes, n, slot__checksum_mix(seed, block));
    return sum != 0 ? sum : 1; /* 0 is taken */
}

uint64_t slot__sums_root_term(uint64_t block, uint64_t sum)
{
    return sum != 0 ? slot__checksum_mix(block, sum) : 0;
}
