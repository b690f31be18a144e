/*
 * Contents of simulated files: the three images, the versions of sectors, sizes, sync and flush.
 * The drawing is in sim.h, the invariants are in sim_inside.h.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "crash/sim_inside.h"

#define PAGE_SECTORS (SIM_PAGE / SIM_SECTOR)
#define ANYBODY      (UINT64_C(1) << 63) /* in node.stored: any flush covers it */

/* ---- memory ---- */

void disk_node_begin(struct sim_world *world, struct node *node)
{
    size_t max = (size_t)world->config.max_file_bytes;
    size_t sectors = max / SIM_SECTOR;
    uint32_t *lists;

    if (node->memory != NULL)
        return;
    /* Pages of it become memory when they are touched. */
    node->memory = sim_take(3 * max + OS_GRANULARITY);
    node->sectors = sim_take(sectors * sizeof *node->sectors);
    node->stored = sim_take(max / SIM_PAGE * sizeof *node->stored);
    node->space = sim_take(max / SIM_PAGE);
    lists = sim_take(3 * sectors * sizeof *lists);
    node->cache = node->memory + (OS_GRANULARITY - (uintptr_t)node->memory % OS_GRANULARITY);
    node->shadow = node->cache + max;
    node->durable = node->shadow + max;
    node->dirty.at = lists;
    node->touched.at = lists + sectors;
    node->changed.at = lists + 2 * sectors;
}

void disk_node_clear(struct sim_world *world, struct node *node)
{
    size_t n = (size_t)round_up(node->extent, SIM_PAGE);

    if (node->memory == NULL)
        return;
    disk_punch(world, node, 0);
    for (uint32_t i = 0; i < node->dirty.count; i++)
        disk_sector_clean(world, node, node->dirty.at[i]);
    memset(node->cache, 0, n);
    memset(node->shadow, 0, n);
    memset(node->durable, 0, n);
    memset(node->sectors, 0, n / SIM_SECTOR * sizeof *node->sectors);
    memset(node->stored, 0, n / SIM_PAGE * sizeof *node->stored);
    node->dirty.count = node->touched.count = node->changed.count = 0;
    node->lost = 0;
    node->extent = 0;
    node->words_from = node->words_to = 0;
}

void disk_node_free(struct node *node)
{
    if (node == NULL)
        return;
    free(node->memory);
    free(node->sectors);
    free(node->stored);
    free(node->space);
    free(node->dirty.at);
    free(node->locks);
    free(node);
}

/* ---- space ---- */

bool disk_has_space(const struct node *node, uint64_t offset)
{
    return node->space[offset / SIM_PAGE] != 0;
}

/* Whether there is no room for more of a file. */
static bool is_full(const struct sim_world *world, const struct node *node, uint64_t pages)
{
    const char *name = node_place(node)->name, *end = world->full_for;
    size_t n = strlen(name), m = end != NULL ? strlen(end) : 0;

    if (end != NULL && n >= m && strcmp(name + n - m, end) == 0)
        return true;
    return world->config.disk_pages != 0 && world->pages_taken + pages > world->config.disk_pages;
}

bool disk_take(struct sim_world *world, struct node *node, uint64_t offset, uint64_t n)
{
    uint64_t end = (offset + n + SIM_PAGE - 1) / SIM_PAGE, wanted = 0;

    for (uint64_t page = offset / SIM_PAGE; page < end; page++)
        wanted += node->space[page] == 0;
    if (wanted > 0 && is_full(world, node, wanted)) {
        world->fulls++;
        if (world->on_full != NULL)
            world->on_full(world->on_full_context, world, node_place(node)->name);
        return false;
    }
    for (uint64_t page = offset / SIM_PAGE; page < end; page++)
        node->space[page] = 1;
    world->pages_taken += wanted;
    node->pages += wanted;
    return true;
}

void disk_punch(struct sim_world *world, struct node *node, uint64_t offset)
{
    for (uint64_t page = (offset + SIM_PAGE - 1) / SIM_PAGE;
         node->pages > 0 && page < world->config.max_file_bytes / SIM_PAGE; page++) {
        world->pages_taken -= node->space[page];
        node->pages -= node->space[page];
        node->space[page] = 0;
    }
}

/* ---- lists of sectors ---- */

static void add(struct node *node, struct sector_list *list, uint32_t sector, uint32_t flag)
{
    if ((node->sectors[sector].flags & flag) != 0)
        return;
    node->sectors[sector].flags |= flag;
    list->at[list->count++] = sector;
}

static void touch(struct sim_world *world, struct node *node, uint32_t sector)
{
    if (world->parent != NULL)
        add(node, &node->touched, sector, SECTOR_TOUCHED);
}

static void set_durable(struct sim_world *world, struct node *node, uint32_t sector,
                        const uint8_t *bytes)
{
    memmove(node->durable + (size_t)sector * SIM_SECTOR, bytes, SIM_SECTOR);
    if (world->child != NULL)
        add(node, &node->changed, sector, SECTOR_CHANGED);
}

/* ---- versions ---- */

static void push_version(struct sim_world *world, struct node *node, uint32_t number)
{
    struct sector *sector = &node->sectors[number];
    uint32_t slot = world->version_free;

    if (slot != 0) {
        world->version_free = world->versions[slot - 1].next;
    } else {
        if (world->version_count == world->version_room) {
            size_t room = world->version_room;

            world->versions =
                sim_grow(world->versions, world->version_count, &room, sizeof *world->versions);
            world->version_room = (uint32_t)room;
        }
        slot = ++world->version_count;
    }
    world->versions[slot - 1].next = 0;
    memcpy(world->versions[slot - 1].bytes, node->shadow + (size_t)number * SIM_SECTOR, SIM_SECTOR);
    if (sector->last != 0)
        world->versions[sector->last - 1].next = slot;
    else
        sector->first = slot;
    sector->last = slot;
    sector->saved++;
}

/* Forget the `count` oldest versions that are saved. */
static void drop_versions(struct sim_world *world, struct sector *sector, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = sector->first;

        sector->first = world->versions[slot - 1].next;
        world->versions[slot - 1].next = world->version_free;
        world->version_free = slot;
    }
    sector->saved -= count;
    if (sector->saved == 0)
        sector->first = sector->last = 0;
}

const uint8_t *disk_version(const struct sim_world *world, const struct node *node, uint32_t sector,
                            uint32_t number)
{
    const struct sector *of = &node->sectors[sector];
    uint32_t slot = of->first;

    if (number == 0)
        return node->durable + (size_t)sector * SIM_SECTOR;
    if (number > of->saved)
        return node->cache + (size_t)sector * SIM_SECTOR;
    while (--number > 0)
        slot = world->versions[slot - 1].next;
    return world->versions[slot - 1].bytes;
}

void disk_sector_clean(struct sim_world *world, struct node *node, uint32_t sector)
{
    drop_versions(world, &node->sectors[sector], node->sectors[sector].saved);
    node->sectors[sector].handed = 0;
    node->sectors[sector].flags &= ~(uint32_t)SECTOR_DIRTY;
}

static void make_dirty(struct sim_world *world, struct node *node, uint32_t sector)
{
    add(node, &node->dirty, sector, SECTOR_DIRTY);
    touch(world, node, sector);
    if ((node->sectors[sector].flags & SECTOR_LOST) != 0) {
        node->sectors[sector].flags &= ~(uint32_t)SECTOR_LOST;
        node->lost--;
    }
}

/* The system writes whole pages: storing into one gives what was lost of it another chance. */
static void make_lost_dirty(struct sim_world *world, struct node *node, uint32_t sector)
{
    uint32_t first = sector / PAGE_SECTORS * PAGE_SECTORS;

    for (uint32_t i = first; i < first + PAGE_SECTORS; i++) {
        if ((node->sectors[i].flags & SECTOR_LOST) != 0)
            make_dirty(world, node, i);
    }
}

/* ---- changes ---- */

static bool is_words(const struct node *node, uint64_t offset)
{
    return offset >= node->words_from && offset < node->words_to;
}

/* Whether the node lies where files are watched. */
static bool is_watched(const struct sim_world *world, const struct node *node)
{
    uint32_t parent = node_place(node)->parent;

    return world->watch_in == ROOT || parent == world->watch_in ||
           (parent != NOWHERE && names_within(world, parent, world->watch_in));
}

static void tell_watches(struct sim_world *world, struct sim_process *process,
                         const struct node *node, uint64_t offset, const uint8_t *from, size_t n)
{
    for (uint32_t i = 0; i < world->watch_count; i++) {
        const struct watch *watch = &world->watches[i];

        if (watch->fn != NULL && strcmp(node_place(node)->name, watch->name) == 0 &&
            is_watched(world, node))
            watch->fn(watch->context, world, process, from, offset, n);
    }
}

static void copy(uint8_t *to, const uint8_t *from, size_t n)
{
    if (from != NULL)
        memcpy(to, from, n);
    else
        memset(to, 0, n);
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
    return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

void disk_put(struct sim_world *world, struct sim_process *process, struct node *node,
              uint64_t offset, const uint8_t *from, size_t n, uint64_t who)
{
    uint32_t number = (uint32_t)(offset / SIM_SECTOR);
    struct sector *sector = &node->sectors[number];
    uint8_t *to = node->cache + offset;

    assert(n > 0 && offset % SIM_SECTOR + n <= SIM_SECTOR && offset + n <= node_size(node));
    tell_watches(world, process, node, offset, from, n);
    if (!is_words(node, offset)) {
        bool same = from != NULL ? memcmp(to, from, n) == 0 : is_zero(to, n);

        world->changes++;
        if ((sector->flags & SECTOR_DIRTY) != 0 && !same)
            push_version(world, node, number);
        make_dirty(world, node, number);
        if (node->lost > 0)
            make_lost_dirty(world, node, number);
        if (who != 0)
            node->stored[offset / SIM_PAGE] |= who;
        else
            sector->handed = sector->saved + 1;
    }
    copy(to, from, n);
    copy(node->shadow + offset, from, n);
}

void disk_absorb(struct sim_world *world, struct sim_process *process, struct node *node,
                 uint64_t offset, uint64_t n)
{
    uint64_t end = min_u64(offset + n, node_size(node));

    for (uint64_t at = offset, next; at < end; at = next) {
        uint8_t bytes[SIM_SECTOR];
        size_t piece;

        next = min_u64((at / SIM_SECTOR + 1) * SIM_SECTOR, end);
        piece = (size_t)(next - at);
        if (memcmp(node->cache + at, node->shadow + at, piece) == 0)
            continue;
        memcpy(bytes, node->cache + at, piece);
        memcpy(node->cache + at, node->shadow + at, piece);
        disk_put(world, process, node, at, bytes, piece, process->inside->who);
    }
}

static void compare_range(struct sim_world *world, const struct node *node, uint64_t from,
                          uint64_t to)
{
    if (from >= to || memcmp(node->cache + from, node->shadow + from, (size_t)(to - from)) == 0)
        return;
    while (node->cache[from] == node->shadow[from])
        from++;
    sim_violation(world, "%s: byte %llu was changed by a store that nobody announced%s",
                  node_place(node)->name, (unsigned long long)from,
                  from >= node_size(node) ? ", behind the end of the file" : "");
}

void disk_compare(struct sim_world *world, const struct node *node, uint64_t offset, uint64_t n)
{
    uint64_t end = min_u64(round_up(offset + n, SIM_PAGE), world->config.max_file_bytes);

    if (node->words_to > node->words_from) {
        compare_range(world, node, offset, min_u64(end, node->words_from));
        compare_range(world, node, max_u64(offset, node->words_to), end);
    } else {
        compare_range(world, node, offset, end);
    }
}

static void push_size(struct node *node, uint64_t size)
{
    if (node->size_count == SIZES_MAX) {
        memmove(node->sizes + 1, node->sizes + 2, (SIZES_MAX - 2) * sizeof *node->sizes);
        node->size_count--;
    }
    node->sizes[node->size_count++] = size;
    node->extent = max_u64(node->extent, size);
}

void disk_resize(struct sim_world *world, struct sim_process *process, struct node *node,
                 uint64_t size)
{
    uint64_t before = node_size(node);

    assert(size <= world->config.max_file_bytes);
    if (size == before)
        return;
    for (uint64_t at = size, next; at < before; at = next) {
        next = min_u64((at / SIM_SECTOR + 1) * SIM_SECTOR, before);
        if (!is_zero(node->cache + at, (size_t)(next - at)) ||
            (node->sectors[at / SIM_SECTOR].flags & (SECTOR_DIRTY | SECTOR_LOST)) != 0)
            disk_put(world, process, node, at, NULL, (size_t)(next - at), 0);
    }
    if (size < before)
        disk_punch(world, node, size);
    world->changes++;
    push_size(node, size);
}

/* ---- durability ---- */

/* SIM_WINDOWS: what was handed over becomes durable. Whether the sector is clean now. */
static bool sync_handed(struct sim_world *world, struct node *node, uint32_t number)
{
    struct sector *sector = &node->sectors[number];
    uint32_t handed = sector->handed;

    if (handed == 0)
        return false;
    set_durable(world, node, number, disk_version(world, node, number, handed));
    sector->handed = 0;
    if (handed > sector->saved) {
        disk_sector_clean(world, node, number);
        return true;
    }
    drop_versions(world, sector, handed);
    return false;
}

static bool sync_sector(struct sim_world *world, struct node *node, uint32_t number)
{
    if (world->config.flavour == SIM_WINDOWS)
        return sync_handed(world, node, number);
    set_durable(world, node, number, node->cache + (size_t)number * SIM_SECTOR);
    disk_sector_clean(world, node, number);
    return true;
}

void disk_sync(struct sim_world *world, struct node *node)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < node->dirty.count; i++) {
        if (!sync_sector(world, node, node->dirty.at[i]))
            node->dirty.at[kept++] = node->dirty.at[i];
    }
    node->dirty.count = kept;
    node->sizes[0] = node_size(node);
    node->size_count = 1;
    world->changes++;
}

/* The cache has what is on the disk; but nothing behind the end of a file that was cut since. */
static void revert(struct node *node, uint32_t number)
{
    uint64_t offset = (uint64_t)number * SIM_SECTOR, size = node_size(node);
    size_t n = offset < size ? (size_t)min_u64(size - offset, SIM_SECTOR) : 0;

    memcpy(node->cache + offset, node->durable + offset, n);
    memset(node->cache + offset + n, 0, SIM_SECTOR - n);
    memcpy(node->shadow + offset, node->cache + offset, SIM_SECTOR);
}

/* One sector that did not get to the disk as it is now; an older version may have. */
static void lose_sector(struct sim_world *world, struct node *node, uint32_t number, sim_loss loss,
                        uint64_t random)
{
    struct sector *sector = &node->sectors[number];
    uint32_t version = (uint32_t)(random % (sector->saved + 1));

    set_durable(world, node, number, disk_version(world, node, number, version));
    disk_sector_clean(world, node, number);
    if (loss == SIM_LOSS_REVERTED)
        revert(node, number);
    sector->flags |= SECTOR_LOST;
    node->lost++;
}

/* Whether the sector is in a page behind that in which the file ends: what was cut off with its
 * place on the disk is not written, cannot be lost, and does not come back. */
static bool is_cut_off(const struct node *node, uint32_t number)
{
    return (uint64_t)number * SIM_SECTOR >= round_up(node_size(node), SIM_PAGE);
}

void disk_sync_failed(struct sim_world *world, struct node *node, sim_loss loss, uint64_t seed)
{
    uint64_t random = sim_mix(seed, node->dirty.count);
    uint64_t unlucky = node->dirty.count > 0 ? sim_random(&random) % node->dirty.count : 0;

    /* At least one is lost, or it would be no failure. */
    for (uint32_t i = 0; i < node->dirty.count; i++) {
        uint32_t number = node->dirty.at[i];
        uint64_t chance = sim_random(&random);

        if ((i == unlucky || (chance & 1) != 0) && !is_cut_off(node, number)) {
            lose_sector(world, node, number, loss, chance >> 1);
        } else {
            set_durable(world, node, number, node->cache + (size_t)number * SIM_SECTOR);
            disk_sector_clean(world, node, number);
        }
    }
    node->dirty.count = 0;
    node->errors++;
    world->losses++;
    world->changes++;
}

/* Whether a process that lives has mapped the page at `offset`: then the system keeps it. */
static bool is_mapped(const struct sim_world *world, uint32_t number, uint64_t offset)
{
    for (size_t i = 0; i < world->process_count; i++) {
        const struct sim_process_inside *in = world->processes[i]->inside;

        for (size_t k = 0; k < in->map_count; k++) {
            const struct mapping *map = &in->maps[k];

            if (map->node == number && map->mode != OS_MAP_PRIVATE &&
                offset + SIM_PAGE > map->offset && offset < map->offset + map->n)
                return true;
        }
    }
    return false;
}

void disk_forget(struct sim_world *world, struct node *node, uint32_t number, uint64_t offset,
                 uint64_t n)
{
    uint64_t end = min_u64(offset + n, node->extent);

    for (uint64_t at = offset; node->lost > 0 && at < end; at += SIM_SECTOR) {
        struct sector *sector = &node->sectors[at / SIM_SECTOR];

        if ((sector->flags & SECTOR_LOST) == 0 ||
            is_mapped(world, number, at / SIM_PAGE * SIM_PAGE))
            continue;
        revert(node, (uint32_t)(at / SIM_SECTOR));
        sector->flags &= ~(uint32_t)SECTOR_LOST;
        node->lost--;
        world->changes++;
    }
}

void disk_flush(struct node *node, uint64_t who, uint64_t offset, uint64_t n)
{
    uint64_t last = (min_u64(offset + n, node_size(node)) + SIM_PAGE - 1) / SIM_PAGE;

    for (uint64_t page = offset / SIM_PAGE; page < last; page++) {
        if ((node->stored[page] & (who | ANYBODY)) == 0)
            continue;
        node->stored[page] &= ~(who | ANYBODY);
        for (uint64_t i = page * PAGE_SECTORS; i < (page + 1) * PAGE_SECTORS; i++) {
            if ((node->sectors[i].flags & SECTOR_DIRTY) != 0)
                node->sectors[i].handed = node->sectors[i].saved + 1;
        }
    }
}

void disk_disown(struct node *node, uint64_t who, uint64_t offset, uint64_t n)
{
    for (uint64_t page = offset / SIM_PAGE; page < (offset + n + SIM_PAGE - 1) / SIM_PAGE; page++) {
        if ((node->stored[page] & who) != 0)
            node->stored[page] = (node->stored[page] & ~who) | ANYBODY;
    }
}

void disk_make_words(struct sim_world *world, struct node *node, uint64_t offset, uint64_t n)
{
    uint64_t from = offset / SIM_SECTOR * SIM_SECTOR;
    uint64_t to = round_up(offset + n, SIM_SECTOR);
    uint32_t kept = 0;

    if (node->words_to > node->words_from) {
        from = min_u64(from, node->words_from);
        to = max_u64(to, node->words_to);
    }
    node->words_from = from;
    node->words_to = to;
    for (uint32_t i = 0; i < node->dirty.count; i++) {
        uint32_t sector = node->dirty.at[i];

        if (is_words(node, (uint64_t)sector * SIM_SECTOR))
            disk_sector_clean(world, node, sector);
        else
            node->dirty.at[kept++] = sector;
    }
    node->dirty.count = kept;
    world->changes++;
}

void disk_set(struct sim_world *world, struct node *node, uint64_t offset, const uint8_t *from,
              size_t n)
{
    uint32_t sector = (uint32_t)(offset / SIM_SECTOR);

    assert(offset % SIM_SECTOR + n <= SIM_SECTOR);
    copy(node->cache + offset, from, n);
    copy(node->shadow + offset, from, n);
    copy(node->durable + offset, from, n);
    touch(world, node, sector);
    if (world->child != NULL)
        add(node, &node->changed, sector, SECTOR_CHANGED);
}
