#include "raw_group.h"

#include "raw_pages.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define RAW_FILE "threads.raw"
#define PARK_US  100000u

struct raw_group {
    const struct os *os;
    struct raw_pages pages;
    struct os_mutex append; /* one stores at a time, as into a log */
    struct os_mutex mutex;  /* guards what follows */
    uint64_t head;          /* pages that were stored */
    uint64_t flushing_to;
    bool flushing;
    uint32_t round; /* flushes until now */
    _Atomic uint64_t durable;
    _Atomic uint32_t over[2]; /* changes when round n is over: over[n % 2] */
};

struct raw_group *raw_group_create(struct bench *bench, uint64_t pages)
{
    struct raw_group *group = must_malloc(sizeof *group);

    memset(group, 0, sizeof *group);
    group->os = bench->os;
    raw_pages_create(&group->pages, bench, RAW_FILE, pages);
    slot__os_mutex_init(&group->append);
    slot__os_mutex_init(&group->mutex);
    return group;
}

void raw_group_destroy(struct raw_group *group)
{
    raw_pages_destroy(&group->pages);
    slot__os_mutex_release(&group->append);
    slot__os_mutex_release(&group->mutex);
    free(group);
}

void raw_group_rewind(struct raw_group *group)
{
    group->head = 0;
    group->flushing_to = 0;
    atomic_store(&group->durable, 0);
}

/* For all that have stored by now. The mutex is held, and not any more after. */
static void flush_for_all(struct raw_group *group)
{
    const struct os *os = group->os;
    uint64_t from = atomic_load(&group->durable), to = group->head;
    uint8_t *begin = group->pages.base + from * PAGE_BYTES;
    size_t n = (size_t)((to - from) * PAGE_BYTES);
    uint32_t round;

    group->flushing = true;
    group->flushing_to = to;
    slot__os_mutex_unlock(&group->mutex);
    os->advise_view(os, begin, n, OS_ADVICE_FORGET); /* cheaper than page by page, in the sync */
    must_os(os->flush(os, begin, n), "flush");
    must_os(os->sync(os, group->pages.file), "sync");
    slot__os_mutex_lock(&group->mutex);
    group->flushing = false;
    round = group->round++;
    atomic_store(&group->durable, to);
    atomic_fetch_add(&group->over[0], 1);
    atomic_fetch_add(&group->over[1], 1);
    slot__os_mutex_unlock(&group->mutex);
    os->unpark(os, &group->over[(round + 1) % 2]); /* who leads the next */
    os->unpark(os, &group->over[round % 2]);       /* who wakes the next of his own round */
}

static void wait_durable(struct raw_group *group, uint64_t page)
{
    const struct os *os = group->os;

    while (atomic_load(&group->durable) <= page) {
        _Atomic uint32_t *over;
        uint32_t seen;

        slot__os_mutex_lock(&group->mutex);
        if (atomic_load(&group->durable) > page) {
            slot__os_mutex_unlock(&group->mutex);
        } else if (!group->flushing) {
            flush_for_all(group);
        } else {
            over = &group->over[(group->round + (page >= group->flushing_to ? 1u : 0u)) % 2];
            seen = atomic_load(over);
            slot__os_mutex_unlock(&group->mutex);
            os->park(os, over, seen, PARK_US);
            if (atomic_load(&group->durable) > page)
                os->unpark(os, over);
        }
    }
}

void raw_group_commit(struct raw_group *group, int value)
{
    uint64_t page;

    slot__os_mutex_lock(&group->append);
    page = group->head;
    memset(group->pages.base + page * PAGE_BYTES, value, PAGE_BYTES);
    slot__os_mutex_lock(&group->mutex);
    group->head = page + 1;
    slot__os_mutex_unlock(&group->mutex);
    slot__os_mutex_unlock(&group->append);
    wait_durable(group, page);
}
