/*
 * Worlds: making, freeing, looking into them, and what is said about violations.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/checksum.h"
#include "crash/sim_inside.h"

#define PATH_MAX_BYTES 1024u
#define MESSAGE_MAX    512u

const char *sim_function_name(enum sim_function function)
{
    static const char *const names[] = {
#define X(name) #name,
        SIM_FUNCTIONS(X)
#undef X
    };

    return function < SIM_FUNCTION_COUNT ? names[function] : "?";
}

void sim_violation(struct sim_world *world, const char *format, ...)
{
    const struct sim_step *last = &world->last;
    char message[MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (world->config.violation != NULL)
        world->config.violation(world->config.violation_context, message);
    fprintf(stderr,
            "simulator: %s\n  seed %" PRIu64 ", %u forks deep, point %" PRIu64 ", step %" PRIu64
            "; the last point was %s(%s) of process %" PRIu64 " at offset %" PRIu64 "\n",
            message, world->config.seed, world->depth, world->points, world->steps,
            sim_function_name(last->function), last->name != NULL ? last->name : "",
            last->process != NULL ? last->process->number : 0, last->offset);
    sim_print(world, stderr);
    abort();
}

void *sim_take(size_t n)
{
    struct sim_process *running = sim_running;
    void *taken;

    sim_running = NULL;
    taken = calloc(1, n);
    sim_running = running;
    if (taken == NULL)
        abort();
    return taken;
}

void *sim_grow(void *array, size_t count, size_t *room, size_t item)
{
    struct sim_process *running = sim_running;

    if (count < *room)
        return array;
    *room = *room > 0 ? *room * 2 : 16;
    sim_running = NULL;
    array = realloc(array, *room * item);
    sim_running = running;
    if (array == NULL)
        abort();
    return array;
}

/* ---- worlds ---- */

void sim_config_init(struct sim_config *config)
{
    memset(config, 0, sizeof *config);
    config->seed = 1;
    config->max_file_bytes = UINT64_C(4) << 20;
    config->store_piece = SIM_SECTOR;
    config->write_piece = SIM_PAGE;
    config->compare_every = 1024;
    config->compare_syncs = true;
    config->max_points = 20000000;
}

struct sim_world *sim_world_make(const struct sim_config *config)
{
    struct sim_world *world = sim_take(sizeof *world);

    assert(config->max_file_bytes % OS_GRANULARITY == 0);
    assert(config->store_piece > 0 && SIM_SECTOR % config->store_piece == 0);
    assert(config->write_piece > 0);
    world->config = *config;
    names_slot(world, ROOT)->used = true;
    world->nodes[ROOT]->is_dir = true;
    world->nodes[ROOT]->places[0].parent = NOWHERE;
    world->nodes[ROOT]->place_count = 1;
    world->nodes[ROOT]->size_count = 1;
    sim_schedule_init(&world->schedule);
    sim_reseed(world, config->seed);
    return world;
}

void sim_world_free(struct sim_world *world)
{
    if (world == NULL)
        return;
    sim_world_free(world->child);
    sched_kill_all(world);
    sched_free(world);
    for (uint32_t i = 0; i < NODES_MAX; i++)
        disk_node_free(world->nodes[i]);
    free(world->versions);
    free(world);
}

void sim_set_compare(struct sim_world *world, uint32_t every, bool syncs)
{
    world->config.compare_every = every;
    world->config.compare_syncs = syncs;
    world->until_compare = every;
}

void sim_check_stores(struct sim_world *world)
{
    for (size_t i = 0; i < world->process_count; i++) {
        if (world->processes[i]->alive)
            process_absorb(world->processes[i]);
    }
    for (uint32_t i = 1; i < world->node_count; i++) {
        const struct node *node = world->nodes[i];

        if (node->used && !node->is_dir)
            disk_compare(world, node, 0, node->extent);
    }
    world->until_compare = world->config.compare_every;
}

const struct sim_step *sim_last_step(const struct sim_world *world)
{
    return &world->last;
}

void sim_on_write(struct sim_world *world, const char *name, sim_write_fn fn, void *context)
{
    struct watch *watch = NULL;

    assert(strlen(name) < SIM_NAME_MAX);
    for (uint32_t i = 0; i < world->watch_count; i++) {
        if (strcmp(world->watches[i].name, name) == 0)
            watch = &world->watches[i];
    }
    if (watch == NULL) {
        assert(world->watch_count < WATCHES_MAX);
        watch = &world->watches[world->watch_count++];
    }
    snprintf(watch->name, sizeof watch->name, "%s", name);
    watch->fn = fn;
    watch->context = context;
}

/* ---- files ---- */

/* The file at `path` now, or NULL. */
static struct node *file_at(const struct sim_world *world, const char *path)
{
    struct place place;
    uint32_t number = names_find(world, path, &place);

    return number == NOWHERE || world->nodes[number]->is_dir ? NULL : world->nodes[number];
}

const uint8_t *sim_cache_bytes(const struct sim_world *world, const char *path, uint64_t *n)
{
    const struct node *node = file_at(world, path);

    if (node == NULL)
        return NULL;
    *n = node_size(node);
    return node->cache;
}

/* Whether a node is where it is now after a crash that keeps nothing unsynced. */
static bool is_name_durable(const struct sim_world *world, const struct node *node)
{
    while (node != world->nodes[ROOT]) {
        const struct place *durable = &node->places[0];
        const struct place *now = node_place(node);

        if (durable->parent == NOWHERE || durable->parent != now->parent ||
            strcmp(durable->name, now->name) != 0)
            return false;
        node = world->nodes[durable->parent];
    }
    return true;
}

const uint8_t *sim_durable_bytes(const struct sim_world *world, const char *path, uint64_t *n)
{
    const struct node *node = file_at(world, path);

    if (node == NULL || !is_name_durable(world, node))
        return NULL;
    *n = node->sizes[0];
    return node->durable;
}

bool sim_is_durable(const struct sim_world *world, const char *path, uint64_t offset, uint64_t n)
{
    const struct node *node = file_at(world, path);

    if (node == NULL || offset + n > node->sizes[0] || offset + n > node_size(node))
        return false;
    return n == 0 || memcmp(node->cache + offset, node->durable + offset, (size_t)n) == 0;
}

void sim_poke(struct sim_world *world, const char *path, uint64_t offset, const void *bytes,
              uint64_t n)
{
    struct node *node = file_at(world, path);

    assert(node != NULL && offset + n <= node_size(node));
    for (uint64_t at = offset, next; at < offset + n; at = next) {
        next = min_u64((at / SIM_SECTOR + 1) * SIM_SECTOR, offset + n);
        disk_set(world, node, at, (const uint8_t *)bytes + (at - offset), (size_t)(next - at));
    }
    world->changes++;
}

void sim_watch_in(struct sim_world *world, const char *path)
{
    struct place place;

    world->watch_in = names_find(world, path, &place);
    assert(world->watch_in != NOWHERE);
}

/* Whether anybody has a directory open, or anything in it. */
static bool is_open(const struct sim_world *world, uint32_t directory)
{
    for (uint32_t i = 1; i < world->node_count; i++) {
        const struct node *node = world->nodes[i];

        if (node->used && (node->opens > 0 || node->views > 0) &&
            (i == directory || names_within(world, i, directory)))
            return true;
    }
    return false;
}

bool sim_move(struct sim_world *world, const char *from, const char *to, bool *opened)
{
    struct place old, new;
    uint32_t number = names_find(world, from, &old);
    struct node *node;

    assert(number != NOWHERE && names_find(world, to, &new) == NOWHERE && new.parent != NOWHERE);
    *opened = is_open(world, number);
    if (*opened && world->config.flavour == SIM_WINDOWS)
        return false;
    node = world->nodes[number];
    names_move(world, node, &new);
    node->places[0] = new;
    node->place_count = 1;
    return true;
}

void sim_set_room(struct sim_world *world, uint64_t pages)
{
    world->config.disk_pages = pages == SIM_ROOMY ? 0 : max_u64(world->pages_taken + pages, 1);
}

void sim_set_full_for(struct sim_world *world, const char *end)
{
    world->full_for = end;
}

void sim_on_full(struct sim_world *world, sim_full_fn fn, void *context)
{
    world->on_full = fn;
    world->on_full_context = context;
}

uint64_t sim_fulls(const struct sim_world *world)
{
    return world->fulls;
}

void sim_fail_writeback(struct sim_world *world, const char *path, sim_loss loss, uint64_t seed)
{
    struct node *node = file_at(world, path);

    assert(node != NULL);
    disk_sync_failed(world, node, loss, seed);
}

uint64_t sim_failures(const struct sim_world *world)
{
    return world->failures;
}

uint64_t sim_shorts(const struct sim_world *world)
{
    return world->shorts;
}

uint64_t sim_losses(const struct sim_world *world)
{
    return world->losses;
}

void sim_evict(struct sim_world *world)
{
    for (uint32_t i = 1; i < world->node_count; i++) {
        struct node *node = world->nodes[i];

        if (node->used && !node->is_dir)
            disk_forget(world, node, i, 0, node->extent);
    }
}

void sim_each_file(const struct sim_world *world, sim_file_fn fn, void *context)
{
    for (uint32_t i = 1; i < world->node_count; i++) {
        const struct node *node = world->nodes[i];
        char path[PATH_MAX_BYTES];

        if (node->used && names_path(world, i, path, sizeof path) &&
            !fn(context, path, node->is_dir, node_size(node)))
            return;
    }
}

/* ---- two worlds ---- */

/* Call fn for the stretches of a file that are not words. */
static void stretches(const struct node *node, uint64_t from[2], uint64_t to[2])
{
    uint64_t size = node_size(node);
    bool words = node->words_to > node->words_from;

    from[0] = 0;
    to[0] = words ? min_u64(node->words_from, size) : size;
    from[1] = words ? min_u64(node->words_to, size) : size;
    to[1] = size;
}

static uint64_t hash_file(const struct node *node, const char *path)
{
    uint64_t hash = slot__checksum(path, strlen(path), node_size(node) + node->is_dir);
    uint64_t from[2], to[2];

    if (node->is_dir)
        return hash;
    stretches(node, from, to);
    for (int i = 0; i < 2; i++)
        hash = slot__checksum(node->cache + from[i], (size_t)(to[i] - from[i]), hash);
    return hash;
}

uint64_t sim_hash(const struct sim_world *world)
{
    uint64_t sum = 0; /* in whatever order the files are */

    for (uint32_t i = 1; i < world->node_count; i++) {
        char path[PATH_MAX_BYTES];

        if (world->nodes[i]->used && names_path(world, i, path, sizeof path))
            sum += hash_file(world->nodes[i], path);
    }
    return sum;
}

static bool equal_files(const struct node *a, const struct node *b, const char *path, FILE *out)
{
    uint64_t from[2], to[2];

    if (a->is_dir != b->is_dir || node_size(a) != node_size(b)) {
        if (out != NULL)
            fprintf(out, "%s: sizes %" PRIu64 " and %" PRIu64 "\n", path, node_size(a),
                    node_size(b));
        return false;
    }
    if (a->is_dir)
        return true;
    stretches(a->words_to > a->words_from ? a : b, from, to);
    for (int i = 0; i < 2; i++) {
        for (uint64_t at = from[i]; at < to[i]; at++) {
            if (a->cache[at] == b->cache[at])
                continue;
            if (out != NULL)
                fprintf(out, "%s: byte %" PRIu64 " is %02x and %02x\n", path, at, a->cache[at],
                        b->cache[at]);
            return false;
        }
    }
    return true;
}

/* Everything of `a` is in `b`, too. */
static bool is_within(const struct sim_world *a, const struct sim_world *b, bool bytes, FILE *out)
{
    for (uint32_t i = 1; i < a->node_count; i++) {
        char path[PATH_MAX_BYTES];
        struct place place;
        uint32_t other;

        if (!a->nodes[i]->used || !names_path(a, i, path, sizeof path))
            continue;
        other = names_find(b, path, &place);
        if (other == NOWHERE) {
            if (out != NULL)
                fprintf(out, "%s: in one of them only\n", path);
            return false;
        }
        if (bytes && !equal_files(a->nodes[i], b->nodes[other], path, out))
            return false;
    }
    return true;
}

bool sim_equal(const struct sim_world *a, const struct sim_world *b, FILE *out)
{
    return is_within(a, b, true, out) && is_within(b, a, false, out);
}

/* ---- printing ---- */

static void print_node(const struct sim_world *world, uint32_t number, FILE *out)
{
    const struct node *node = world->nodes[number];
    uint32_t versions = 0;
    char path[PATH_MAX_BYTES];

    if (!names_path(world, number, path, sizeof path))
        snprintf(path, sizeof path, "(%s, out of reach)", node->places[0].name);
    for (uint32_t i = 0; i < node->dirty.count; i++)
        versions += node->sectors[node->dirty.at[i]].saved + 1;
    fprintf(out, "  %s%s: %" PRIu64 " bytes (%u sizes, durable %" PRIu64 "), %u places", path,
            node->is_dir ? "/" : "", node_size(node), node->size_count, node->sizes[0],
            node->place_count);
    fprintf(out, ", %u dirty sectors in %u versions, %u lost, %u open, %u views", node->dirty.count,
            versions, node->lost, node->opens, node->views);
    for (uint32_t i = 0; i < node->lock_count; i++)
        fprintf(out, ", byte %" PRIu64 " %s by %" PRIu64, node->locks[i].byte,
                node->locks[i].exclusive ? "locked" : "shared",
                node->locks[i].file->process->number);
    fputc('\n', out);
    for (uint32_t i = 0; i < node->dirty.count && i < 8; i++)
        fprintf(out, "    sector %u: %u older versions\n", node->dirty.at[i],
                node->sectors[node->dirty.at[i]].saved);
}

void sim_process_print(const struct sim_process *process, FILE *out)
{
    const struct sim_process_inside *in = process->inside;

    fprintf(out,
            "  process %" PRIu64 ": %s, %" PRIu64 " points, %" PRIu64 " calls, %" PRIu64
            " made to fail\n",
            process->number, process->alive ? "alive" : "gone", in->points, in->calls, in->failed);
    for (const struct os_file *file = in->files; file != NULL; file = file->next)
        fprintf(out, "    has %s open\n", node_place(process->world->nodes[file->node])->name);
    for (size_t i = 0; i < in->map_count; i++)
        fprintf(out, "    has %s mapped from %" PRIu64 " for %zu bytes\n",
                node_place(process->world->nodes[in->maps[i].node])->name, in->maps[i].offset,
                in->maps[i].n);
    for (size_t i = 0; i < in->lent_count; i++)
        fprintf(out, "    was lent %s from %" PRIu64 " for %" PRIu64 " bytes\n",
                node_place(process->world->nodes[in->lent[i].node])->name, in->lent[i].offset,
                in->lent[i].n);
}

void sim_print(const struct sim_world *world, FILE *out)
{
    fprintf(out,
            "world: seed %" PRIu64 ", point %" PRIu64 ", step %" PRIu64 ", %" PRIu64 " us, %" PRIu64
            " unsynced items\n",
            world->config.seed, world->points, world->steps, world->clock_us, sim_unsynced(world));
    for (uint32_t i = 1; i < world->node_count; i++) {
        if (world->nodes[i]->used)
            print_node(world, i, out);
    }
    for (size_t i = 0; i < world->process_count; i++)
        sim_process_print(world->processes[i], out);
    for (size_t i = world->trace_count > 20 ? world->trace_count - 20 : 0; i < world->trace_count;
         i++)
        fprintf(out, "  point %" PRIu64 ": thread %u, %s at %" PRIu64 "\n", world->trace[i].point,
                world->trace[i].thread,
                sim_function_name((enum sim_function)world->trace[i].function),
                world->trace[i].offset);
}
