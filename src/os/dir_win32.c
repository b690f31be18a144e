/*
 * Directories and names on Windows.
 */
#include "os/win32.h"

#include <stdlib.h>
#include <string.h>

#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

/* Apply a function of the system that takes nothing but a path. */
static os_result on_path(const char *path, BOOL(WINAPI *call)(const wchar_t *))
{
    wchar_t *wide = slot__os_win32_path(path);
    os_result result = wide != NULL && call(wide) ? os_success() : slot__os_win32_last();

    free(wide);
    return result;
}

static BOOL WINAPI create_directory(const wchar_t *path)
{
    return CreateDirectoryW(path, NULL);
}

os_result slot__os_dir_make(const struct os *os, const char *path)
{
    (void)os;
    return on_path(path, create_directory);
}

os_result slot__os_dir_remove(const struct os *os, const char *path)
{
    (void)os;
    return on_path(path, RemoveDirectoryW);
}

os_result slot__os_dir_remove_file(const struct os *os, const char *path)
{
    (void)os;
    return on_path(path, DeleteFileW);
}

os_result slot__os_dir_rename_new(const struct os *os, const char *from, const char *to)
{
    wchar_t *wide_from = slot__os_win32_path(from);
    wchar_t *wide_to = wide_from == NULL ? NULL : slot__os_win32_path(to);
    os_result result = os_success();

    (void)os;
    if (wide_to == NULL || !MoveFileExW(wide_from, wide_to, MOVEFILE_WRITE_THROUGH))
        result = slot__os_win32_last();
    free(wide_from);
    free(wide_to);
    return result;
}

/*
 * NTFS keeps names in its journal; flushing the directory brings that to the disk. Where the user
 * or the file system does not allow it, there is nothing more that could be done.
 */
static bool cannot_flush_directory(DWORD code)
{
    return code == ERROR_ACCESS_DENIED || code == ERROR_INVALID_FUNCTION ||
           code == ERROR_NOT_SUPPORTED;
}

os_result slot__os_dir_sync(const struct os *os, const char *path)
{
    wchar_t *wide = slot__os_win32_path(path);
    os_result result = os_success();
    HANDLE dir;

    (void)os;
    if (wide == NULL)
        return slot__os_win32_last();
    dir = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, SHARE_ALL, NULL, OPEN_EXISTING,
                      FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (dir == INVALID_HANDLE_VALUE || !FlushFileBuffers(dir))
        result = slot__os_win32_last();
    if (cannot_flush_directory((DWORD)result.code))
        result = os_success();
    if (dir != INVALID_HANDLE_VALUE)
        CloseHandle(dir);
    free(wide);
    return result;
}

/* The pattern of everything in `path`; the caller frees it. */
static wchar_t *everything_in(const char *path)
{
    static const char all[] = "\\*";
    size_t n = strlen(path);
    char *pattern = malloc(n + sizeof all);
    wchar_t *wide;

    if (pattern == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    memcpy(pattern, path, n);
    memcpy(pattern + n, all, sizeof all);
    wide = slot__os_win32_path(pattern);
    free(pattern);
    return wide;
}

/* Hand one found name to fn as UTF-8. */
static bool tell_name(const wchar_t *wide, os_name_fn fn, void *context)
{
    char name[MAX_PATH * 3 + 1]; /* at most 3 bytes for each UTF-16 unit */
    int n;

    if (wcscmp(wide, L".") == 0 || wcscmp(wide, L"..") == 0)
        return true;
    n = WideCharToMultiByte(CP_UTF8, 0, wide, -1, name, sizeof name, NULL, NULL);
    return n <= 0 || fn(context, name);
}

os_result slot__os_dir_list(const struct os *os, const char *path, os_name_fn fn, void *context)
{
    wchar_t *pattern = everything_in(path);
    os_result result = os_success();
    WIN32_FIND_DATAW found;
    HANDLE search;

    (void)os;
    if (pattern == NULL)
        return slot__os_win32_last();
    search = FindFirstFileW(pattern, &found);
    if (search == INVALID_HANDLE_VALUE) {
        result = slot__os_win32_last();
        goto done;
    }
    while (tell_name(found.cFileName, fn, context)) {
        if (!FindNextFileW(search, &found)) {
            if (GetLastError() != ERROR_NO_MORE_FILES)
                result = slot__os_win32_last();
            break;
        }
    }
    FindClose(search);
done:
    free(pattern);
    return result;
}

static os_kind kind_of_handle(HANDLE handle)
{
    FILE_BASIC_INFO info;

    if (GetFileType(handle) != FILE_TYPE_DISK ||
        !GetFileInformationByHandleEx(handle, FileBasicInfo, &info, sizeof info))
        return OS_KIND_OTHER;
    return (info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0 ? OS_KIND_DIR : OS_KIND_FILE;
}

os_kind slot__os_dir_kind(const struct os *os, const char *path)
{
    wchar_t *wide = slot__os_win32_path(path);
    os_kind kind;
    HANDLE handle;

    (void)os;
    if (wide == NULL)
        return slot__os_win32_last().status == SLOT_E_NO_FILE ? OS_KIND_NONE : OS_KIND_OTHER;
    /* Opened for nothing, so that links are followed: GetFileAttributesW would stop at them. */
    handle = CreateFileW(wide, 0, SHARE_ALL, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        kind = slot__os_win32_last().status == SLOT_E_NO_FILE ? OS_KIND_NONE : OS_KIND_OTHER;
    } else {
        kind = kind_of_handle(handle);
        CloseHandle(handle);
    }
    free(wide);
    return kind;
}
