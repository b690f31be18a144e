#include "view/ahead.h"

#include "base/checked.h"

#define PROBE_BYTES UINT64_C(4096)

/* How far beyond its end this step announces: not at all if it is the first, then more and more. */
static void widen(struct ahead *ahead, bool goes_on, uint64_t told)
{
    if (goes_on) {
        ahead->window = min_u64(max_u64(ahead->window * 2, AHEAD_PIECE_BYTES), AHEAD_BYTES);
    } else {
        ahead->window = 0;
        ahead->trust = 0;
        ahead->told = told;
    }
}

/*
 * The next of `left` bytes: if the far end of a piece is in memory, so is all of it, and the next
 * look goes further; else it is announced. Returns how many bytes that were.
 */
static uint64_t next_piece(struct ahead *ahead, const struct os *os, struct os_file *file,
                           uint64_t left, bool backward)
{
    uint64_t n = min_u64(max_u64(ahead->trust, AHEAD_PIECE_BYTES), left);
    uint64_t probe = min_u64(PROBE_BYTES, n);

    if (os->cached(os, file, backward ? ahead->told - n : ahead->told + n - probe, probe)) {
        ahead->trust = min_u64(2 * n, AHEAD_BYTES);
        return n;
    }
    ahead->trust = 0;
    n = min_u64(AHEAD_PIECE_BYTES, left);
    os->advise(os, file, backward ? ahead->told - n : ahead->told, n, OS_ADVICE_WILLNEED);
    return n;
}

void slot__ahead_forward(struct ahead *ahead, const struct os *os, struct os_file *file,
                         uint64_t from, uint64_t to, uint64_t end)
{
    widen(ahead, ahead_goes_on(ahead, from), from);
    ahead->next = to;
    ahead->told = max_u64(ahead->told, from);
    while (ahead->told < min_u64(to + ahead->window, end))
        ahead->told += next_piece(ahead, os, file, end - ahead->told, false);
}

void slot__ahead_backward(struct ahead *ahead, const struct os *os, struct os_file *file,
                          uint64_t from, uint64_t to, uint64_t end)
{
    widen(ahead, ahead_goes_on(ahead, to), to);
    ahead->next = from;
    ahead->told = min_u64(ahead->told, to);
    while (ahead->told > end && ahead->told + ahead->window > from)
        ahead->told -= next_piece(ahead, os, file, ahead->told - end, true);
}
