/*
 * The insides of a simulated machine, for the files sim_*.c only.
 *
 *   sim_disk.c   contents of files: sectors and their versions, sizes, sync, flush
 *   sim_names.c  nodes (files and directories) and where they are
 *   sim_crash.c  crash images, forks
 *   sim_sched.c  processes, threads, points, time, kills
 *   sim_table*.c the table of a process, and faults
 *   sim_look.c   worlds, and looking into them
 *
 * A version of a sector has a number: 0 is durable, 1 .. saved lie in the pool, saved + 1 is the
 * cache (a dirty sector; a clean one has version 0 alone).
 *
 *        durable    first -> ... -> last     cache
 *           0         1             saved    saved + 1
 *                     ^
 *                     `handed`: what the next sync takes (SIM_WINDOWS); 0: it takes nothing
 *
 * Invariants: cache and shadow are zeros behind the size; so is durable behind the durable size. A
 * clean sector has cache == durable, unless it is LOST or words. A child world (a fork) equals its
 * parent's durable images in all sectors that are neither TOUCHED in the child nor CHANGED in the
 * parent: that is why a fork costs what has changed.
 */
#ifndef SLOT_TESTS_CRASH_SIM_INSIDE_H
#define SLOT_TESTS_CRASH_SIM_INSIDE_H

#include <setjmp.h>

#include "crash/fiber.h"
#include "crash/sim.h"

#define NODES_MAX    512u
#define PLACES_MAX   8u  /* unsynced places of one node */
#define SIZES_MAX    64u /* unsynced sizes of one file; beyond, those in the middle are forgotten */
#define WATCHES_MAX  8u
#define RULES_MAX    16u
#define NOWHERE      UINT32_MAX
#define ROOT         0u
#define FIRST_NUMBER 1000u /* of processes */

enum { SECTOR_DIRTY = 1, SECTOR_LOST = 2, SECTOR_TOUCHED = 4, SECTOR_CHANGED = 8 };

struct sector {
    uint32_t first, last; /* in the pool, plus 1 */
    uint32_t saved;
    uint32_t handed;
    uint32_t flags;
};

struct version {
    uint32_t next; /* in the pool, plus 1 */
    uint32_t spare;
    uint8_t bytes[SIM_SECTOR];
};

struct place {
    uint32_t parent; /* a node, or NOWHERE */
    char name[SIM_NAME_MAX];
};

struct sector_list {
    uint32_t *at;
    uint32_t count;
};

struct held_lock {
    struct os_file *file;
    uint64_t byte;
    bool exclusive;
};

struct node {
    bool used;
    bool is_dir;
    uint64_t serial;                 /* of this use of the slot; a child has its parent's */
    struct place places[PLACES_MAX]; /* [0] durable, the last one now */
    uint32_t place_count;
    uint64_t sizes[SIZES_MAX]; /* likewise */
    uint32_t size_count;
    uint64_t extent; /* the images are zeros behind this, in all versions */
    uint64_t words_from, words_to;
    uint8_t *memory; /* the three images, allocated once for the slot */
    uint8_t *cache, *shadow, *durable;
    struct sector *sectors;
    uint64_t *stored; /* for each page, who has stored there since the last flush */
    uint8_t *space;   /* for each page, 1: it has its space on the disk */
    uint64_t pages;   /* that have it */
    struct sector_list dirty, touched, changed;
    uint32_t lost; /* sectors that are LOST */
    uint32_t opens, views, writable_views;
    uint64_t errors;      /* write errors so far, */
    uint64_t errors_seen; /* and those that some opening was told of */
    struct held_lock *locks;
    uint32_t lock_count, lock_room;
};

/* An open file. */
struct os_file {
    struct sim_process *process;
    uint32_t node;
    int flags;
    uint64_t errors_told;
    struct os_file *previous, *next; /* of the process */
};

struct os_dir {
    struct sim_process *process;
    uint32_t node;
    struct os_dir *previous, *next; /* of the process */
};

struct mapping {
    uint32_t node;
    uint64_t offset;
    size_t n;
    os_map_mode mode;
    uint8_t *base;
};

struct lent {
    uint32_t node;
    uint64_t offset, n;
};

struct rule {
    uint32_t function; /* SIM_FUNCTION_COUNT: any */
    uint64_t left;     /* 0: no rule */
    int how;
    os_result result;
};

enum thread_state { THREAD_READY, THREAD_SLEEPING, THREAD_ENDED };

struct sim_thread {
    struct sim_process *process;
    uint32_t number;
    enum thread_state state;
    uint64_t wake_us;
    uintptr_t word;  /* the address of what it is parked at; 0: it sleeps */
    uint64_t yields; /* in a row */
    sim_main main;
    void *argument;
    struct fiber *fiber;
};

/* Memory of a process: see sim_heap.c, which is not always there. */
struct sim_heap {
    struct heap_piece *first;
    uint64_t pieces, calls;
    uint64_t fails_in; /* allocations until one fails; 0: none */
    int fails_how;
    uint64_t failed;
    void (*give_up)(struct sim_process_inside *owner, bool free_them);
};

struct sim_process_inside {
    struct sim_heap heap;
    struct os_file *files;
    struct os_dir *dirs;
    struct mapping *maps;
    size_t map_count, map_room;
    struct lent *lent;
    size_t lent_count, lent_room;
    uint64_t who; /* its bit in node.stored */
    uint64_t points, kill_at;
    uint64_t calls, calls_of[SIM_FUNCTION_COUNT], failed;
    struct rule rules[RULES_MAX];
    uint64_t sync_fails; /* syncs until it fails; 0: not */
    sim_loss sync_loss;
    uint64_t sync_seed;
    uint32_t slow_permille, slow_us;
    uint32_t threads; /* that have not ended */
    bool threaded;    /* by sim_process_start */
    bool left_behind; /* something was open when it ended */
    bool landing_set;
    jmp_buf landing; /* in sim_call */
};

struct watch {
    char name[SIM_NAME_MAX];
    sim_write_fn fn;
    void *context;
};

struct sim_world {
    struct sim_config config;
    struct sim_world *parent, *child;
    uint32_t depth; /* forks above this one */
    struct node *nodes[NODES_MAX];
    uint32_t node_count; /* slots that were ever used */
    uint64_t next_serial;
    struct version *versions;
    uint32_t version_count, version_room, version_free;
    uint64_t pages_taken; /* that have their space */
    uint64_t fulls;       /* so often there was none for more */
    const char *full_for; /* the end of a name */
    sim_full_fn on_full;
    void *on_full_context;
    uint64_t changes;
    uint64_t boots;            /* power cuts until now */
    uint64_t failures, shorts; /* calls that were made to fail, half of their work done */
    uint64_t losses;           /* syncs that have failed and write-backs that were lost */

    struct sim_process **processes;
    size_t process_count, process_made, process_room; /* in use, objects, room for them */
    uint64_t next_number;
    struct sim_thread **threads;
    size_t thread_count, thread_made, thread_room;
    struct sim_thread *current; /* NULL outside of sim_run */
    struct sim_thread *stopped; /* by sim_stop: it goes on first */
    struct fiber *caller;
    bool running, stop, in_hook;

    struct sim_schedule schedule;
    size_t preempted;     /* entries of the list that are done */
    uint64_t preemptions; /* of them: those that gave the turn to another thread */
    uint64_t schedule_random, random, clock_us;
    uint64_t points, steps, until_compare, forks;
    uint64_t trace_hash;
    struct sim_mark *trace;
    size_t trace_count, trace_room;
    struct sim_step last; /* for messages */

    sim_step_fn on_step;
    void *on_step_context;
    struct watch watches[WATCHES_MAX];
    uint32_t watch_count;
    uint32_t watch_in; /* the directory whose files are watched; ROOT: all */
};

/*
 * The process that runs on this thread of the system, in sim_run or sim_call; NULL in hooks and
 * elsewhere. For sim_heap.c and sim_mutex.c, which are called without saying by whom. Volatile:
 * compilers believe that malloc reads no variable.
 */
extern _Thread_local struct sim_process *volatile sim_running;

/* splitmix64. */
static inline uint64_t sim_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint64_t sim_mix(uint64_t a, uint64_t b)
{
    uint64_t state = a ^ b * UINT64_C(0xd6e8feb86659fd93);

    return sim_random(&state);
}

static inline uint64_t node_size(const struct node *node)
{
    return node->sizes[node->size_count - 1];
}

static inline const struct place *node_place(const struct node *node)
{
    return &node->places[node->place_count - 1];
}

/* The callbacks get their table as const; a process has state. */
static inline struct sim_process *sim_self(const struct os *os)
{
    return (struct sim_process *)(uintptr_t)os;
}

/* ---- sim_look.c ---- */

/* A mistake of the engine, or of the driver. Does not return. */
_Noreturn void sim_violation(struct sim_world *world, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* Zeroed memory or the end of the program; never the memory of the process that runs. */
void *sim_take(size_t n);

/* The same, for an array: room for one more than count. */
void *sim_grow(void *array, size_t count, size_t *room, size_t item);

/* ---- sim_disk.c ---- */

/* Get memory for a file's images, all zeros. */
void disk_node_begin(struct sim_world *world, struct node *node);

/* Zeros again; the memory stays with the slot. */
void disk_node_clear(struct sim_world *world, struct node *node);

void disk_node_free(struct node *node);

/*
 * n bytes at offset, within one sector and within the file, become `from` (NULL: zeros). `who`: the
 * storing process's bit, or 0 for writes that need no flush. Calls the watches.
 */
void disk_put(struct sim_world *world, struct sim_process *process, struct node *node,
              uint64_t offset, const uint8_t *from, size_t n, uint64_t who);

/* Space for the pages of a range. False: the disk is full, and nothing changed. */
bool disk_take(struct sim_world *world, struct node *node, uint64_t offset, uint64_t n);

/* The pages from byte `offset` on are a hole. */
void disk_punch(struct sim_world *world, struct node *node, uint64_t offset);

/* Whether the page of a byte has its space. */
bool disk_has_space(const struct node *node, uint64_t offset);

/* Take over what is different from the shadow in a range as stored by a process. */
void disk_absorb(struct sim_world *world, struct sim_process *process, struct node *node,
                 uint64_t offset, uint64_t n);

/* A difference between cache and shadow in the range is a violation. */
void disk_compare(struct sim_world *world, const struct node *node, uint64_t offset, uint64_t n);

/* Set the size of the cache; what is cut becomes zeros. The caller has checked the maximum. */
void disk_resize(struct sim_world *world, struct sim_process *process, struct node *node,
                 uint64_t size);

void disk_sync(struct sim_world *world, struct node *node);
void disk_sync_failed(struct sim_world *world, struct node *node, sim_loss loss, uint64_t seed);

/* Clean sectors of [offset, offset + n) that no view covers are what is on the disk. */
void disk_forget(struct sim_world *world, struct node *node, uint32_t number, uint64_t offset,
                 uint64_t n);
void disk_flush(struct node *node, uint64_t who, uint64_t offset, uint64_t n);

/* A process lets go of a range: anybody's flush covers its stores now. */
void disk_disown(struct node *node, uint64_t who, uint64_t offset, uint64_t n);

/* The range is words from now on. */
void disk_make_words(struct sim_world *world, struct node *node, uint64_t offset, uint64_t n);

/* Version `number` of a sector. */
const uint8_t *disk_version(const struct sim_world *world, const struct node *node, uint32_t sector,
                            uint32_t number);

/* Forget the versions of a sector: it is clean. Does not take it out of the list of dirty ones. */
void disk_sector_clean(struct sim_world *world, struct node *node, uint32_t sector);

/* All three images of a part of a sector become `from` (NULL: zeros), durably. */
void disk_set(struct sim_world *world, struct node *node, uint64_t offset, const uint8_t *from,
              size_t n);

/* ---- sim_names.c ---- */

/* Whether a node is in that directory, or in one that is. */
bool names_within(const struct sim_world *world, uint32_t number, uint32_t directory);

/* The node at `path`, or NOWHERE. Also where it would be: *parent is NOWHERE without a parent. */
uint32_t names_find(const struct sim_world *world, const char *path, struct place *place);

/* The node of that name in a directory now; NOWHERE: there is none. */
uint32_t names_in(const struct sim_world *world, uint32_t parent, const char *name);

/* A new file or directory at a place. */
uint32_t names_make(struct sim_world *world, const struct place *place, bool is_dir);

/* The node is somewhere else from now on; parent NOWHERE: removed. */
void names_move(struct sim_world *world, struct node *node, const struct place *place);

/* What has been in that directory stays as it is now. */
void names_sync(struct sim_world *world, uint32_t parent);

/* Give back the slot of a file that nobody can reach any more, now or after a crash. */
void names_drop_unreachable(struct sim_world *world, struct node *node);

/* "/a/b" of a node now, or false when it cannot be reached from the root. */
bool names_path(const struct sim_world *world, uint32_t number, char *path, size_t room);

/* A slot, empty, of that number. */
struct node *names_slot(struct sim_world *world, uint32_t number);

/* Empty a slot. */
void names_clear(struct sim_world *world, struct node *node);

/* ---- sim_sched.c ---- */

/* A point of a process: see sim.h. Returns after the others had their turns. */
void sched_point(struct sim_process *process, struct sim_step *step);

/* Sleep of the thread that runs, until unparked (word) or until then. */
void sched_sleep(struct sim_process *process, uintptr_t word, uint32_t us);
void sched_wake(struct sim_process *process, uintptr_t word);

/* All processes are gone at once. */
void sched_kill_all(struct sim_world *world);

void sched_free(struct sim_world *world);

/* ---- sim_table.c, sim_table_map.c ---- */

extern const struct os sim_table;

/* Close files, unmap views, drop locks. */
void process_release(struct sim_process *process);

/* Take over lent ranges. */
void process_absorb(struct sim_process *process);

#endif
