/*
 * An OS table around another one that counts what is done, keeps account of what is open, mapped
 * and locked, and lets one call fail.
 *
 *     struct os_faulty faulty;
 *
 *     os_faulty_init(&faulty, slot__os_native());
 *     os_faulty_fail(&faulty, 17, OS_FAULTY_ONCE, SLOT_E_IO, 5);
 *     ... use &faulty.os ...
 *     assert_int_equal(faulty.failed, 1);
 *     assert_true(os_faulty_is_clean(&faulty));
 *     os_faulty_release(&faulty);
 *
 * Only functions that return an os_result are counted, and of keep the calls that can fail. Any
 * number of threads may use the table; reading the counters, and the functions below, are for when
 * they rest.
 */
#ifndef SLOT_TESTS_SUPPORT_OS_FAULTY_H
#define SLOT_TESTS_SUPPORT_OS_FAULTY_H

#include "os/os.h"

/* The functions that can fail. */
#define OS_FAULTY_MAP(X)                                                                           \
    X(open)                                                                                        \
    X(keep)                                                                                        \
    X(size)                                                                                        \
    X(resize)                                                                                      \
    X(allocate)                                                                                    \
    X(read_at)                                                                                     \
    X(write_at)                                                                                    \
    X(sync)                                                                                        \
    X(intact)                                                                                      \
    X(map)                                                                                         \
    X(flush)                                                                                       \
    X(populate)                                                                                    \
    X(protect)                                                                                     \
    X(lock)                                                                                        \
    X(held)                                                                                        \
    X(downgrade)                                                                                   \
    X(open_dir)                                                                                    \
    X(split_path)                                                                                  \
    X(make_dir)                                                                                    \
    X(remove_dir)                                                                                  \
    X(remove_file)                                                                                 \
    X(rename_new)                                                                                  \
    X(sync_dir)                                                                                    \
    X(list)                                                                                        \
    X(kind)                                                                                        \
    X(load)                                                                                        \
    X(store)                                                                                       \
    X(random)

enum os_faulty_function {
#define X(name) OS_FAULTY_FN_##name,
    OS_FAULTY_MAP(X)
#undef X
        OS_FAULTY_FUNCTIONS,
    OS_FAULTY_ANY = OS_FAULTY_FUNCTIONS
};

/* How a call fails. */
enum {
    OS_FAULTY_ONCE = 0,    /* only the nth */
    OS_FAULTY_FOREVER = 1, /* the nth and all that follow */
    OS_FAULTY_HALF = 2     /* or-ed: read_at, write_at, load and store do the first half of it */
};

#define OS_FAULTY_LOCKS_MAX 256

struct os_faulty {
    struct os os; /* the table to use; must be first */

    /* Since init. */
    uint64_t calls;                          /* of all functions that can fail */
    uint64_t calls_of[OS_FAULTY_FUNCTIONS];  /* of each */
    uint64_t failed;                         /* calls that were made to fail */
    enum os_faulty_function failed_function; /* the last of them; ANY: none */
    uint64_t mapped_bytes, mapped_peak;      /* mapped now, and the most ever */
    uint64_t views, files, dirs, locks;      /* live now */

    /* private */
    const struct os *inner;
    struct os_mutex mutex;
    struct {
        enum os_faulty_function only;
        uint64_t left; /* calls until it fails; 0: never */
        int how;
        os_result result;
    } rule;
    struct {
        struct os_file *file;
        uint64_t byte;
    } lock[OS_FAULTY_LOCKS_MAX];
};

void os_faulty_init(struct os_faulty *faulty, const struct os *inner);
void os_faulty_release(struct os_faulty *faulty);

/*
 * From now on, make the nth call (1 is the next) fail with `status` and `code`. The inner function
 * is not called. One rule at a time: a new one replaces the old.
 */
void os_faulty_fail(struct os_faulty *faulty, uint64_t nth, int how, slot_status status, int code);

/* The same, counting only the calls of one function, for example "sync". */
void os_faulty_fail_only(struct os_faulty *faulty, const char *function, uint64_t nth, int how,
                         slot_status status, int code);

/* No more failures. */
void os_faulty_mend(struct os_faulty *faulty);

/* The calls of one function so far, for example "sync". */
uint64_t os_faulty_count(const struct os_faulty *faulty, const char *function);

/* The name of the function that was made to fail last, or "". */
const char *os_faulty_failed_name(const struct os_faulty *faulty);

/* Whether nothing is open, mapped or locked. */
bool os_faulty_is_clean(const struct os_faulty *faulty);

#endif
