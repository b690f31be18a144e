#include "log/bodies.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"

#define SLAB_BYTES 65536u /* of bodies, at least */

/* Another slab, and its bodies behind the others; those before it are all in use. */
static bool grow(struct log_bodies *bodies)
{
    uint32_t stride = (uint32_t)round_up(bodies->bytes, BODY_ALIGNMENT);
    uint32_t more = stride < SLAB_BYTES ? SLAB_BYTES / stride : 1;
    uint8_t **body = realloc(bodies->body, (bodies->count + more) * sizeof *body);
    void **slab = realloc(bodies->slab, (bodies->slabs + 1) * sizeof *slab);
    uint8_t *at = malloc((size_t)more * stride + BODY_ALIGNMENT);

    if (body != NULL)
        bodies->body = body;
    if (slab != NULL)
        bodies->slab = slab;
    if (body == NULL || slab == NULL || at == NULL) {
        free(at);
        return false;
    }
    slab[bodies->slabs++] = at;
    at += BODY_ALIGNMENT - (uintptr_t)at % BODY_ALIGNMENT;
    bodies->next = bodies->count;
    for (uint32_t i = 0; i < more; i++)
        body[bodies->count++] = at + (size_t)i * stride;
    return true;
}

uint8_t *slot__bodies_take(struct log_bodies *bodies)
{
    uint8_t *taken;

    if (bodies->used == bodies->count && !grow(bodies))
        return NULL;
    taken = bodies->body[bodies->next];
    bodies->next = (bodies->next + 1) % bodies->count;
    bodies->used++;
    return taken;
}

void slot__bodies_untake(struct log_bodies *bodies)
{
    assert(bodies->used > 0);
    bodies->used--;
    bodies->next = (bodies->next + bodies->count - 1) % bodies->count;
}

void slot__bodies_give(struct log_bodies *bodies)
{
    bodies->used = bodies->lent = 0;
}

void slot__bodies_release(struct log_bodies *bodies)
{
    for (uint32_t i = 0; i < bodies->slabs; i++)
        free(bodies->slab[i]);
    free(bodies->slab);
    free(bodies->body);
    bodies->slab = NULL;
    bodies->body = NULL;
    bodies->count = bodies->slabs = bodies->used = bodies->lent = bodies->next = 0;
}
