#include "crash/flushes.h"

#include <string.h>

#define ONE_IN_LOG   6u   /* syncs of the log: in so many something happens */
#define ONE_IN_OTHER 30u  /* of other files */
#define ONE_IN_STORE 300u /* stores into the log: the system writes on its own before them */
#define ONE_IN_RUNS  3u   /* and so many runs lose something then, and not in a sync */

/* At most one loss in a life: what is acknowledged after it is for another session. */
static void lose(struct run *run, struct sim_process *process)
{
    sim_loss loss = run_random(run, 2) == 0 ? SIM_LOSS_KEPT : SIM_LOSS_REVERTED;

    run->lenient = 1;
    sim_fail_sync(process, 1, loss, run_random(run, 1000000));
}

static bool loses_behind(const struct run *run)
{
    return run->seed % ONE_IN_RUNS == 0;
}

/* The system writes a segment in the background, between two stores, and cannot. */
static void lose_behind(struct run *run, const struct sim_step *step)
{
    char path[64];

    (void)snprintf(path, sizeof path, RUN_PATH "/log/%s", step->name);
    run->lenient = 1;
    sim_fail_writeback(run->world, path, step->point % 4 == 0 ? SIM_LOSS_KEPT : SIM_LOSS_REVERTED,
                       step->point);
}

void flushes_disturb(struct run *run, const struct sim_step *step)
{
    uint64_t what;

    if (run->disturbed && run->lossy && loses_behind(run) && !run->lenient &&
        step->function == SIM_FN_store && strlen(step->name) == 2 &&
        (step->point * 7919 + run->seed) % ONE_IN_STORE == 0)
        lose_behind(run, step);
    if (!run->disturbed || step->function != SIM_FN_sync ||
        run_random(run, strlen(step->name) == 2 ? ONE_IN_LOG : ONE_IN_OTHER) != 0)
        return;
    what = run_random(run, 8);
    if (run->lossy && !loses_behind(run) && what < 5 && !run->lenient)
        lose(run, step->process);
    if (what < 1)
        sim_process_kill(step->process); /* before its sync */
    else if (what < 4)
        sim_process_kill_at(step->process, 1); /* in it: the disk has answered, and nobody knows */
}

void flushes_start(struct run *run)
{
    uint64_t threads = run_random(run, 3), writers = 2 + run_random(run, 3);

    run->transactions = 30;
    run->disturbed = true;
    run->lossy = run_random(run, 2) == 0;
    if (threads > 0) {
        struct sim_process *process = sim_process_start(run->world, run_shared_open, run);

        for (uint64_t i = 0; i < threads + 1; i++)
            sim_thread_start(process, run_shared_writer, run);
    }
    for (uint64_t i = 0; i < writers; i++)
        sim_process_start(run->world, run_writer, run);
    for (int i = 0; i < 2; i++)
        sim_process_start(run->world, run_checkpointer, run);
    if (!run->lossy) /* the bytes that were lent to it could be those that are lost */
        sim_process_start(run->world, run_reader, run);
}
