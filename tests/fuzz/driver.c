/*
 * Runs a fuzz target without a fuzzing engine: on some seeds that look like what it reads, and on
 * mutations of them made by a fixed sequence of random numbers. No coverage feedback: this keeps
 * targets alive and catches what came back, finding new things is the engine's work.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fixture.h"

#define INPUTS    20000u
#define BYTES_MAX 600u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const seeds[] = {
    "slotfile-schema 1 record_size 45\n0 u64 id\n8 text[20] name\n28 decimal[2] odd, name\n"
    "36 pad[9] fill\n",
    "slotfile-schema 1 record_size 125\n",
    "id:u64,first:text[20],born:date,joined:timestamp,balance:decimal[2],score:f64,a:bool,p:pad[4]",
    "\"a,b\":bytes[3],\"say \"\"hi\"\"\":f32,c:i8",
    "id,name,score\r\n1,\"Smith, \"\"J\"\"\",2.5\r\n2,,-1e300\r\n",
    "\xef\xbb\xbfx\n\"open quote\n",
    "-12345678901234567890.00001e-320",
    "2026-11-21T04:05:06.000007Z",
    "nan(0x7ff8000000000001)",
    "\x01\x05"
    "18446744073709551615",
};

static size_t mutate(uint8_t *bytes, size_t n, uint64_t *state)
{
    for (uint64_t k = random_next(state) % 6; k > 0; k--) {
        uint64_t at = n > 0 ? random_next(state) % n : 0;

        switch (random_next(state) % 4) {
        case 0: /* change a byte */
            if (n > 0)
                bytes[at] = (uint8_t)random_next(state);
            break;
        case 1: /* cut the end */
            n = (size_t)at;
            break;
        case 2: /* put one in */
            if (n < BYTES_MAX) {
                memmove(bytes + at + 1, bytes + at, n - (size_t)at);
                bytes[at] = (uint8_t) "0:,\"\n[]-. a9"[random_next(state) % 12];
                n++;
            }
            break;
        default: /* repeat a part */
            if (n > 0 && n + 8 < BYTES_MAX) {
                memmove(bytes + n, bytes + at, n - at < 8 ? n - (size_t)at : 8);
                n += n - at < 8 ? n - (size_t)at : 8;
            }
            break;
        }
    }
    return n;
}

int main(void)
{
    uint64_t state = 1;

    for (uint32_t i = 0; i < INPUTS; i++) {
        const char *seed = seeds[i % (sizeof seeds / sizeof seeds[0])];
        size_t n = strlen(seed);
        uint8_t *bytes = malloc(BYTES_MAX + 8);

        if (bytes == NULL)
            return 2;
        memcpy(bytes, seed, n);
        if (i >= sizeof seeds / sizeof seeds[0])
            n = mutate(bytes, n, &state);
        if (LLVMFuzzerTestOneInput(bytes, n) != 0)
            return 1;
        free(bytes);
    }
    printf("%u inputs, none failed\n", INPUTS);
    return 0;
}
