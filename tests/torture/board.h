/*
 * What the processes of a torture test tell each other: words in a file that all of them map. It
 * outlives whoever is killed, and a word is written whole or not at all, so what a writer had
 * acknowledged is known exactly.
 */
#ifndef SLOT_TESTS_TORTURE_BOARD_H
#define SLOT_TESTS_TORTURE_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BOARD_WRITERS   8
#define BOARD_PROCESSES 16

typedef _Atomic uint64_t board_word;

/* What happened, summed over all processes. */
#define BOARD_COUNTERS_MAP(X)                                                                      \
    X(opens)                                                                                       \
    X(commits_full)                                                                                \
    X(commits_normal)                                                                              \
    X(aborts)                                                                                      \
    X(checkpoints)                                                                                 \
    X(appended)                                                                                    \
    X(deleted)                                                                                     \
    X(inserted)                                                                                    \
    X(reads)                                                                                       \
    X(reads_without_permission)                                                                    \
    X(busy)                                                                                        \
    X(log_full)

struct board_writer {
    _Alignas(64) board_word attempted; /* stored before the commit */
    board_word acknowledged;           /* stored when it has returned SLOT_OK */
};

struct board_process {
    _Alignas(64) board_word beat; /* changes as long as it gets on */
    board_word doing;             /* enum board_doing, of the thread that beat last */
};

enum board_doing {
    DOING_NOTHING,
    DOING_OPEN,
    DOING_CLOSE,
    DOING_READ,
    DOING_BEGIN,
    DOING_WRITE,
    DOING_COMMIT,
    DOING_CHECKPOINT
};

struct board {
    board_word stop;   /* 1: close and end */
    board_word parent; /* the parent's beat: who sees it stand still is an orphan and ends */
    board_word step;   /* for tests that take turns */
#define X(name) board_word name;
    BOARD_COUNTERS_MAP(X)
#undef X
    struct board_writer writer[BOARD_WRITERS];
    struct board_process process[BOARD_PROCESSES];
};

/* Make the file, and map it; or map one that is there. Ends the program when it cannot. */
struct board *board_make(const char *path);
struct board *board_open(const char *path);
void board_close(struct board *board);

/* Wait until board->step is at least `step`; false after wait_ms. */
bool board_await(struct board *board, uint64_t step, uint32_t wait_ms);

const char *board_doing_text(uint64_t doing);

#endif
