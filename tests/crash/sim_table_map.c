/*
 * The table of a simulated process: views, copies out of them and into them, and ranges that were
 * lent.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "crash/sim_table.h"

/* The view of this process that holds [address, address + n), or NULL. */
static const struct mapping *find_view(const struct sim_process *process, const void *address,
                                       size_t n, bool writable)
{
    const struct sim_process_inside *in = process->inside;
    uintptr_t from = (uintptr_t)address;

    for (size_t i = 0; i < in->map_count; i++) {
        const struct mapping *map = &in->maps[i];
        uintptr_t base = (uintptr_t)map->base;

        if (from >= base && from - base <= map->n && n <= map->n - (from - base) &&
            (!writable || map->mode != OS_MAP_READ))
            return map;
    }
    return NULL;
}

/* A copy, because other threads may map, too; a violation when there is none. */
static struct mapping view_of(const struct sim_process *process, const void *address, size_t n,
                              bool writable)
{
    const struct mapping *map = find_view(process, address, n, writable);

    if (map != NULL)
        return *map;
    sim_violation(process->world, "process %llu: %llu bytes are not in a %sview of it",
                  (unsigned long long)process->number, (unsigned long long)n,
                  writable ? "writable " : "");
}

static uint64_t offset_in(const struct mapping *map, const void *address)
{
    return map->offset + (uint64_t)((uintptr_t)address - (uintptr_t)map->base);
}

void process_absorb(struct sim_process *process)
{
    struct sim_process_inside *in = process->inside;

    for (size_t i = 0; i < in->lent_count; i++)
        disk_absorb(process->world, process, process->world->nodes[in->lent[i].node],
                    in->lent[i].offset, in->lent[i].n);
}

void sim_lend(struct sim_process *process, const void *pointer, size_t n)
{
    struct sim_process_inside *in = process->inside;
    const struct mapping *map = find_view(process, pointer, n, true);
    struct lent lent;

    if (map == NULL || map->mode != OS_MAP_WRITE)
        return; /* private memory: a store is nobody else's business */
    lent = (struct lent){map->node, offset_in(map, pointer), n};
    for (size_t i = 0; i < in->lent_count; i++) {
        if (in->lent[i].node == lent.node && in->lent[i].offset == lent.offset &&
            in->lent[i].n == n)
            return;
    }
    in->lent = sim_grow(in->lent, in->lent_count, &in->lent_room, sizeof *in->lent);
    in->lent[in->lent_count++] = lent;
}

void sim_unlend(struct sim_process *process)
{
    process_absorb(process);
    process->inside->lent_count = 0;
}

/* ---- map ---- */

os_result sim_map(const struct os *os, struct os_file *file, uint64_t offset, size_t n,
                  os_map_mode mode, void **base)
{
    struct sim_process *process = sim_self(os);
    struct sim_process_inside *in = process->inside;
    struct node *node = table_node(process, file);
    struct mapping map = {file->node, offset, n, mode, node->cache + offset};
    os_result result;

    if (mode == OS_MAP_LENT)
        map.mode = mode = OS_MAP_WRITE; /* see sim_protect */
    assert(offset % OS_GRANULARITY == 0 && n > 0);
    assert((file->flags & OS_WRITE) != 0 || mode == OS_MAP_READ || mode == OS_MAP_PRIVATE);
    if ((file->flags & OS_LOCKS) != 0)
        sim_violation(process->world,
                      "%s is mapped, and was opened for locks: a child would keep them",
                      node_place(node)->name);
    table_point_at(process, SIM_FN_map, node, offset, n, false);
    if (table_fails(process, SIM_FN_map, &result))
        return result;
    if (offset > node_size(node) || n > node_size(node) - offset)
        return table_failure(SLOT_E_TRUNCATED);
    if (mode == OS_MAP_PRIVATE) {
        map.base = sim_take(n);
        memcpy(map.base, node->cache + offset, n);
    }
    if (mode == OS_MAP_WORDS)
        disk_make_words(process->world, node, offset, n);
    in->maps = sim_grow(in->maps, in->map_count, &in->map_room, sizeof *in->maps);
    in->maps[in->map_count++] = map;
    node->views++;
    node->writable_views += mode == OS_MAP_WRITE;
    *base = map.base;
    return os_success();
}

/* Pointers that were lent into a view are gone with it, unless another view has them too. */
static void end_loans(struct sim_process *process, const struct mapping *gone)
{
    struct sim_process_inside *in = process->inside;
    size_t kept = 0;

    for (size_t i = 0; i < in->lent_count; i++) {
        const struct lent *lent = &in->lent[i];
        bool held = lent->node != gone->node || lent->offset < gone->offset ||
                    lent->offset >= gone->offset + gone->n;

        for (size_t k = 0; k < in->map_count && !held; k++)
            held = in->maps[k].node == lent->node && in->maps[k].mode == OS_MAP_WRITE &&
                   lent->offset >= in->maps[k].offset &&
                   lent->offset + lent->n <= in->maps[k].offset + in->maps[k].n;
        if (held)
            in->lent[kept++] = *lent;
    }
    in->lent_count = kept;
}

void table_unmap(struct sim_process *process, size_t i)
{
    struct sim_process_inside *in = process->inside;
    struct mapping map = in->maps[i];
    struct node *node = process->world->nodes[map.node];

    in->maps[i] = in->maps[--in->map_count];
    node->views--;
    if (map.mode == OS_MAP_WRITE) {
        node->writable_views--;
        disk_disown(node, in->who, map.offset, map.n);
        end_loans(process, &map);
    } else if (map.mode == OS_MAP_PRIVATE) {
        free(map.base);
    }
    names_drop_unreachable(process->world, node);
}

/* All views of a file are one memory: of two of the same bytes nobody can tell which one goes, and
 * the one for reading does. map_count: there is none. */
static size_t view_to_go(const struct sim_process_inside *in, const void *base, size_t n)
{
    size_t found = in->map_count;

    for (size_t i = 0; i < in->map_count; i++) {
        if (in->maps[i].base == base && in->maps[i].n == n &&
            (found == in->map_count || in->maps[i].mode == OS_MAP_READ))
            found = i;
    }
    return found;
}

void sim_unmap(const struct os *os, void *base, size_t n)
{
    struct sim_process *process = sim_self(os);
    struct sim_process_inside *in = process->inside;
    const struct mapping map = view_of(process, base, n, false);
    const struct node *node = process->world->nodes[map.node];
    size_t i;

    table_point_at(process, SIM_FN_unmap, node, map.offset, n, false);
    i = view_to_go(in, base, n);
    if (i == in->map_count)
        sim_violation(process->world, "%s: a part of a view is unmapped", node_place(node)->name);
    if (process->world->config.compare_syncs && in->maps[i].mode == OS_MAP_WRITE)
        disk_compare(process->world, node, in->maps[i].offset, n);
    table_unmap(process, i);
}

os_result sim_flush(const struct os *os, void *address, size_t n)
{
    struct sim_process *process = sim_self(os);
    const struct mapping map = view_of(process, address, n, true);
    struct node *node = process->world->nodes[map.node];
    uint64_t offset = offset_in(&map, address);
    os_result result;

    table_point_at(process, SIM_FN_flush, node, offset, n, false);
    if (table_fails(process, SIM_FN_flush, &result))
        return result;
    if (map.mode == OS_MAP_WRITE)
        disk_flush(node, process->inside->who, offset, n);
    return os_success();
}

bool sim_views_apart(const struct os *os)
{
    return sim_self(os)->world->config.flavour == SIM_WINDOWS;
}

os_result sim_populate(const struct os *os, void *address, size_t n, bool for_write)
{
    struct sim_process *process = sim_self(os);
    const struct mapping map = view_of(process, address, n, for_write);
    struct node *node = process->world->nodes[map.node];
    uint64_t offset = offset_in(&map, address);
    os_result result;

    table_point_at(process, SIM_FN_populate, node, offset, n, false);
    if (table_fails(process, SIM_FN_populate, &result))
        return result;
    if (offset + n > round_up(node_size(node), SIM_PAGE) ||
        (for_write && !disk_take(process->world, node, offset, n)))
        return table_failure(SLOT_E_LOST);
    return os_success();
}

/* What all processes share is one memory here: whose stores would fault is not modelled. */
os_result sim_protect(const struct os *os, void *address, size_t n, bool writable)
{
    struct sim_process *process = sim_self(os);
    const struct mapping map = view_of(process, address, n, true);
    os_result result;

    (void)writable;
    table_point_at(process, SIM_FN_protect, process->world->nodes[map.node],
                   offset_in(&map, address), n, false);
    return table_fails(process, SIM_FN_protect, &result) ? result : os_success();
}

void sim_advise_view(const struct os *os, void *address, size_t n, os_advice advice)
{
    (void)view_of(sim_self(os), address, n, false);
    (void)advice;
}

/* ---- guard ---- */

/* How many of n bytes at an address are still in the file. */
static size_t bytes_left(const struct sim_process *process, const struct mapping *map,
                         const void *address, size_t n)
{
    uint64_t offset = offset_in(map, address);
    uint64_t size = node_size(process->world->nodes[map->node]);

    return offset >= size ? 0 : (size_t)min_u64(n, size - offset);
}

os_result sim_load(const struct os *os, void *to, const void *view, size_t n)
{
    struct sim_process *process = sim_self(os);
    const struct mapping map = view_of(process, view, n, false);
    os_result result = os_success();
    size_t left;
    bool half = false;

    table_point_at(process, SIM_FN_load, process->world->nodes[map.node], offset_in(&map, view), n,
                   false);
    (void)view_of(process, view, n, false); /* nobody has unmapped it meanwhile */
    if (table_faulty(process, SIM_FN_load, &half, &result))
        n = half ? n / 2 : 0;
    left = map.mode == OS_MAP_PRIVATE ? n : bytes_left(process, &map, view, n);
    if (left > 0)
        memcpy(to, view, left);
    return left < n ? table_failure(SLOT_E_LOST) : result;
}

/* One piece, which others see at once. */
static os_result store_piece(struct sim_process *process, const struct mapping *map, void *view,
                             const void *from, size_t n)
{
    struct node *node = process->world->nodes[map->node];
    uint64_t offset = offset_in(map, view);
    bool tracked = map->mode == OS_MAP_WRITE;

    table_point_at(process, SIM_FN_store, node, offset, n, tracked);
    if (map->mode == OS_MAP_PRIVATE) {
        memcpy(view, from, n);
        return os_success();
    }
    if (bytes_left(process, map, view, n) < n)
        return table_failure(SLOT_E_LOST);
    if (tracked && process->world->config.holes && n > 0 && !disk_has_space(node, offset))
        sim_violation(process->world, "%s: a store at byte %llu, where it is a hole",
                      node_place(node)->name, (unsigned long long)offset);
    if (tracked && n > 0 && !disk_take(process->world, node, offset, n))
        return table_failure(SLOT_E_LOST);
    table_put(process, node, offset, from, n, process->inside->who);
    return os_success();
}

os_result sim_store(const struct os *os, void *view, const void *from, size_t n)
{
    struct sim_process *process = sim_self(os);
    struct mapping map = view_of(process, view, n, true);
    uint64_t piece = process->world->config.store_piece;
    uint64_t start = offset_in(&map, view);
    os_result result = os_success(), stored = os_success();
    bool half = false;

    if (table_faulty(process, SIM_FN_store, &half, &result))
        n = half ? n / 2 : 0;
    for (uint64_t at = start, next; at < start + n && os_ok(stored); at = next) {
        next = table_piece_end(at, start + n, piece);
        stored = store_piece(process, &map, (uint8_t *)view + (at - start),
                             (const uint8_t *)from + (at - start), (size_t)(next - at));
    }
    return os_ok(stored) ? result : stored;
}
