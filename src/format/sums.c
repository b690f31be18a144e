#include "format/sums.h"

#include <string.h>

#include "base/checksum.h"
#include "format/meta.h"

uint64_t sums_seed(const uint8_t *file_id)
{
    return checksum(file_id, META_FILE_ID_BYTES, 0);
}

uint64_t sums_of_block(uint64_t seed, uint64_t block, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t sum;

    if (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0)
        return 0;
    sum = checksum(bytes, n, checksum_mix(seed, block));
    return sum != 0 ? sum : 1; /* 0 is taken */
}

uint64_t sums_root_term(uint64_t block, uint64_t sum)
{
    return sum != 0 ? checksum_mix(block, sum) : 0;
}
