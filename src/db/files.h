/*
 * The files of a database directory: their names, and opening and closing them together.
 */
#ifndef SLOT_DB_FILES_H
#define SLOT_DB_FILES_H

#include "format/meta.h"
#include "os/os.h"

#define FILE_RECORDS "records"
#define FILE_SCHEMA  "schema"
#define FILE_META    "meta"
#define FILE_SUMS    "sums"
#define FILE_DELETED "deleted"
#define FILE_LOCK    "lock"
#define FILE_SHARED  "shared"

/*
 * The bytes of `lock`. Who wants several takes them in this order: writer, checkpointer, slot.
 * Liveness of a process is whether its bytes can be locked, never its number.
 */
#define LOCK_BYTE_ALIVE        UINT64_C(0) /* shared: has it open. Exclusive: alone, or first */
#define LOCK_BYTE_WRITER       UINT64_C(1)
#define LOCK_BYTE_CHECKPOINTER UINT64_C(2)
#define LOCK_BYTE_RECOVERY     UINT64_C(4)  /* exclusive: makes it ready; shared: reads only */
#define LOCK_BYTE_SLOT         UINT64_C(64) /* + i: owns reader slot i */

struct db_files {
    struct os_dir *dir; /* the database: opened once, and every name is one in it */
    struct os_file *lock;
    struct os_file *meta;
    struct os_file *records;
    struct os_file *sums;
    struct os_file *deleted; /* NULL: nothing was ever deleted, as far as this handle knows */
    struct os_file *shared;
};

/* The files above, each once, `lock` last; NULL ends the list. */
extern const char *const slot__db_file_names[];

/* Open the directory of a database; parent is NULL when path is the user's. */
slot_status slot__db_dir_open(const struct os *os, struct os_dir *parent, const char *path,
                              struct os_dir **dir, slot_error *err);

/* Open one file of a database; the error names it. */
slot_status slot__db_file_open(const struct os *os, struct os_dir *dir, const char *name, int flags,
                               struct os_file **file, slot_error *err);

/* The slots of a `meta` that is not open, as slot__meta_pick tells them. */
slot_status slot__db_meta_in(const struct os *os, struct os_dir *dir, struct meta *meta,
                             struct meta_doubt *doubt, slot_error *err);

/*
 * Make sure, before names are removed from a directory, that its `meta` is still that of the
 * database that we mean: somebody may have put the files of another into the same directory.
 * SLOT_E_CORRUPT.
 */
slot_status slot__db_check_owner(const struct os *os, struct os_dir *dir, const uint8_t *file_id,
                                 slot_error *err);

/*
 * Before a file is made longer: it still has the bytes that it must have. Another program may have
 * cut it, and what is written behind the cut makes zeros of what was lost, for good and unseen.
 * *size gets how long it is. SLOT_E_TRUNCATED.
 */
slot_status slot__db_not_cut(const struct os *os, struct os_file *file, const char *name,
                             uint64_t least, uint64_t *size, slot_error *err);

/* Close those that are open. */
void slot__db_files_close(const struct os *os, struct db_files *files);

/* Lock a byte of an open lock file, trying again for wait_ms. SLOT_E_BUSY. */
slot_status slot__db_lock(const struct os *os, struct os_file *lock, uint64_t byte, bool exclusive,
                          uint32_t wait_ms, slot_error *err);

#endif
