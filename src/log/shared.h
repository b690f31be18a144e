/*
 * The file `shared`: the words by which the processes that have a database open agree. And the
 * words of the indexes of the log. This is the one file in which words that several processes
 * change are loaded and stored; everybody else calls the functions below.
 *
 * All words are 64 bits, atomic without a lock, at multiples of 8; one layout for all builds. The
 * file is rebuilt from zero by the first opener and never trusted from disk. Whatever is loaded is
 * a hint until its user has checked its range: a program gone wild can store anything here.
 *
 * Locks: W the writer lock, C the checkpointer lock, S the lock of that reader slot, F first opener
 * (byte 0 exclusive). Orders: rel(ease), acq(uire), fence = a seq_cst fence.
 *
 *   word        stored by           read by        order          without it
 *   ----------  ------------------  -------------  -------------  ------------------------------
 *   boot_id     F, before ready     F of the next  rlx            what a power cut has taken is
 *                                   session                       asked for again, for ever
 *   ready       F: 0 first, then    every opener   rel / acq      an opener joins before recovery
 *               the session, last                                 is done, or after it was cut
 *   poison      who saw a failed    writers,       rel / acq      the next flush says OK and the
 *               flush               checkpointer                  lost bytes are acknowledged
 *   flushing[3] W, C: odd while a   W, C           rel / acq      what a flush has lost whose
 *               flush of the log                                  caller was killed before it
 *               is not told                                       could say so counts as durable
 *   begun       W: where its        C              rlx, fence /   what an open transaction had
 *               transaction begins                 acq            stored then counts as durable
 *   writing     W: 1 before frames, W at begin     rel / acq      complete transactions of a dead
 *               0 when published                                  writer are overwritten
 *   published   W, after the ring   readers, all   rel / acq      a snapshot older or newer than
 *               entry                                             the frames and words behind it
 *   ring[4]     W, entry of the     readers        rel / rlx,     torn snapshots; the reader looks
 *               next number                        acq fence      at `published` a second time
 *   durable     any flusher, CAS    W, C           acq_rel        a full commit skips bytes that
 *               to the maximum                                    nobody has flushed
 *   target      C, before its scan  readers after  rel, fence /   a checkpoint overtakes a reader
 *               of the slots        their fence    acq            that stopped before its slot
 *   checkpoint  C, after the meta   readers after  rel / acq      `records` is read where only the
 *               slot is durable     their fence                   log has the reader's version
 *   recycled    C, after freeing    W              rel / acq      a segment is begun under readers
 *   settling    C: 1 while `sums`   C              rel / acq      a wrong root after a killed
 *               and meta differ                                   checkpointer
 *   marked      C, once             W              rel / acq      a crash that looks like a clean
 *                                                                 close
 *   wanted      who waits for W: 1  W at begin     rel / acq      one that commits in a loop keeps
 *               who gets W: 0                                     all others from writing
 *   slots_used  who takes a slot,   C              CAS / acq      a scan that misses a reader
 *               before its first    after fence
 *               store there
 *   segment[i]  FREE to start: W;   readers, W, C  rel / acq      frames of another life; index
 *               start to FREE: C,                                 words that were there before
 *               or W when not yet                                 the index was made wider
 *               published; low bits
 *               (words): publisher
 *   slot[i]     S; to FREE also C   C              snap: rlx +    a checkpoint that does not see
 *   {snap, c}   when it can lock S                 fence / acq;   the reader; bytes reused while
 *                                                  free: rel      they are still read
 *   index word  W, one store        readers        rel / acq      a frame header that is not there
 *                                                  always         yet
 */
#ifndef SLOT_LOG_SHARED_H
#define SLOT_LOG_SHARED_H

#include <assert.h>
#include <stdatomic.h>

#include "os/os.h"

#define SHARED_BYTES    65536u
#define SHARED_MAGIC    UINT64_C(0x344445524148534c) /* "LSHARED4" */
#define SHARED_SEGMENTS 64u
#define SHARED_RING     4u
#define SHARED_ROLES    3u /* that flush the log: enum shared_role */
#define SHARED_FREE     UINT64_MAX
#define SHARED_ATTEMPTS 1000000
#define SHARED_SLOTS    ((SHARED_BYTES - 32u * 64u) / 64u)

typedef _Atomic uint64_t shared_word;

_Static_assert(sizeof(shared_word) == 8 && ATOMIC_LLONG_LOCK_FREE == 2,
               "words must be 8 bytes and free of locks: processes share them");

struct shared_line {
    _Alignas(64) shared_word word;
};

/* Evidence for a next session is believed only with its complement beside it: damage to this file
 * must not make a database unreadable. */
struct shared_evidence {
    _Alignas(64) shared_word word;
    shared_word complement;
};

struct shared_ring {
    _Alignas(64) shared_word lsn;
    shared_word count, deleted, chain;
};

struct shared_slot {
    _Alignas(64) shared_word snap;
    shared_word c;
    shared_word process; /* for messages only */
};

struct shared {
    _Alignas(64) shared_word magic; /* this line: F, before ready */
    shared_word file_id[2];
    shared_word segment_bytes;
    shared_word log_limit_bytes;
    shared_word boot_id; /* of the machine; the last of this line */
    struct shared_line ready, poison, writing, published;
    struct shared_ring ring[SHARED_RING];
    struct shared_line flushing[SHARED_ROLES], begun;
    struct shared_evidence durable;
    struct shared_line target, checkpoint, recycled, settling, marked, wanted, slots_used;
    _Alignas(64) shared_word segment[SHARED_SEGMENTS];
    struct shared_slot slot[SHARED_SLOTS];
};

_Static_assert(sizeof(struct shared) <= SHARED_BYTES, "the file has a fixed size");

/*
 * Who is told by the system of what the log has lost. Each role has a lock, and so one owner at a
 * time: the writer lock those of the flush of commits, and of the question that a seal asks, which
 * another thread of the handle may do meanwhile.
 */
enum shared_role { SHARED_WRITER, SHARED_CHECKPOINTER, SHARED_SEALER };

/* What a transaction sees: the state that a commit has left. */
struct snapshot {
    uint64_t lsn; /* end of the commit */
    uint64_t records;
    uint64_t deleted;
    uint64_t chain;
};

/* The mapped words, and the seam that lets the simulator run others between any two accesses. */
struct shared_map {
    const struct os *os;
    struct shared *words;
};

static inline uint64_t shared_load(const struct shared_map *map, shared_word *word,
                                   memory_order order)
{
    map->os->yield(map->os, "load");
    return atomic_load_explicit(word, order);
}

static inline void shared_store(const struct shared_map *map, shared_word *word, uint64_t value,
                                memory_order order)
{
    map->os->yield(map->os, "store");
    atomic_store_explicit(word, value, order);
}

/* ---- the simple words: one name, one order ---- */

#define SHARED_WORD(name)                                                                          \
    static inline uint64_t shared_##name(const struct shared_map *map)                             \
    {                                                                                              \
        return shared_load(map, &map->words->name.word, memory_order_acquire);                     \
    }                                                                                              \
    static inline void shared_set_##name(const struct shared_map *map, uint64_t value)             \
    {                                                                                              \
        shared_store(map, &map->words->name.word, value, memory_order_release);                    \
    }
SHARED_WORD(ready)
SHARED_WORD(poison)
SHARED_WORD(writing)
SHARED_WORD(target)
SHARED_WORD(checkpoint)
SHARED_WORD(recycled)
SHARED_WORD(settling)
SHARED_WORD(marked)
SHARED_WORD(wanted)
#undef SHARED_WORD

static inline uint64_t shared_durable(const struct shared_map *map)
{
    return shared_load(map, &map->words->durable.word, memory_order_acquire);
}

/* The complement of the durable LSN, again until nobody has raised it meanwhile: the last to store
 * it stores that of the last LSN. */
static inline void shared_complete_durable(const struct shared_map *map)
{
    uint64_t now;

    do {
        now = shared_durable(map);
        shared_store(map, &map->words->durable.complement, ~now, memory_order_seq_cst);
    } while (shared_load(map, &map->words->durable.word, memory_order_seq_cst) != now);
}

/* Raise the durable LSN to `lsn`, which was chosen before the flush; never lower it. */
static inline void shared_raise_durable(const struct shared_map *map, uint64_t lsn)
{
    uint64_t now = shared_durable(map);

    while (now < lsn &&
           !atomic_compare_exchange_weak_explicit(&map->words->durable.word, &now, lsn,
                                                  memory_order_seq_cst, memory_order_acquire))
        ;
    if (now < lsn)
        shared_complete_durable(map);
}

/* ---- flushes of the log ---- */

/*
 * The number of the last flush of a role, odd as long as nobody has told how it ended. It stays odd
 * when its caller was killed; the next owner of the role goes on under the same number.
 */
static inline uint64_t shared_flushing(const struct shared_map *map, enum shared_role role)
{
    return shared_load(map, &map->words->flushing[role].word, memory_order_acquire);
}

static inline void shared_set_flushing(const struct shared_map *map, enum shared_role role,
                                       uint64_t number)
{
    shared_store(map, &map->words->flushing[role].word, number, memory_order_release);
}

/*
 * Where the write transaction begins that was begun last: before it stores anything into the log.
 * So all that was in the log at any moment ends at or before what is seen later, if that is more
 * than what was seen then.
 */
static inline uint64_t shared_begun(const struct shared_map *map)
{
    return shared_load(map, &map->words->begun.word, memory_order_acquire);
}

static inline void shared_set_begun(const struct shared_map *map, uint64_t lsn)
{
    shared_store(map, &map->words->begun.word, lsn, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

/* ---- snapshots ---- */

/*
 * Publish: the ring entry of the next number first, then the number. A writer that is killed in
 * between leaves nothing behind.
 */
static inline void shared_publish(const struct shared_map *map, const struct snapshot *snapshot)
{
    uint64_t q = shared_load(map, &map->words->published.word, memory_order_relaxed) + 1;
    struct shared_ring *entry = &map->words->ring[q % SHARED_RING];

    shared_store(map, &entry->lsn, snapshot->lsn, memory_order_release);
    shared_store(map, &entry->count, snapshot->records, memory_order_release);
    shared_store(map, &entry->deleted, snapshot->deleted, memory_order_release);
    shared_store(map, &entry->chain, snapshot->chain, memory_order_release);
    shared_store(map, &map->words->published.word, q, memory_order_release);
}

/* The published snapshot. Repeats only while three commits are published during one look. */
static inline struct snapshot shared_snapshot(const struct shared_map *map)
{
    struct snapshot snapshot;
    uint64_t q;

    do {
        struct shared_ring *entry;

        q = shared_load(map, &map->words->published.word, memory_order_acquire);
        entry = &map->words->ring[q % SHARED_RING];
        snapshot.lsn = shared_load(map, &entry->lsn, memory_order_relaxed);
        snapshot.records = shared_load(map, &entry->count, memory_order_relaxed);
        snapshot.deleted = shared_load(map, &entry->deleted, memory_order_relaxed);
        snapshot.chain = shared_load(map, &entry->chain, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
    } while (shared_load(map, &map->words->published.word, memory_order_relaxed) > q + 2);
    return snapshot;
}

/* ---- reader slots ---- */

/* Before the first use of slot `i`: whoever scans, scans it too. */
static inline void shared_slot_open(const struct shared_map *map, uint32_t i)
{
    shared_word *used = &map->words->slots_used.word;
    uint64_t now;

    shared_store(map, &map->words->slot[i].snap, SHARED_FREE, memory_order_relaxed);
    shared_store(map, &map->words->slot[i].c, SHARED_FREE, memory_order_relaxed);
    now = shared_load(map, used, memory_order_relaxed);
    while (now <= i && !atomic_compare_exchange_weak_explicit(
                           used, &now, i + 1, memory_order_seq_cst, memory_order_relaxed))
        ;
    shared_store(map, &map->words->slot[i].process, map->os->process(map->os),
                 memory_order_relaxed);
}

/*
 * Take a snapshot into slot `i`: whose owner calls. Either the checkpointer's scan sees the slot,
 * or we see the target that it has announced before, and take a newer snapshot; then the checkpoint
 * that we find cannot be overtaken. *c is what `records` holds at least and at most for us.
 */
static inline struct snapshot shared_slot_begin(const struct shared_map *map, uint32_t i,
                                                uint64_t *c)
{
    struct shared_slot *slot = &map->words->slot[i];
    struct snapshot snapshot = {0, 0, 0, 0};

    /* Once for each checkpoint that begins meanwhile; words that somebody has scribbled over must
     * not hold us for ever, so there is an end. */
    for (int attempt = 0; attempt < SHARED_ATTEMPTS; attempt++) {
        snapshot = shared_snapshot(map);
        shared_store(map, &slot->c, 0, memory_order_relaxed); /* keep everything */
        shared_store(map, &slot->snap, snapshot.lsn, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        if (shared_target(map) <= snapshot.lsn)
            break;
    }
    *c = shared_checkpoint(map);
    shared_store(map, &slot->c, *c, memory_order_relaxed);
    return snapshot;
}

/* The owner lends nothing from `records` or below the checkpoint of now: let go of older log. */
static inline uint64_t shared_slot_raise(const struct shared_map *map, uint32_t i,
                                         struct snapshot *snapshot)
{
    uint64_t c;

    *snapshot = shared_slot_begin(map, i, &c);
    return c;
}

/*
 * The owner of slot `i`, which is free, reads no snapshot and wants that no segment becomes free:
 * until shared_slot_end. What is returned is the end of what may be free already.
 */
static inline uint64_t shared_slot_keep(const struct shared_map *map, uint32_t i)
{
    shared_store(map, &map->words->slot[i].c, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    return shared_checkpoint(map);
}

static inline void shared_slot_end(const struct shared_map *map, uint32_t i)
{
    shared_store(map, &map->words->slot[i].snap, SHARED_FREE, memory_order_release);
    shared_store(map, &map->words->slot[i].c, SHARED_FREE, memory_order_release);
}

struct shared_reader {
    uint64_t snap, c, process;
};

static inline struct shared_reader shared_slot_read(const struct shared_map *map, uint32_t i)
{
    struct shared_slot *slot = &map->words->slot[i];
    struct shared_reader reader;

    reader.snap = shared_load(map, &slot->snap, memory_order_acquire);
    reader.c = shared_load(map, &slot->c, memory_order_acquire);
    reader.process = shared_load(map, &slot->process, memory_order_relaxed);
    return reader;
}

/* How many slots a scan has to look at. After a fence. */
static inline uint32_t shared_slots_used(const struct shared_map *map)
{
    uint64_t used = shared_load(map, &map->words->slots_used.word, memory_order_acquire);

    return used < SHARED_SLOTS ? (uint32_t)used : SHARED_SLOTS;
}

/* ---- segments ---- */

/*
 * A segment's word: the LSN at which it starts, a multiple of 64, and in the bits below how many
 * words of its index are in use, as the power of two that they are beyond SHARED_INDEX_LEAST. They
 * only become more: who has loaded a number before looks into fewer words, in which everything
 * that was published before is found as well.
 */
#define SHARED_START_MASK  (~UINT64_C(63))
#define SHARED_INDEX_LEAST 16u

static inline uint64_t shared_segment_word(const struct shared_map *map, uint32_t i)
{
    uint64_t word = atomic_load_explicit(&map->words->segment[i], memory_order_acquire);

    /* Mostly free; and nothing depends on what others do between two looks at free ones. */
    return word == SHARED_FREE ? word
                               : shared_load(map, &map->words->segment[i], memory_order_acquire);
}

/* The LSN at which segment `i` starts, or SHARED_FREE. */
static inline uint64_t shared_segment(const struct shared_map *map, uint32_t i)
{
    uint64_t word = shared_segment_word(map, i);

    return word == SHARED_FREE ? word : word & SHARED_START_MASK;
}

/* The words of an index that are in use, by the word of its segment; `most` when that says more. */
static inline uint32_t shared_index_words(uint64_t word, uint32_t most)
{
    uint64_t words = (uint64_t)SHARED_INDEX_LEAST << (word & ~SHARED_START_MASK) % 32;

    return words < most ? (uint32_t)words : most;
}

static inline void shared_set_segment(const struct shared_map *map, uint32_t i, uint64_t start)
{
    shared_store(map, &map->words->segment[i], start, memory_order_release);
}

/* The same, with `words` of the index in use: a power of two. */
static inline void shared_set_segment_words(const struct shared_map *map, uint32_t i,
                                            uint64_t start, uint32_t words)
{
    uint64_t power = 0;

    assert((start & ~SHARED_START_MASK) == 0);
    while ((SHARED_INDEX_LEAST << power) < words)
        power++;
    shared_set_segment(map, i, start | power);
}

/* ---- index words ---- */

static inline uint64_t index_word_load(const struct os *os, shared_word *word)
{
    os->yield(os, "index");
    return atomic_load_explicit(word, memory_order_acquire);
}

/* The same for who has said that he looks, once for some words. */
static inline uint64_t index_word_peek(shared_word *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

/* For an index that nobody looks into yet: no other can run between two of these. */
static inline void index_word_clear(shared_word *word)
{
    atomic_store_explicit(word, 0, memory_order_relaxed);
}

static inline void index_word_store(const struct os *os, shared_word *word, uint64_t value)
{
    os->yield(os, "index");
    atomic_store_explicit(word, value, memory_order_release);
}

#endif
