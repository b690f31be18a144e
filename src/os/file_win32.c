/*
 * Files on Windows.
 *
 * They are opened so that others may do anything with them at the same time, as on POSIX systems;
 * who may really do what is decided by locks (lock_win32.c).
 */
#include "base/checked.h"
#include "os/win32.h"

#include <stdlib.h>
#include <string.h>
#include <winioctl.h>

/* One call never moves more than the smallest limit of all systems. */
#define IO_BYTES_MAX ((size_t)1 << 30)

os_result slot__os_win32_result(DWORD code)
{
    os_result result = {SLOT_E_IO, (int)code};

    switch (code) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME: /* a file of that name cannot exist */
    case ERROR_BAD_PATHNAME:
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_NET_NAME:
    case ERROR_DIRECTORY: /* a part of the path is not a directory */
    case ERROR_NO_UNICODE_TRANSLATION:
        result.status = SLOT_E_NO_FILE;
        break;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
    case ERROR_DIR_NOT_EMPTY:
        result.status = SLOT_E_EXISTS;
        break;
    case ERROR_ACCESS_DENIED:
    case ERROR_WRITE_PROTECT:
    case ERROR_PRIVILEGE_NOT_HELD:
        result.status = SLOT_E_PERMISSION;
        break;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case ERROR_DISK_QUOTA_EXCEEDED:
    case ERROR_FILE_TOO_LARGE:
        result.status = SLOT_E_NO_SPACE;
        break;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT:
    case ERROR_INVALID_ADDRESS: /* no hole in the address space is large enough */
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_WORKING_SET_QUOTA:
        result.status = SLOT_E_NO_MEMORY;
        break;
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
    case ERROR_USER_MAPPED_FILE:
        result.status = SLOT_E_BUSY;
        break;
    case ERROR_NOT_SUPPORTED:
    case ERROR_INVALID_FUNCTION:
        result.status = SLOT_E_UNSUPPORTED;
        break;
    case ERROR_FILENAME_EXCED_RANGE:
        result.status = SLOT_E_ARG;
        break;
    default:
        break;
    }
    return result;
}

os_result slot__os_win32_last(void)
{
    DWORD code = GetLastError();

    return slot__os_win32_result(code != ERROR_SUCCESS ? code : ERROR_GEN_FAILURE);
}

OVERLAPPED slot__os_win32_at(uint64_t offset)
{
    OVERLAPPED at;

    memset(&at, 0, sizeof at);
    at.Offset = (DWORD)(offset & UINT32_MAX);
    at.OffsetHigh = (DWORD)(offset >> 32);
    return at;
}

/* Only regular files: no directory, device or pipe, and nothing that leads elsewhere. */
static os_result check_regular(HANDLE handle)
{
    const DWORD strange = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
    FILE_BASIC_INFO info;

    if (GetFileType(handle) != FILE_TYPE_DISK)
        return (os_result){SLOT_E_UNSUPPORTED, 0};
    if (!GetFileInformationByHandleEx(handle, FileBasicInfo, &info, sizeof info))
        return slot__os_win32_last();
    if ((info.FileAttributes & strange) != 0)
        return (os_result){SLOT_E_UNSUPPORTED, 0};
    return os_success();
}

os_result slot__os_file_open(const struct os *os, struct os_dir *dir, const char *name, int flags,
                             struct os_file **file)
{
    const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    DWORD access = (flags & OS_WRITE) != 0 ? GENERIC_READ | GENERIC_WRITE : GENERIC_READ;
    DWORD how = (flags & OS_CREATE_NEW) != 0 ? CREATE_NEW : OPEN_EXISTING;
    struct os_file *opened = calloc(1, sizeof *opened);
    wchar_t *wide = slot__os_win32_in(dir, name);
    os_result result = os_success();

    (void)os;
    if (wide == NULL || opened == NULL) {
        result =
            wide == NULL ? slot__os_win32_last() : slot__os_win32_result(ERROR_NOT_ENOUGH_MEMORY);
        goto done;
    }
    /* A link is opened itself, and with BACKUP_SEMANTICS a directory can be: both are then
     * recognised by their attributes instead of by an error that has many reasons. */
    opened->handle = CreateFileW(
        wide, access, share, NULL, how,
        FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (opened->handle == INVALID_HANDLE_VALUE) {
        result = slot__os_win32_last();
        goto done;
    }
    result = check_regular(opened->handle);
    if (os_ok(result)) {
        *file = opened;
        opened = NULL;
    } else {
        CloseHandle(opened->handle);
    }
done:
    free(wide);
    free(opened);
    return result;
}

/* Handles are plenty. */
os_result slot__os_file_keep(const struct os *os, struct os_file *file, bool keep)
{
    (void)os, (void)file, (void)keep;
    return os_success();
}

void slot__os_file_close(const struct os *os, struct os_file *file)
{
    /* The system lets go of the locks of a closed handle when it finds the time. */
    for (uint32_t byte = 0; byte < WIN32_LOCK_BYTES; byte++) {
        if ((file->locked[byte / 32] >> byte % 32 & 1) != 0)
            slot__os_lock_release(os, file, byte);
    }
    CloseHandle(file->handle);
    free(file);
}

os_result slot__os_file_size(const struct os *os, struct os_file *file, uint64_t *size)
{
    LARGE_INTEGER now;

    (void)os;
    if (!GetFileSizeEx(file->handle, &now))
        return slot__os_win32_last();
    *size = (uint64_t)now.QuadPart;
    return os_success();
}

static os_result set_end(struct os_file *file, uint64_t size)
{
    FILE_END_OF_FILE_INFO end;

    if (size > INT64_MAX)
        return slot__os_win32_result(ERROR_FILE_TOO_LARGE);
    end.EndOfFile.QuadPart = (LONGLONG)size;
    if (!SetFileInformationByHandle(file->handle, FileEndOfFileInfo, &end, sizeof end))
        return slot__os_win32_last();
    return os_success();
}

os_result slot__os_file_resize(const struct os *os, struct os_file *file, uint64_t size)
{
    uint64_t before = 0;
    DWORD unused = 0;

    /* Only what is sparse has holes. Where that cannot be, the bytes take their space. */
    if (os_ok(slot__os_file_size(os, file, &before)) && size > before)
        (void)DeviceIoControl(file->handle, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &unused, NULL);
    return set_end(file, size);
}

/* Write zeros: to a sparse file that gives them clusters. */
static os_result write_zeros(const struct os *os, struct os_file *file, uint64_t from, uint64_t to)
{
    static const uint8_t zeros[65536];
    os_result result = os_success();

    for (uint64_t at = from, n; at < to && os_ok(result); at += n) {
        n = min_u64(sizeof zeros, to - at);
        result = slot__os_file_write_at(os, file, at, zeros, (size_t)n);
    }
    return result;
}

/* The first range at or behind `from` that has clusters; [to, to) when there is none before it. */
static os_result next_range(struct os_file *file, uint64_t from, uint64_t to, uint64_t *start,
                            uint64_t *end)
{
    FILE_ALLOCATED_RANGE_BUFFER asked, found;
    DWORD bytes = 0;

    *start = *end = to;
    asked.FileOffset.QuadPart = (LONGLONG)from;
    asked.Length.QuadPart = (LONGLONG)(to - from);
    if (!DeviceIoControl(file->handle, FSCTL_QUERY_ALLOCATED_RANGES, &asked, sizeof asked, &found,
                         sizeof found, &bytes, NULL) &&
        GetLastError() != ERROR_MORE_DATA)
        return slot__os_win32_result(ERROR_NOT_SUPPORTED);
    if (bytes >= sizeof found) {
        *start = max_u64(from, (uint64_t)found.FileOffset.QuadPart);
        *end = min_u64(to, (uint64_t)(found.FileOffset.QuadPart + found.Length.QuadPart));
    }
    return os_success();
}

/* Clusters for what is a hole in [from, to) of a sparse file, which nobody stores to meanwhile. */
static os_result fill_holes(const struct os *os, struct os_file *file, uint64_t from, uint64_t to)
{
    os_result result = os_success();

    while (from < to && os_ok(result)) {
        uint64_t start = to, end = to;

        result = next_range(file, from, to, &start, &end);
        if (os_ok(result))
            result = write_zeros(os, file, from, start);
        from = max_u64(end, start);
    }
    return result;
}

/*
 * A file that is neither sparse nor compressed owns the clusters of all its bytes, so to grow it is
 * to allocate. Not FileAllocationInfo: it cuts a file that somebody else made longer meanwhile.
 */
os_result slot__os_file_allocate(const struct os *os, struct os_file *file, uint64_t offset,
                                 uint64_t n)
{
    FILE_BASIC_INFO info;
    uint64_t size = 0;
    os_result result;

    if (offset > INT64_MAX || n > INT64_MAX - offset)
        return slot__os_win32_result(ERROR_FILE_TOO_LARGE);
    if (!GetFileInformationByHandleEx(file->handle, FileBasicInfo, &info, sizeof info))
        return slot__os_win32_last();
    if ((info.FileAttributes & FILE_ATTRIBUTE_COMPRESSED) != 0)
        return slot__os_win32_result(ERROR_NOT_SUPPORTED);
    result = slot__os_file_size(os, file, &size);
    if (!os_ok(result) || n == 0)
        return result;
    if ((info.FileAttributes & FILE_ATTRIBUTE_SPARSE_FILE) == 0)
        return offset + n <= size ? result : set_end(file, offset + n);
    result = fill_holes(os, file, offset, min_u64(offset + n, size));
    if (os_ok(result) && offset + n > size)
        result = write_zeros(os, file, max_u64(offset, size), offset + n);
    if (!os_ok(result) && offset + n > size)
        (void)set_end(file, size);
    return result;
}

os_result slot__os_file_read_at(const struct os *os, struct os_file *file, uint64_t offset,
                                void *buf, size_t n)
{
    uint8_t *to = buf;

    (void)os;
    while (n > 0) {
        OVERLAPPED at = slot__os_win32_at(offset);
        DWORD got = 0;

        if (!ReadFile(file->handle, to, (DWORD)(n < IO_BYTES_MAX ? n : IO_BYTES_MAX), &got, &at)) {
            if (GetLastError() == ERROR_HANDLE_EOF)
                return (os_result){SLOT_E_TRUNCATED, 0};
            return slot__os_win32_last();
        }
        if (got == 0)
            return (os_result){SLOT_E_TRUNCATED, 0};
        to += got;
        offset += got;
        n -= got;
    }
    return os_success();
}

os_result slot__os_file_write_at(const struct os *os, struct os_file *file, uint64_t offset,
                                 const void *buf, size_t n)
{
    const uint8_t *from = buf;

    (void)os;
    while (n > 0) {
        OVERLAPPED at = slot__os_win32_at(offset);
        DWORD put = 0;

        if (!WriteFile(file->handle, from, (DWORD)(n < IO_BYTES_MAX ? n : IO_BYTES_MAX), &put, &at))
            return slot__os_win32_last();
        if (put == 0)
            return slot__os_win32_result(ERROR_WRITE_FAULT);
        from += put;
        offset += put;
        n -= put;
    }
    return os_success();
}

os_result slot__os_file_sync(const struct os *os, struct os_file *file)
{
    (void)os;
    return FlushFileBuffers(file->handle) ? os_success() : slot__os_win32_last();
}

/* What became of bytes that were written in the background only a flush tells. */
os_result slot__os_file_intact(const struct os *os, struct os_file *file)
{
    return slot__os_file_sync(os, file);
}

/* Windows writes on its own after a second or so and has no call to ask for it. */
void slot__os_file_start_writeback(const struct os *os, struct os_file *file, uint64_t offset,
                                   uint64_t n)
{
    (void)os, (void)file, (void)offset, (void)n;
}

/*
 * Most advice can only be given here when a file is opened, for all of it. To have a part of it
 * read in advance it must be mapped, for the moment of asking.
 */
void slot__os_file_advise(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n,
                          os_advice advice)
{
    uint64_t start = round_down(offset, OS_GRANULARITY);
    uint64_t size = 0;
    void *base = NULL;

    if (advice != OS_ADVICE_WILLNEED || !os_ok(slot__os_file_size(os, file, &size)) ||
        offset >= size)
        return;
    n = n == 0 ? size - start : min_u64(offset + n, size) - start;
    if (n > SIZE_MAX / 2 ||
        !os_ok(slot__os_map_open(os, file, start, (size_t)n, OS_MAP_READ, &base)))
        return;
    slot__os_map_advise(os, base, (size_t)n, OS_ADVICE_WILLNEED);
    slot__os_map_close(os, base, (size_t)n);
}

uint64_t slot__os_file_next_data(const struct os *os, struct os_file *file, uint64_t offset)
{
    FILE_ALLOCATED_RANGE_BUFFER asked, found;
    uint64_t size = 0;
    DWORD bytes = 0;

    if (!os_ok(slot__os_file_size(os, file, &size)))
        return offset;
    if (offset >= size)
        return size;
    asked.FileOffset.QuadPart = (LONGLONG)offset;
    asked.Length.QuadPart = (LONGLONG)(size - offset);
    if (!DeviceIoControl(file->handle, FSCTL_QUERY_ALLOCATED_RANGES, &asked, sizeof asked, &found,
                         sizeof found, &bytes, NULL) &&
        GetLastError() != ERROR_MORE_DATA)
        return offset;
    if (bytes < sizeof found)
        return size;
    return (uint64_t)found.FileOffset.QuadPart > offset ? (uint64_t)found.FileOffset.QuadPart
                                                        : offset;
}

/* No call tells: a page that is in memory may be in no working set. */
bool slot__os_file_cached(const struct os *os, struct os_file *file, uint64_t offset, uint64_t n)
{
    (void)os, (void)file, (void)offset, (void)n;
    return false;
}
