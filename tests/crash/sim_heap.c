/*
 * Memory by process: see sim_heap.h. The pieces of a process are a list; the list's head lies in
 * the process, so that a kill finds them all.
 */
#include "crash/sim_heap.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "crash/sim_inside.h"

struct heap_piece {
    alignas(16) struct heap_piece *previous;
    struct heap_piece *next;
    struct sim_process_inside *owner; /* NULL: nobody */
    size_t n;
};

/* The linker's names. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void __real_free(void *memory);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *memory, size_t n);
void __wrap_free(void *memory);

uint64_t sim_heap_pieces(const struct sim_process *process)
{
    return process->inside->heap.pieces;
}

uint64_t sim_heap_calls(const struct sim_process *process)
{
    return process->inside->heap.calls;
}

uint64_t sim_heap_failed(const struct sim_process *process)
{
    return process->inside->heap.failed;
}

void sim_heap_fail(struct sim_process *process, uint64_t nth, int how)
{
    process->inside->heap.fails_in = nth;
    process->inside->heap.fails_how = how;
}

static bool may_allocate(struct sim_process_inside *owner)
{
    struct sim_heap *heap = owner != NULL ? &owner->heap : NULL;
    bool fails;

    if (heap == NULL)
        return true;
    heap->calls++;
    fails = heap->fails_in == 1;
    if (heap->fails_in > 1 || (heap->fails_how & SIM_FOREVER) == 0)
        heap->fails_in -= heap->fails_in > 0;
    heap->failed += fails;
    sim_running->world->failures += fails;
    return !fails;
}

static struct sim_process_inside *running(void)
{
    return sim_running != NULL ? sim_running->inside : NULL;
}

/* The process ends: no piece may point to it any more. */
static void give_up_all(struct sim_process_inside *owner, bool free_them)
{
    struct heap_piece *piece = owner->heap.first;

    while (piece != NULL) {
        struct heap_piece *next = piece->next;

        piece->owner = NULL;
        piece->previous = piece->next = NULL;
        if (free_them)
            __real_free(piece);
        piece = next;
    }
    owner->heap.first = NULL;
}

static void begin_owning(struct sim_process_inside *owner, struct heap_piece *piece, size_t n)
{
    piece->previous = piece->next = NULL;
    piece->owner = owner;
    piece->n = n;
    if (owner == NULL)
        return;
    owner->heap.give_up = give_up_all;
    piece->next = owner->heap.first;
    if (piece->next != NULL)
        piece->next->previous = piece;
    owner->heap.first = piece;
    owner->heap.pieces++;
}

void *__wrap_malloc(size_t n)
{
    struct sim_process_inside *owner = running();
    struct heap_piece *piece;

    if (n > SIZE_MAX - sizeof *piece || !may_allocate(owner))
        return NULL;
    piece = __real_malloc(sizeof *piece + n);
    if (piece == NULL)
        return NULL;
    begin_owning(owner, piece, n);
    return piece + 1;
}

void *__wrap_calloc(size_t count, size_t n)
{
    struct sim_process_inside *owner = running();
    struct heap_piece *piece;
    size_t all;

    if (!mul_size(count, n, &all) || all > SIZE_MAX - sizeof *piece || !may_allocate(owner))
        return NULL;
    piece = __real_calloc(1, sizeof *piece + all);
    if (piece == NULL)
        return NULL;
    begin_owning(owner, piece, all);
    return piece + 1;
}

void __wrap_free(void *memory)
{
    struct heap_piece *piece = memory;

    if (memory == NULL)
        return;
    piece--;
    if (piece->owner != NULL) {
        *(piece->previous != NULL ? &piece->previous->next : &piece->owner->heap.first) =
            piece->next;
        if (piece->next != NULL)
            piece->next->previous = piece->previous;
        piece->owner->heap.pieces--;
    }
    __real_free(piece);
}

void *__wrap_realloc(void *memory, size_t n)
{
    void *larger = __wrap_malloc(n);
    size_t before = memory != NULL ? ((struct heap_piece *)memory - 1)->n : 0;

    if (larger == NULL)
        return NULL;
    if (before > 0)
        memcpy(larger, memory, before < n ? before : n);
    __wrap_free(memory);
    return larger;
}
