/*
 * Views on Windows. The section object is closed as soon as its view exists, which keeps it alive:
 * so a view is all that has to be remembered, as on POSIX systems.
 */
#include "os/win32.h"

#include <assert.h>

/* Waits of flush on ERROR_LOCK_VIOLATION: 1, 2, 4 ... 64, 64 ... ms, 0.6 s in all. */
#define FLUSH_WAITS       15
#define FLUSH_WAIT_MS_MAX 64u

os_result slot__os_map_open(const struct os *os, struct os_file *file, uint64_t offset, size_t n,
                            os_map_mode mode, void **base)
{
    static const DWORD protection[] = {PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY,
                                       PAGE_READWRITE, PAGE_READWRITE};
    static const DWORD access[] = {FILE_MAP_READ, FILE_MAP_READ | FILE_MAP_WRITE, FILE_MAP_COPY,
                                   FILE_MAP_READ | FILE_MAP_WRITE, FILE_MAP_READ | FILE_MAP_WRITE};
    os_result result;
    uint64_t size = 0;
    HANDLE section;
    void *view;

    assert(offset % OS_GRANULARITY == 0 && n > 0);
    result = slot__os_file_size(os, file, &size);
    if (!os_ok(result))
        return result;
    if (offset > size || n > size - offset)
        return (os_result){SLOT_E_TRUNCATED, 0};
    /* Size 0: as long as the file is. A larger section would silently grow the file. */
    section = CreateFileMappingW(file->handle, NULL, protection[mode], 0, 0, NULL);
    if (section == NULL)
        return slot__os_win32_last();
    view = MapViewOfFile(section, access[mode], (DWORD)(offset >> 32), (DWORD)(offset & UINT32_MAX),
                         n);
    if (view == NULL)
        result = slot__os_win32_last();
    else if (mode == OS_MAP_LENT)
        result = slot__os_map_protect(os, view, n, false);
    if (os_ok(result))
        *base = view;
    else if (view != NULL)
        UnmapViewOfFile(view);
    CloseHandle(section);
    return result;
}

void slot__os_map_close(const struct os *os, void *base, size_t n)
{
    (void)os, (void)n;
    UnmapViewOfFile(base);
}

os_result slot__os_map_flush(const struct os *os, void *address, size_t n)
{
    DWORD wait_ms = 1;

    (void)os;
    /* The system's own writer may hold the pages at this moment; that passes. */
    for (int waits = 0; !FlushViewOfFile(address, n); waits++) {
        if (GetLastError() != ERROR_LOCK_VIOLATION || waits == FLUSH_WAITS)
            return slot__os_win32_last();
        Sleep(wait_ms);
        wait_ms = wait_ms < FLUSH_WAIT_MS_MAX ? wait_ms * 2 : FLUSH_WAIT_MS_MAX;
    }
    return os_success();
}

/* FlushViewOfFile looks at the pages that this process has dirtied, FlushFileBuffers at none. */
bool slot__os_map_apart(const struct os *os)
{
    (void)os;
    return true;
}

os_result slot__os_map_populate(const struct os *os, void *address, size_t n, bool for_write)
{
    uint8_t *page = (uint8_t *)address - (uintptr_t)address % OS_PAGE_SIZE;
    const uint8_t *end = (uint8_t *)address + n;
    os_result result = os_success();

    for (; page < end && os_ok(result); page += OS_PAGE_SIZE) {
        uint8_t byte;

        if (!for_write)
            result = slot__os_guard_load(os, &byte, page, 1);
        else if (!slot__os_win32_touch(page))
            result.status = SLOT_E_LOST;
    }
    return result;
}

os_result slot__os_map_protect(const struct os *os, void *address, size_t n, bool writable)
{
    DWORD before;

    (void)os;
    if (!VirtualProtect(address, n, writable ? PAGE_READWRITE : PAGE_READONLY, &before))
        return slot__os_win32_last();
    return os_success();
}

void slot__os_map_advise(const struct os *os, void *address, size_t n, os_advice advice)
{
    /* Not in every version of Windows, so it is not linked but looked up. */
    typedef BOOL(WINAPI * prefetch_fn)(HANDLE, ULONG_PTR, WIN32_MEMORY_RANGE_ENTRY *, ULONG);
    HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
    WIN32_MEMORY_RANGE_ENTRY range = {address, n};
    prefetch_fn prefetch = NULL;

    (void)os;
    if (kernel != NULL)
        prefetch = (prefetch_fn)(void (*)(void))GetProcAddress(kernel, "PrefetchVirtualMemory");
    if (prefetch != NULL && advice == OS_ADVICE_WILLNEED)
        (void)prefetch(GetCurrentProcess(), 1, &range, 0);
}
