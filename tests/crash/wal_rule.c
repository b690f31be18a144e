/*
 * The rule of write-ahead logging, checked at every write to `records`: what is written over an
 * acknowledged block is what a durable frame of the log says. Whoever touches `records` before the
 * log is durable, or writes a version that is in no log, is caught here and not only when chance
 * cuts the power in time.
 */
#include <string.h>

#include "crash/workload.h"
#include "format/frame.h"
#include "format/meta.h"

#define SEGMENTS 8u /* of the small logs of these runs */

/* Bytes [from, from + n) of block `block`, about to be written. */
struct piece {
    uint64_t block;
    uint64_t block_bytes;
    uint64_t from, n;
    const uint8_t *bytes;
};

static bool frame_has(const uint8_t *segment, uint64_t size, uint64_t offset,
                      const struct piece *piece)
{
    uint64_t body = offset + FRAME_HEADER_BYTES + piece->from;
    struct frame frame;

    return offset + FRAME_HEADER_BYTES + piece->block_bytes <= size &&
           slot__frame_decode(segment + offset, &frame) &&
           frame.key == key_of_records(piece->block) && (frame.flags & FRAME_BODY) != 0 &&
           memcmp(segment + body, piece->bytes, (size_t)piece->n) == 0;
}

static bool is_in_durable_log(const struct run *run, const struct sim_world *world,
                              const struct piece *piece)
{
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        char name[] = "log/00", path[RUN_PATH_MAX];
        const uint8_t *segment;
        uint64_t size = 0;

        name[sizeof name - 2] = (char)('0' + i);
        run_file(run, name, path);
        segment = sim_durable_bytes(world, path, &size);
        for (uint64_t at = SEGMENT_HEADER_BYTES; segment != NULL && at < size; at += FRAME_UNIT) {
            if (frame_has(segment, size, at, piece))
                return true;
        }
    }
    return false;
}

/* Writing again what is there already changes nothing. */
static bool is_there(const struct run *run, const struct sim_world *world,
                     const struct piece *piece)
{
    uint64_t size = 0, at = piece->block * piece->block_bytes + piece->from;
    char path[RUN_PATH_MAX];
    const uint8_t *records;

    run_file(run, "records", path);
    records = sim_cache_bytes(world, path, &size);
    return records != NULL && at + piece->n <= size &&
           memcmp(records + at, piece->bytes, (size_t)piece->n) == 0;
}

static void check_write(void *context, struct sim_world *world, struct sim_process *process,
                        const void *bytes, uint64_t offset, uint64_t n)
{
    struct run *run = context;
    uint32_t block_records = slot__meta_block_records(run->model.record_size);
    uint64_t block_bytes = (uint64_t)block_records * run->model.record_size;
    uint64_t blocks = run->model.state[run->model.visible].records / block_records;
    const uint8_t *at = bytes;

    (void)process;
    while (bytes != NULL && n > 0 && offset / block_bytes < blocks && run->wrong[0] == '\0') {
        struct piece piece = {offset / block_bytes, block_bytes, offset % block_bytes, n, at};

        if (piece.n > block_bytes - piece.from)
            piece.n = block_bytes - piece.from;
        if (!is_there(run, world, &piece) && !is_in_durable_log(run, world, &piece))
            run_wrong(run, "block %u of `records` is written with bytes that no durable frame has",
                      (unsigned)piece.block);
        offset += piece.n;
        at += piece.n;
        n -= piece.n;
    }
}

void run_watch_records(struct run *run)
{
    sim_on_write(run->world, "records", check_write, run);
}
