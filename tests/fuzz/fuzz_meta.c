/*
 * Proves about slot__meta_decode, for any 4,096 bytes: it returns, reads nothing outside, and what
 * it accepts encodes to the same bytes. The checksum is made to fit first, or nothing would get
 * past it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "format/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t slot[META_SLOT_BYTES], again[META_SLOT_BYTES];
    struct meta meta, good;

    memset(&good, 0, sizeof good);
    memset(good.file_id, 1, sizeof good.file_id);
    good.generation = META_GENERATION_MIN;
    good.record_size = 125;
    slot__meta_encode(&good, slot);
    /* Lay the input over a good slot, byte by byte where it is not zero. */
    for (size_t i = 0; i < size && i + 8 < META_SLOT_BYTES; i++)
        slot[(i * 7) % 136] ^= data[i] >> (i % 5 + 3);
    put_u64(slot + META_SLOT_BYTES - 8, slot__checksum(slot, META_SLOT_BYTES - 8, 0));
    for (uint32_t index = 0; index < META_SLOTS; index++) {
        if (slot__meta_decode(slot, index, &meta, NULL) != SLOT_OK)
            continue;
        slot__meta_encode(&meta, again);
        if (memcmp(slot, again, sizeof slot) != 0)
            abort();
    }
    return 0;
}
