/*
 * The files of a database directory: their names, and opening and closing them together.
 */
#ifndef SLOT_DB_FILES_H
#define SLOT_DB_FILES_H

#include "os/os.h"

#define FILE_RECORDS "records"
#define FILE_SCHEMA  "schema"
#define FILE_META    "meta"
#define FILE_SUMS    "sums"
#define FILE_LOCK    "lock"

#define LOCK_BYTE_ALIVE UINT64_C(0) /* of `lock`: shared or exclusive by every opener */

struct db_files {
    struct os_file *lock;
    struct os_file *meta;
    struct os_file *records;
    struct os_file *sums;
};

/* The names above, each once, `lock` last; NULL ends the list. */
extern const char *const db_file_names[];

/* "directory/name" in fresh memory, or NULL without memory. The caller frees it. */
char *db_path(const char *directory, const char *name);

/* A copy of a database's path without slashes at its end, or NULL without memory. */
char *db_path_trimmed(const char *path);

/* Open one file of a database; the error names it. */
slot_status db_file_open(const struct os *os, const char *directory, const char *name, int flags,
                         struct os_file **file, slot_error *err);

/* Close those that are open. */
void db_files_close(const struct os *os, struct db_files *files);

/*
 * Lock byte LOCK_BYTE_ALIVE of an open lock file, trying again for wait_ms. SLOT_E_BUSY.
 */
slot_status db_lock(const struct os *os, struct os_file *lock, bool exclusive, uint32_t wait_ms,
                    slot_error *err);

#endif
