/*
 * Private to the Windows twins: open files and directories, GetLastError() as an os_result, paths
 * as UTF-16.
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

/* Of a file, those that Slotfile locks. */
#define WIN32_LOCK_BYTES 1024u

struct os_file {
    HANDLE handle;
    volatile LONG locked[WIN32_LOCK_BYTES / 32]; /* a bit for each byte: to be let go of at close */
};

/* While the handle is open, nobody can rename or remove the directory, nor one that it is in. */
struct os_dir {
    HANDLE handle;
    wchar_t *path; /* absolute, with its prefix */
};

/* What error `code` means for the caller. */
os_result slot__os_win32_result(DWORD code);

/* The same for GetLastError(); never a success, even where the system forgot to say why. */
os_result slot__os_win32_last(void);

/* UTF-8 as UTF-16 and back, in fresh memory. NULL when it is neither or there is no memory;
 * slot__os_win32_last() then says which. */
wchar_t *slot__os_win32_wide(const char *text);
char *slot__os_win32_narrow(const wchar_t *wide);

/* The path of `name` in an open directory, in fresh memory; NULL as above. */
wchar_t *slot__os_win32_in(const struct os_dir *dir, const char *name);

/* The OVERLAPPED of a synchronous call at `offset`. */
OVERLAPPED slot__os_win32_at(uint64_t offset);

/*
 * Make the page of `address` present by an atomic change of nothing, under the guard. False when
 * the page is gone.
 */
bool slot__os_win32_touch(void *address);

#endif
