#include "db/outcome.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"

enum { CALLS = 4, STATUSES = 64 };

static const uint8_t classes[STATUSES][2 * CALLS] = {
#define X(status, a, b, c, d, e, f, g, h)                                                          \
    [status] = {OUTCOME_##a, OUTCOME_##b, OUTCOME_##c, OUTCOME_##d,                                \
                OUTCOME_##e, OUTCOME_##f, OUTCOME_##g, OUTCOME_##h},
    OUTCOME_MAP(X)
#undef X
};

enum outcome slot__outcome_class(bool transactional, enum outcome_call call, slot_status status)
{
    return (enum outcome)((uint32_t)status < STATUSES
                              ? classes[status][(transactional ? 0 : CALLS) + (int)call]
                              : OUTCOME_never);
}

/* In builds with tests: the table and the code disagree. */
static void check(bool fits, enum outcome_call call, slot_status status)
{
#ifdef SLOT_CHECK_OUTCOMES
    if (fits)
        return;
    fprintf(stderr, "outcome.h does not know what '%s' of call kind %d means\n",
            slot_status_text(status), (int)call);
    abort();
#else
    (void)fits, (void)call, (void)status;
#endif
}

slot_status slot__outcome(slot_txn *txn, enum outcome_call call, slot_status status)
{
    bool transactional = txn->db->access == SLOT_TRANSACTIONAL;
    enum outcome class = slot__outcome_class(transactional, call, status);

    if (txn->doom_told)
        return status; /* once more, or a read that says nothing new */
    check(class != OUTCOME_never, call, status);
    if (class == OUTCOME_never && call != OUTCOME_OF_READ) /* nothing is known of it */
        class = OUTCOME_doomed;
    if (class == OUTCOME_doomed && txn->doomed == SLOT_OK)
        txn->doomed = status;
    check(txn->doomed == SLOT_OK || class == OUTCOME_doomed, call, status);
    txn->doom_told = txn->doomed != SLOT_OK;
    return status;
}

slot_status slot__outcome_of_commit(bool transactional, slot_status status)
{
    enum outcome class = slot__outcome_class(transactional, OUTCOME_OF_COMMIT, status);

    check(status == SLOT_OK || class != OUTCOME_never, OUTCOME_OF_COMMIT, status);
    return status;
}
