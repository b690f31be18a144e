#include "db/lent.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

static uint32_t place_of(const struct lent_blocks *lent, uint64_t block)
{
    uint32_t mask = lent->size - 1;
    uint32_t i = (uint32_t)((block * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & mask;

    while (lent->table[i] != 0 && lent->table[i] != block + 1)
        i = (i + 1) & mask;
    return i;
}

/* Room for one more; never more than half full. */
static bool grow(struct lent_blocks *lent)
{
    struct lent_blocks grown = *lent;

    if (lent->count < lent->size / 2)
        return true;
    grown.size = lent->size == 0 ? 64 : lent->size * 2;
    grown.table = calloc(grown.size, sizeof *grown.table);
    grown.last = calloc(grown.size, sizeof *grown.last);
    if (grown.table == NULL || grown.last == NULL) {
        free(grown.table);
        free(grown.last);
        return false;
    }
    for (uint32_t i = 0; i < lent->size; i++) {
        if (lent->table[i] != 0) {
            uint32_t to = place_of(&grown, lent->table[i] - 1);

            grown.table[to] = lent->table[i];
            grown.last[to] = lent->last[i];
        }
    }
    free(lent->table);
    free(lent->last);
    *lent = grown;
    return true;
}

static bool grow_fresh(struct lent_blocks *lent)
{
    uint32_t room = lent->fresh_room == 0 ? 64 : lent->fresh_room * 2;
    uint64_t *fresh;

    if (lent->fresh_n < lent->fresh_room)
        return true;
    fresh = realloc(lent->fresh, room * sizeof *fresh);
    if (fresh == NULL)
        return false;
    lent->fresh = fresh;
    lent->fresh_room = room;
    return true;
}

void slot__lent_begin(struct lent_blocks *lent)
{
    lent->now++;
    lent->fresh_n = 0;
}

slot_status slot__lent_note(struct lent_blocks *lent, uint64_t block, slot_error *err)
{
    uint32_t i;

    if (!grow(lent) || !grow_fresh(lent))
        return slot__error_set(err, SLOT_E_NO_MEMORY, "", SLOT_NO_OFFSET, NULL);
    i = place_of(lent, block);
    if (lent->table[i] != 0 && lent->last[i] == lent->now)
        return SLOT_OK;
    lent->count += lent->table[i] == 0;
    lent->table[i] = block + 1;
    lent->last[i] = lent->now;
    lent->fresh[lent->fresh_n++] = block;
    return SLOT_OK;
}

bool slot__lent_has(const struct lent_blocks *lent, uint64_t block)
{
    return lent->size > 0 && lent->table[place_of(lent, block)] != 0;
}

void slot__lent_release(struct lent_blocks *lent)
{
    free(lent->table);
    free(lent->last);
    free(lent->fresh);
    memset(lent, 0, sizeof *lent);
}
