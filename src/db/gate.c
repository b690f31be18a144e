#include "db/gate.h"

#include <assert.h>

#include "base/status.h"

#define SLEEP_US_FIRST 50u
#define SLEEP_US_MAX   5000u

void slot__wait_init(struct wait *wait, const struct os *os, uint32_t wait_ms)
{
    wait->os = os;
    wait->deadline_ms = os->clock_ms(os) + wait_ms;
    wait->sleep_us = SLEEP_US_FIRST;
}

bool slot__wait_more(struct wait *wait, const char *where)
{
    if (wait->os->clock_ms(wait->os) >= wait->deadline_ms)
        return false;
    wait->os->yield(wait->os, where);
    wait->os->sleep_us(wait->os, wait->sleep_us);
    if (wait->sleep_us < SLEEP_US_MAX)
        wait->sleep_us *= 2;
    return true;
}

static bool try_enter(struct gate *gate, bool writing)
{
    int inside = atomic_load_explicit(&gate->inside, memory_order_relaxed);

    if (writing) {
        int nobody = 0;

        return atomic_compare_exchange_strong_explicit(&gate->inside, &nobody, -1,
                                                       memory_order_acquire, memory_order_relaxed);
    }
    while (inside >= 0 && atomic_load_explicit(&gate->waiting, memory_order_relaxed) == 0) {
        if (atomic_compare_exchange_weak_explicit(&gate->inside, &inside, inside + 1,
                                                  memory_order_acquire, memory_order_relaxed))
            return true;
    }
    return false;
}

slot_status slot__gate_enter(struct gate *gate, const struct os *os, bool writing, uint32_t wait_ms,
                             slot_error *err)
{
    struct wait wait;
    bool entered = try_enter(gate, writing);

    if (entered)
        return SLOT_OK;
    if (writing)
        atomic_fetch_add_explicit(&gate->waiting, 1, memory_order_relaxed);
    slot__wait_init(&wait, os, wait_ms);
    while (!entered && slot__wait_more(&wait, "slot__gate_enter"))
        entered = try_enter(gate, writing);
    if (writing)
        atomic_fetch_sub_explicit(&gate->waiting, 1, memory_order_relaxed);
    if (!entered)
        return slot__error_set(err, SLOT_E_BUSY, "", SLOT_NO_OFFSET,
                               "other transactions of this handle did not end within %u ms",
                               wait_ms);
    return SLOT_OK;
}

void slot__gate_leave(struct gate *gate, bool writing)
{
    int before = atomic_fetch_add_explicit(&gate->inside, writing ? 1 : -1, memory_order_release);

    assert(writing ? before == -1 : before > 0);
    (void)before;
}
