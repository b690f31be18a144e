/*
 * What the processes do that a torture test kills: writers and readers of a bank. Each of their
 * threads uses the one handle of its process.
 */
#ifndef SLOT_TESTS_TORTURE_WORKER_H
#define SLOT_TESTS_TORTURE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "slotfile/slotfile.h"
#include "torture/bank.h"
#include "torture/board.h"

#define WORKER_WRITERS     4 /* processes that write */
#define WORKER_PROCESSES   8 /* all of them */
#define WORKER_THREADS     (BOARD_WRITERS / WORKER_WRITERS)
#define WORKER_LOG_LIMIT   (UINT64_C(16) << 20)
#define WORKER_RECORDS_MAX 60000 /* appending stops there */
#define WORKER_PATIENCE_MS 30000 /* longest time without getting on */

struct worker_thread {
    struct board *board;
    struct board_process *process;
    slot_db *db;
    slot_access access;
    bool sync_full;
    uint64_t random;
    uint64_t writer;       /* writers: its number */
    uint64_t transactions; /* to do before the handle is closed and opened again */
    uint64_t stuck_since;  /* clock, of the first refusal since it got on; 0: none */
    uint64_t parent;       /* the parent's beat when last seen, and when that was */
    uint64_t parent_seen;
    uint64_t number[BOARD_WRITERS]; /* readers: what was seen last; writers: only their own */
    bool number_known;              /* writers */
};

/* The main of a worker process `index` (the first WORKER_WRITERS write) with the bank in `dir`:
 * until it is told to stop. Returns the exit code. */
int worker_main(const char *dir, unsigned index, uint64_t seed);

/* Open the bank, look at nothing, close: a process that may be killed in recovery. */
int worker_open_main(const char *dir, uint64_t seed);

/* One transaction, and what may be checked in it. */
void worker_write(struct worker_thread *thread);
void worker_read(struct worker_thread *thread);

/* It has got on, and does `doing` now. */
void worker_beat(struct worker_thread *thread, enum board_doing doing);

/* True when the call is to be made again later: others were in the way, and not for too long. Any
 * status but SLOT_OK and the allowed refusals is a failure of the test. */
bool worker_refused(struct worker_thread *thread, const char *call, slot_status status,
                    const slot_error *err);

/* Paths in the directory of a test. */
void worker_paths(const char *dir, char *board, char *bank, unsigned room);

/* Options as a process of this seed uses them. */
void worker_options(slot_options *options, uint64_t *random);

#endif
