/*
 * The one checksum of the project: xxh3-64. Detects rot, torn and misplaced blocks; it is no
 * defence against somebody who wants to deceive. checksum.c alone includes xxHash.
 */
#ifndef SLOT_BASE_CHECKSUM_H
#define SLOT_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* xxh3-64 of n bytes with a seed, as a number (stored little-endian). */
uint64_t slot__checksum(const void *bytes, size_t n, uint64_t seed);

/* Mix two numbers into one: for seeds (file id and block number) and for set sums. */
uint64_t slot__checksum_mix(uint64_t a, uint64_t b);

#endif
