/*
 * The log as one open handle uses it: its segment files, their views and their indexes.
 *
 *   log/00 .. log/63       frames (format/frame.h), segment_bytes each; 00.new until it is so long
 *   log/00.index ..        the index of each: an open-addressing table of words, block -> newest
 *                          frame in this segment; at least twice as many words as frames fit
 *
 * Both files are holes of their full length at first. Space is taken as the log grows: room for
 * eight blocks, then twice as much each time; for the words of the index that these frames need
 * likewise. Only what has its space is stored to, and of an index only that is looked at.
 *
 * A place in the log is an address: the number of a segment file and a byte in it, as one number
 * (address = file << segment_shift | byte), so that the views of all segments can be looked up in
 * one table of a transaction (view/pins.h). An LSN says when, an address says where; which file
 * holds which LSNs now, the words segment[] of `shared` say.
 *
 * Readers use the read-only views `frames`, writers the writable views `open_frames` of the same
 * files: what is lent to a reader cannot be changed through its pointer. What is lent for writing,
 * beyond what has room in private memory (bodies.h), is in views `lent_frames`, in which stores
 * fault but to pages of the open transaction: nothing else uses these, so that all pages can be
 * closed before the transaction is sealed.
 *
 * Invariants: a segment file is opened once and stays open and of its size; it changes hands in
 * place, and only when no live reader needs what it held. Nothing read from a segment is believed
 * before it was checked.
 */
#ifndef SLOT_LOG_LOG_H
#define SLOT_LOG_LOG_H

#include "format/frame.h"
#include "log/shared.h"
#include "view/cache.h"
#include "view/pins.h"

#define LOG_DIR               "log" /* in the directory of the database */
#define LOG_SEGMENTS          SHARED_SEGMENTS
#define LOG_SEGMENT_BYTES_MIN SEGMENT_BYTES_MIN
#define LOG_SEGMENT_BYTES_MAX SEGMENT_BYTES_MAX
#define LOG_NO_ADDRESS        UINT64_MAX
#define LOG_LSN_LAST          (LSN_MAX - (UINT64_C(1) << 40)) /* nothing begins behind it */

/*
 * A mapping of its own for index words, where no view can be had, as others have lent all of the
 * budget. Words that processes share are loaded and stored in one piece, which no read or write
 * call promises: half of a word would lead to the frame of another version. Its bytes are set aside
 * in the budget.
 */
#define LOG_WINDOW_BYTES OS_GRANULARITY

struct log_window {
    struct os_mutex mutex; /* whose owner uses it */
    uint32_t file;         /* of this segment */
    uint64_t offset;       /* in its index */
    size_t n;
    void *base; /* NULL: nothing is mapped */
};

struct log {
    const struct os *os;
    struct shared_map *shared;
    struct view_cache *cache;
    struct os_dir *database; /* the directory of the database, which outlives the log; NULL: not
                                initialised */
    struct os_dir *dir;      /* of the segments; NULL while nobody needs it */
    uint32_t inside;         /* who does */
    uint8_t file_id[FRAME_FILE_ID_BYTES];
    uint32_t record_size;
    uint32_t block_bytes; /* of records; those of `deleted` have BITMAP_BLOCK_BYTES */
    uint64_t segment_bytes;
    uint32_t segment_shift;
    uint32_t index_words; /* of an index that is as long as it gets */
    uint32_t index_first; /* in use at first: a page; tests make it smaller */
    uint64_t first_bytes; /* of a segment that have space at least: 128 KiB; likewise */
    uint32_t frame_least; /* the shortest frame with a body */
    bool read_only;       /* its files are opened for reading */
    bool recovering;      /* indexes mean nothing, and segments may be half made */
    bool passed_over
        [LOG_SEGMENTS];    /* by recovery: not there, or of a life before and of another size */
    bool unsynced;         /* commits do not wait for the disk: see slot__log_populate */
    uint64_t piece_bytes;  /* populated at a time: 1 MiB; tests make it smaller */
    struct os_mutex mutex; /* opening of segment files */
    _Atomic bool opened[LOG_SEGMENTS];
    _Atomic bool awake[LOG_SEGMENTS];      /* its file keeps its descriptor */
    uint64_t wakes[LOG_SEGMENTS];          /* how often somebody has wanted that; under the mutex */
    _Atomic uint64_t synced[LOG_SEGMENTS]; /* this handle has synced what it holds up to there */
    bool named[LOG_SEGMENTS];     /* its name is durable, this handle has made sure; the writer's */
    uint64_t space[LOG_SEGMENTS]; /* bytes from its start that surely have their space, with what
                                     the index needs for them; 0: not known; the writer's */
    /* Of both roles, the number of the flush at the time when the file was opened (shared.h). */
    _Atomic uint64_t opened_in[LOG_SEGMENTS][SHARED_ROLES];
    uint64_t populated[LOG_SEGMENTS]; /* bytes from its start; the writer's */
    struct os_file *files[LOG_SEGMENTS];
    struct os_file *index_files[LOG_SEGMENTS];
    struct view_file frames[LOG_SEGMENTS];
    struct view_file open_frames[LOG_SEGMENTS];
    struct view_file lent_frames[LOG_SEGMENTS];
    struct view_file index[LOG_SEGMENTS];
    struct view *index_views[LOG_SEGMENTS]; /* pinned for good when the budget allows it, or NULL */
    _Atomic(shared_word *) index_at[LOG_SEGMENTS]; /* then where its words are, or NULL */
    struct log_window window;
};

/* The segments that a transaction looks into: those with start < s and end > c, newest first. */
struct log_live {
    uint32_t n;
    uint32_t file[LOG_SEGMENTS];
    uint64_t start[LOG_SEGMENTS];
    uint32_t mask[LOG_SEGMENTS]; /* words in use of its index, less 1 */
};

/* ---- log.c ---- */

/* The segment size for a log of at most that many bytes: a power of two. */
uint64_t slot__log_segment_bytes(uint64_t limit_bytes, uint32_t block_bytes);

/* `shared` is mapped and has segment_bytes. */
void slot__log_init(struct log *log, const struct os *os, struct shared_map *shared,
                    struct view_cache *cache, struct os_dir *database, uint64_t segment_bytes);

/* Close what is open. No view of the log is pinned any more, but those of indexes. */
void slot__log_release(struct log *log);

/* Close all segment files; they are opened again when somebody needs them. Nobody else uses them.
 */
void slot__log_close_segments(struct log *log);

/* Bytes of the body of a frame for that block. */
uint32_t slot__log_body_bytes(const struct log *log, uint64_t key);

/* The longest frame that there can be, header included. */
uint32_t slot__log_frame_max(const struct log *log);

/* Open segment file `i`, which exists, unless it is open. Any thread. */
slot_status slot__log_open_segment(struct log *log, uint32_t i, slot_error *err);

/*
 * A segment file keeps its descriptor from the first store, or a sync that must be told of all
 * errors, until a sync has answered that came after the last store: `wakes` is what slot__log_wakes
 * said before that sync.
 */
slot_status slot__log_wake(struct log *log, uint32_t i, slot_error *err);
uint64_t slot__log_wakes(struct log *log, uint32_t i);
void slot__log_rest(struct log *log, uint32_t i, uint64_t wakes);

/*
 * Have byte `at` of the index of segment `i`, which is open, in the window, which is the caller's
 * until slot__log_window_give. SLOT_E_NO_MEMORY; SLOT_E_IO; then it is not.
 */
slot_status slot__log_window_take(struct log *log, uint32_t i, uint64_t at, slot_error *err);
void slot__log_window_give(struct log *log);

/* Make segment file `i` and its index, with space for the first bytes; durable but for its name. */
slot_status slot__log_create_segment(struct log *log, uint32_t i, slot_error *err);

/* Bytes of a segment that are never without space: room for eight blocks and their commit. What a
 * transaction needs that makes space on a full disk. */
uint64_t slot__log_reserve_bytes(const struct log *log);

/*
 * Space on disk for the bytes of segment `i` up to `end`, and for what its index needs for them, so
 * that no store into them can fail; some more when there is enough. SLOT_E_NO_SPACE says how much
 * is wanted, and then nothing changed.
 */
slot_status slot__log_give_space(struct log *log, uint32_t i, uint64_t end, slot_error *err);

/*
 * Give the pages of segment `i` their place on the disk, piece by piece, from byte `at`, where the
 * log goes on, to `end`, which has its space. Once for each byte of a new segment: what is used
 * again has it. Then a commit changes what is there and no more: pages that were touched one by one
 * are written one by one. When commits do not wait for the disk, all is written in one piece, which
 * the system keeps in one piece: a quarter of the faults, and many pages to a write.
 */
slot_status slot__log_populate(struct log *log, uint32_t i, uint64_t at, uint64_t end,
                               slot_error *err);

/* What is in the directory of a log, whoever made it, by the headers. */
struct log_found {
    bool there;
    bool ours; /* its header is valid, and of this database */
    uint64_t size;
    struct segment_header header;
};
struct log_census {
    struct log_found file[LOG_SEGMENTS];
};
slot_status slot__log_census(const struct os *os, struct os_dir *database, const uint8_t *file_id,
                             struct log_census *census, slot_error *err);

/*
 * The size of the segments that hold something behind `lsn`; 0: there are none. For recovery: those
 * who made them may have had other options. A segment of another size that holds nothing there, of
 * a life before, is passed over: a power cut may have undone its removal. SLOT_E_TRUNCATED: one has
 * a size that none has.
 */
slot_status slot__log_choose_size(const struct log_census *census, uint64_t lsn, struct log *log,
                                  uint64_t *segment_bytes, slot_error *err);

/* Whether a segment begins at or beyond `lsn`. */
bool slot__log_begins_behind(const struct log_census *census, uint64_t lsn);

/* Sync all segments, and forget what is cached of them: what is read from now on is on the disk. */
slot_status slot__log_settle(const struct os *os, struct os_dir *database, slot_error *err);

/*
 * Where the log of a next life begins: behind every position that segments on disk can hold, with a
 * chain value that none of their frames can continue. *lsn is the end of this life's log on entry.
 */
slot_status slot__log_next_life(struct log *log, uint64_t *lsn, uint64_t *chain, slot_error *err);

/* Add a segment to a list that is ordered by start, newest first. */
void slot__live_insert(struct log_live *live, uint32_t file, uint64_t start);

/* Before frames go into segment `i`: whoever made it may have died before its name was durable. */
slot_status slot__log_name_segment(struct log *log, uint32_t i, slot_error *err);

/*
 * Remove all segment files but one with its index, which holds nothing that anybody needs: so that
 * the next transaction needs no space for its log. `cut`: it keeps the space that it has from the
 * start and no more. None is open. When none can be kept, all go.
 */
slot_status slot__log_keep_one(struct log *log, bool cut, slot_error *err);

/* Whether the database has no file of a log, for sure. */
bool slot__log_is_empty(const struct os *os, struct os_dir *database);

/* Make the names of segments durable, or that they have gone. The directory is open. */
os_result slot__log_sync_names(struct log *log);

/* Remove all segment files. None is open. */
slot_status slot__log_remove_segments(const struct os *os, struct os_dir *database,
                                      slot_error *err);

/* The segments between c and s, from the words in `shared`. */
void slot__log_live(const struct log *log, uint64_t c, uint64_t s, struct log_live *live);

/* Where LSN `lsn` is, or LOG_NO_ADDRESS when no segment of `live` holds it. */
uint64_t slot__log_address(const struct log *log, const struct log_live *live, uint64_t lsn);

static inline uint32_t log_file_of(const struct log *log, uint64_t address)
{
    return (uint32_t)(address >> log->segment_shift);
}

static inline uint64_t log_offset_of(const struct log *log, uint64_t address)
{
    return address & (log->segment_bytes - 1);
}

/* Whether a view could not be had, as others may have lent all of the budget: then a read or write
 * call does as well. */
static inline bool log_may_do_without(slot_status status)
{
    return status == SLOT_E_BUDGET || status == SLOT_E_NO_MEMORY;
}

/* "log/07", for messages; static. */
const char *slot__log_name(uint32_t i);

/* ---- index.c ---- */

/* How many words are in use when the frames of a segment reach up to byte `offset` of it. */
uint32_t slot__index_words_for(const struct log *log, uint64_t offset);

/* The first `words` words of the index of segment `i`, which have their space, zero: before its
 * first frame. */
slot_status slot__index_clear(struct log *log, uint32_t i, uint32_t words, slot_error *err);

/* From now on the frame at `offset` is the newest of this block in segment `i`. The words that are
 * in use up to there have their space. */
slot_status slot__index_insert(struct log *log, uint32_t i, uint64_t key, uint64_t offset,
                               slot_error *err);

/* Offset of the newest frame of the block in segment `i`; 0: there is none. */
slot_status slot__index_find(struct log *log, uint32_t i, uint64_t key, uint64_t *offset,
                             slot_error *err);

/*
 * The same for all segments of `live` at once, by a look at the first words where the block may be:
 * the number of the newest that has it, in bits 32 and above, and the offset / FRAME_UNIT. NONE: no
 * segment has it. ASK: these words do not tell, or an index is not mapped: slot__index_find does.
 */
#define INDEX_NONE UINT64_MAX
#define INDEX_ASK  (UINT64_MAX - 1)
uint64_t slot__index_look(const struct log *log, const struct log_live *live, uint64_t key);

#endif
