#include "torture/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "support/by_path.h"

#define BOARD_BYTES OS_GRANULARITY

_Static_assert(sizeof(struct board) <= BOARD_BYTES, "the board fits its file");

static struct board *map(const char *path, int flags)
{
    const struct os *os = slot__os_native();
    struct os_file *file = NULL;
    os_result result = by_path_open(os, path, OS_READ | OS_WRITE | flags, &file);
    void *base = NULL;

    if (os_ok(result) && flags != 0)
        result = os->resize(os, file, BOARD_BYTES);
    if (os_ok(result))
        result = os->map(os, file, 0, BOARD_BYTES, OS_MAP_WORDS, &base);
    if (!os_ok(result)) {
        fprintf(stderr, "ERROR: no board at %s: %s (%d)\n", path, slot_status_text(result.status),
                result.code);
        abort();
    }
    os->close(os, file);
    return base;
}

struct board *board_make(const char *path)
{
    return map(path, OS_CREATE_NEW);
}

struct board *board_open(const char *path)
{
    return map(path, 0);
}

void board_close(struct board *board)
{
    slot__os_native()->unmap(slot__os_native(), board, BOARD_BYTES);
}

bool board_await(struct board *board, uint64_t step, uint32_t wait_ms)
{
    const struct os *os = slot__os_native();
    uint64_t until = os->clock_ms(os) + wait_ms;

    while (atomic_load(&board->step) < step) {
        if (os->clock_ms(os) >= until)
            return false;
        os->sleep_us(os, 500);
    }
    return true;
}

const char *board_doing_text(uint64_t doing)
{
    static const char *const text[] = {"nothing", "open",  "close",  "read",
                                       "begin",   "write", "commit", "checkpoint"};

    return doing < sizeof text / sizeof text[0] ? text[doing] : "?";
}
