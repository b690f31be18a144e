#include "view/admission.h"

#include <string.h>

void slot__admission_init(struct admission *admission)
{
    memset(admission, 0, sizeof *admission);
    atomic_store_explicit(&admission->needed, ADMISSION_ROOM, memory_order_relaxed);
}

static uint32_t counter_of(uint64_t window)
{
    return (uint32_t)(window * UINT64_C(0x9e3779b97f4a7c15) >> 32) % ADMISSION_COUNTERS;
}

bool slot__admission_miss(struct admission *admission, uint64_t window)
{
    _Atomic uint16_t *count = &admission->counts[counter_of(window)];
    uint32_t misses = atomic_load_explicit(count, memory_order_relaxed);

    if (misses < UINT16_MAX)
        misses++;
    atomic_store_explicit(count, (uint16_t)misses, memory_order_relaxed);
    return misses >= atomic_load_explicit(&admission->needed, memory_order_relaxed);
}

bool slot__admission_passed(struct admission *admission, uint32_t misses)
{
    uint32_t before = atomic_fetch_add_explicit(&admission->misses, misses, memory_order_relaxed);

    return before < ADMISSION_EPOCH && before + misses >= ADMISSION_EPOCH;
}

void slot__admission_halve(struct admission *admission)
{
    for (uint32_t i = 0; i < ADMISSION_COUNTERS; i++) {
        uint16_t count = atomic_load_explicit(&admission->counts[i], memory_order_relaxed);

        atomic_store_explicit(&admission->counts[i], (uint16_t)(count / 2), memory_order_relaxed);
    }
    atomic_store_explicit(&admission->misses, 0, memory_order_relaxed);
}

uint32_t slot__admission_count(const struct admission *admission, uint64_t window)
{
    return atomic_load_explicit(&admission->counts[counter_of(window)], memory_order_relaxed);
}

uint32_t slot__admission_price(uint32_t score)
{
    uint32_t price = 2 * (score < UINT16_MAX ? score : UINT16_MAX) + ADMISSION_MARGIN;

    return price > ADMISSION_ROOM ? price : ADMISSION_ROOM;
}

void slot__admission_require(struct admission *admission, bool room, uint32_t score)
{
    uint32_t needed = room ? ADMISSION_ROOM : slot__admission_price(score);

    atomic_store_explicit(&admission->needed, needed, memory_order_relaxed);
}
