/*
 * The rule of storing again: bytes of the log that are written once more change nothing, and their
 * segment is in use. A process that reads a part of the log, is overtaken by a checkpoint that
 * frees the segment and by a writer that begins it anew, and then writes what it has read, is
 * caught at that write.
 *
 * Segments are written by calls only then, and where zeros are put into a new part of one.
 */
#include <string.h>

#include "crash/workload.h"
#include "log/shared.h"

static bool is_zero(const uint8_t *bytes, uint64_t n)
{
    uint64_t i = 0;

    while (i < n && bytes[i] == 0)
        i++;
    return i == n;
}

/* Whether the piece is one of a write_at, and not of a store. */
static bool is_written(const struct sim_step *step, const char *name, uint64_t offset)
{
    return step->function == SIM_FN_write_at && strcmp(step->name, name) == 0 &&
           offset >= step->offset && offset < step->offset + step->n;
}

static void check_write(void *context, struct sim_world *world, struct sim_process *process,
                        const void *bytes, uint64_t offset, uint64_t n)
{
    struct run *run = context;
    const struct sim_step *step = sim_last_step(world);
    char name[sizeof "log/00"], path[RUN_PATH_MAX];
    uint64_t size = 0;
    const uint8_t *segment;
    const struct shared *words;
    uint32_t number;

    (void)process;
    if (bytes == NULL || strlen(step->name) != 2 || !is_written(step, step->name, offset) ||
        is_zero(bytes, n))
        return;
    number = (uint32_t)(step->name[0] - '0') * 10 + (uint32_t)(step->name[1] - '0');
    (void)snprintf(name, sizeof name, "log/%.2s", step->name);
    run_file(run, name, path);
    segment = sim_cache_bytes(world, path, &size);
    if (segment == NULL || offset + n > size || memcmp(segment + offset, bytes, (size_t)n) != 0)
        run_wrong(run, "segment %u: other bytes are stored again at %llu than are there",
                  (unsigned)number, (unsigned long long)offset);
    run_file(run, "shared", path);
    words = (const void *)sim_cache_bytes(world, path, &size);
    if (words == NULL || size < sizeof *words || atomic_load(&words->ready.word) == 0)
        return; /* recovery: nobody else is there */
    run->again++;
    if (atomic_load(&words->segment[number]) == SHARED_FREE)
        run_wrong(run, "segment %u is stored again, and is free", (unsigned)number);
}

void run_watch_log(struct run *run)
{
    static const char *const names[] = {"00", "01", "02", "03", "04", "05"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        sim_on_write(run->world, names[i], check_write, run);
}
