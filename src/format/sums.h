/*
 * The file `sums`: one xxh3-64 for each block of `records`, 8 bytes, little-endian, at block * 8.
 *
 *   0               the block is all zeros (so that a hole in `records` needs a hole in `sums`)
 *   anything else   the checksum of the block's bytes below the number of records, seeded with the
 *                   database's id and the block's number, so that a block in a wrong place, or of
 *                   another database, does not fit
 *
 * The root in meta is the sum, modulo 2^64, of one term for each block: it can be kept up to date
 * block by block, and tells whether `sums` itself is as it was written. Pure functions.
 */
#ifndef SLOT_FORMAT_SUMS_H
#define SLOT_FORMAT_SUMS_H

#include <stddef.h>
#include <stdint.h>

#define SUM_BYTES 8u

/* The seed that all blocks of one database share; file_id has META_FILE_ID_BYTES bytes. */
uint64_t slot__sums_seed(const uint8_t *file_id);

/* The checksum of block `block`, n > 0 bytes. */
uint64_t slot__sums_of_block(uint64_t seed, uint64_t block, const void *bytes, size_t n);

/* What a block with that checksum adds to the root; 0 for a zero block. */
uint64_t slot__sums_root_term(uint64_t block, uint64_t sum);

#endif
