/*
 * Private to the Windows twins: the open file, GetLastError() as an os_result, paths as UTF-16.
 */
#ifndef SLOT_OS_WIN32_H
#define SLOT_OS_WIN32_H

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

#include "os/twin.h"

#ifndef ERROR_DISK_QUOTA_EXCEEDED /* not in all headers of mingw-w64 */
#define ERROR_DISK_QUOTA_EXCEEDED 1295L
#endif

struct os_file {
    HANDLE handle;
};

/* What error `code` means for the caller. */
os_result slot__os_win32_result(DWORD code);

/* The same for GetLastError(); never a success, even where the system forgot to say why. */
os_result slot__os_win32_last(void);

/*
 * `path` as the wide functions want it; the caller frees it. NULL when it is not UTF-8 or there is
 * no memory; slot__os_win32_last() then says which. Long paths become absolute with the prefix that
 * lifts the limit of 260 characters.
 */
wchar_t *slot__os_win32_path(const char *path);

/* The OVERLAPPED of a synchronous call at `offset`. */
OVERLAPPED slot__os_win32_at(uint64_t offset);

/*
 * Make the page of `address` present by an atomic change of nothing, under the guard. False when
 * the page is gone.
 */
bool slot__os_win32_touch(void *address);

#endif
