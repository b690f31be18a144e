#include "oom/memory.h"

#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);

static struct {
    bool armed;
    bool forever;
    uint64_t left; /* until one fails */
    uint64_t failed;
} memory;

static bool fails(void)
{
    if (!memory.armed || memory.left == 0)
        return false;
    if (memory.left > 1) {
        memory.left--;
        return false;
    }
    if (!memory.forever)
        memory.left = 0;
    memory.failed++;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
    return fails() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

void memory_arm(uint64_t nth, bool forever)
{
    memory.forever = forever;
    memory.left = nth;
    memory.failed = 0;
    memory.armed = true;
}

uint64_t memory_disarm(void)
{
    memory.armed = false;
    return memory.failed;
}
