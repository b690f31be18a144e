/*
 * The file `sums` as the write transaction uses it: single checksums, read and written through a
 * small write-back cache of 4 KiB pages, and the root, kept up to date with each change.
 * Not for two threads at once.
 */
#ifndef SLOT_DB_SUMS_FILE_H
#define SLOT_DB_SUMS_FILE_H

#include "os/os.h"

#define SUMS_PAGE_BYTES 4096u
#define SUMS_PAGES      64u /* cached: 256 KiB, the checksums of a million records of 125 bytes */

/* Checksums get their space in windows of so many bytes: 512 MiB of records. */
#define SUMS_WINDOW_BYTES (UINT64_C(1) << 20)
#define SUMS_WINDOWS      32768u

struct sums_page {
    uint64_t number;               /* page of the file; UINT64_MAX: empty */
    uint32_t dirty_from, dirty_to; /* bytes that differ from the file; none when equal */
    uint8_t bytes[SUMS_PAGE_BYTES];
};

struct sums_file {
    const struct os *os;
    struct os_file *file;
    uint64_t seed;
    uint64_t size;     /* bytes of the file; beyond it all checksums are 0 */
    uint64_t root;     /* over all blocks */
    uint64_t appended; /* the part of root that comes from blocks >= first_new */
    uint64_t first_new;
    bool unsynced;           /* bytes were written since the last sync */
    struct sums_page *pages; /* SUMS_PAGES; NULL until first used */
    /* One bit for each window of the file, but for those of blocks beyond the first 2^32: all of it
     * that is before first_new has its space on the disk. */
    uint8_t reserved[SUMS_WINDOWS / 8];
};

/* `size` is the file's. Nothing is read yet. */
void slot__sums_init(struct sums_file *sums, const struct os *os, struct os_file *file,
                     uint64_t size, uint64_t seed, uint64_t root);
void slot__sums_release(struct sums_file *sums);

/* From here on, changes of blocks >= first_new count as appended. */
void slot__sums_begin(struct sums_file *sums, uint64_t first_new);

slot_status slot__sums_get(struct sums_file *sums, uint64_t block, uint64_t *sum, slot_error *err);
/* Also when it is the same already: a failed sync may have lost it on the disk, not in the cache.
 */
slot_status slot__sums_set(struct sums_file *sums, uint64_t block, uint64_t sum, slot_error *err);

/* See to it that writing the checksum of that block needs no space: before the block is changed.
 * Those of new blocks are left to who writes them: an abort writes none. */
slot_status slot__sums_reserve(struct sums_file *sums, uint64_t block, slot_error *err);

/* Forget what is cached, of which nothing is dirty: the file was changed otherwise. */
void slot__sums_forget(struct sums_file *sums);

/* Write what is dirty, exactly that: others may be writing what lies beside it. */
slot_status slot__sums_write(struct sums_file *sums, slot_error *err);

/* Write what is dirty of the first `blocks` checksums, and make the file exactly so long, new ones
 * 0. */
slot_status slot__sums_flush(struct sums_file *sums, uint64_t blocks, slot_error *err);

/* Forget the appended part and cut the file to first_new checksums. It writes nothing, so that it
 * needs no space; what else is dirty stays so. */
slot_status slot__sums_cut_appended(struct sums_file *sums, slot_error *err);

/* All checksums 0, the file `blocks` of them long. */
slot_status slot__sums_clear(struct sums_file *sums, uint64_t blocks, slot_error *err);

#endif
