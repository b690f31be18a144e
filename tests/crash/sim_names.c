/*
 * Names: which node is where, now and after a crash. A node is a file or a directory; its place is
 * a directory and a name there. The list of its places since the last sync_dir begins with the
 * durable one; a crash takes any of them.
 *
 *     make_dir "t"; rename_new "t" "people"        places: nowhere, /t, /people
 *     sync_dir "/"                                 places: /people
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "crash/sim_inside.h"

#define DEPTH_MAX 16u

struct node *names_slot(struct sim_world *world, uint32_t number)
{
    if (number >= NODES_MAX)
        sim_violation(world, "more than %u files and directories", NODES_MAX);
    if (world->nodes[number] == NULL)
        world->nodes[number] = sim_take(sizeof *world->nodes[number]);
    if (number >= world->node_count)
        world->node_count = number + 1;
    return world->nodes[number];
}

void names_clear(struct sim_world *world, struct node *node)
{
    assert(node->opens == 0 && node->views == 0);
    disk_node_clear(world, node);
    node->used = false;
    node->is_dir = false;
    node->serial = 0;
    node->place_count = 0;
    node->sizes[0] = 0;
    node->size_count = 1;
    node->lock_count = 0;
    node->errors = node->errors_seen = 0;
    world->changes++;
    for (uint32_t i = 0; world->child != NULL && i < world->child->node_count; i++) {
        if (world->nodes[i] == node)
            world->child->nodes[i]->serial = UINT64_MAX; /* it has to copy all of the next one */
    }
}

bool names_within(const struct sim_world *world, uint32_t number, uint32_t directory)
{
    while (number != ROOT && number != NOWHERE) {
        number = node_place(world->nodes[number])->parent;
        if (number == directory)
            return true;
    }
    return false;
}

uint32_t names_in(const struct sim_world *world, uint32_t parent, const char *name)
{
    for (uint32_t i = 1; i < world->node_count; i++) {
        const struct node *node = world->nodes[i];

        if (node->used && node_place(node)->parent == parent &&
            strcmp(node_place(node)->name, name) == 0)
            return i;
    }
    return NOWHERE;
}

/* Go from `at` to what is called name there; `at` may be NOWHERE. */
static uint32_t walk(const struct sim_world *world, uint32_t at, const char *name)
{
    if (at == NOWHERE || !world->nodes[at]->is_dir)
        return NOWHERE;
    if (strcmp(name, ".") == 0)
        return at;
    if (strcmp(name, "..") == 0)
        return at == ROOT ? ROOT : node_place(world->nodes[at])->parent;
    return names_in(world, at, name);
}

uint32_t names_find(const struct sim_world *world, const char *path, struct place *place)
{
    uint32_t at = ROOT;

    place->parent = NOWHERE;
    place->name[0] = '\0';
    while (*path != '\0') {
        size_t n = strcspn(path, "/\\");

        if (n >= SIM_NAME_MAX) {
            place->parent = NOWHERE;
            return NOWHERE;
        }
        if (n > 0) {
            place->parent = at != NOWHERE && world->nodes[at]->is_dir ? at : NOWHERE;
            memcpy(place->name, path, n);
            place->name[n] = '\0';
            at = walk(world, at, place->name);
        }
        path += n + (path[n] != '\0');
    }
    return at;
}

uint32_t names_make(struct sim_world *world, const struct place *place, bool is_dir)
{
    uint32_t number = 0;
    struct node *node;

    while (number < world->node_count && world->nodes[number]->used)
        number++;
    node = names_slot(world, number);
    node->used = true;
    node->is_dir = is_dir;
    node->serial = ++world->next_serial;
    node->places[0].parent = NOWHERE;
    node->places[0].name[0] = '\0';
    node->place_count = 1;
    node->sizes[0] = 0;
    node->size_count = 1;
    node->lock_count = 0;
    if (!is_dir)
        disk_node_begin(world, node);
    names_move(world, node, place);
    return number;
}

void names_move(struct sim_world *world, struct node *node, const struct place *place)
{
    if (node->place_count == PLACES_MAX) {
        memmove(node->places + 1, node->places + 2, (PLACES_MAX - 2) * sizeof *node->places);
        node->place_count--;
    }
    node->places[node->place_count++] = *place;
    world->changes++;
}

void names_sync(struct sim_world *world, uint32_t parent)
{
    for (uint32_t i = 1; i < world->node_count; i++) {
        struct node *node = world->nodes[i];
        bool here = false;

        for (uint32_t k = 0; node->used && k < node->place_count; k++)
            here = here || node->places[k].parent == parent;
        if (here) {
            node->places[0] = *node_place(node);
            node->place_count = 1;
            names_drop_unreachable(world, node);
        }
    }
    world->changes++;
}

/* What could still have been in a directory that is gone is nowhere: another gets its number. */
static void forget_places_in(struct sim_world *world, const struct node *directory)
{
    for (uint32_t i = 1; i < world->node_count; i++) {
        struct node *node = world->nodes[i];

        for (uint32_t k = 0; node->used && k < node->place_count; k++) {
            uint32_t parent = node->places[k].parent;

            if (parent != NOWHERE && world->nodes[parent] == directory)
                node->places[k].parent = NOWHERE;
        }
        if (node->used && node != directory)
            names_drop_unreachable(world, node);
    }
}

void names_drop_unreachable(struct sim_world *world, struct node *node)
{
    if (node->opens > 0 || node->views > 0)
        return;
    for (uint32_t i = 0; i < node->place_count; i++) {
        if (node->places[i].parent != NOWHERE)
            return;
    }
    if (node->is_dir)
        forget_places_in(world, node);
    names_clear(world, node);
}

bool names_path(const struct sim_world *world, uint32_t number, char *path, size_t room)
{
    const char *names[DEPTH_MAX];
    uint32_t depth = 0;
    size_t at = 0;

    while (number != ROOT) {
        const struct place *place = node_place(world->nodes[number]);

        if (place->parent == NOWHERE || depth == DEPTH_MAX || !world->nodes[place->parent]->used)
            return false;
        names[depth++] = place->name;
        number = place->parent;
    }
    if (depth == 0)
        snprintf(path, room, "/");
    while (depth > 0 && at < room)
        at += (size_t)snprintf(path + at, room - at, "/%s", names[--depth]);
    return at < room;
}
