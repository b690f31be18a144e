/*
 * A view whose pages are gone. On POSIX systems: really so. Windows refuses to make a mapped file
 * shorter, so pages without access stand in for it there: they fault in the same place.
 */
#include "support/lost_view.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#endif

#include "os/os.h"
#include "support/by_path.h"

#ifdef _WIN32

void *lost_view_make(const char *path, size_t n)
{
    void *view = VirtualAlloc(NULL, n, MEM_RESERVE, PAGE_NOACCESS);

    (void)path;
    if (view == NULL)
        abort();
    return view;
}

void lost_view_release(void *view, size_t n)
{
    (void)n;
    VirtualFree(view, 0, MEM_RELEASE);
}

#else

void *lost_view_make(const char *path, size_t n)
{
    /* While a test runs, cmocka catches signals; this puts the library's handler before its. */
    const struct os *os = slot__os_native();
    struct os_file *file = NULL;
    void *view = NULL;

    if (!os_ok(by_path_open(os, path, OS_READ | OS_WRITE | OS_CREATE_NEW, &file)) ||
        !os_ok(os->resize(os, file, n)) || !os_ok(os->map(os, file, 0, n, OS_MAP_WRITE, &view)) ||
        !os_ok(os->resize(os, file, 0))) {
        fprintf(stderr, "ERROR: cannot make a lost view at %s\n", path);
        abort();
    }
    os->close(os, file);
    return view;
}

void lost_view_release(void *view, size_t n)
{
    const struct os *os = slot__os_native();

    os->unmap(os, view, n);
}

#endif
