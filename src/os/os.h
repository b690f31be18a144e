/*
 * The operating system, as Slotfile needs it: one table of small functions. Nothing outside src/os
 * calls the system or asks which one it is.
 *
 * There are twin implementations, *_posix.c and *_win32.c, with their functions in the order of
 * this header. Tests replace the table: tests/support/os_faulty.c fails the N-th call. Where
 * systems differ, the strictest rule holds on all of them, so that a program that is right on one
 * is right on the others:
 *
 *   - a view begins at a multiple of OS_GRANULARITY (64 KiB, Windows' allocation granularity),
 *     lies within the file, and is unmapped as a whole;
 *   - a file is not made shorter while any of it is mapped (Windows refuses, error 1224);
 *   - flush before sync, always both (FlushViewOfFile only starts the writing, and FlushFileBuffers
 *     does not look at views);
 *   - locked bytes hold no data (Windows' locks are mandatory).
 *
 * Every function that can fail returns an os_result: a slot_status to act on, and the system's own
 * code to show. All functions may be called by any thread; those on one file by several at once.
 * Interrupted calls (EINTR) and short counts are carried on inside. No function ends a thread that
 * was asked to end (pthread_cancel): whoever has locked something also unlocks it.
 */
#ifndef SLOT_OS_OS_H
#define SLOT_OS_OS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotfile/slotfile.h"

#define OS_GRANULARITY UINT64_C(65536) /* of view offsets, bytes; a multiple of every page size */
#define OS_PAGE_SIZE   UINT64_C(4096)  /* unit in which mapped bytes are counted */

typedef struct os_result {
    slot_status status; /* SLOT_OK, or one of the 20..59 of slotfile.h */
    int code;           /* errno or GetLastError(); 0 when the system had no part in it */
} os_result;

struct os_file; /* an open file; made by open, gone after close */
struct os_dir;  /* an open directory; made by open_dir, gone after close_dir */

/* Flags of open. */
enum {
    OS_READ = 1,
    OS_WRITE = 2,      /* implies reading */
    OS_CREATE_NEW = 4, /* must not exist yet; needs OS_WRITE */
    OS_LOCKS = 8,  /* will be used for locks: a child made by fork lets go of it at once, so that
                     it cannot hold its parent's locks; no view is made of it, which would keep
                     them as well */
    OS_BRIEF = 16, /* takes no descriptor but while it is used, unless it is kept or something that
                      was written is not synced; its directory, and the one that this was opened
                      in, outlive the file. Where descriptors are plenty it has one all the time */
};

/* Somebody who is told of forks: watch_forks. Stays at its address until unwatch_forks. */
struct os_fork_watch {
    void (*forked)(void *context);
    void *context;
    struct os_fork_watch *previous, *next;
};

/* Protection of a mapping. */
typedef enum os_map_mode {
    OS_MAP_READ,    /* stores fault */
    OS_MAP_WRITE,   /* stores reach the file and everybody who maps it */
    OS_MAP_PRIVATE, /* stores are seen by this mapping alone (copy-on-write), never by the file */
    OS_MAP_LENT, /* as OS_MAP_WRITE, for pointers that are given away: stores fault until `protect`
                       lets them through, and a child made by fork does not have the mapping */
    OS_MAP_WORDS /* as OS_MAP_WRITE, for atomic words that processes share while they live: never
                       flushed, and what the file holds when all have gone means nothing */
} os_map_mode;

/* How a range will be used. A hint: nothing depends on it. */
typedef enum os_advice {
    OS_ADVICE_NORMAL,
    OS_ADVICE_SEQUENTIAL,
    OS_ADVICE_RANDOM,
    OS_ADVICE_WILLNEED,
    /* Of a file: what is cached and not dirty is read from the disk again. Of a view that is not
     * private: its pages are not used for a while. The sync that follows is spared to take them
     * from other processors one by one, which costs some microseconds for each. */
    OS_ADVICE_FORGET
} os_advice;

typedef enum os_kind { OS_KIND_NONE, OS_KIND_FILE, OS_KIND_DIR, OS_KIND_OTHER } os_kind;

/* Called for each name in a directory, without . and ..; return false to stop. */
typedef bool (*os_name_fn)(void *context, const char *name);

struct os {
    /* ---- file ------------------------------------------------------------------------------ */

    /*
     * Open or create the regular file `name` of a directory. Never follows a symbolic link, is
     * never inherited by a program that this one starts, shares with all other openers. A new file
     * is readable and writable as the user's defaults say.
     * SLOT_E_NO_FILE, SLOT_E_EXISTS, SLOT_E_PERMISSION, SLOT_E_UNSUPPORTED (not a regular file),
     * SLOT_E_IO. A new name is durable after sync of the file and sync_dir of its directory.
     */
    os_result (*open)(const struct os *os, struct os_dir *dir, const char *name, int flags,
                      struct os_file **file);

    /*
     * Of a file opened with OS_BRIEF: keep its descriptor from now on, or not any more, which
     * cannot fail. Whoever stores into views of it keeps it until a sync that came after the last
     * store has answered. SLOT_E_NO_FILE: its name means another file by now; SLOT_E_IO.
     */
    os_result (*keep)(const struct os *os, struct os_file *file, bool keep);

    /* Close; also lets go of all locks of this file. Cannot fail: what matters was synced. */
    void (*close)(const struct os *os, struct os_file *file);

    /* The size in bytes now. */
    os_result (*size)(const struct os *os, struct os_file *file, uint64_t *size);

    /*
     * Set the size. New bytes read as zero and may be a hole. Durable after sync. When it fails,
     * the size is as before. SLOT_E_NO_SPACE where the system can tell.
     */
    os_result (*resize)(const struct os *os, struct os_file *file, uint64_t size);

    /*
     * Get real space for n bytes at offset, so that stores there cannot fail for lack of it. Bytes
     * that exist stay; the file grows to offset + n if it was shorter. When it fails, the size is
     * as before. SLOT_E_NO_SPACE. File systems that cannot do it: SLOT_E_UNSUPPORTED.
     */
    os_result (*allocate)(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n);

    /* Read exactly n bytes. SLOT_E_TRUNCATED when the file ends before; SLOT_E_IO. */
    os_result (*read_at)(const struct os *os, struct os_file *file, uint64_t offset, void *buf,
                         size_t n);

    /* Write exactly n bytes; the file grows as needed. When it fails, any part of them may have
     * been written. SLOT_E_NO_SPACE, SLOT_E_IO. Views of the range see the bytes at once. */
    os_result (*write_at)(const struct os *os, struct os_file *file, uint64_t offset,
                          const void *buf, size_t n);

    /*
     * Make everything of this file durable: written bytes, flushed views, the size. After SLOT_OK
     * all of it survives a power cut. After a failure nobody knows what is on disk, and calling it
     * again would return a worthless SLOT_OK: never retry. (fdatasync, F_FULLFSYNC on macOS,
     * FlushFileBuffers.)
     */
    os_result (*sync)(const struct os *os, struct os_file *file);

    /*
     * Whether nothing of this file was lost on its way to the disk since it was opened or synced:
     * SLOT_E_IO is what a sync would say, which then does not say it again. Bytes that are still on
     * their way are not waited for. As long as the answer is SLOT_OK, what is read from the file is
     * what was written last. Systems that cannot tell make it durable.
     */
    os_result (*intact)(const struct os *os, struct os_file *file);

    /* Start writing dirty bytes of the range to the disk, without waiting. A hint. */
    void (*start_writeback)(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n);

    /* How a range will be used; n 0: up to the end. A hint. WILLNEED starts to read it. */
    void (*advise)(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n,
                   os_advice advice);

    /*
     * The first byte at or after `offset` that may be other than zero, or the size of the file:
     * what lies between is a hole. A system that does not know returns `offset`.
     */
    uint64_t (*next_data)(const struct os *os, struct os_file *file, uint64_t offset);

    /* Whether all of a range is in memory now: then it need not be announced. A system that does
     * not know says no. */
    bool (*cached)(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n);

    /* ---- map ------------------------------------------------------------------------------- */

    /*
     * Map n bytes at offset, a multiple of OS_GRANULARITY; offset + n is within the file.
     * OS_MAP_WRITE needs a file opened with OS_WRITE. SLOT_E_NO_MEMORY when there is no address
     * space: unmap something and try again. SLOT_E_IO.
     */
    os_result (*map)(const struct os *os, struct os_file *file, uint64_t offset, size_t n,
                     os_map_mode mode, void **base);

    /* Unmap what map returned, with the same n. Dirty bytes stay in the file. */
    void (*unmap)(const struct os *os, void *base, size_t n);

    /*
     * Hand the dirty bytes in [address, address + n) of one mapping to the file. They are durable
     * after a sync of the file that follows. (FlushViewOfFile; msync.)
     */
    os_result (*flush)(const struct os *os, void *address, size_t n);

    /*
     * Whether sync reaches only those stores into views that the storing process has handed over by
     * flush. False: it reaches all that is in views, whoever has stored it.
     */
    bool (*views_apart)(const struct os *os);

    /*
     * Make the pages of the range present, for reading or for writing, so that touching them
     * cannot fault until they are evicted (reading) or flushed (writing); with for_write, holes get
     * their space. Contents do not change. SLOT_E_LOST when some page cannot be had: the file was
     * truncated, the disk is full or failing; ask size and allocate which.
     */
    os_result (*populate)(const struct os *os, void *address, size_t n, bool for_write);

    /*
     * From now on stores into [address, address + n) of a mapping made with OS_MAP_LENT reach the
     * file (writable), or fault (not), from whatever thread. Both ends are multiples of
     * OS_GRANULARITY from the start of the mapping, or its end. SLOT_E_NO_MEMORY; SLOT_E_IO: then
     * some pages may be as wanted, and others as before.
     */
    os_result (*protect)(const struct os *os, void *address, size_t n, bool writable);

    /* How a range of a mapping will be used, from now on; WILLNEED starts to read it. A hint. */
    void (*advise_view)(const struct os *os, void *address, size_t n, os_advice advice);

    /* ---- lock ------------------------------------------------------------------------------ */

    /*
     * Try to lock byte `byte` of an open file (it may lie beyond the end), shared or exclusive,
     * without waiting. Two openings of a file exclude each other even in one process. The system
     * lets go when the process ends, however it ends. SLOT_E_BUSY; SLOT_E_IO where locks do not
     * work at all. A shared lock needs OS_READ, an exclusive one OS_WRITE.
     */
    os_result (*lock)(const struct os *os, struct os_file *file, uint64_t byte, bool exclusive);

    void (*unlock)(const struct os *os, struct os_file *file, uint64_t byte);

    /* Whether another opening has a lock of the byte now, of either kind. Needs OS_READ only. */
    os_result (*held)(const struct os *os, struct os_file *file, uint64_t byte, bool *held);

    /*
     * Turn the exclusive lock that this opening has of a byte into a shared one, with no moment in
     * between at which another opening could have it exclusively. SLOT_E_IO.
     */
    os_result (*downgrade)(const struct os *os, struct os_file *file, uint64_t byte);

    /* ---- dir ------------------------------------------------------------------------------- */

    /*
     * Open a directory. Without a parent `path` is what the user has given: it is looked up here
     * and never again, links are followed. With a parent it is one name in it, and no link. All
     * other functions take such a directory and one name (no separator, not . or ..), so that what
     * they do never depends on the working directory, nor on who has renamed or replaced what
     * since: either the name means what it meant, or the call fails. (POSIX: the directory stays
     * the same one. Windows: nobody can rename it while it is open.)
     * SLOT_E_NO_FILE; SLOT_E_UNSUPPORTED: there is something, and it is not a directory;
     * SLOT_E_ARG: a name is too long; SLOT_E_PERMISSION; SLOT_E_IO.
     */
    os_result (*open_dir)(const struct os *os, struct os_dir *parent, const char *path,
                          struct os_dir **dir);

    /*
     * Take a path of the user apart: the directory that holds what it names, for open_dir, and the
     * name there. Separators at its end do not count. Both are memory that the caller frees.
     * SLOT_E_NO_MEMORY; SLOT_E_ARG when the last part is no name of its own: nothing, . or .., a
     * root.
     */
    os_result (*split_path)(const struct os *os, const char *path, char **parent, char **name);

    void (*close_dir)(const struct os *os, struct os_dir *dir);

    /* SLOT_E_EXISTS, SLOT_E_NO_FILE (`dir` was removed), SLOT_E_PERMISSION, SLOT_E_NO_SPACE. */
    os_result (*make_dir)(const struct os *os, struct os_dir *dir, const char *name);

    /* Remove an empty directory, which nobody has open. SLOT_E_EXISTS when it is not empty. */
    os_result (*remove_dir)(const struct os *os, struct os_dir *dir, const char *name);

    /* Remove a file. SLOT_E_NO_FILE. */
    os_result (*remove_file)(const struct os *os, struct os_dir *dir, const char *name);

    /*
     * Rename a file, or a directory that nobody has open, within its directory. SLOT_E_EXISTS when
     * `to` exists, whatever it is. Atomic; durable after sync_dir.
     */
    os_result (*rename_new)(const struct os *os, struct os_dir *dir, const char *from,
                            const char *to);

    /* Make the names in a directory durable. */
    os_result (*sync_dir)(const struct os *os, struct os_dir *dir);

    /* Call `fn` for every name in a directory. */
    os_result (*list)(const struct os *os, struct os_dir *dir, os_name_fn fn, void *context);

    /* What `name` is now; a link is OS_KIND_OTHER. */
    os_result (*kind)(const struct os *os, struct os_dir *dir, const char *name, os_kind *kind);

    /* ---- guard ----------------------------------------------------------------------------- */

    /*
     * Copy n bytes out of a view (load) or into one (store), and turn the signal or exception of a
     * page that is gone into SLOT_E_LOST; then part of the bytes may have been copied. Handlers
     * that were installed before ours are called for every other fault. `store` is also the seam
     * at which the crash simulator sees each change of a view: every store into a writable view
     * goes through it, but those of pointers that were lent.
     */
    os_result (*load)(const struct os *os, void *to, const void *view, size_t n);
    os_result (*store)(const struct os *os, void *view, const void *from, size_t n);

    /* ---- seams ----------------------------------------------------------------------------- */

    /* A point at which another thread or process may run; `where` is a static name. */
    void (*yield)(const struct os *os, const char *where);

    /* Milliseconds of a clock that never goes back; for bounded waits. */
    uint64_t (*clock_ms)(const struct os *os);

    /* Let others run for about `us` microseconds; 0: for a moment, if anybody wants to. */
    void (*sleep_us)(const struct os *os, uint32_t us);

    /*
     * Sleep until a thread of this process calls unpark for `word`, at most `us` microseconds, and
     * not at all when *word is not `seen` any more. May wake for no reason. unpark wakes one of
     * those who sleep there, at least; *word was changed before.
     */
    void (*park)(const struct os *os, _Atomic uint32_t *word, uint32_t seen, uint32_t us);
    void (*unpark)(const struct os *os, _Atomic uint32_t *word);

    /* The number of this process, as the system shows it; another one in a child made by fork.
     * Costs a load. */
    uint64_t (*process)(const struct os *os);

    /*
     * From now on watch->forked is called in each child that a fork makes of this process, before
     * anything else runs there; no other thread is there, and any lock may be held for ever.
     */
    void (*watch_forks)(const struct os *os, struct os_fork_watch *watch);
    void (*unwatch_forks)(const struct os *os, struct os_fork_watch *watch);

    /*
     * A number that all processes get until the machine is started again, and that then is another
     * one. 0: the system does not tell. What is in memory of files can be missing from the disk
     * only if this has changed.
     */
    uint64_t (*boot_id)(const struct os *os);

    /* n random bytes that no other call returns: for ids and temporary names. */
    os_result (*random)(const struct os *os, void *bytes, size_t n);
};

/*
 * The table of the system that this was built for. Never changes. Each call also makes sure that
 * the handler behind load and store is in place, should somebody have replaced it.
 */
const struct os *slot__os_native(void);

/* ---- mutex -------------------------------------------------------------------------------------
 * For short critical sections off the hot path; not recursive. Not in the table: which thread runs
 * is decided at `yield`, and no critical section contains one.
 */
struct os_mutex {
    void *opaque[8]; /* a pthread_mutex_t or an SRWLOCK; sizes are asserted in the twins */
};

void slot__os_mutex_init(struct os_mutex *mutex);
void slot__os_mutex_lock(struct os_mutex *mutex);
void slot__os_mutex_unlock(struct os_mutex *mutex);
void slot__os_mutex_release(struct os_mutex *mutex);

static inline bool os_ok(os_result result)
{
    return result.status == SLOT_OK;
}

static inline os_result os_success(void)
{
    os_result result = {SLOT_OK, 0};

    return result;
}

#endif
