/*
 * os_mutex for simulated threads: see sim_heap.h. Whoever finds it held lets the others run. One
 * word of the mutex says whether it is held; nothing here is atomic, because all threads of a world
 * run on one thread of the system, and no mutex belongs to two worlds.
 */
#include <stdint.h>
#include <stdlib.h>

#include "crash/sim_inside.h"

void __wrap_slot__os_mutex_init(struct os_mutex *mutex);
void __wrap_slot__os_mutex_lock(struct os_mutex *mutex);
void __wrap_slot__os_mutex_unlock(struct os_mutex *mutex);
void __wrap_slot__os_mutex_release(struct os_mutex *mutex);

void __wrap_slot__os_mutex_init(struct os_mutex *mutex)
{
    mutex->opaque[0] = NULL;
}

void __wrap_slot__os_mutex_lock(struct os_mutex *mutex)
{
    while (mutex->opaque[0] != NULL) {
        if (sim_running == NULL || sim_running->world->current == NULL) {
            fprintf(stderr, "simulator: a mutex is held by a thread that does not run any more\n");
            abort();
        }
        sim_running->os.sleep_us(&sim_running->os, 1);
    }
    mutex->opaque[0] = mutex;
}

void __wrap_slot__os_mutex_unlock(struct os_mutex *mutex)
{
    mutex->opaque[0] = NULL;
}

void __wrap_slot__os_mutex_release(struct os_mutex *mutex)
{
    (void)mutex;
}
