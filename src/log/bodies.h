/*
 * Private memory for blocks that a transaction changes: the seal sums what is there, and copies it
 * into the log. A pointer into it that is lent for writing is the caller's until the transaction
 * ends; a store through one that was kept too long reaches memory, and never a log that was sealed.
 *
 * A handle has one, of which the open write transaction takes bodies, each at one address until its
 * end. They are taken in turn, so that one that was given back is not used again at once: a late
 * store then mostly harms nobody.
 *
 *     |used|used|next  |free ..    |        `count` bodies, in slabs that are kept until the close
 */
#ifndef SLOT_LOG_BODIES_H
#define SLOT_LOG_BODIES_H

#include <stdbool.h>
#include <stdint.h>

#define BODY_ALIGNMENT 64u /* of what is lent: as in a frame */

struct log_bodies {
    uint32_t bytes; /* of one body */
    uint32_t count;
    uint32_t used; /* by the transaction, */
    uint32_t lent; /* so many of them are lent for writing, */
    uint32_t next; /* and which one it gets next */
    uint8_t **body;
    void **slab;
    uint32_t slabs;
};

/* A body that nobody uses, or NULL: there is no memory. Its contents are those of before. */
uint8_t *slot__bodies_take(struct log_bodies *bodies);

/* The one that was taken last is not needed after all. */
void slot__bodies_untake(struct log_bodies *bodies);

/* The transaction has ended. */
void slot__bodies_give(struct log_bodies *bodies);

void slot__bodies_release(struct log_bodies *bodies);

#endif
