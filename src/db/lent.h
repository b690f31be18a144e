/*
 * Blocks of `records` from which pointers for writing were lent, in direct access. Such a pointer
 * leads into the file, and a program may store through it whenever it likes: after a flush in the
 * middle of its transaction, or long after its end. So as long as the handle is open, nobody takes
 * the difference between such a block and its checksum for damage, and the checksum is renewed at
 * the end of each transaction that has lent the block, and at close.
 */
#ifndef SLOT_DB_LENT_H
#define SLOT_DB_LENT_H

#include <stdbool.h>
#include <stdint.h>

#include "slotfile/slotfile.h"

struct lent_blocks {
    uint64_t *table; /* open addressing: block + 1; 0: empty */
    uint32_t *last;  /* of each place: the number of the transaction that has lent it last */
    uint32_t size;   /* places, a power of two; 0: none */
    uint32_t count;
    uint32_t now;    /* the number of the open transaction */
    uint64_t *fresh; /* blocks that it has lent */
    uint32_t fresh_n, fresh_room;
};

/* A transaction begins. */
void slot__lent_begin(struct lent_blocks *lent);

/* Note a block of the open transaction. SLOT_E_NO_MEMORY: then nothing changed. */
slot_status slot__lent_note(struct lent_blocks *lent, uint64_t block, slot_error *err);

/* Whether the block was lent since open. */
bool slot__lent_has(const struct lent_blocks *lent, uint64_t block);

void slot__lent_release(struct lent_blocks *lent);

#endif
