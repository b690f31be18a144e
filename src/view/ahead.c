#include "view/ahead.h"

#include "base/checked.h"

#define PROBE_BYTES UINT64_C(4096)

/* A look at both ends of a piece: at all of it would cost a tenth of going through it. */
static bool seems_cached(const struct os *os, struct os_file *file, uint64_t from, uint64_t to)
{
    uint64_t n = min_u64(PROBE_BYTES, to - from);

    return os->cached(os, file, to - n, n) && os->cached(os, file, from, n);
}

static void announce(const struct os *os, struct os_file *file, uint64_t from, uint64_t to)
{
    if (from < to && !seems_cached(os, file, from, to))
        os->advise(os, file, from, to - from, OS_ADVICE_WILLNEED);
}

/* How far beyond its end this step announces: not at all if it is the first, then more and more. */
static void widen(struct ahead *ahead, bool goes_on, uint64_t told)
{
    if (goes_on) {
        ahead->window = min_u64(max_u64(ahead->window * 2, AHEAD_PIECE_BYTES), AHEAD_BYTES);
    } else {
        ahead->window = 0;
        ahead->told = told;
    }
}

void ahead_forward(struct ahead *ahead, const struct os *os, struct os_file *file, uint64_t from,
                   uint64_t to, uint64_t end)
{
    widen(ahead, ahead_goes_on(ahead, from), from);
    ahead->next = to;
    ahead->told = max_u64(ahead->told, from);
    while (ahead->told < min_u64(to + ahead->window, end)) {
        uint64_t piece_end = min_u64(ahead->told + AHEAD_PIECE_BYTES, end);

        announce(os, file, ahead->told, piece_end);
        ahead->told = piece_end;
    }
}

void ahead_backward(struct ahead *ahead, const struct os *os, struct os_file *file, uint64_t from,
                    uint64_t to, uint64_t end)
{
    widen(ahead, ahead_goes_on(ahead, to), to);
    ahead->next = from;
    ahead->told = min_u64(ahead->told, to);
    while (ahead->told > end && ahead->told + ahead->window > from) {
        uint64_t piece = min_u64(AHEAD_PIECE_BYTES, ahead->told - end);

        announce(os, file, ahead->told - piece, ahead->told);
        ahead->told -= piece;
    }
}
