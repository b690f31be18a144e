/*
 * Threads for tests.
 */
#include "support/thread.h"

#include <stdbool.h>
#include <stdlib.h>

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <pthread.h>
#endif

struct test_thread {
    void (*fn)(void *context);
    void *context;
#ifdef _WIN32
    HANDLE handle;
#else
    pthread_t handle;
#endif
};

#ifdef _WIN32

static DWORD WINAPI run(void *argument)
{
    struct test_thread *thread = argument;

    thread->fn(thread->context);
    return 0;
}

static bool start(struct test_thread *thread)
{
    thread->handle = CreateThread(NULL, 0, run, thread, 0, NULL);
    return thread->handle != NULL;
}

static void join(struct test_thread *thread)
{
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
}

#else

static void *run(void *argument)
{
    struct test_thread *thread = argument;

    thread->fn(thread->context);
    return NULL;
}

static bool start(struct test_thread *thread)
{
    return pthread_create(&thread->handle, NULL, run, thread) == 0;
}

static void join(struct test_thread *thread)
{
    (void)pthread_join(thread->handle, NULL);
}

#endif

struct test_thread *test_thread_start(void (*fn)(void *context), void *context)
{
    struct test_thread *thread = malloc(sizeof *thread);

    if (thread == NULL)
        abort();
    thread->fn = fn;
    thread->context = context;
    if (!start(thread))
        abort();
    return thread;
}

void test_thread_join(struct test_thread *thread)
{
    join(thread);
    free(thread);
}
