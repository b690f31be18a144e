/*
 * Announcing what a scan will read of a file that is not in memory.
 *
 * A disk is fast when it has much to do: one thread that waits for each page it touches gets a
 * quarter of what it gives. So whoever goes through a file says what comes next, AHEAD_BYTES before
 * it gets there, in pieces. The first steps announce little, each more than the one before: who
 * reads a few records does not have 16 MiB read. What is in memory already is not announced: a look
 * at one page says so for 2 MiB, and for up to 16 when it was so before. Where that is wrong the
 * system's own read-ahead steps in.
 *
 *     from      to                        told
 *      |=========|-------------------------|
 *       this step   announced
 */
#ifndef SLOT_VIEW_AHEAD_H
#define SLOT_VIEW_AHEAD_H

#include "os/os.h"

#define AHEAD_BYTES       (UINT64_C(16) << 20)
#define AHEAD_PIECE_BYTES (UINT64_C(2) << 20)

struct ahead {
    uint64_t next;   /* where the next step begins, if it goes on from the last one */
    uint64_t told;   /* announced up to there (backward: down to there) */
    uint64_t window; /* how far ahead of a step, now */
    uint64_t trust;  /* bytes that one look speaks for: more each time it finds them in memory */
};

/* Whether a step that begins at `from` goes on where the last one has ended. */
static inline bool ahead_goes_on(const struct ahead *ahead, uint64_t from)
{
    return from == ahead->next && from > 0;
}

/*
 * A step forward over bytes [from, to) of a file; what is read later ends at `end`. Nothing fails:
 * these are hints. Cost: a short system call for each look, and one for
 * each piece that is announced.
 */
void slot__ahead_forward(struct ahead *ahead, const struct os *os, struct os_file *file,
                         uint64_t from, uint64_t to, uint64_t end);

/* The same backward: later comes [end, from). */
void slot__ahead_backward(struct ahead *ahead, const struct os *os, struct os_file *file,
                          uint64_t from, uint64_t to, uint64_t end);

#endif
