/*
 * A simulated machine: files in memory of which every 512-byte sector remembers what it was since
 * the last sync, processes that take turns, and a power cut at any moment.
 *
 *     struct sim_config config;
 *     struct sim_world *world;
 *
 *     sim_config_init(&config);
 *     world = sim_world_make(&config);
 *     process = sim_process_new(world);                     one process, on the caller's stack
 *     slot__db_create_on(&process->os, "/people.slots", ...);     and a table like any other
 *     sim_on_step(world, crash_here, context);              called before each change
 *     ... slot__db_open_on(&process->os, ...), commit ...
 *
 *     crash_here:  for (seed = 0; seed < 10; seed++) {
 *                      after = sim_fork_crashed(world, SIM_CRASH_RANDOM, seed);
 *                      process = sim_process_new(after);
 *                      ... open, check, close on &process->os ...
 *                  }
 *
 * Several processes at once: sim_process_start each, then sim_run. Everything, the processes too,
 * runs on the calling thread of the real system: a world has no locks and no state outside itself,
 * so as many worlds as wanted run on as many threads as wanted. Equal configuration, schedule and
 * calls give equal results, bit by bit.
 *
 * What a file is, in three images of the same length and a list for each sector:
 *
 *     cache    |--------|--------|--------|   what read_at gives and what all views are: the memory
 *     shadow   |--------|--------|--------|   the same without stores that nobody announced
 *     durable  |--------|--------|--------|   what the last sync left on the disk
 *     sector      clean    dirty    dirty
 *                          v1       v1 v2     older unsynced contents, each of which background
 *                                             write-back may have put on the disk meanwhile
 *
 * After a crash a clean sector is its durable bytes; a dirty one any of: durable, v1, v2 .., cache.
 * The size of a file and the place of a name (nowhere, directory/old, directory/new) have lists of
 * the same kind, ended by sync of the file and by sync_dir of the directory. sync does not make a
 * name durable, sync_dir no bytes. A rename is atomic: one of the two names, never both.
 *
 * Points and steps. A point is a place where another process may go on: each call of the table but
 * clock_ms, process, boot_id, views_apart, random, kind, cached, advise, advise_view and
 * start_writeback, and within a call each piece of a store or a write_at; sync has one behind it,
 * too. A step is a point behind which the disk or the cache changes: open that creates, resize,
 * allocate, a piece of write_at or store, sync, make_dir, remove_dir, remove_file, rename_new,
 * sync_dir. Crash images that are taken before each step and once at the end are all there are.
 * Both are counted from the making of the world, or from the last fork for a forked one.
 *
 * Stores. The one memory of a file is shared by all its views; nothing catches a store into it as
 * it happens. Announced are those through os->store, and those into ranges that were lent (see
 * sim_lend); any other difference between cache and shadow is a violation, found at the next full
 * comparison: each compare_every calls, at sync of the file and at unmap of a writable view
 * (compare_syncs), and at sim_check_stores. A forked world, which has to be fast, has both off at
 * first (sim_set_compare) and is compared at each 64th fork. Words (OS_MAP_WORDS) are exempt: they
 * are not compared, never durable, and after a crash they are the cached ones, zeros, or garbage. A
 * range of a file that was mapped so once stays so until the crash.
 *
 * Violations are mistakes of the engine that are seen at once: views outside of the file, a file
 * cut while it is mapped, a byte locked twice, closing what is not open, an unannounced store.
 * They print where they happened and abort, or go to config.violation.
 *
 * Space. A page of a file has space on the disk when it was allocated, written, or populated for
 * writing; what resize adds is a hole. A store through a view into a hole, which is a signal on a
 * full disk, is a violation when config.holes says so. After a crash all pages are holes again, so
 * that nobody relies on what a life before has allocated (but for config.keeps_space).
 * config.disk_pages is how many there are; sim_set_room fills the disk up, and gives it room again.
 *
 * Not modelled: permissions, symbolic links, read-only media, SIGBUS (a view behind the end of its
 * file is a violation for stores and SLOT_E_LOST for load and populate), stores by atomic
 * operations into tracked files (re-dirty by os->store of the same bytes), reordering by the
 * processor, pages of OS_MAP_PRIVATE that follow the file until first touched (all are copied by
 * map). Memory of killed processes: see sim_heap.h.
 */
#ifndef SLOT_TESTS_CRASH_SIM_H
#define SLOT_TESTS_CRASH_SIM_H

#include <stdio.h>

#include "os/os.h"

#define SIM_SECTOR   512u
#define SIM_PAGE     4096u
#define SIM_NAME_MAX 64u /* bytes of a name, its NUL included */

struct sim_world;
struct sim_thread;
struct sim_process;

/* ---- worlds ------------------------------------------------------------------------------------
 */

typedef enum sim_flavour {
    SIM_LINUX, /* sync covers all bytes of the file, however they got there */
    /*
     * sync covers what write_at wrote, and pages of views that were flushed, as they were at the
     * flush, by a process that had stored into them itself since its last flush. Stores of a
     * process that has unmapped or died are covered by anybody's flush. A file that another
     * process has mapped cannot be cut or removed (SLOT_E_BUSY).
     */
    SIM_WINDOWS
} sim_flavour;

struct sim_config {
    uint64_t seed; /* of random, of the schedule, and of spurious wake-ups */
    sim_flavour flavour;
    uint64_t max_file_bytes; /* 4 MiB; a file that would be longer gets SLOT_E_NO_SPACE */
    uint32_t store_piece;    /* bytes: 512; a divisor of it makes stores tear inside a sector */
    uint32_t write_piece;    /* bytes: 4096, what a kill or a reader sees of a write_at at once */
    uint32_t compare_every;  /* calls from one full comparison to the next: 1024; 0 never */
    bool compare_syncs;      /* compare at sync and unmap; true */
    bool cut_mapped;         /* SIM_LINUX: let a process cut or remove what others have mapped */
    uint32_t sync_us;        /* a sync takes up to so long before and behind its effect: 0 */
    bool holes;              /* a store into a page that has no space is a violation; false */
    bool keeps_space;        /* also after a power cut; false */
    uint64_t disk_pages;     /* of all files, of SIM_PAGE bytes; 0: enough. Then SLOT_E_NO_SPACE */
    bool trace;              /* keep the list of sim_trace */
    uint64_t max_points;     /* 20,000,000 without an end are a violation: nobody gets on */
    /* Told of a violation instead of print and abort; must not return. */
    void (*violation)(void *context, const char *what);
    void *violation_context;
};

void sim_config_init(struct sim_config *config);

/* A machine with an empty directory "/". Ends the program when there is no memory for it. */
struct sim_world *sim_world_make(const struct sim_config *config);

/* Free it with its processes and its fork. */
void sim_world_free(struct sim_world *world);

/* ---- processes ---------------------------------------------------------------------------------
 */

struct sim_process {
    struct os os; /* the table to give to the engine; must be first */
    struct sim_world *world;
    uint64_t number; /* what os->process says */
    void *context;   /* the driver's */
    bool alive;      /* neither ended nor killed */
    bool killed;

    struct sim_process_inside *inside; /* private */
};

typedef void (*sim_main)(struct sim_process *process, void *argument);

/*
 * A process without a thread of its own: whoever calls its table is it. Nobody else runs meanwhile;
 * sleeping costs nothing but simulated time. It lives until sim_process_exit, a kill, or a crash.
 */
struct sim_process *sim_process_new(struct sim_world *world);

/* A process that runs main(process, argument) in sim_run and exits when it returns. */
struct sim_process *sim_process_start(struct sim_world *world, sim_main main, void *argument);

/* One more thread of a process that was started; from within or before sim_run. */
struct sim_thread *sim_thread_start(struct sim_process *process, sim_main main, void *argument);

/*
 * Run main on the caller's stack, as the only thread of a process made by sim_process_new. False
 * when it was killed in it (a longjmp out of the call of the table: its memory leaks, see
 * sim_heap.h). A kill of a process that runs outside of this call and of sim_run is a violation.
 */
bool sim_call(struct sim_process *process, sim_main main, void *argument);

/* What exit does: close files, unmap views, let go of locks. */
void sim_process_exit(struct sim_process *process);

/* Whether nothing is open, mapped or locked; of one that has ended: whether so it was then. */
bool sim_process_is_clean(const struct sim_process *process);

/* What is open, mapped and locked, for diagnosis. */
void sim_process_print(const struct sim_process *process, FILE *out);

/*
 * Kill now: never scheduled again, files closed, locks dropped, views gone, the cache stays. When
 * it is the one that runs (from a hook), it ends as soon as the hook returns and before the step.
 */
void sim_process_kill(struct sim_process *process);

/* Kill it at its nth point from now on (1 is the next), before what is to be done there. 0: not. */
void sim_process_kill_at(struct sim_process *process, uint64_t nth);

/* Points of this process so far. */
uint64_t sim_process_points(const struct sim_process *process);

/*
 * This process holds a writable pointer to n bytes (from slot_edit): changes there are taken over
 * at its next call of the table, as if they had been announced. Ends with sim_unlend (all of the
 * process; takes over first) or with the view. Lending the same range again is nothing, and so is
 * memory that is in no view.
 */
void sim_lend(struct sim_process *process, const void *pointer, size_t n);
void sim_unlend(struct sim_process *process);

/* ---- running -----------------------------------------------------------------------------------
 */

/* From the thread that runs, before point number `point`, to thread number `thread`. */
struct sim_preemption {
    uint64_t point;  /* as sim_points counts them: 1 is the first */
    uint32_t thread; /* in the order of start, from 0; ended: the preemption is left out */
};

struct sim_schedule {
    /* NULL: by chance. Else thread 0 first; each runs until it ends, sleeps or is preempted; then
     * the next of higher number, cyclic. */
    const struct sim_preemption *list; /* in the order of points; kept by the caller */
    size_t count;
    uint32_t switch_permille;    /* by chance: at a point, 100 */
    uint32_t yield_permille;     /* at os->yield, 500 */
    uint32_t oversleep_permille; /* at a point, time jumps to where a sleeper wakes up, 10 */
};

void sim_schedule_init(struct sim_schedule *schedule);
void sim_set_schedule(struct sim_world *world, const struct sim_schedule *schedule);

/* How many entries of the schedule's list have taken the turn from a thread and given it to
 * another. */
uint64_t sim_preemptions(const struct sim_world *world);

typedef enum sim_end {
    SIM_END_ALL,    /* every thread has ended or was killed */
    SIM_END_STOPPED /* sim_stop: sim_run goes on from there, unless the world is crashed first */
} sim_end;

/* Let all threads of the world run. */
sim_end sim_run(struct sim_world *world);

/* From a hook: make sim_run return before this step. */
void sim_stop(struct sim_world *world);

/* The functions of the table. X(name). */
#define SIM_FUNCTIONS(X)                                                                           \
    X(open)                                                                                        \
    X(close)                                                                                       \
    X(size)                                                                                        \
    X(resize)                                                                                      \
    X(allocate)                                                                                    \
    X(read_at)                                                                                     \
    X(write_at)                                                                                    \
    X(sync)                                                                                        \
    X(intact)                                                                                      \
    X(start_writeback)                                                                             \
    X(advise)                                                                                      \
    X(next_data)                                                                                   \
    X(cached)                                                                                      \
    X(map)                                                                                         \
    X(unmap)                                                                                       \
    X(flush)                                                                                       \
    X(views_apart)                                                                                 \
    X(populate)                                                                                    \
    X(protect)                                                                                     \
    X(advise_view)                                                                                 \
    X(lock)                                                                                        \
    X(unlock)                                                                                      \
    X(held)                                                                                        \
    X(downgrade)                                                                                   \
    X(open_dir)                                                                                    \
    X(split_path)                                                                                  \
    X(close_dir)                                                                                   \
    X(make_dir)                                                                                    \
    X(remove_dir)                                                                                  \
    X(remove_file)                                                                                 \
    X(rename_new)                                                                                  \
    X(sync_dir)                                                                                    \
    X(list)                                                                                        \
    X(kind)                                                                                        \
    X(load)                                                                                        \
    X(store)                                                                                       \
    X(yield)                                                                                       \
    X(clock_ms)                                                                                    \
    X(sleep_us)                                                                                    \
    X(park)                                                                                        \
    X(unpark)                                                                                      \
    X(process)                                                                                     \
    X(boot_id)                                                                                     \
    X(random)

enum sim_function {
#define X(name) SIM_FN_##name,
    SIM_FUNCTIONS(X)
#undef X
        SIM_FUNCTION_COUNT
};

const char *sim_function_name(enum sim_function function);

/* A point, and whether it is a step. */
struct sim_step {
    struct sim_process *process;
    uint64_t point, step; /* numbers, from 1 on; step only counts when changes */
    uint32_t thread;      /* its number; UINT32_MAX outside of sim_run */
    enum sim_function function;
    bool changes;       /* it is a step */
    const char *name;   /* of the file or directory, without its path; of yield, `where`; or "" */
    uint64_t offset, n; /* of the piece, where there is one; resize: n is the new size */
};

uint64_t sim_points(const struct sim_world *world);
uint64_t sim_steps(const struct sim_world *world);

/* One point. Marks are in the order of the effects, points are numbered in the order of arrival:
 * they differ where a thread was preempted. */
struct sim_mark {
    uint64_t point;
    uint32_t thread;
    uint8_t function; /* enum sim_function */
    bool changes;
    uint64_t offset;
};

/* All points so far, when config.trace; and a hash of all of them, always. */
const struct sim_mark *sim_trace(const struct sim_world *world, size_t *n);
uint64_t sim_trace_hash(const struct sim_world *world);

/*
 * Called before each step, by the one who runs, with everything as it is before. It may fork and
 * run other worlds (also with sim_run), kill, stop, read files; it must not call the table of a
 * process of this world. Stays when a world is forked anew. NULL: none.
 */
typedef void (*sim_step_fn)(void *context, struct sim_world *world, const struct sim_step *step);
void sim_on_step(struct sim_world *world, sim_step_fn fn, void *context);

/*
 * Called before bytes of any file called `name` change (a piece of write_at or store, a lent range
 * that is taken over, zeros that resize makes): `bytes` are the n bytes that it is about to have at
 * offset, NULL for zeros. For the rule that the log is durable before `records` changes. Up
 * to 8; the step that it is a part of is sim_last_step.
 */
typedef void (*sim_write_fn)(void *context, struct sim_world *world, struct sim_process *process,
                             const void *bytes, uint64_t offset, uint64_t n);
void sim_on_write(struct sim_world *world, const char *name, sim_write_fn fn, void *context);

/* From now on the functions of sim_on_write are told of the files in this directory and those in
 * it, wherever it moves. */
void sim_watch_in(struct sim_world *world, const char *path);
const struct sim_step *sim_last_step(const struct sim_world *world);

/* ---- faults ------------------------------------------------------------------------------------
 */

enum {
    SIM_ONCE = 0,    /* only the nth */
    SIM_FOREVER = 1, /* the nth and all that follow */
    SIM_HALF = 2     /* or-ed: read_at, write_at, load and store do the first half of it */
};

/*
 * From now on, make the nth call (1 is the next) of one function fail, or of any that returns an
 * os_result when `function` is NULL (then load, store and populate with SLOT_E_LOST). Up to 16
 * rules at a time; sim_mend removes them. `sync` that fails so has done nothing and can be tried
 * again; see sim_fail_sync for one that cannot.
 */
void sim_fail(struct sim_process *process, const char *function, uint64_t nth, int how,
              slot_status status, int code);
void sim_mend(struct sim_process *process);

/* The same, but what sim_fail_sync has asked for stays. */
void sim_mend_calls(struct sim_process *process);

/* Calls of a function so far, or of all for NULL; and how many of them were made to fail. */
uint64_t sim_calls(const struct sim_process *process, const char *function);
uint64_t sim_failed(const struct sim_process *process);

/* What a failed write to the disk leaves in the cache. */
typedef enum sim_loss {
    SIM_LOSS_KEPT,    /* the bytes that did not get to the disk: all seems well */
    SIM_LOSS_REVERTED /* what is on the disk, as if the page had been dropped and read again */
} sim_loss;

/*
 * The nth sync of this process from now on fails with SLOT_E_IO. Of the dirty sectors, some (by
 * seed) are durable and the others keep an older content on the disk; all are clean from then on,
 * so that the next sync has nothing to do and succeeds. Storing into a page makes its lost sectors
 * dirty again. Every other opening of the file has the error reported by its next sync, once.
 */
void sim_fail_sync(struct sim_process *process, uint64_t nth, sim_loss loss, uint64_t seed);

/* The same, now, in the background: each opening is told by its next sync, once; and so are those
 * that come later, as long as nobody was told. `path` is that of a file that is there. */
void sim_fail_writeback(struct sim_world *world, const char *path, sim_loss loss, uint64_t seed);

/* Calls, allocations and syncs that were made to fail in this world so far. */
uint64_t sim_failures(const struct sim_world *world);

/* Those of the calls that did the first half of it. */
uint64_t sim_shorts(const struct sim_world *world);

/* How many syncs and write-backs of this world have lost something. */
uint64_t sim_losses(const struct sim_world *world);

/*
 * The system drops all pages that it believes to be clean and that nobody has mapped: what a failed
 * write has left in the cache alone is what the disk says from now on. OS_ADVICE_FORGET of a whole
 * file does the same to that file.
 */
void sim_evict(struct sim_world *world);

/* From now on this process is slow: of 1,000 points of it, so many take up to `us` microseconds,
 * while others go on. 0: it is as fast as any. */
void sim_slow(struct sim_process *process, uint32_t permille, uint32_t us);

/* From now on the disk has room for so many more pages; SIM_ROOMY: for as many as are wanted. */
#define SIM_ROOMY UINT64_MAX
void sim_set_room(struct sim_world *world, uint64_t pages);

/* Files whose names end so find no room for more, whatever the disk has; NULL: none. */
void sim_set_full_for(struct sim_world *world, const char *end);

/* Called when something has found no room on the disk; `name` is of the file, without its path. It
 * may make room, which is for the next call. One for a world; NULL: none. */
typedef void (*sim_full_fn)(void *context, struct sim_world *world, const char *name);
void sim_on_full(struct sim_world *world, sim_full_fn fn, void *context);

/* How often that was so. */
uint64_t sim_fulls(const struct sim_world *world);

/*
 * Somebody renames a directory, durably, whoever has it open: `from` and `to` are paths. False:
 * Windows refuses, for it is open or something in it is. *opened: whether anybody had it open.
 */
bool sim_move(struct sim_world *world, const char *from, const char *to, bool *opened);

/* ---- crashes -----------------------------------------------------------------------------------
 */

/* Which of the unsynced changes are on the disk. Items are dirty sectors, sizes, names. */
typedef enum sim_policy {
    SIM_CRASH_NONE,     /* no item */
    SIM_CRASH_ALL,      /* all, the newest of each */
    SIM_CRASH_DROP_ONE, /* all but item seed % items; that is its (seed / items)th older version */
    SIM_CRASH_KEEP_ONE, /* none but item seed % items, its (seed / items)th newer version */
    SIM_CRASH_RANDOM,   /* each item any version by itself; some seeds lean to old or to new */
    SIM_CRASH_TORN,     /* one sector is a mixture of two successive versions, in units of 8 or 64
                           bytes; the others as RANDOM, ALL or NONE, by seed */
    SIM_CRASH_ZEROED,   /* delayed allocation: sizes and names are new, sectors that were never
                           durable are zeros, other dirty ones any version */
    SIM_CRASH_POLICIES
} sim_policy;

const char *sim_policy_name(sim_policy policy);

/* Items that are not durable now. With 0 all policies give one image (but for words). */
uint64_t sim_unsynced(const struct sim_world *world);

/* A number that changes when a crash image could have changed: equal numbers, equal images. */
uint64_t sim_changes(const struct sim_world *world);

/*
 * The machine as it comes up after a power cut now: cache and disk hold the chosen image, there are
 * no processes, no locks, no faults. `world` is not changed. The result belongs to `world`, is the
 * same object each time, and is valid until the next call of this; hooks, schedule and
 * configuration of it stay (at first they are the configuration of `world` with room on the disk,
 * no hooks). It can be forked again. Cost: what has changed in either of both since the last fork.
 */
struct sim_world *sim_fork_crashed(struct sim_world *world, sim_policy policy, uint64_t seed);

/* A power cut of the world itself. Not from a hook. Files that are gone give back their memory. */
void sim_crash(struct sim_world *world, sim_policy policy, uint64_t seed);

/* All processes are killed, the machine goes on. Not from a hook. */
void sim_world_restart(struct sim_world *world);

/* Start random, schedule, points, steps and trace again; the disk stays. */
void sim_reseed(struct sim_world *world, uint64_t seed);

/* ---- looking inside ----------------------------------------------------------------------------
 */

/* The bytes of a file as all see them, or as they are durable; NULL when there is none (durable:
 * when its name is not). Valid until the file changes. */
const uint8_t *sim_cache_bytes(const struct sim_world *world, const char *path, uint64_t *n);
const uint8_t *sim_durable_bytes(const struct sim_world *world, const char *path, uint64_t *n);

/* Whether n bytes of the file at offset are durable as they are in the cache. Not its name. */
bool sim_is_durable(const struct sim_world *world, const char *path, uint64_t offset, uint64_t n);

/* Change bytes of an existing file on the disk and in the cache, durably: rot. */
void sim_poke(struct sim_world *world, const char *path, uint64_t offset, const void *bytes,
              uint64_t n);

/* Call fn for each file and directory that is there now, with its path; false stops. */
typedef bool (*sim_file_fn)(void *context, const char *path, bool directory, uint64_t size);
void sim_each_file(const struct sim_world *world, sim_file_fn fn, void *context);

/*
 * Whether two worlds have the same names, sizes and bytes in their caches. Words are not compared.
 * The first difference is printed to `out` unless it is NULL.
 */
bool sim_equal(const struct sim_world *a, const struct sim_world *b, FILE *out);

/* A hash of all that sim_equal compares. */
uint64_t sim_hash(const struct sim_world *world);

/* Look for unannounced stores in all files now: a violation. */
void sim_check_stores(struct sim_world *world);

/* Change compare_every and compare_syncs of the configuration. */
void sim_set_compare(struct sim_world *world, uint32_t every, bool syncs);

/* Everything about a world that fits on a page or two. */
void sim_print(const struct sim_world *world, FILE *out);

#endif
