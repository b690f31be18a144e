/*
 * Who may be in a database at the same time, within one handle: many readers or one writer, each
 * with a bounded wait. And the bounded wait itself, which all waiting in src/db goes through.
 */
#ifndef SLOT_DB_GATE_H
#define SLOT_DB_GATE_H

#include <stdatomic.h>

#include "os/os.h"

/* A wait that sleeps a little longer each time, and ends. */
struct wait {
    const struct os *os;
    uint64_t deadline_ms;
    uint32_t sleep_us;
};

void slot__wait_init(struct wait *wait, const struct os *os, uint32_t wait_ms);

/* Sleep; false when the time is over. `where` names the place for the simulator. */
bool slot__wait_more(struct wait *wait, const char *where);

/* All zero at the start. */
struct gate {
    atomic_int inside;  /* readers; -1: a writer */
    atomic_int waiting; /* writers that wait: no new reader overtakes them */
};

/* SLOT_E_BUSY after wait_ms. */
slot_status slot__gate_enter(struct gate *gate, const struct os *os, bool writing, uint32_t wait_ms,
                             slot_error *err);

void slot__gate_leave(struct gate *gate, bool writing);

#endif
