/*
 * Fails on purpose, for an input that the driver is sure to come by: if this target passes, the
 * driver runs nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 3 && data[0] == 'n' && data[1] == 'a' && data[2] == 'n') {
        printf("canary: the failing input was reached\n");
        exit(1);
    }
    return 0;
}
