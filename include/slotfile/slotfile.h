/*
 * Slotfile: an embedded flat-file record database on memory-mapped files.
 *
 * A database is a directory. Its file `records` is nothing but records of one fixed size, record n
 * at byte n * record_size; a program reads and changes them through views, mapped parts of the
 * file, and makes the changes durable with a commit. This header is the whole public interface, in
 * reading order: statuses, errors, schemas and fields, databases, transactions, reading, writing,
 * checking.
 *
 *     slot_db *db;
 *     slot_txn *txn;
 *     slot_error err;
 *     char record[125];
 *
 *     if (slot_open("people.slots", NULL, &db, &err)) ...
 *     if (slot_begin(db, SLOT_READ, &txn, &err)) ...
 *     if (slot_get(txn, 123456, record, &err)) ...
 *     slot_end(txn);
 *     slot_close(db, &err);
 *
 * Rules that hold everywhere, so that they are not repeated below:
 *
 *   Results   Every call that can fail returns a slot_status; SLOT_OK is 0. Out-parameters are
 *             written on SLOT_OK only. The last parameter, a slot_error owned by the caller, gets
 *             the details when the result is not SLOT_OK; it may be NULL.
 *   Text      UTF-8. Paths too, on every system.
 *   Threads   A slot_db may be used by any number of threads at once. A slot_txn may move from one
 *             thread to another, but two threads must not use it at the same time. A slot_schema
 *             never changes once it is made.
 *   Numbers   Sizes and offsets are in bytes, record numbers start at 0 and never change.
 */
#ifndef SLOTFILE_SLOTFILE_H
#define SLOTFILE_SLOTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The build of the shared library defines this as its compiler's word for "exported". */
#ifndef SLOT_API
#define SLOT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------
 * Limits
 * ------------------------------------------------------------------------------------------- */

#define SLOT_RECORD_SIZE_MAX 1048576u /* bytes of the largest record */
#define SLOT_FIELDS_MAX      4096u    /* fields of one schema */
#define SLOT_NAME_BYTES_MAX  255u     /* bytes of a field's name */
#define SLOT_RECORDS_MAX     (UINT64_C(1) << 42)

/* ---------------------------------------------------------------------------------------------
 * Statuses and errors
 * ------------------------------------------------------------------------------------------- */

/*
 * Every result there is. The numbers are part of the interface: never renumbered, never reused.
 * SLOT_E_NEEDS_RECOVERY is reserved: nothing returns it.
 *
 *    0       success
 *    1..19   an answer, not a failure: the call and the database are both fine
 *   20..39   the caller's to change: nothing was changed in the database (what a write transaction
 *            may do after a failure, the table at slot_commit says)
 *   40..59   the machine: free something, retry, or give up; os_code has the system's word
 *   60..79   the files: not ours, too new, or damaged; file and offset say where
 */
#define SLOT_STATUS_MAP(X)                                                                         \
    X(SLOT_OK, 0, "ok")                                                                            \
    X(SLOT_NOT_FOUND, 1, "no such record")                                                         \
    X(SLOT_DELETED, 2, "the record was deleted")                                                   \
    X(SLOT_DAMAGED, 3, "damage was found")                                                         \
    X(SLOT_E_ARG, 20, "invalid argument")                                                          \
    X(SLOT_E_READ_ONLY, 21, "opened for reading only")                                             \
    X(SLOT_E_EXISTS, 22, "exists already")                                                         \
    X(SLOT_E_SCHEMA, 23, "the schema is not valid")                                                \
    X(SLOT_E_VALUE, 24, "not a value of the field's type")                                         \
    X(SLOT_E_BUDGET, 25, "the map budget is too small")                                            \
    X(SLOT_E_LIMIT, 26, "a limit of the format would be passed")                                   \
    X(SLOT_E_UNSUPPORTED, 27, "not supported by this version")                                     \
    X(SLOT_E_TXN_TOO_LARGE, 28, "the transaction is larger than the log may get")                  \
    X(SLOT_E_FORKED, 29, "opened by the parent of this process")                                   \
    X(SLOT_E_IO, 40, "input or output failed")                                                     \
    X(SLOT_E_NO_SPACE, 41, "no space left")                                                        \
    X(SLOT_E_NO_MEMORY, 42, "no memory or address space left")                                     \
    X(SLOT_E_BUSY, 43, "in use by another")                                                        \
    X(SLOT_E_POISONED, 44, "an earlier flush failed; close and open again")                        \
    X(SLOT_E_PERMISSION, 45, "permission denied")                                                  \
    X(SLOT_E_NO_FILE, 46, "no such file or directory")                                             \
    X(SLOT_E_LOST, 47, "a mapped page is gone")                                                    \
    X(SLOT_E_LOG_FULL, 48, "the log is full")                                                      \
    X(SLOT_E_READERS_FULL, 49, "all reader slots are in use")                                      \
    X(SLOT_E_UNKNOWN, 50, "the outcome of the commit is unknown")                                  \
    X(SLOT_E_NEEDS_RECOVERY, 51, "not closed cleanly: open it for writing once")                   \
    X(SLOT_E_NOT_SLOTFILE, 60, "not a Slotfile database")                                          \
    X(SLOT_E_VERSION, 61, "written by a version that this one does not know")                      \
    X(SLOT_E_CORRUPT, 62, "damaged")                                                               \
    X(SLOT_E_TRUNCATED, 63, "shorter than it must be")

typedef enum slot_status {
#define X(name, number, text) name = number,
    SLOT_STATUS_MAP(X)
#undef X
} slot_status;

#define SLOT_NO_OFFSET UINT64_MAX

/* What went wrong, in storage that the caller owns. Nothing in it has to be freed. */
typedef struct slot_error {
    slot_status status;
    int os_code;      /* errno or GetLastError(); 0 when the system had no part in it */
    const char *file; /* static name within the database ("records", "meta", ...), or "" */
    uint64_t offset;  /* byte offset in that file; SLOT_NO_OFFSET when no place applies */
    char what[200];   /* a sentence without a full stop: what is wrong and what to do */
} slot_error;

/* Static English text of a status, known or not. Never NULL; any thread. */
SLOT_API const char *slot_status_text(slot_status status);

/* "1.2.3", the version of the library that runs. Static. */
SLOT_API const char *slot_version(void);

/* ---------------------------------------------------------------------------------------------
 * Schemas and fields: what the bytes of a record mean
 * ------------------------------------------------------------------------------------------- */

/*
 * Field types. Integers and floats are little-endian and may lie at any offset.
 * Each is one of the words below in schema text; [N] and [S] are decimal numbers.
 */
typedef enum slot_type {
    SLOT_U8 = 1,    /* u8 */
    SLOT_U16,       /* u16 */
    SLOT_U32,       /* u32 */
    SLOT_U64,       /* u64 */
    SLOT_I8,        /* i8 */
    SLOT_I16,       /* i16 */
    SLOT_I32,       /* i32 */
    SLOT_I64,       /* i64 */
    SLOT_F32,       /* f32        IEEE 754 binary32 */
    SLOT_F64,       /* f64        IEEE 754 binary64 */
    SLOT_BOOL,      /* bool       one byte, 0 or 1 */
    SLOT_TEXT,      /* text[N]    UTF-8 without NUL, padded with NUL to N bytes */
    SLOT_BYTES,     /* bytes[N]   N bytes, written as 2 N hexadecimal digits */
    SLOT_DATE,      /* date       i32, days since 1970-01-01 (proleptic Gregorian) */
    SLOT_TIMESTAMP, /* timestamp  i64, microseconds since 1970-01-01T00:00:00Z */
    SLOT_DECIMAL,   /* decimal[S] i64, the value times 10^S; S is 0..18 */
    SLOT_PAD        /* pad[N]     N bytes without a meaning: written zero, never shown */
} slot_type;

/* One field of a schema. Valid as long as the schema that it came from. */
typedef struct slot_field {
    const char *name; /* UTF-8, NUL-terminated, unique in its schema */
    slot_type type;
    uint32_t offset; /* of its first byte in the record */
    uint32_t size;   /* bytes in the record */
    uint32_t scale;  /* S of decimal[S]; 0 for all others */
} slot_field;

typedef struct slot_schema slot_schema;

/*
 * Make a schema from text, in either of two forms.
 *
 *   SPEC       name:type,name:type,...   White space around names, types and line ends is skipped;
 *              a newline does as well as a comma. A name that holds , : or " stands in double
 *              quotes, with "" for a quote. Fields follow each other without gaps.
 *   file form  what slot_schema_text returns and the file `schema` of a database holds; it is
 *              recognised by its first line, `slotfile-schema 1 record_size N`.
 *
 *   text, n    n bytes, read during the call only; need not end with NUL.
 *   schema     the caller frees it with slot_schema_free.
 *
 * Returns SLOT_OK; SLOT_E_SCHEMA with the offset in the text and the reason; SLOT_E_NO_MEMORY.
 * Cost: one allocation, linear in n (names are compared by a sort).
 */
SLOT_API slot_status slot_schema_parse(const char *text, size_t n, slot_schema **schema,
                                       slot_error *err);

/* A schema without fields: just a record size of 1..SLOT_RECORD_SIZE_MAX bytes (else SLOT_E_ARG).
 */
SLOT_API slot_status slot_schema_sized(uint32_t record_size, slot_schema **schema, slot_error *err);

/* Free what slot_schema_parse or slot_schema_sized made; NULL is allowed. */
SLOT_API void slot_schema_free(slot_schema *schema);

SLOT_API uint32_t slot_schema_record_size(const slot_schema *schema);

/* The number of fields, pads included. */
SLOT_API size_t slot_schema_count(const slot_schema *schema);

/* Field i of 0 .. count - 1, in the order of their offsets; NULL beyond. Lives with the schema. */
SLOT_API const slot_field *slot_schema_field(const slot_schema *schema, size_t i);

/* The field of that name (n bytes), or NULL. Lives with the schema. Cost: a binary search. */
SLOT_API const slot_field *slot_schema_find(const slot_schema *schema, const char *name, size_t n);

/* The file form, NUL-terminated; n gets its length. Lives with the schema. */
SLOT_API const char *slot_schema_text(const slot_schema *schema, size_t *n);

/* Whether both describe the same bytes with the same names. */
SLOT_API bool slot_schema_equal(const slot_schema *a, const slot_schema *b);

/*
 * Typed access to one field of a record in memory. `record` is the first byte of the record; it
 * need not be aligned. Each accepts the types named and returns SLOT_E_ARG for any other, or
 * SLOT_E_VALUE when the bytes are not a value of the type (a bool of 2, text that is not UTF-8).
 *
 *   u64    u8 u16 u32 u64 bool
 *   i64    i8 i16 i32 i64 date timestamp decimal (unscaled), and u8 u16 u32
 *   f64    f32 f64
 *   text   text: pointer into the record and length without the padding; not NUL-terminated
 */
SLOT_API slot_status slot_field_get_u64(const slot_field *field, const void *record,
                                        uint64_t *value);
SLOT_API slot_status slot_field_get_i64(const slot_field *field, const void *record,
                                        int64_t *value);
SLOT_API slot_status slot_field_get_f64(const slot_field *field, const void *record, double *value);
SLOT_API slot_status slot_field_get_text(const slot_field *field, const void *record,
                                         const char **text, size_t *n);

/*
 * Text to bytes: write the value that the n bytes of text stand for into its place in the record.
 * Exact or not at all: what is too long, out of range, has too many decimals or cannot be parsed is
 * SLOT_E_VALUE, and the record is unchanged.
 *
 *   reason   on SLOT_E_VALUE a static sentence "what is wrong (what to do)"; may be NULL.
 *
 * Accepted: integers with an optional sign; floats in decimal or exponent form, inf, -inf, nan,
 * nan(0xBITS); true false 1 0; date YYYY-MM-DD; timestamp YYYY-MM-DDTHH:MM:SS[.ffffff]Z (a blank
 * for T; years beyond 4 digits with a sign); decimal [-]digits[.digits] with at most S decimals.
 * No white space is skipped. No allocation, no locale; any thread.
 */
SLOT_API slot_status slot_field_parse(const slot_field *field, const char *text, size_t n,
                                      void *record, const char **reason);

/* The most bytes that slot_field_format writes for this field, without a NUL. */
SLOT_API size_t slot_field_text_max(const slot_field *field);

/*
 * Bytes to text: the one canonical text of the field's value, which slot_field_parse turns back
 * into the same bytes. Floats are the shortest decimal that reads back as the same number. `text`
 * has room for slot_field_text_max(field) bytes and gets *n of them, without a NUL.
 *
 * Returns SLOT_OK, or SLOT_E_VALUE when the bytes are not a value of the type.
 * No allocation, no locale; any thread.
 */
SLOT_API slot_status slot_field_format(const slot_field *field, const void *record, char *text,
                                       size_t *n);

/* ---------------------------------------------------------------------------------------------
 * Databases
 * ------------------------------------------------------------------------------------------- */

typedef struct slot_db slot_db;

/* How a database is opened. */
typedef enum slot_access {
    /*
     * Any number of processes and threads read and write in transactions that are atomic, isolated
     * and durable. Changes go to a log first and into `records` at a checkpoint; readers see the
     * state of their beginning and are never blocked.
     */
    SLOT_TRANSACTIONAL = 0,
    /*
     * One process alone reads and changes the records in place, in writable views. A commit is the
     * flush of what changed. It is durable when it has returned, but not atomic: after a crash in
     * between, some of a transaction's changes may be there and others not, and slot_abort cannot
     * take back what slot_put and slot_edit have changed (it does take back appended records).
     */
    SLOT_DIRECT = 1,
    /*
     * Any number of processes read; needs read permission only; writes nothing anywhere. A database
     * that was not closed cleanly is read as a recovery would leave it: the log stays where it is,
     * and open reads it once and keeps 16 bytes for each block in it. While a handle is open so,
     * nobody can open for writing, and the other way round.
     */
    SLOT_READ_ONLY = 2
} slot_access;

/* What slot_commit waits for, in transactional access. */
typedef enum slot_sync {
    /* Until the changes are on disk: they survive a power cut. Threads of a process share a flush.
     */
    SLOT_SYNC_FULL = 0,
    /*
     * For nothing: the changes are published at once and reach the disk with the next checkpoint or
     * full commit. Atomic and in order all the same; they survive the end of the process, and a
     * power cut takes the last transactions, whole ones.
     */
    SLOT_SYNC_NORMAL = 1
} slot_sync;

/* Options of slot_open and slot_create. Always start from slot_options_init. */
typedef struct slot_options {
    size_t size; /* sizeof(slot_options) of the caller's header: how later versions tell */
    slot_access access;
    slot_sync sync;            /* of this handle's commits */
    uint32_t wait_ms;          /* longest wait for another process or transaction, then SLOT_E_BUSY;
                                  5000; 0 never waits */
    uint64_t map_budget;       /* most bytes that this handle ever has mapped; 0 = the default:
                                  1 TiB of address space on 64-bit systems, 128 MiB on 32-bit */
    uint64_t log_limit_bytes;  /* most bytes that the log takes on disk, as it grows; 0 = 1 GiB.
                                  Decided by the first who has the database open; at most 4 GiB */
    uint64_t checkpoint_bytes; /* a commit of this handle that finds so much in the log makes a
                                  checkpoint; 0 = a quarter of log_limit_bytes, at most 256 MiB */
} slot_options;

SLOT_API void slot_options_init(slot_options *options);

/*
 * Create an empty database: a new directory at `path`, made under a temporary name, synced,
 * renamed, and its parent synced, so that after a crash it is there whole or not at all.
 *
 *   schema    what a record is; copied.
 *   options   wait_ms is used; NULL for the defaults.
 *
 * Returns SLOT_OK; SLOT_E_EXISTS when anything is at `path`; SLOT_E_NO_FILE when its parent is
 * missing; SLOT_E_ARG when it is NULL, too long, or ends in no name; SLOT_E_PERMISSION;
 * SLOT_E_NO_SPACE; SLOT_E_NO_MEMORY; SLOT_E_IO (also links that lead in a circle). Cost: some 8
 * syncs.
 */
SLOT_API slot_status slot_create(const char *path, const slot_schema *schema,
                                 const slot_options *options, slot_error *err);

/*
 * Open the database at `path`. In transactional access the first who opens it after a crash
 * recovers it: whole transactions that are in the log go into `records`, the torn rest is
 * forgotten.
 *
 * Returns SLOT_OK; SLOT_E_NO_FILE; SLOT_E_NOT_SLOTFILE; SLOT_E_ARG when the path is NULL or too
 * long; SLOT_E_VERSION, SLOT_E_CORRUPT or SLOT_E_TRUNCATED with the file and the offset in it;
 * SLOT_E_BUSY when others had it for wait_ms; SLOT_E_BUDGET with the number of bytes needed;
 * SLOT_E_PERMISSION; SLOT_E_NO_SPACE; SLOT_E_NO_MEMORY; SLOT_E_IO.
 * Cost: independent of the size of the database; recovery reads the log, and writes what is in it.
 */
SLOT_API slot_status slot_open(const char *path, const slot_options *options, slot_db **db,
                               slot_error *err);

/*
 * Close. The handle is gone whatever is returned; when it is not SLOT_OK, the database was not
 * marked clean, and nothing that is durable is lost by that. SLOT_E_POISONED: a flush has failed,
 * in this process or in another that had the database open; what was committed with
 * SLOT_SYNC_NORMAL since may be lost. SLOT_E_BUSY: others asked to read without end; or
 * transactions of this handle are open: they may go on, and the last one to end closes, without
 * saying how that went. So end them first. NULL is allowed.
 *
 * The last handle to close makes a checkpoint and empties the log: then `records` holds everything,
 * in exactly records * record_size bytes. One file of the log stays with its index, mostly
 * `log/00`, so that the next transaction needs no space for it: up to 64 MiB in a listing, some
 * 130 KiB on disk. In a child made by fork it only closes files. Cost: the checkpoint, or 3 syncs
 * in direct access, when something was written.
 */
SLOT_API slot_status slot_close(slot_db *db, slot_error *err);

/*
 * Remove the database at `path`: its own files and the directory; a file that is not Slotfile's
 * stays, and then so does the directory (SLOT_E_EXISTS). SLOT_E_BUSY when it is open anywhere. Who
 * opens it meanwhile is refused. A link is not followed (SLOT_E_NOT_SLOTFILE); SLOT_E_NO_FILE,
 * SLOT_E_ARG, SLOT_E_PERMISSION and SLOT_E_IO as slot_create.
 */
SLOT_API slot_status slot_destroy(const char *path, const slot_options *options, slot_error *err);

/*
 * As slot_destroy, but only a database without records that was closed cleanly; SLOT_E_EXISTS when
 * there is anything in it, and then it stays. For who has created a database and got nothing into
 * it: others may have done so meanwhile.
 */
SLOT_API slot_status slot_destroy_empty(const char *path, const slot_options *options,
                                        slot_error *err);

/* The schema; lives until slot_close. */
SLOT_API const slot_schema *slot_db_schema(const slot_db *db);

/* Numbers about an open database; set `size` to sizeof(slot_stat_info) before the call. */
typedef struct slot_stat_info {
    size_t size;
    uint64_t records; /* committed */
    uint64_t deleted;
    uint64_t records_bytes; /* records * record_size */
    uint64_t generation;    /* of the meta slot in force */
    uint32_t record_size;
    uint32_t block_records; /* records in a block */
    bool clean;             /* the last one who wrote has closed it */
    bool sums_stale;        /* see slot_rebuild_sums */
    uint8_t file_id[16];
    uint64_t map_budget; /* bytes */
    uint64_t view_bytes; /* of one view, its tail included */
    uint64_t mapped;     /* bytes now */
    uint64_t mapped_peak;
    uint64_t views_mapped; /* how often a view was mapped, since open */
    uint64_t views_evicted;
    uint64_t views_flushed;
    /* Transactional access; 0 in others. Positions in the endless log, in bytes: */
    uint64_t published_lsn;  /* S: what a transaction that begins now sees */
    uint64_t durable_lsn;    /* up to here the log is on disk */
    uint64_t checkpoint_lsn; /* K: what `records` holds */
    uint64_t log_bytes;      /* of the segments in use */
    uint64_t log_limit_bytes;
    uint64_t oldest_reader_lsn; /* of the live snapshots; UINT64_MAX: there are none */
    uint32_t segments;          /* in use */
    uint32_t readers;           /* read transactions now, in all processes */
    uint32_t reader_slots;      /* how many there can be at once */
} slot_stat_info;

SLOT_API slot_status slot_stat(slot_db *db, slot_stat_info *info, slot_error *err);

/*
 * Copy what is in the log into `records`, up to the oldest live snapshot, and make it durable; then
 * segments of the log that nobody needs can be used again. Commits do it by themselves (see
 * checkpoint_bytes). Direct access: nothing to do.
 *
 * Returns SLOT_OK, also when there was nothing to copy; SLOT_E_READ_ONLY; SLOT_E_BUSY;
 * SLOT_E_POISONED; SLOT_E_CORRUPT when the log is damaged; SLOT_E_NO_SPACE, SLOT_E_NO_MEMORY,
 * SLOT_E_IO: nothing that was committed is lost. Cost: writes each changed block once; 4 syncs.
 */
SLOT_API slot_status slot_checkpoint(slot_db *db, slot_error *err);

/* ---------------------------------------------------------------------------------------------
 * Transactions
 * ------------------------------------------------------------------------------------------- */

typedef struct slot_txn slot_txn;

typedef enum slot_mode { SLOT_READ = 0, SLOT_WRITE = 1 } slot_mode;

/*
 * Begin a transaction.
 *
 * Transactional access: any number of read transactions, each of which sees the database as the
 * last commit before it has left it, and one write transaction of all processes, for whose turn
 * others wait up to wait_ms. Neither kind waits for the other. A read transaction costs no system
 * call once the handle has had as many at the same time before; as long as it lives, the log that
 * it needs is kept, so end it.
 * A writer that was killed in slot_commit may have written its transaction whole. Then the next
 * write transaction makes it part of the database before it begins, whoever begins it; read
 * transactions do not see it before. So a number that was counted in a read transaction may be
 * another one in the write transaction after it, even for one who is alone: count there.
 * Direct access: any number of read transactions, or one write transaction; each kind waits for the
 * other up to wait_ms.
 *
 * Returns SLOT_OK; SLOT_E_ARG: there is no such mode; SLOT_E_BUSY; SLOT_E_READ_ONLY;
 * SLOT_E_POISONED; SLOT_E_READERS_FULL, for either kind: a write transaction has a reader slot,
 * too; SLOT_E_FORKED; SLOT_E_NO_MEMORY; and for the first write
 * transaction, which marks the database as not clean (5 syncs), or takes over from a writer that
 * was killed, SLOT_E_IO, SLOT_E_NO_SPACE and SLOT_E_CORRUPT. SLOT_E_LIMIT: after 2^62 bytes of log.
 */
SLOT_API slot_status slot_begin(slot_db *db, slot_mode mode, slot_txn **txn, slot_error *err);

/*
 * What a call that failed has done to its write transaction:
 *
 *   same     nothing was changed: go on, and commit
 *   doomed   the transaction can only be ended; each call that writes, and slot_commit, return the
 *            same status again
 *   none     of slot_commit: the transaction has ended, and nothing of it is in the database; in
 *            direct access what was changed in place stays, and what was appended goes
 *   unknown  of slot_commit: it has ended, and the next to open the database sees what there is
 *   -        this call does not return this status
 *
 * reads are all calls that read, writes are slot_put, slot_write, slot_edit and slot_delete,
 * appends are slot_append, slot_extend and slot_insert. An append that is accepted may only have
 * been buffered: after SLOT_E_TXN_TOO_LARGE, SLOT_E_LOG_FULL or SLOT_E_NO_SPACE of another call it
 * can be what makes slot_commit fail, so commit what there is and append in the next transaction.
 *
 * outcomes: begin
 *                       | transactional access           | direct access
 *                       | reads   writes  appends commit | reads   writes  appends commit
 * SLOT_NOT_FOUND        | same    same    -       -      | same    same    -       -
 * SLOT_DELETED          | same    same    -       -      | same    same    -       -
 * SLOT_E_ARG            | same    same    -       -      | same    same    -       -
 * SLOT_E_EXISTS         | same    same    doomed  none   | -       -       -       -
 * SLOT_E_BUDGET         | same    same    -       -      | same    same    same    none
 * SLOT_E_LIMIT          | -       -       same    -      | -       -       same    -
 * SLOT_E_UNSUPPORTED    | -       -       -       -      | -       same    same    -
 * SLOT_E_TXN_TOO_LARGE  | same    same    doomed  none   | -       -       -       -
 * SLOT_E_FORKED         | same    same    same    none   | same    same    same    none
 * SLOT_E_IO             | same    same    doomed  none   | same    same    doomed  unknown
 * SLOT_E_NO_SPACE       | same    same    doomed  none   | same    same    doomed  unknown
 * SLOT_E_NO_MEMORY      | same    same    doomed  none   | same    same    doomed  unknown
 * SLOT_E_BUSY           | same    same    doomed  none   | same    same    doomed  unknown
 * SLOT_E_POISONED       | same    same    doomed  none   | same    same    doomed  unknown
 * SLOT_E_PERMISSION     | same    same    doomed  none   | same    same    doomed  unknown
 * SLOT_E_NO_FILE        | same    same    doomed  none   | same    same    doomed  unknown
 * SLOT_E_LOST           | doomed  doomed  doomed  none   | same    doomed  doomed  unknown
 * SLOT_E_LOG_FULL       | same    same    doomed  none   | -       -       -       -
 * SLOT_E_UNKNOWN        | -       -       -       unknown| -       -       -       -
 * SLOT_E_CORRUPT        | same    same    doomed  none   | same    same    same    none
 * SLOT_E_TRUNCATED      | same    same    doomed  none   | same    same    doomed  unknown
 * outcomes: end
 */

/*
 * Make all changes of a write transaction durable (SLOT_SYNC_FULL) and visible, and end it. The
 * transaction is gone whatever is returned.
 *
 * Transactional access: all changes or none. SLOT_OK; SLOT_E_UNKNOWN: the flush failed, nobody
 * knows whether the changes are on disk, the next to open the database will see it, and until then
 * nobody can write (SLOT_E_POISONED). All others: nothing was changed; among them SLOT_E_NO_SPACE,
 * SLOT_E_LOG_FULL (the message names the oldest reader, who keeps the log from being used again),
 * SLOT_E_TXN_TOO_LARGE, and whatever had failed before in this transaction.
 * Direct access: SLOT_OK: everything is on disk. When the flush has failed it is unknown what is on
 * disk, and the handle is poisoned and takes no more writes; when something before it has failed,
 * appended records are taken back; among that is SLOT_E_BUDGET, when pointers into all views are
 * lent and the last records wait to be written.
 * Cost: one flush of what was changed; transactional access with 1 MiB or more of appended records
 * two more, for `records` and their checksums; now and then a checkpoint, see checkpoint_bytes.
 */
SLOT_API slot_status slot_commit(slot_txn *txn, slot_error *err);

/*
 * End a transaction of either kind; a write transaction without its changes (see SLOT_DIRECT for
 * what stays there). NULL is allowed. The two are the same by two names, slot_abort for write
 * transactions and slot_end for read transactions; slot_commit of a read transaction ends it, too,
 * and returns SLOT_OK.
 */
SLOT_API void slot_abort(slot_txn *txn);
SLOT_API void slot_end(slot_txn *txn);

/* Take back all pointers that this transaction has lent, so that their views can be evicted. */
SLOT_API void slot_unpin(slot_txn *txn);

/* The number of records that this transaction sees, its own appended ones included and deleted ones
 * too: one more than the largest record number. */
SLOT_API uint64_t slot_records(const slot_txn *txn);

/* The same without deleted ones. */
SLOT_API uint64_t slot_count(const slot_txn *txn);

/* ---------------------------------------------------------------------------------------------
 * Reading. In every transaction; a write transaction sees its own changes.
 * ------------------------------------------------------------------------------------------- */

/*
 * Copy record `recno` into `record` (record_size bytes).
 *
 * Returns SLOT_OK; SLOT_DELETED; SLOT_NOT_FOUND at or beyond the end; SLOT_E_LOST or
 * SLOT_E_TRUNCATED when another program has truncated the file or the disk failed (mostly without
 * the offset: keeping it would cost every get); SLOT_E_NO_MEMORY; SLOT_E_IO.
 * Cost: a copy when the view is mapped; no lock, no system call. When not all of the file can be
 * mapped (map_budget), a read call for records that are not read often, and an uncontended lock for
 * the others. The first look at a block that others have changed n times since the snapshot was
 * taken, in one segment of the log, goes along these versions: some 60 ns for each, 1 ms at most;
 * where it ends is remembered for the last 16 of such blocks.
 */
SLOT_API slot_status slot_get(slot_txn *txn, uint64_t recno, void *record, slot_error *err);

/* Copy the `count` records from `recno` on into `records` (count * record_size bytes). As slot_get;
 * SLOT_NOT_FOUND when any of them is beyond the end; deleted ones are zeros. */
SLOT_API slot_status slot_get_range(slot_txn *txn, uint64_t recno, uint64_t count, void *records,
                                    slot_error *err);

/*
 * As slot_get_range, in a read transaction, and compare the blocks that these records lie in with
 * their checksums: SLOT_DAMAGED with the first that does not fit; the records are copied all the
 * same. After a crash in direct access the checksums vouch for nothing (slot_stat says sums_stale),
 * and nothing is compared. Cost: about twice that of slot_get_range.
 */
SLOT_API slot_status slot_get_checked(slot_txn *txn, uint64_t recno, uint64_t count, void *records,
                                      slot_error *err);

/* Copy `n` bytes from byte `offset` of record `recno` on: a part of a large record. As slot_get;
 * SLOT_E_ARG when offset + n is beyond the record. */
SLOT_API slot_status slot_read(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n,
                               void *buf, slot_error *err);

/*
 * Lend record `recno`: *record points to its record_size bytes in a view.
 *
 * Lifetime   until the transaction ends or slot_unpin; never write through it. When another program
 *            truncates the file, touching it is a signal (SIGBUS, EXCEPTION_IN_PAGE_ERROR): only
 *            the copying calls turn that into SLOT_E_LOST.
 * Returns    as slot_get; SLOT_E_BUDGET when no view can be evicted to make room, because pointers
 *            into all of them are lent: nothing changed, slot_unpin helps.
 * Budget     A view is v bytes of a file: v is the largest power of two, from 256 KiB to 64 MiB,
 *            with v <= map_budget / 4 and 3 (v + b) + 128 KiB <= map_budget, where b is 4 KiB more
 *            than a block (as many whole records as 4 KiB hold, or one), rounded up to 4 KiB. The
 *            only transaction of a handle that reads is never refused before it has lent from
 *            (map_budget * 7 / 8 - 128 KiB) / (v + b) views, rounded down. Every other transaction
 *            takes what it has lent, and up to (map_budget - 128 KiB) / (v + b) / 4 + 2 views.
 */
SLOT_API slot_status slot_ref(slot_txn *txn, uint64_t recno, const void **record, slot_error *err);

/* Records that lie one behind the other in memory. */
typedef struct slot_run {
    const void *records; /* of slot_scan: count * record_size bytes */
    uint64_t first;      /* record number of the first */
    uint64_t count;
    int64_t step; /* slot_scan: 1. Record i is number first + i * step, at records + i * step *
                     record_size: other steps come from cursors */
} slot_run;

/*
 * Lend a run of records that starts at `recno`, ends before `end` (or the last record) and lies in
 * one piece: up to 2 MiB, or one record. Deleted records are among them, as zeros; slot_get tells
 * them apart. Who goes on where the last run has ended has what comes next read in advance, up to
 * 16 MiB, when it is not in memory. A whole scan is
 *
 *     for (uint64_t n = 0; (st = slot_scan(txn, n, UINT64_MAX, &run, &err)) == SLOT_OK;
 *          n = run.first + run.count) ...
 *
 * Lifetime   until the next slot_scan of this transaction, its end, or slot_unpin. (slot_get and
 *            all others may be called in between.)
 * Returns    as slot_get; SLOT_NOT_FOUND when no record is left. Never SLOT_E_BUDGET: when pointers
 *            into all views are lent, the run is read into memory of the transaction, 256 KiB or
 *            one record at a time.
 */
SLOT_API slot_status slot_scan(slot_txn *txn, uint64_t recno, uint64_t end, slot_run *run,
                               slot_error *err);

/* Which records a cursor goes through, and how. Zeros but for `end` are a whole scan. */
typedef struct slot_scan_options {
    uint64_t first;  /* from this record.. */
    uint64_t end;    /* ..to before this one, or to the last one: UINT64_MAX */
    uint64_t stride; /* every so manieth of them, beginning with `first`; 0 as 1: all */
    uint32_t part;   /* of `parts` parts of nearly the same size, number 0 first: only this one. */
    uint32_t parts;  /* So threads, each with a transaction, share a scan. 0 as 1: all */
    bool backward;   /* the last one first */
} slot_scan_options;

/* A scan on its way. Belongs to the caller; `left` and `next` may be looked at, nothing else. Needs
 * no release: it must not be used after its transaction has ended. */
typedef struct slot_cursor {
    slot_txn *txn;
    uint64_t next; /* record number */
    uint64_t left; /* records */
    int64_t step;
} slot_cursor;

/* Begin. *options is copied. SLOT_E_ARG when there is no such part. Cost: arithmetic. */
SLOT_API slot_status slot_cursor_init(slot_cursor *cursor, slot_txn *txn,
                                      const slot_scan_options *options, slot_error *err);

/*
 * Lend the next run; see slot_run for `step`. Lifetime and statuses as slot_scan: until the next
 * slot_cursor_next or slot_scan of the transaction; SLOT_NOT_FOUND when no record is left. When it
 * fails the cursor stays where it is.
 */
SLOT_API slot_status slot_cursor_next(slot_cursor *cursor, slot_run *run, slot_error *err);

/*
 * Say that these `n` records will be read soon, in any order: those that are not in memory are read
 * from the disk side by side, and not each when its turn comes. For some dozens to some thousands
 * at a time. A hint: numbers beyond the end are skipped, and nothing can fail. Cost: about a system
 * call for each record, so it is of use for files that are larger than memory, or not read yet.
 */
SLOT_API void slot_prefetch(slot_txn *txn, const uint64_t *recnos, size_t n);

/* ---------------------------------------------------------------------------------------------
 * Writing. In write transactions only (SLOT_E_ARG in others).
 * ------------------------------------------------------------------------------------------- */

/*
 * Replace record `recno` by the record_size bytes at `record`.
 *
 * Returns SLOT_OK; SLOT_NOT_FOUND beyond the end; SLOT_DELETED; SLOT_E_CORRUPT when the block's
 * checksum does not fit the bytes that are there (it is checked before a block is first changed);
 * SLOT_E_NO_SPACE when a hole cannot be filled; SLOT_E_LOG_FULL; SLOT_E_TXN_TOO_LARGE;
 * SLOT_E_LOST; SLOT_E_NO_MEMORY; SLOT_E_IO; in direct access SLOT_E_BUDGET. Other than after
 * SLOT_E_LOST, nothing was changed when it is not SLOT_OK: see the table at slot_commit.
 */
SLOT_API slot_status slot_put(slot_txn *txn, uint64_t recno, const void *record, slot_error *err);

/* Replace `n` bytes from byte `offset` of record `recno` on. As slot_put; SLOT_E_ARG when offset +
 * n is beyond the record. */
SLOT_API slot_status slot_write(slot_txn *txn, uint64_t recno, uint32_t offset, uint32_t n,
                                const void *buf, slot_error *err);

/*
 * Lend record `recno` for change in place. The pointer reaches one record: bytes beside it belong
 * to others. Returns as slot_put; SLOT_E_BUDGET only when the transaction has lent more than 1 MiB
 * of blocks for writing.
 *
 * Lifetime   until the transaction ends or slot_unpin. A store after that is a mistake that no
 *            acknowledged commit suffers from. In transactional access the first 1 MiB of blocks
 *            that a transaction lends are in private memory, which commit copies into the log, and
 *            which the handle keeps for its later write transactions: a late store is lost, or
 *            makes the record wrong that a later one has lent there. What is lent beyond lies in
 *            pages that are made read-only when the transaction ends: a late store ends the
 *            program (SIGSEGV, EXCEPTION_ACCESS_VIOLATION). A child made by fork has neither. In
 *            direct access a late store changes that record in the file and nothing else, or ends
 *            the program when its view is gone.
 * Deleted    what is stored into a record that the transaction has deleted is not kept, and no call
 *            shows it: the record is deleted. (A run of slot_scan that was lent before shows it.)
 * Reading    a slot_ref or slot_scan pointer that was lent before may go on showing the bytes of
 *            before: lend the record anew.
 */
SLOT_API slot_status slot_edit(slot_txn *txn, uint64_t recno, void **record, slot_error *err);

/*
 * Append `count` records from `records` (count * record_size bytes); *first, when not NULL, gets
 * the number of the first of them.
 *
 * Returns SLOT_OK; SLOT_E_LIMIT beyond SLOT_RECORDS_MAX; SLOT_E_NO_SPACE; SLOT_E_CORRUPT when the
 * partial last block is damaged; SLOT_E_TRUNCATED when another program has cut a file;
 * SLOT_E_NO_MEMORY; SLOT_E_IO; SLOT_E_LOG_FULL; SLOT_E_TXN_TOO_LARGE; in direct access
 * SLOT_E_BUDGET when pointers into all views are lent (slot_unpin helps). After most of them the
 * transaction can only be ended: see the table at slot_commit. When a later call writes the buffer
 * and fails, the records stay in the buffer, and the next call tries again.
 * Cost: a copy into a buffer of about 1 MiB, written when it is full.
 */
SLOT_API slot_status slot_append(slot_txn *txn, const void *records, uint64_t count,
                                 uint64_t *first, slot_error *err);

/*
 * Append `count` records of zeros without writing them: where the file system can, the file gets a
 * hole. Returns as slot_append; SLOT_E_LIMIT, too, for a transaction with more than 4294967295 new
 * blocks: commit more often. Cost: independent of `count`.
 */
SLOT_API slot_status slot_extend(slot_txn *txn, uint64_t count, uint64_t *first, slot_error *err);

/*
 * Delete record `recno`: its bytes become zeros and its number is marked. Numbers never move; this
 * one is there again when slot_insert takes it.
 *
 * Returns as slot_put; SLOT_E_UNSUPPORTED in direct access.
 */
SLOT_API slot_status slot_delete(slot_txn *txn, uint64_t recno, slot_error *err);

/*
 * Store a record under the lowest deleted number, or append it when there is none; *recno, when not
 * NULL, gets the number.
 *
 * Returns as slot_put and slot_append; SLOT_E_UNSUPPORTED in direct access. Cost: as slot_put; the
 * first of a handle, and the first after an abort, looks for the number in the marks, one bit for
 * each record.
 */
SLOT_API slot_status slot_insert(slot_txn *txn, const void *record, uint64_t *recno,
                                 slot_error *err);

/* ---------------------------------------------------------------------------------------------
 * Checking
 * ------------------------------------------------------------------------------------------- */

/* One thing that slot_verify has found; valid during the callback only. */
typedef struct slot_finding {
    const char *file;      /* static name within the database */
    uint64_t offset;       /* of the damaged part in that file, or SLOT_NO_OFFSET */
    uint64_t length;       /* bytes */
    uint64_t first_record; /* the records it touches: count of them from first_record on */
    uint64_t record_count;
    const char *what;
    bool note; /* no damage to any record, and not counted: a slot of `meta` that a crash has torn,
                * when the other slot tells all; the next open for writing mends it */
} slot_finding;

/* Called for each finding; return false to stop. */
typedef bool (*slot_finding_fn)(void *context, const slot_finding *finding);

/*
 * Check everything that can be checked: both meta slots, all file sizes, every block against its
 * checksum, and all checksums against their root. Holes of the file system are not read.
 *
 * Returns SLOT_OK when nothing was found but notes; SLOT_DAMAGED when something was (each was
 * reported, also to a NULL `report`); SLOT_E_BUSY; SLOT_E_NO_MEMORY; SLOT_E_IO.
 * Cost: reads the whole file once, through views within the budget.
 */
SLOT_API slot_status slot_verify(slot_db *db, slot_finding_fn report, void *context,
                                 slot_error *err);

/*
 * Take all records as they are and compute their checksums anew. After a crash in direct access
 * nobody can tell which blocks were half written: the checksums are stale (slot_stat says so,
 * slot_verify reports it, nothing is checked against them) until this call.
 *
 * In direct access only: SLOT_E_UNSUPPORTED in the others. Else it returns as slot_begin and
 * slot_commit. Cost: reads the whole file once.
 */
SLOT_API slot_status slot_rebuild_sums(slot_db *db, slot_error *err);

#ifdef __cplusplus
}
#endif

#endif
