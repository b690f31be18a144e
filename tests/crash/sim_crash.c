/*
 * Power cuts: which of the unsynced items are on the disk, and the machine that comes up with that.
 *
 * All items of a world are counted through in one order: by node, its dirty sectors, then its size,
 * then its place. An item has versions 0 (durable) .. n (now); a policy picks one of them.
 *
 * A fork is the child world of its parent. To make it anew, what differs between the child and the
 * parent's durable images is copied (TOUCHED in the child, CHANGED in the parent), then the picked
 * versions of the parent's dirty sectors.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "crash/sim_inside.h"

#define FORKS_COMPARED 64u /* each so many forks the child is searched for unannounced stores */

/* One crash, while its image is being made. */
struct cut {
    const struct sim_world *from;
    struct sim_world *to; /* may be the same */
    sim_policy policy;
    uint64_t random;
    uint64_t item, nth; /* DROP_ONE, KEEP_ONE */
    uint64_t torn;      /* TORN: the sector, counting sectors only */
    unsigned lean;      /* RANDOM */
    uint64_t at, sector_at;
    bool places_picked; /* two nodes may be in one place */
};

const char *sim_policy_name(sim_policy policy)
{
    static const char *const names[] = {"none",   "all",  "drop-one", "keep-one",
                                        "random", "torn", "zeroed"};

    return policy < SIM_CRASH_POLICIES ? names[policy] : "?";
}

static uint64_t dirty_sectors(const struct sim_world *world)
{
    uint64_t n = 0;

    for (uint32_t i = 1; i < world->node_count; i++)
        n += world->nodes[i]->dirty.count;
    return n;
}

uint64_t sim_unsynced(const struct sim_world *world)
{
    uint64_t n = dirty_sectors(world);

    for (uint32_t i = 1; i < world->node_count; i++) {
        const struct node *node = world->nodes[i];

        if (node->used)
            n += (node->size_count > 1 ? 1u : 0u) + (node->place_count > 1 ? 1u : 0u);
    }
    return n;
}

uint64_t sim_changes(const struct sim_world *world)
{
    return world->changes;
}

/* What was stored through lent pointers is there now, though nobody has told. */
static void absorb_all(struct sim_world *world)
{
    for (size_t i = 0; i < world->process_count; i++) {
        if (world->processes[i]->alive)
            process_absorb(world->processes[i]);
    }
}

/* ---- picking ---- */

static void cut_begin(struct cut *cut, const struct sim_world *from, struct sim_world *to,
                      sim_policy policy, uint64_t seed)
{
    uint64_t items = sim_unsynced(from);
    uint64_t sectors = dirty_sectors(from);

    memset(cut, 0, sizeof *cut);
    cut->from = from;
    cut->to = to;
    cut->policy = policy;
    cut->random = sim_mix(sim_mix(from->config.seed, seed), (uint64_t)policy + from->changes * 16);
    if (items > 0) {
        cut->item = seed % items;
        cut->nth = seed / items;
    }
    cut->lean = (unsigned)(sim_random(&cut->random) % 4);
    if (policy == SIM_CRASH_TORN) {
        static const sim_policy others[] = {SIM_CRASH_RANDOM, SIM_CRASH_ALL, SIM_CRASH_NONE};

        cut->torn = sectors > 0 ? sim_random(&cut->random) % sectors : 0;
        cut->policy = others[sim_random(&cut->random) % 3];
    } else {
        cut->torn = UINT64_MAX;
    }
}

/* One of the versions 0 .. newest, by chance. */
static uint32_t pick_any(struct cut *cut, uint32_t newest)
{
    uint64_t chance = sim_random(&cut->random);
    uint32_t any = (uint32_t)((chance >> 8) % (newest + 1));

    switch (cut->lean) {
    case 0:
        return chance % 8 != 0 ? newest : any;
    case 1:
        return chance % 8 != 0 ? 0 : any;
    case 2:
        return chance % 2 != 0 ? newest : 0;
    default:
        return any;
    }
}

/* The version of the item that is next in the order. */
static uint32_t pick(struct cut *cut, uint32_t newest)
{
    bool chosen = cut->at++ == cut->item;

    switch (cut->policy) {
    case SIM_CRASH_NONE:
        return 0;
    case SIM_CRASH_ALL:
        return newest;
    case SIM_CRASH_DROP_ONE:
        return chosen ? (uint32_t)(cut->nth % newest) : newest;
    case SIM_CRASH_KEEP_ONE:
        return chosen ? 1 + (uint32_t)(cut->nth % newest) : 0;
    default:
        return pick_any(cut, newest);
    }
}

/* Into `bytes`: units of two successive versions, up to a place, from a place on, or here and
 * there. */
static void tear(struct cut *cut, const struct node *node, uint32_t sector, uint8_t *bytes)
{
    uint32_t older = (uint32_t)(sim_random(&cut->random) % (node->sectors[sector].saved + 1));
    const uint8_t *a = disk_version(cut->from, node, sector, older);
    const uint8_t *b = disk_version(cut->from, node, sector, older + 1);
    uint64_t chance = sim_random(&cut->random);
    uint64_t mask = sim_random(&cut->random);
    size_t unit = (chance & 1) != 0 ? 8 : 64;
    size_t units = SIM_SECTOR / unit;

    chance >>= 1;
    if (chance % 3 < 2) {
        mask = (UINT64_C(1) << (1 + (chance >> 8) % (units - 1))) - 1;
        mask = chance % 3 == 0 ? mask : ~mask;
    }
    for (size_t i = 0; i < units; i++)
        memcpy(bytes + i * unit, ((mask >> i & 1) != 0 ? b : a) + i * unit, unit);
}

static void cut_sector(struct cut *cut, const struct node *from, struct node *to, uint32_t sector)
{
    uint8_t bytes[SIM_SECTOR];
    uint64_t offset = (uint64_t)sector * SIM_SECTOR;
    uint32_t version = pick(cut, from->sectors[sector].saved + 1);

    if (cut->policy == SIM_CRASH_ZEROED && offset >= from->sizes[0])
        version = 0;
    if (cut->sector_at++ == cut->torn)
        tear(cut, from, sector, bytes);
    else
        memcpy(bytes, disk_version(cut->from, from, sector, version), SIM_SECTOR);
    disk_set(cut->to, to, offset, bytes, SIM_SECTOR);
}

/* One of the sizes, or one between two of them. */
static uint64_t pick_size(struct cut *cut, const struct node *node)
{
    uint32_t version;
    uint64_t size, next, chance;

    if (node->size_count == 1)
        return node->sizes[0];
    version = pick(cut, node->size_count - 1);
    if (cut->policy == SIM_CRASH_ZEROED)
        version = node->size_count - 1;
    size = node->sizes[version];
    if (cut->policy != SIM_CRASH_RANDOM || version + 1 == node->size_count)
        return size;
    next = node->sizes[version + 1];
    chance = sim_random(&cut->random);
    if (chance % 8 != 0 || next < size)
        return size;
    return min_u64(next, size + (chance >> 8) % (next - size + 1) / SIM_SECTOR * SIM_SECTOR);
}

/* All bytes behind the size are zeros. */
static void cut_tail(struct cut *cut, struct node *node, uint64_t size, uint64_t extent)
{
    static const uint8_t zeros[SIM_SECTOR];

    for (uint64_t at = size, next; at < extent; at = next) {
        size_t n;

        next = min_u64((at / SIM_SECTOR + 1) * SIM_SECTOR, extent);
        n = (size_t)(next - at);
        if (memcmp(node->cache + at, zeros, n) != 0)
            disk_set(cut->to, node, at, NULL, n);
    }
}

static void cut_place(struct cut *cut, const struct node *from, struct node *to)
{
    uint32_t version = 0;

    if (from->place_count > 1) {
        version = pick(cut, from->place_count - 1);
        if (cut->policy == SIM_CRASH_ZEROED)
            version = from->place_count - 1;
        cut->places_picked = true;
    }
    if (to != from || version > 0)
        to->places[0] = from->places[version];
    to->place_count = 1;
}

/* The words of a file that is going down: as they were, zeros, or anything. */
static void cut_words(struct cut *cut, const struct node *from, struct node *to, uint32_t number)
{
    uint64_t random = sim_mix(cut->random, number);
    uint64_t how = sim_random(&random) % 3;
    uint64_t end = min_u64(from->words_to, node_size(from));

    for (uint64_t at = from->words_from, next; at < end; at = next) {
        uint64_t bytes[SIM_SECTOR / sizeof(uint64_t)];
        size_t n;

        next = min_u64(at + SIM_SECTOR, end);
        n = (size_t)(next - at);
        if (how == 0)
            memcpy(bytes, from->cache + at, n);
        for (size_t i = 0; how == 2 && i < sizeof bytes / sizeof bytes[0]; i++)
            bytes[i] = sim_random(&random);
        disk_set(cut->to, to, at, how == 1 ? NULL : (const uint8_t *)bytes, n);
    }
}

static void cut_file(struct cut *cut, const struct node *from, struct node *to, uint32_t number)
{
    uint64_t extent = from->extent;
    bool resized = from->size_count > 1;
    uint64_t size;

    for (uint32_t i = 0; i < from->dirty.count; i++)
        cut_sector(cut, from, to, from->dirty.at[i]);
    size = pick_size(cut, from);
    if (from->words_to > from->words_from)
        cut_words(cut, from, to, number);
    to->sizes[0] = size;
    to->size_count = 1;
    to->extent = max_u64(to->extent, extent);
    if (resized)
        cut_tail(cut, to, size, extent);
}

/* Of two nodes in one place, one has not been there: a removal or a creation that was lost. */
static void part_places(struct cut *cut)
{
    struct sim_world *to = cut->to;

    for (uint32_t i = 1; i < to->node_count; i++) {
        struct place *a = &to->nodes[i]->places[0];

        for (uint32_t k = i + 1; to->nodes[i]->used && k < to->node_count; k++) {
            struct place *b = &to->nodes[k]->places[0];

            if (!to->nodes[k]->used || a->parent == NOWHERE || b->parent != a->parent ||
                strcmp(a->name, b->name) != 0)
                continue;
            if (sim_random(&cut->random) % 2 != 0)
                a->parent = NOWHERE;
            else
                b->parent = NOWHERE;
        }
    }
}

/* ---- the world itself ---- */

/* What was lost by failed writes is not there any more. */
static void drop_lost(struct sim_world *world, struct node *node)
{
    for (uint32_t i = 0; node->lost > 0 && i < node->extent / SIM_SECTOR + 1; i++) {
        if ((node->sectors[i].flags & SECTOR_LOST) == 0)
            continue;
        node->sectors[i].flags &= ~(uint32_t)SECTOR_LOST;
        node->lost--;
        disk_set(world, node, (uint64_t)i * SIM_SECTOR, node->durable + (size_t)i * SIM_SECTOR,
                 SIM_SECTOR);
    }
}

static void drop_gone(struct sim_world *world)
{
    char path[1024];

    for (uint32_t i = 1; i < world->node_count; i++) {
        if (world->nodes[i]->used && !names_path(world, i, path, sizeof path))
            names_clear(world, world->nodes[i]);
    }
}

void sim_crash(struct sim_world *world, sim_policy policy, uint64_t seed)
{
    struct cut cut;

    assert(!world->in_hook);
    absorb_all(world);
    cut_begin(&cut, world, world, policy, seed);
    sched_kill_all(world);
    for (uint32_t i = 1; i < world->node_count; i++) {
        struct node *node = world->nodes[i];

        if (!node->used)
            continue;
        if (!node->is_dir) {
            drop_lost(world, node);
            cut_file(&cut, node, node, i);
            for (uint32_t k = 0; k < node->dirty.count; k++)
                disk_sector_clean(world, node, node->dirty.at[k]);
            node->dirty.count = 0;
            node->words_from = node->words_to = 0;
            memset(node->stored, 0, (size_t)(node->extent / SIM_PAGE + 1) * sizeof *node->stored);
            disk_punch(world, node, world->config.keeps_space ? node_size(node) : 0);
        }
        cut_place(&cut, node, node);
    }
    if (cut.places_picked)
        part_places(&cut);
    drop_gone(world);
    world->boots++;
    world->changes++;
}

/* ---- forks ---- */

static struct sim_world *make_child(struct sim_world *world)
{
    struct sim_world *child = sim_world_make(&world->config);

    child->parent = world;
    child->depth = world->depth + 1;
    child->next_serial = (uint64_t)child->depth << 56; /* no serial of the parent, ever */
    child->config.compare_every = 0;
    child->config.disk_pages = 0; /* all pages are holes, and want room */
    child->config.compare_syncs = false;
    world->child = child;
    return child;
}

/* Copy a sector of the parent's durable image to all images of the child. */
static void copy_sector(const struct node *from, struct node *to, uint32_t sector)
{
    size_t offset = (size_t)sector * SIM_SECTOR;

    memcpy(to->cache + offset, from->durable + offset, SIM_SECTOR);
    memcpy(to->shadow + offset, from->durable + offset, SIM_SECTOR);
    memcpy(to->durable + offset, from->durable + offset, SIM_SECTOR);
}

/* The child's file was something else, or nothing: copy all of it. */
static void copy_file(struct sim_world *child, struct node *from, struct node *to)
{
    size_t n = (size_t)min_u64(round_up(from->extent, SIM_PAGE), child->config.max_file_bytes);

    disk_node_begin(child, to);
    disk_punch(child, to, 0);
    memcpy(to->cache, from->durable, n);
    memcpy(to->shadow, from->durable, n);
    memcpy(to->durable, from->durable, n);
    to->extent = n;
}

static void note_changed(const struct sim_world *child, struct node *to, uint32_t sector)
{
    if (child->child == NULL || (to->sectors[sector].flags & SECTOR_CHANGED) != 0)
        return;
    to->sectors[sector].flags |= SECTOR_CHANGED;
    to->changed.at[to->changed.count++] = sector;
}

/* What cut_words is about to set, from *from on to *to, whatever is there. */
static void words_to_come(const struct node *node, uint64_t *from, uint64_t *to)
{
    *from = node->words_from;
    *to = min_u64(node->words_to, node_size(node)) / SIM_SECTOR * SIM_SECTOR;
}

/* Make the child's file equal to the durable image of the parent's, but for words that come. */
static void follow_file(struct sim_world *child, struct node *from, struct node *to)
{
    uint64_t words_from, words_to;

    words_to_come(from, &words_from, &words_to);
    disk_punch(child, to, 0);
    for (uint32_t i = 0; i < to->dirty.count; i++)
        disk_sector_clean(child, to, to->dirty.at[i]);
    to->dirty.count = 0;
    for (uint32_t i = 0; i < to->touched.count; i++) {
        uint32_t sector = to->touched.at[i];
        uint64_t at = (uint64_t)sector * SIM_SECTOR;

        to->sectors[sector].flags &= SECTOR_CHANGED;
        to->stored[at / SIM_PAGE] = 0;
        if (at >= words_from && at < words_to)
            continue;
        copy_sector(from, to, sector);
        note_changed(child, to, sector);
    }
    to->touched.count = 0;
    to->lost = 0;
    for (uint64_t at = to->words_from; at < to->words_to; at += SIM_SECTOR) {
        if (at >= words_from && at < words_to)
            continue;
        copy_sector(from, to, (uint32_t)(at / SIM_SECTOR));
        note_changed(child, to, (uint32_t)(at / SIM_SECTOR));
    }
    to->words_from = to->words_to = 0;
    for (uint32_t i = 0; i < from->changed.count; i++) {
        copy_sector(from, to, from->changed.at[i]);
        note_changed(child, to, from->changed.at[i]);
    }
}

static void fork_node(struct cut *cut, struct node *from, uint32_t number)
{
    struct sim_world *child = cut->to;
    struct node *to = names_slot(child, number);

    if (!from->used) {
        if (to->used)
            names_clear(child, to);
        return;
    }
    if (!to->used || to->serial != from->serial) {
        if (to->used)
            names_clear(child, to);
        to->used = true;
        to->is_dir = from->is_dir;
        to->serial = from->serial;
        to->sizes[0] = 0;
        to->size_count = 1;
        if (!from->is_dir)
            copy_file(child, from, to);
    } else if (!from->is_dir) {
        follow_file(child, from, to);
    }
    for (uint32_t i = 0; i < from->changed.count; i++)
        from->sectors[from->changed.at[i]].flags &= ~(uint32_t)SECTOR_CHANGED;
    from->changed.count = 0;
    to->lock_count = 0;
    to->errors = to->errors_seen = 0;
    if (!from->is_dir)
        cut_file(cut, from, to, number);
    cut_place(cut, from, to);
}

/* Nothing that follows depends on earlier forks. */
static void start_child(struct sim_world *child, const struct cut *cut)
{
    child->clock_us = cut->from->clock_us;
    child->changes = 0;
    sim_reseed(child, sim_mix(cut->random, 1));
}

struct sim_world *sim_fork_crashed(struct sim_world *world, sim_policy policy, uint64_t seed)
{
    struct sim_world *child = world->child != NULL ? world->child : make_child(world);
    struct cut cut;

    assert(!child->running);
    absorb_all(world);
    sched_kill_all(child);
    if (++child->forks % FORKS_COMPARED == 0)
        sim_check_stores(child);
    cut_begin(&cut, world, child, policy, seed);
    for (uint32_t i = 1; i < world->node_count; i++)
        fork_node(&cut, world->nodes[i], i);
    for (uint32_t i = world->node_count; i < child->node_count; i++) {
        if (child->nodes[i]->used)
            names_clear(child, child->nodes[i]);
    }
    if (cut.places_picked)
        part_places(&cut);
    child->boots = world->boots + 1;
    start_child(child, &cut);
    return child;
}
