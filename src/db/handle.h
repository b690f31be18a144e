/*
 * An open database and its transactions: the parts, who guards what, and what the files of src/db
 * provide to each other. A reader of this directory starts here, then follows one record:
 *
 *   in   write.c (put, edit) or append.c -> block.c (view, checksum, dirty mark) -> txn.c (commit)
 *   out  read.c -> view/pins.h
 *
 * Who guards what in direct access:
 *
 *   gate      in memory: many read transactions or one write transaction. Everything below that
 *             changes (`meta`, `records.size`, `sums`, `scratch`) changes in the write transaction.
 *   lock      the kernel's lock of byte 0 of the file `lock`: exclusive for a writing handle,
 *             shared for read-only ones; held from open to close.
 *   stat_mutex  changes of `meta` and `marked`, for slot_stat, which asks from outside of
 *               transactions.
 *
 * Invariants while no write transaction is open: `records` has at least meta.records records, its
 * size is records.size; every view is clean; `sums` has one entry for each block, unless they are
 * stale.
 */
#ifndef SLOT_DB_HANDLE_H
#define SLOT_DB_HANDLE_H

#include <stdatomic.h>

#include "db/files.h"
#include "db/gate.h"
#include "db/sums_file.h"
#include "format/meta.h"
#include "os/os.h"
#include "view/cache.h"
#include "view/pins.h"

struct slot_db {
    const struct os *os;
    slot_access access;
    uint32_t wait_ms;
    uint32_t record_size;
    uint32_t block_records; /* records in a block */
    uint64_t block_bytes;
    struct db_files files;
    slot_schema *schema;
    struct os_mutex stat_mutex;
    struct meta meta; /* in force, on disk and here */
    struct gate gate;
    struct view_cache cache;
    struct view_file records;
    struct sums_file sums;
    bool marked;      /* meta on disk says that we have it open for writing */
    bool sync_needed; /* an abort has left flushed but unsynced changes in `records` */
    atomic_bool poisoned;
    uint8_t *scratch; /* one block; the write transaction's */
};

/* Records that were appended and not yet written to `records`: see append.c. */
struct append_buffer {
    uint8_t *bytes;    /* NULL until the first append */
    uint64_t capacity; /* a multiple of the block size */
    uint64_t start;    /* byte of `records` that bytes[0] is for */
    uint64_t fill;     /* bytes used; the buffer is idle when 0 */
    uint64_t started;  /* up to where write-back was started */
};

struct slot_txn {
    slot_db *db;
    const struct os *os;  /* the database's, close at hand */
    uint64_t record_size; /* likewise */
    uint64_t records;     /* as this transaction sees them */
    bool writing;
    struct view_pins pins;
    struct append_buffer append;
    bool changed;       /* bytes of `records` were changed */
    slot_status doomed; /* SLOT_OK, or why this transaction can only be aborted */
};

/* ---- open.c, create.c: what tests call with their own os ---- */

slot_status db_create_on(const struct os *os, const char *path, const slot_schema *schema,
                         const slot_options *options, slot_error *err);
slot_status db_open_on(const struct os *os, const char *path, const slot_options *options,
                       slot_db **db, slot_error *err);
slot_status db_destroy_on(const struct os *os, const char *path, const slot_options *options,
                          slot_error *err);

/* The options of a caller, checked, or the defaults for NULL. SLOT_E_ARG. */
slot_status db_options(const slot_options *given, slot_options *used, slot_error *err);

/*
 * Whether nobody can tell if the checksums fit: meta says so, or says open and it was not this
 * handle that opened it for writing.
 */
bool db_sums_stale(const slot_db *db, const struct meta *meta);

/* ---- meta_file.c: the record of the state on disk ---- */

/*
 * Write *next, with the generation after the one in force, into the slot that is not in force;
 * sync; then it is in force. After a failure the handle is poisoned.
 */
slot_status db_meta_write(slot_db *db, struct meta *next, slot_error *err);

/* Read the slot in force. */
slot_status db_meta_read(const struct os *os, struct os_file *file, struct meta *meta,
                         slot_error *err);

/* ---- block.c: a block that is about to be changed, and one that was ---- */

/*
 * The entry whose view owns block `block`, its bytes checked against its checksum, its pages ready
 * to be stored to, and marked dirty. For the part of the block that exists in the file now.
 */
slot_status db_block_touch(slot_txn *txn, uint64_t block, struct pin **pin, slot_error *err);

/* view_file.settle of `records`: renew the checksums of the view's dirty blocks. */
slot_status db_block_settle(void *db, struct view *view, slot_error *err);

/* Bytes of block `block` that exist in `records` now. */
uint64_t db_block_bytes(const slot_db *db, uint64_t block);

/* Blocks that it takes to hold that many records. */
uint64_t db_blocks_of(const slot_db *db, uint64_t records);

/* ---- append.c ---- */

/* Write what is buffered, so that all records of the transaction are in the file. */
slot_status db_append_flush(slot_txn *txn, slot_error *err);

/* ---- txn.c ---- */

/* SLOT_OK when this transaction may change something. SLOT_E_ARG: it only reads; or its doom. */
slot_status db_may_write(const slot_txn *txn, slot_error *err);

/* ---- errors that many places report ---- */

/* SLOT_NOT_FOUND for `recno`. */
slot_status db_not_found(const slot_txn *txn, uint64_t recno, slot_error *err);

/* After a failed flush nobody knows what is on disk: take no more writes. Returns `status`. */
slot_status db_poison(slot_db *db, slot_status status);

#endif
