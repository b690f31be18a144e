/*
 * Allocations fail within write transactions that use every call: what the failed calls have done
 * is what outcome.h says (support/outcomes.h has the model).
 */
#include <stdlib.h>

#include "oom/memory.h"
#include "support/outcomes.h"

static void arm_memory(struct outcomes *run, const struct outcomes_breaker *breaker, uint64_t nth)
{
    (void)run;
    memory_arm(nth, breaker->how == OS_FAULTY_FOREVER);
}

static bool mend_memory(struct outcomes *run, const struct outcomes_breaker *breaker)
{
    (void)run, (void)breaker;
    return memory_disarm() > 0;
}

static void test_oom_outcomes__each_allocation_fails(void **state)
{
    struct outcomes *run = malloc(sizeof *run);
    struct outcomes_breaker breaker = {arm_memory,       mend_memory,    "allocation",
                                       SLOT_E_NO_MEMORY, OS_FAULTY_ONCE, false};
    struct fixture *f = *state;

    assert_non_null(run);
    f->options.sync = SLOT_SYNC_NORMAL;
    f->options.log_limit_bytes = 1 << 20;
    outcomes_init(run, f);
    outcomes_fresh(run, SWEPT_BYTES, SWEPT_BASE);
    outcomes_sweep(run, &breaker);
    breaker.how = OS_FAULTY_FOREVER;
    outcomes_sweep(run, &breaker);
    breaker.how = OS_FAULTY_ONCE;
    breaker.stops = true;
    outcomes_sweep(run, &breaker);
    for (int call = 0; call < OUTCOME_OF_COMMIT; call++) /* a commit may have no allocation */
        assert_true(run->pairs[SLOT_E_NO_MEMORY][call] > 0);
    outcomes_release(run);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test_both(test_oom_outcomes__each_allocation_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
