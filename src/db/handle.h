/*
 * An open database and its transactions: the parts, who guards what, and what the files of src/db
 * provide to each other. A reader of this directory starts here, then follows one record. In
 * transactional access:
 *
 *   in    write.c (put, edit) or append.c -> touch.c (its block copied into a frame of the log)
 *         -> commit.c (sealed, flushed, published)
 *   out   read.c (get, ref) or scan.c -> version.c (in the log, or in `records`?) -> view/pins.h,
 *         or view/lease.h when `records` is more than may be mapped; marks.c: what is deleted
 *   home  checkpoint.c -> home.c (from the log into `records`)
 *   again recover.c, after a crash; writer.c takes over from a writer that was killed
 *
 * In direct access: write.c or append.c -> block.c (in place) -> direct.c; read.c.
 *
 * Who guards what:
 *
 *   direct    gate: many read transactions or one write transaction of this handle; everything that
 *             changes, changes in the write transaction. Locks: bytes 0 and 4 exclusive, from open
 *             to close. Read-only: byte 4 shared.
 *   transact. byte 0 shared from open to close; `shared` holds what processes agree on
 *             (log/shared.h). In the handle: `writer` and `checkpointer` say what is theirs;
 *             `pool_mutex` guards the idle transactions; a transaction belongs to its user.
 *   stat_mutex  `meta` and `marked`, for those who ask from outside.
 *
 * Lock order: writer < checkpointer < reader slot < mutexes.
 */
#ifndef SLOT_DB_HANDLE_H
#define SLOT_DB_HANDLE_H

#include <stdatomic.h>

#include "db/files.h"
#include "db/flush.h"
#include "db/gate.h"
#include "db/lent.h"
#include "db/sums_file.h"
#include "format/meta.h"
#include "log/batch.h"
#include "log/bodies.h"
#include "log/log.h"
#include "os/os.h"
#include "view/ahead.h"
#include "view/cache.h"
#include "view/lease.h"
#include "view/pins.h"

/* A transaction that is in the log and not yet published: its flush is under way. */
struct pending {
    struct log_batch batch;
    struct snapshot state; /* that it makes */
    struct pending *next;  /* the one that was appended after it */
    slot_status result;    /* of the commit, its own; good when writer.finished has reached it */
};

/* Bytes of files. */
struct file_sizes {
    uint64_t records, sums, deleted;
};

#define WRITER_ROUNDS 4 /* a sleeper of one is awake before the number comes again */

/* What this handle needs to write in transactional access: writer.c. */
struct writer {
    _Atomic uint32_t turn;  /* a write transaction of this handle is open */
    struct os_mutex mutex;  /* guards what follows, down to `failed` */
    bool locked;            /* the lock of byte LOCK_BYTE_WRITER is ours */
    uint32_t users;         /* open write transaction + pending ones */
    struct pending *oldest; /* in the order of the log */
    struct pending *newest;
    _Atomic uint64_t finished; /* pending ones that end there or before have their result */
    bool flushing;             /* a thread flushes for all, */
    uint64_t flushing_to;      /* up to there */
    uint32_t round;            /* flushes until now */
    _Atomic uint32_t sleepers; /* threads that wait for the end of a round */
    slot_status failed;        /* of a flush, once */
    /* Changes at the end of round n: number n % WRITER_ROUNDS. What others sleep on. */
    _Atomic uint32_t rounds[WRITER_ROUNDS];
    /* The holder of the turn: */
    bool settled;             /* head and state were loaded once */
    uint64_t since_ms;        /* since then no other process has written */
    struct log_head head;     /* behind all that was appended */
    struct snapshot state;    /* the state that the newest appended transaction makes */
    uint64_t insert_from;     /* records below have no mark, in `state` */
    uint8_t *scratch;         /* one block, the largest of both files */
    struct log_bodies bodies; /* blocks that the open transaction has changed */
    uint64_t sums_c;          /* the checkpoint as of which db->sums has cached checksums */
    /* What surely has its space on disk (space.c): bytes of `records`, a range of bitmap blocks. */
    uint64_t records_space, marks_from, marks_to;
    struct file_sizes sizes; /* that were seen: files get no shorter as long as we are here */
};

/* What the log holds of a database that is only read and was not closed cleanly: overlay.c. */
struct overlay_entry {
    uint64_t key, lsn; /* a block, and its newest version */
};
struct overlay {
    bool in_use;
    struct overlay_entry *entries; /* by key */
    size_t n;
    struct snapshot end;  /* the state that they make */
    struct log_live live; /* the segments that they are in */
};

#define DB_CLOSED (1 << 30)

struct slot_db {
    const struct os *os;
    slot_access access;
    slot_sync sync;
    uint32_t wait_ms;
    uint32_t record_size;
    uint32_t block_records; /* records in a block */
    uint64_t block_bytes;
    uint64_t process; /* that opened it */
    struct os_fork_watch forks;
    uint64_t io_bytes; /* gathered before it is written: 1 MiB; tests make it smaller */
    /* Of changed blocks that a transaction has in private memory: 256 KiB, and beside them those
     * that are lent for writing: 1 MiB. Tests make both smaller. */
    uint64_t keep_bytes, lend_bytes;
    struct db_files files;
    slot_schema *schema;
    struct os_mutex stat_mutex;
    struct meta meta;        /* in force, on disk and here, as far as this handle knows */
    uint64_t meta_durable;   /* the generation that this handle has synced last */
    struct meta_doubt doubt; /* a slot that was not valid when meta was read */
    struct gate gate;
    struct view_cache cache;
    bool opened_cache; /* it is initialised */
    struct view_file records;
    struct view_file deleted; /* without `file` until somebody has looked for marks; stat_mutex */
    bool marks_known;         /* with stat_mutex: the file has at least marks_end bytes, and that */
    uint64_t marks_end, marks_c; /* is all that the checkpoint marks_c has brought home */
    struct sums_file sums;
    bool marked; /* meta on disk says that we have it open for writing in direct access */
    struct lent_blocks lent; /* for writing, since open, in direct access */
    bool sync_needed;        /* an abort has left flushed but unsynced changes in `records` */
    atomic_bool poisoned;
    bool sums_stale;  /* the checksums vouched for nothing when the database was opened */
    uint8_t *scratch; /* one block; the direct write transaction's */

    /* Transactional access */
    uint64_t log_limit_bytes;
    uint64_t checkpoint_bytes;
    struct shared_map shared;
    uint64_t session; /* that this handle has joined */
    struct overlay overlay;
    struct log log;
    struct flush flush;
    struct writer writer;
    _Atomic uint32_t checkpointer; /* turn, as in writer */
    struct os_mutex pool_mutex;
    _Atomic uint64_t checkpoint_due; /* LSN: not before the log has grown to it */
    _Atomic(slot_txn *) all; /* transactions that were ever made, each with its reader slot in
                                transactional access; walked in a child made by fork */
    slot_txn *idle;          /* those that are not open now */
    uint32_t next_slot;      /* where to look for another slot */
    _Atomic int open_count;  /* transactions; DB_CLOSED more: the last one to end closes */
};

/* Records that were appended and not yet written: see append.c. */
struct append_buffer {
    uint8_t *bytes;    /* NULL until the first append */
    uint64_t capacity; /* a multiple of the block size */
    uint64_t start;    /* byte of `records` that bytes[0] is for */
    uint64_t fill;     /* bytes used; the buffer is idle when 0 */
    uint64_t started;  /* up to where write-back was started */
};

/* Where a version was found at the end of a long way through newer ones: version.c. */
#define VERSIONS_FAR 16u

struct version_far {
    uint64_t key, address, lsn;
};

/* How a transaction looks at deletion marks: marks.c. */
#define MARKS_PLACES 32u /* a million records */
#define MARKS_WORDS  (BITMAP_BLOCK_RECORDS / 64)

struct marks_place {
    uint64_t block;   /* of `deleted`, UINT64_MAX: none */
    uint64_t address; /* of its version in the log, or LOG_NO_ADDRESS */
    uint64_t *copy;   /* memory for MARKS_WORDS, kept for later transactions, or NULL */
    uint32_t looks;
};

/* A block of marks of which there is a copy: what is looked at often, in few bytes. */
struct marks_hand {
    uint64_t block;        /* UINT64_MAX: none */
    const uint64_t *words; /* the first record's mark is bit 0 of the first */
};

struct marks {
    struct marks_hand hands[MARKS_PLACES];
    bool known;                /* what follows: from the first look on */
    uint64_t end;              /* bytes of the file that this transaction has to know of */
    struct view_pins pins;     /* of the file, or when its cache is NULL */
    struct view_leases leases; /* these, in use to the end */
    struct marks_place places[MARKS_PLACES];
};

struct slot_txn {
    slot_db *db;
    const struct os *os;  /* the database's, close at hand */
    uint64_t record_size; /* likewise */
    uint64_t in_file;     /* records below this number are in `records` as they are, */
    uint64_t plain;       /* and these are not deleted either */
    uint64_t records;     /* as this transaction sees them */
    uint64_t deleted;
    bool writing;
    struct view_pins pins;
    struct ahead ahead_scan, ahead_bulk; /* what slot_scan, slot_get_range have announced */
    struct append_buffer append;
    bool changed;       /* something that a commit has to make durable */
    slot_status doomed; /* SLOT_OK, or why this transaction can only be aborted */
    bool doom_told;     /* the caller knows: outcome.h */

    /* Transactional access */
    uint32_t slot;        /* the reader slot, ours from the first use to close */
    struct snapshot seen; /* the snapshot; a writer's: the head, as it was at begin */
    uint64_t c;           /* what `records` holds at least, and at most for us */
    bool live_known;
    bool lent;  /* pointers that are not into own frames were lent */
    bool loans; /* for writing: a deleted record need not be zeros before the seal */
    struct log_live live;
    uint32_t far_n; /* as live: those that were found, the last ones of them in `far` */
    struct version_far far[VERSIONS_FAR];
    struct view_pins log_pins;   /* frames, for reading */
    struct view_pins frame_pins; /* own frames, for writing */
    struct view_pins lent_pins;  /* own frames that were lent for writing themselves */
    struct log_batch batch;
    uint32_t direct_blocks;  /* of the appended ones: those written to `records` itself */
    uint64_t direct_end;     /* bytes of `records`: up to here direct blocks were written */
    struct pending *pending; /* made at begin, so that nothing can fail between flush and publish */
    slot_txn *next_idle;
    slot_txn *next_of_all;

    uint8_t *run; /* of a scan, where no view could be had for it: NULL until then */
    uint64_t run_bytes;
    struct marks marks;
    struct view_leases leases; /* in use when `records` is more than may be mapped; to the end */
};

/* ---- open.c, create.c: what tests call with their own os ---- */

slot_status slot__db_create_on(const struct os *os, const char *path, const slot_schema *schema,
                               const slot_options *options, slot_error *err);
slot_status slot__db_open_on(const struct os *os, const char *path, const slot_options *options,
                             slot_db **db, slot_error *err);
slot_status slot__db_destroy_on(const struct os *os, const char *path, const slot_options *options,
                                slot_error *err);

/* slot_close when no transaction is open any more. */
slot_status slot__db_close_now(slot_db *db, slot_error *err);

/* The options of a caller, checked, or the defaults for NULL. SLOT_E_ARG. */
slot_status slot__db_options(const slot_options *given, slot_options *used, slot_error *err);

/*
 * Whether nobody can tell if the checksums fit: meta says so, or says open and it was not this
 * handle that opened it for writing.
 */
bool slot__db_sums_stale(const slot_db *db, const struct meta *meta);

/* ---- meta_file.c: the record of the state on disk ---- */

/* slot__log_keep_one, when `meta` is still that of this database. No segment is open. */
slot_status slot__db_keep_log(slot_db *db, bool cut, slot_error *err);

/*
 * Write *next, with the generation after the one in force, into the slot that is not in force;
 * sync; then it is in force. After a failure the handle is poisoned.
 */
slot_status slot__db_meta_write(slot_db *db, struct meta *next, slot_error *err);

/*
 * The same for both slots, one after the other: so that either alone tells all, should the other be
 * damaged. What the log or the files lose afterwards is in neither.
 */
slot_status slot__db_meta_write_both(slot_db *db, struct meta *next, slot_error *err);

/* Read the newest valid slot into db->meta; db->doubt tells of the other. */
slot_status slot__db_meta_read(slot_db *db, slot_error *err);

/* The same in a session: another process may have written it. Under the checkpointer lock. */
slot_status slot__db_meta_refresh(slot_db *db, slot_error *err);

/* ---- meta_doubt.c: when a slot of meta is not valid, whether the other is believed ---- */

/* For the first opener, of what meta says without the log. SLOT_E_CORRUPT. */
slot_status slot__meta_believe(slot_db *db, slot_error *err);

/* In a session whose checkpoint was at least `checkpoint` before meta was read. */
slot_status slot__meta_believe_live(slot_db *db, uint64_t checkpoint, slot_error *err);

/* For recovery, whose scan stands at the end of the log. */
struct log_scan;
slot_status slot__meta_believe_log(slot_db *db, struct log_scan *scan, const struct snapshot *end,
                                   slot_error *err);

/* ---- session.c: joining the processes that have the database open, and leaving them ---- */

/*
 * Take byte 0, map `shared`. *first: nobody else has the database open; `ready` is 0 and byte 4
 * locked until slot__session_ready or close. SLOT_E_BUSY; SLOT_E_CORRUPT.
 */
slot_status slot__session_join(slot_db *db, bool *first, slot_error *err);

/*
 * How far the log of this database was durable in its last session, if `shared` can tell; *lsn is 0
 * when nobody knows: the machine was started again since, or `shared` is of another database or
 * version, damaged, or missing. Recovery that finds less has lost something (protocol.md 7.7). meta
 * was read, byte 0 is ours exclusively, and slot__session_ready was not called yet. Any access.
 * SLOT_E_IO; SLOT_E_NO_MEMORY; SLOT_E_PERMISSION.
 */
slot_status slot__session_reached(slot_db *db, uint64_t *lsn, slot_error *err);

/* The first: build `shared` from what meta says, and let others in. */
slot_status slot__session_ready(slot_db *db, slot_error *err);

/* The values that a joining handle takes from `shared`: segment size, log limit. */
slot_status slot__session_geometry(slot_db *db, bool first, slot_error *err);

/*
 * Whether this handle is the last of its session: then bytes 0 and 4 are locked exclusively, and
 * nobody can come before it has closed. SLOT_E_BUSY: it is, and cannot keep readers out.
 */
slot_status slot__session_last(slot_db *db, bool *last, slot_error *err);

/* Direct access, alone: no session is there to be joined any more. */
slot_status slot__session_forget(slot_db *db, slot_error *err);

void slot__session_leave(slot_db *db);

/* ---- reader.c: snapshots ---- */

/* A transaction object, in transactional access with a reader slot of its own: one that was used
 * before, or a new one. */
slot_status slot__reader_take(slot_db *db, slot_txn **txn, slot_error *err);
void slot__reader_give(slot_txn *txn);

/* Take a snapshot of now; let go of it. */
void slot__reader_begin(slot_txn *txn);
void slot__reader_end(slot_txn *txn);

/* Free all transactions, which have ended, and unlock their slots. */
void slot__reader_release_all(slot_db *db);

/* In a child made by fork: nothing is at hand for any transaction, so that each read asks whose
 * handle it is, which a read of what is at hand has no time for. */
void slot__reader_forked(void *db);

/* The oldest live snapshot (or SHARED_FREE), the oldest checkpoint that a reader still needs, and
 * whose they are; slots of the dead are cleared on the way. `except`: a slot that does not count,
 * or SHARED_SLOTS. After a fence. */
struct oldest_reader {
    uint64_t snap;
    uint64_t c;
    uint32_t slot;
    uint64_t process;
    uint32_t readers;
};
struct oldest_reader slot__reader_oldest(slot_db *db, uint32_t except);

/* Whether blocks may have versions in the log. */
static inline bool db_has_log(const slot_db *db)
{
    return db->access == SLOT_TRANSACTIONAL || db->overlay.in_use;
}

/* ---- version.c: where the bytes of a block are ---- */

/*
 * Where the newest version of a block is that this transaction sees: the address of its frame, or
 * LOG_NO_ADDRESS when it is in the file (or nowhere: it is new). *lsn, when not NULL, gets its LSN.
 */
slot_status slot__version_find(slot_txn *txn, uint64_t key, uint64_t *address, uint64_t *lsn,
                               slot_error *err);

/* The same for a read transaction, as far as a quick look tells; VERSION_ASK: it does not. */
#define VERSION_ASK (LOG_NO_ADDRESS - 1)
/* As an address: the bytes are in private memory (log/bodies.h), of the entry of that number of
 * this transaction's batch. */
#define VERSION_PRIVATE (UINT64_C(1) << 62)

static inline bool version_is_private(uint64_t address)
{
    return address >> 62 == 1;
}

uint64_t slot__version_look(const slot_txn *txn, uint64_t key);

/* The body at an address that is private. Good until the transaction ends. */
const uint8_t *slot__version_private(const slot_txn *txn, uint64_t address);

/* Whether no block of `records` has a version in the log that this transaction sees. */
bool slot__version_none(slot_txn *txn);

/* How much of [offset, offset + n) of the records lies in blocks without a version in the log, from
 * the start. */
slot_status slot__version_plain(slot_txn *txn, uint64_t offset, uint64_t n, uint64_t *plain,
                                slot_error *err);

/* Make txn->log_pins usable for the segment of that address. */
slot_status slot__version_pins(slot_txn *txn, uint64_t address, slot_error *err);

/* The n bytes from `offset` of the body of the frame at `address`. Good until the next call; when
 * they are private, *pin is NULL and they stay where they are. */
slot_status slot__version_body(slot_txn *txn, uint64_t address, uint64_t offset, uint64_t n,
                               struct pin **pin, const uint8_t **bytes, slot_error *err);

/* Copy them; through the file when no view can be had. */
slot_status slot__version_copy(slot_txn *txn, uint64_t address, uint64_t offset, uint64_t n,
                               void *to, slot_error *err);

/* ---- read.c ---- */

/* At begin: how the transaction, which knows its `records` now, will read them. */
void slot__db_read_init(slot_txn *txn);

/* Before a read of records below byte `end`, but for what slot_get finds at hand: a write
 * transaction may be asked for what it has appended and not yet written. SLOT_E_FORKED. */
slot_status slot__db_make_readable(slot_txn *txn, uint64_t end, slot_error *err);

/* Copy n bytes (at most a block) of `records` from `offset`, whatever the log says. */
slot_status slot__db_copy_out(slot_txn *txn, uint64_t offset, void *to, uint64_t n,
                              slot_error *err);

/* ---- scan.c ---- */

/* The last run that was lent may not be used any more: at the end, and by slot_unpin. */
void slot__run_free(slot_txn *txn);

static inline void db_run_release(slot_txn *txn)
{
    if (txn->run != NULL)
        slot__run_free(txn);
}

/* ---- write.c ---- */

/* Touch the block of a record, deleted or not, in transactional access; *offset is where it is in
 * the block. As slot__db_touch. */
struct touched;
slot_status slot__db_touch_record(slot_txn *txn, uint64_t recno, struct touched *touched,
                                  uint32_t *offset, slot_error *err);

/* ---- touch.c: a block that is about to be changed, in transactional access ---- */

/* Where the bytes of a block are that this transaction may change. */
struct touched {
    uint64_t address; /* of its frame */
    uint8_t *body;    /* its bytes, when they are in private memory; else NULL */
};

/* A block that may be changed, its newest version copied at the first touch: into private memory as
 * long as that has not more than keep_bytes of them, then into its frame. Other than after
 * SLOT_E_LOST, which dooms the transaction, nothing was changed when it fails. */
slot_status slot__db_touch(slot_txn *txn, uint64_t key, struct touched *touched, slot_error *err);

/* Bytes of it, in and out. A store fails with SLOT_E_LOST only, and then the transaction is doomed:
 * nobody knows what is there. */
slot_status slot__touched_store(slot_txn *txn, const struct touched *touched, uint32_t offset,
                                const void *from, uint32_t n, slot_error *err);
slot_status slot__touched_load(slot_txn *txn, const struct touched *touched, uint32_t offset,
                               void *to, uint32_t n, slot_error *err);

/*
 * Touch a block of `records` and lend its bytes for writing, until the transaction ends: in private
 * memory as long as not more than lend_bytes are lent there, then in the pages of its frame. As
 * touch;
 * SLOT_E_BUDGET only beyond lend_bytes.
 */
slot_status slot__db_lend_block(slot_txn *txn, uint64_t key, uint8_t **body, slot_error *err);

/* Nothing lent can reach the log any more: before it is sealed, and when it is given up. */
void slot__db_close_loans(slot_txn *txn);

/* ---- deleted.c ---- */

/* Whether the file is as long as meta says. SLOT_E_CORRUPT: it is missing; SLOT_E_TRUNCATED. */
slot_status slot__deleted_check_size(slot_db *db, slot_error *err);

/* The file open for writing, made if need be. */
slot_status slot__deleted_make(slot_db *db, slot_error *err);

/* The same, and its name durable. Under the checkpointer lock. */
slot_status slot__deleted_create(slot_db *db, slot_error *err);

/* The file as this handle has it open, or NULL: there is none. */
slot_status slot__deleted_open(slot_db *db, struct os_file **file, slot_error *err);

/* ---- marks.c ---- */

/* Bytes [offset, offset + n) of bitmap block `block`, as this transaction sees it. */
slot_status slot__marks_read(slot_txn *txn, uint64_t block, uint32_t offset, uint8_t *bits,
                             uint32_t n, slot_error *err);

/* SLOT_OK; SLOT_DELETED. */
slot_status slot__marks_check(slot_txn *txn, uint64_t recno, slot_error *err);

/* Whether a copy at hand says that the record is not deleted. */
static inline bool marks_have_none(const slot_txn *txn, uint64_t recno)
{
    uint64_t block = recno / BITMAP_BLOCK_RECORDS;
    const struct marks_hand *hand = &txn->marks.hands[block % MARKS_PLACES];

    return hand->block == block && (hand->words[recno / 64 % MARKS_WORDS] >> recno % 64 & 1) == 0;
}

static inline slot_status deleted_check(slot_txn *txn, uint64_t recno, slot_error *err)
{
    return txn->deleted == 0 || marks_have_none(txn, recno) ? SLOT_OK
                                                            : slot__marks_check(txn, recno, err);
}

/* For a transaction object that was just made; and before it goes. */
void slot__marks_init(slot_txn *txn);
void slot__marks_free(slot_txn *txn);

/* Block `block` has a new version, of this transaction. */
void slot__marks_moved(slot_txn *txn, uint64_t block);

/* Pins are given back, and where marks are is asked anew: at the end, and when c is raised. */
void slot__marks_forget(slot_txn *txn);

static inline void db_marks_release(slot_txn *txn)
{
    if (txn->marks.known)
        slot__marks_forget(txn);
}

/* log_commit.settle, of a transaction: what deleted records, and what is no record, has in the body
 * of a block that was lent for writing becomes zeros. */
slot_status slot__deleted_settle(void *txn, uint64_t key, uint8_t *body, slot_error *err);

/* What was stored into deleted records through loans becomes zeros already, in a block that this
 * write transaction is about to read; nothing when the block was not lent. SLOT_E_LOST dooms. */
slot_status slot__deleted_zero_lent(slot_txn *txn, uint64_t block, slot_error *err);

static inline slot_status deleted_zero_lent(slot_txn *txn, uint64_t block, slot_error *err)
{
    return txn->loans && txn->deleted > 0 ? slot__deleted_zero_lent(txn, block, err) : SLOT_OK;
}

/* ---- block.c: the same in direct access; and what a block is ---- */

/*
 * The entry whose view owns block `block`, its bytes checked against its checksum, its pages ready
 * to be stored to, and marked dirty. For the part of the block that exists in the file now.
 */
slot_status slot__db_block_touch(slot_txn *txn, uint64_t block, struct pin **pin, slot_error *err);

/* view_file.settle of `records`: renew the checksums of the view's dirty blocks. */
slot_status slot__db_block_settle(void *db, struct view *view, slot_error *err);

/* Blocks that were lent are dirty again, for the flush that follows: those of the open transaction;
 * or all that were lent since open, and then they are flushed. */
slot_status slot__db_block_renew_fresh(slot_db *db, slot_error *err);
slot_status slot__db_block_renew_all(slot_db *db, slot_error *err);

/* Bytes of block `block` that exist in `records` now. */
uint64_t slot__db_block_bytes(const slot_db *db, uint64_t block);

/* Bytes from `offset` to the next block boundary. */
uint64_t slot__db_rest_of_block(const slot_db *db, uint64_t offset);

/* Blocks that it takes to hold that many records. */
uint64_t slot__db_blocks_of(const slot_db *db, uint64_t records);

/* ---- space.c: set aside for checkpoints. By the writer. SLOT_E_NO_SPACE says how much ---- */

/* Before `records` and `sums` are made longer: both have what was committed. SLOT_E_TRUNCATED. */
slot_status slot__space_not_cut(slot_db *db, slot_error *err);

/* A block behind what is in the file: it, its checksum, the marks of its records; and some more. */
slot_status slot__space_for_new_block(slot_db *db, uint64_t block, slot_error *err);

/* The same for a block in the file that is a hole. */
slot_status slot__space_for_block(slot_db *db, uint64_t block, slot_error *err);

/* The marks of records [from, to). */
slot_status slot__space_for_records(slot_db *db, uint64_t from, uint64_t to, slot_error *err);

/* Blocks [first, end) of `deleted`, and those around them that `records` records need. */
slot_status slot__space_for_marks(slot_db *db, uint64_t first, uint64_t end, uint64_t records,
                                  slot_error *err);

/* ---- append.c ---- */

/* Write what is buffered, so that all records of the transaction are in the file, or in the log. */
slot_status slot__db_append_flush(slot_txn *txn, slot_error *err);

/* ---- txn.c ---- */

/* SLOT_OK when this transaction may change something. SLOT_E_ARG: it only reads; or its doom. */
slot_status slot__db_may_write(const slot_txn *txn, slot_error *err);

/* ---- direct.c: transactions in direct access, and reading in read-only access ---- */

slot_status slot__direct_begin(slot_db *db, slot_mode mode, slot_txn **txn, slot_error *err);
slot_status slot__direct_commit(slot_txn *txn, slot_error *err);
void slot__direct_abort(slot_txn *txn);
void slot__direct_end(slot_txn *txn);
slot_status slot__direct_close(slot_db *db, slot_error *err);

/* The checksums durable, when any were written since the last time. */
slot_status slot__direct_sync_sums(slot_db *db, slot_error *err);

/* ---- writer.c: the right to write ---- */

/* Wait for the turn and the lock; take over what a dead writer has left. Then db->writer.head and
 * .state are those of now. */
slot_status slot__writer_begin(slot_db *db, slot_error *err);

/* Give both back. */
void slot__writer_end(slot_db *db);

/*
 * The transaction is sealed: put it behind the pending ones, give the turn back, and return when it
 * is durable and published, or SLOT_E_UNKNOWN. With SLOT_SYNC_NORMAL it is published at once.
 */
slot_status slot__writer_publish(slot_txn *txn, const struct snapshot *state, slot_error *err);

/*
 * The turn is ours. Wait until everything that other threads of the handle have appended has been
 * flushed and published. SLOT_E_POISONED.
 */
slot_status slot__writer_settle(slot_db *db, slot_error *err);

/* A word that one thread of the handle has at a time. SLOT_E_BUSY with `what`. */
slot_status slot__turn_take(const struct os *os, _Atomic uint32_t *turn, uint32_t wait_ms,
                            const char *what, slot_error *err);
void slot__turn_give(const struct os *os, _Atomic uint32_t *turn);

/* The entry of a block in the newest pending transaction that has it. */
bool slot__writer_find_pending(slot_db *db, uint64_t key, struct log_entry *entry);

/* ---- commit.c ---- */

slot_status slot__commit_begin(slot_db *db, slot_txn **txn, slot_error *err);
slot_status slot__commit_now(slot_txn *txn, slot_error *err);
void slot__commit_abort(slot_txn *txn);

/* How many segments the log may have. */
uint32_t slot__db_log_limit(const slot_db *db);

/* More space in the log for this transaction: a checkpoint now, or the reason why not. */
slot_status slot__commit_make_room(slot_txn *txn, slot_error *err);

/* ---- checkpoint.c ---- */

/* Wait up to wait_ms for other checkpoints, then make one. */
slot_status slot__checkpoint_now(slot_db *db, uint32_t wait_ms, slot_error *err);

/* No checkpoint is made between these two. SLOT_E_BUSY. */
slot_status slot__checkpoint_lock(slot_db *db, uint32_t wait_ms, slot_error *err);
void slot__checkpoint_unlock(slot_db *db);

/*
 * For the writer, who has appended nothing behind `published`: free all segments of the log, when
 * none of them holds anything that somebody needs. False: they stay.
 */
bool slot__checkpoint_free_all(slot_db *db, uint64_t published);

/* Say in meta that there may be a log from now on. */
slot_status slot__checkpoint_mark(slot_db *db, slot_error *err);

/* After a commit: make one if the log has grown enough and nobody else does. */
void slot__checkpoint_if_due(slot_db *db);

/* The last one to close: everything home, the log removed, meta says clean. */
slot_status slot__checkpoint_close(slot_db *db, slot_error *err);

/* ---- home.c: from the log into `records` ---- */

/* The newest version of each block in a part of the log. */
struct home {
    struct log_batch blocks;
    struct snapshot end; /* the state that they make */
};

void slot__home_init(struct home *home);
void slot__home_release(struct home *home);

/* Take frame by frame what `scan` finds, up to the commit that ends at `lsn`. SLOT_E_CORRUPT when
 * there is none. */
slot_status slot__home_collect(struct home *home, struct log_scan *scan, uint64_t lsn,
                               slot_error *err);

/* Copy all of it home: `records` and `deleted` durable first, then `sums`; then *next says so.
 * `whole_root`: compute the root from all checksums, because those on disk may be half renewed. */
slot_status slot__home_copy(slot_db *db, struct home *home, struct meta *next, bool whole_root,
                            slot_error *err);

/* Cut off what lies behind the last record and the last checksum. Nobody else is there. */
slot_status slot__home_cut(slot_db *db, slot_error *err);

/* ---- recover.c ---- */

/*
 * Sync a file, and then forget what the cache holds. After a write that has failed, some systems
 * keep the page as if it were on the disk; ext4 does not even write it again when the same bytes
 * are stored and the space was allocated but never written. What the first opener goes on from is
 * what is read from the disk.
 */
slot_status slot__recover_settle(slot_db *db, struct os_file *file, const char *name,
                                 slot_error *err);

/* The first opener: if the log may hold what `records` does not, bring it home. */
slot_status slot__recover(slot_db *db, slot_error *err);

/* ---- answer.c: answers that many places give, at little cost ---- */

/* SLOT_NOT_FOUND for `recno`; and at the end of a scan. */
slot_status slot__db_not_found(const slot_txn *txn, uint64_t recno, slot_error *err);
slot_status slot__db_none_left(slot_error *err);

/* SLOT_DELETED for `recno`. */
slot_status slot__db_is_deleted(const slot_txn *txn, uint64_t recno, slot_error *err);

/*
 * The log as recovery sees it: *scan stands at its end, *end is the state of the last whole commit.
 * What lies behind is a torn write and nothing else. db->log is initialised, and *scan to be
 * released, whatever is returned. SLOT_E_CORRUPT; SLOT_E_TRUNCATED.
 */
slot_status slot__recover_scan(slot_db *db, struct log_scan *scan, struct snapshot *end,
                               slot_error *err);

/* ---- overlay.c: reading what was not closed cleanly, without writing ---- */

/* For read-only access: the log overlays `records` from now on. As slot__recover_scan. */
slot_status slot__overlay_load(slot_db *db, slot_error *err);
void slot__overlay_release(slot_db *db);

/* What a transaction sees that begins now. */
void slot__overlay_begin(slot_txn *txn);

/* Where the newest version of a block is in the log; nothing is changed when there is none. */
slot_status slot__overlay_find(const slot_db *db, uint64_t key, uint64_t *address, uint64_t *lsn,
                               slot_error *err);

/* ---- errors that many places report ---- */

/* After a failed flush nobody knows what is on disk: take no more writes. Returns `status`. */
slot_status slot__db_poison(slot_db *db, slot_status status);

/* The same for all processes of the session. */
slot_status slot__db_poison_all(slot_db *db, slot_status status);

/* Whether a flush has failed in this handle, or in any of the session. */
bool slot__db_is_poisoned(const slot_db *db);

/* SLOT_E_FORKED, for a child made by fork. */
slot_status slot__db_forked(slot_error *err);

static inline slot_status db_check_process(const slot_db *db, slot_error *err)
{
    return db->os->process(db->os) == db->process ? SLOT_OK : slot__db_forked(err);
}

#endif
