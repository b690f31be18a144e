#include "crash/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define RECORD_MAX 8192u

const char MODEL_UNREADABLE[] = "a record cannot be read";
slot_status model_refusal;

void model_init(struct model *model, uint32_t record_size)
{
    memset(model, 0, sizeof *model);
    model->record_size = record_size;
    model->next_version = MODEL_STATES + 1; /* below are the numbers of states, in record 0 */
}

void model_fill(const struct model *model, uint8_t *record, uint64_t recno, uint32_t version)
{
    if (version == MODEL_DELETED || version == MODEL_ZERO) {
        memset(record, 0, model->record_size);
        return;
    }
    memset(record, (int)((version * 31 + recno * 7) & 0xff), model->record_size);
    put_u32(record, version);
    put_u32(record + model->record_size - 4, version ^ (uint32_t)recno);
}

uint32_t model_version(struct model *model)
{
    return model->next_version++;
}

static const char *check_record(const struct model *model, slot_txn *txn, uint64_t recno,
                                uint32_t version)
{
    uint8_t want[RECORD_MAX], got[RECORD_MAX];
    slot_error err;
    slot_status status = slot_get(txn, recno, got, &err);

    if (version == MODEL_DELETED && status == SLOT_OK)
        return "a deleted record is there";
    if (version == MODEL_DELETED && status == SLOT_DELETED)
        return NULL;
    if (status == SLOT_DELETED)
        return "a record is deleted that should be there";
    if (status != SLOT_OK) {
        model_refusal = status;
        return MODEL_UNREADABLE;
    }
    model_fill(model, want, recno, version);
    return memcmp(want, got, model->record_size) == 0 ? NULL : "a record of another state";
}

bool model_sees(const struct model *model, const struct model_state *state, slot_txn *txn,
                const char **why)
{
    *why = NULL;
    if (slot_records(txn) != state->records)
        *why = "another number of records";
    else if (slot_count(txn) != state->records - state->deleted)
        *why = "another number of deleted records";
    for (uint32_t i = 0; i < state->records && *why == NULL; i++)
        *why = check_record(model, txn, i, state->version[i]);
    return *why == NULL;
}

bool model_note(struct model *model, uint64_t session, uint64_t lsn, uint32_t number,
                uint32_t *other)
{
    uint32_t kept = model->seen_count < MODEL_SEEN ? model->seen_count : MODEL_SEEN;
    struct model_seen *seen;

    for (uint32_t i = 0; i < kept; i++) {
        seen = &model->seen[i];
        if (seen->session == session && seen->lsn == lsn) {
            *other = seen->number;
            return seen->number == number;
        }
    }
    seen = &model->seen[model->seen_count++ % MODEL_SEEN];
    *seen = (struct model_seen){session, lsn, number};
    return true;
}

int model_look(const struct model *model, slot_txn *txn, const char **why)
{
    uint8_t record[RECORD_MAX];
    uint32_t number = 0;
    slot_error err;

    if (slot_records(txn) > 0) {
        *why = MODEL_UNREADABLE;
        model_refusal = slot_get(txn, 0, record, &err);
        if (model_refusal != SLOT_OK)
            return -1;
        number = get_u32(record);
    }
    *why = "record 0 names a state that there never was";
    if (number > model->newest)
        return -1;
    return model_sees(model, &model->state[number], txn, why) ? (int)number : -1;
}
