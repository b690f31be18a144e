/*
 * Directories and names on Windows. Nearly all calls want a path, so a directory is one that was
 * made absolute once, and a handle that keeps everybody from giving it another meaning. Every path
 * has the prefix \\?\, which lifts the limit of 260 characters: the system takes it as it is.
 */
#include "os/win32.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SHARE_ALL  (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define SHARE_STAY (FILE_SHARE_READ | FILE_SHARE_WRITE)

/* ---- text ---- */

static void *alloc(size_t bytes)
{
    void *memory = malloc(bytes);

    if (memory == NULL)
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return memory;
}

wchar_t *slot__os_win32_wide(const char *text)
{
    int chars = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t *wide = chars <= 0 ? NULL : alloc((size_t)chars * sizeof *wide);

    if (wide != NULL)
        (void)MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, chars);
    return wide;
}

char *slot__os_win32_narrow(const wchar_t *wide)
{
    int bytes = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *text = bytes <= 0 ? NULL : alloc((size_t)bytes);

    if (text != NULL)
        (void)WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, bytes, NULL, NULL);
    return text;
}

static bool is_one_name(const char *name)
{
    return name[0] != '\0' && strpbrk(name, "/\\:") == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* ---- paths ---- */

static bool has_prefix(const wchar_t *path)
{
    return wcsncmp(path, L"\\\\?\\", 4) == 0 || wcsncmp(path, L"\\\\.\\", 4) == 0;
}

/* An absolute path with \\?\ before it, or \\?\UNC\ for \\server\share. Takes `full`, which has
 * room for that before its first character. */
static void put_prefix(wchar_t *full, size_t room)
{
    static const wchar_t local[] = L"\\\\?\\";
    static const wchar_t remote[] = L"\\\\?\\UNC\\";
    bool unc = wcsncmp(full + room, L"\\\\", 2) == 0;
    size_t skip = unc ? room + 2 : room;
    size_t before = unc ? wcslen(remote) : wcslen(local);

    if (has_prefix(full + room)) { /* a device, which a name as NUL or CON means */
        skip = room;
        before = 0;
    }
    memmove(full + before, full + skip, (wcslen(full + skip) + 1) * sizeof *full);
    memcpy(full, unc ? remote : local, before * sizeof *full);
}

/* Separators at the end go, but that of a root: "\\?\C:" is a volume, "\\?\C:\" a directory. */
static void trim(wchar_t *path)
{
    size_t n = wcslen(path);

    while (n > 1 && (path[n - 1] == L'\\' || path[n - 1] == L'/') && path[n - 2] != L':')
        path[--n] = L'\0';
}

/* A path of the user in the form that it keeps, whatever the working directory will be. What he has
 * given with a prefix already is what he wants. The caller frees it. */
static wchar_t *full_path(const char *path)
{
    const size_t room = sizeof L"\\\\?\\UNC\\" / sizeof(wchar_t);
    wchar_t *given = slot__os_win32_wide(path);
    wchar_t *full = given;
    DWORD chars;

    if (given == NULL)
        return NULL;
    if (!has_prefix(given)) {
        chars = GetFullPathNameW(given, 0, NULL, NULL); /* counts the NUL */
        full = chars == 0 ? NULL : alloc((room + chars) * sizeof *full);
        if (full != NULL && GetFullPathNameW(given, chars, full + room, NULL) == 0) {
            free(full);
            full = NULL;
        }
        free(given);
        if (full != NULL)
            put_prefix(full, room);
    }
    if (full != NULL)
        trim(full);
    return full;
}

wchar_t *slot__os_win32_in(const struct os_dir *dir, const char *name)
{
    size_t n = wcslen(dir->path);
    size_t between = dir->path[n - 1] != L'\\' ? 1 : 0; /* a root has it already */
    wchar_t *wide = slot__os_win32_wide(name);
    wchar_t *path = wide == NULL ? NULL : alloc((n + between + wcslen(wide) + 1) * sizeof *path);

    assert(is_one_name(name));
    if (path != NULL) {
        memcpy(path, dir->path, n * sizeof *path);
        path[n] = L'\\';
        wcscpy(path + n + between, wide);
    }
    free(wide);
    return path;
}

/* ---- opening ---- */

/* Whether a handle is one of a directory, and not of a link where no link is followed. */
static os_result check_directory(HANDLE handle, bool links)
{
    FILE_BASIC_INFO info;

    if (GetFileType(handle) != FILE_TYPE_DISK)
        return (os_result){SLOT_E_UNSUPPORTED, 0};
    if (!GetFileInformationByHandleEx(handle, FileBasicInfo, &info, sizeof info))
        return slot__os_win32_last();
    if ((info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0 ||
        (!links && (info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0))
        return (os_result){SLOT_E_UNSUPPORTED, 0};
    return os_success();
}

/* Where the links of the path have led: a link may be given another meaning, the handle not. Where
 * the system does not tell, the path stays. */
static void settle_path(struct os_dir *dir)
{
    DWORD chars = GetFinalPathNameByHandleW(dir->handle, NULL, 0, FILE_NAME_NORMALIZED);
    wchar_t *final = chars == 0 ? NULL : malloc(((size_t)chars + 1) * sizeof *final);
    DWORD got = final == NULL ? 0
                              : GetFinalPathNameByHandleW(dir->handle, final, chars + 1,
                                                          FILE_NAME_NORMALIZED);

    if (got > 0 && got <= chars && has_prefix(final)) {
        free(dir->path);
        dir->path = final;
        trim(final);
    } else {
        free(final);
    }
}

os_result slot__os_dir_open(const struct os *os, struct os_dir *parent, const char *path,
                            struct os_dir **dir)
{
    DWORD links = parent != NULL ? FILE_FLAG_OPEN_REPARSE_POINT : 0;
    struct os_dir *opened = malloc(sizeof *opened);
    os_result result;

    (void)os;
    if (opened == NULL)
        return slot__os_win32_result(ERROR_NOT_ENOUGH_MEMORY);
    opened->path = parent != NULL ? slot__os_win32_in(parent, path) : full_path(path);
    opened->handle = INVALID_HANDLE_VALUE;
    if (opened->path != NULL)
        opened->handle =
            CreateFileW(opened->path, FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES, SHARE_STAY, NULL,
                        OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | links, NULL);
    if (opened->handle == INVALID_HANDLE_VALUE) {
        result = slot__os_win32_last();
        free(opened->path);
        free(opened);
        return result;
    }
    result = check_directory(opened->handle, parent == NULL);
    if (os_ok(result)) {
        if (parent == NULL)
            settle_path(opened);
        *dir = opened;
    } else {
        slot__os_dir_close(os, opened);
    }
    return result;
}

/* Everything up to and with the last separator; the caller frees it. */
static char *before_name(wchar_t *full, wchar_t *last)
{
    wchar_t kept = *last;
    char *parent;

    *last = L'\0';
    parent = slot__os_win32_narrow(full);
    *last = kept;
    return parent;
}

os_result slot__os_dir_split_path(const struct os *os, const char *path, char **parent, char **name)
{
    wchar_t *full = path[0] == '\0' ? NULL : full_path(path);
    wchar_t *last;
    os_result result = {SLOT_E_ARG, 0};

    (void)os;
    if (full == NULL)
        return path[0] == '\0' ? result : slot__os_win32_last();
    last = wcsrchr(full, L'\\');
    if (last == NULL)
        goto done;
    *name = slot__os_win32_narrow(last + 1);
    *parent = *name == NULL ? NULL : before_name(full, last + 1);
    if (*parent != NULL && is_one_name(*name)) {
        result = os_success();
    } else {
        if (*parent == NULL)
            result = slot__os_win32_last();
        free(*parent);
        free(*name);
    }
done:
    free(full);
    return result;
}

void slot__os_dir_close(const struct os *os, struct os_dir *dir)
{
    (void)os;
    CloseHandle(dir->handle);
    free(dir->path);
    free(dir);
}

/* ---- names ---- */

/* Apply a function of the system that takes nothing but a path. */
static os_result on_name(const struct os_dir *dir, const char *name,
                         BOOL(WINAPI *call)(const wchar_t *))
{
    wchar_t *wide = slot__os_win32_in(dir, name);
    os_result result = wide != NULL && call(wide) ? os_success() : slot__os_win32_last();

    free(wide);
    return result;
}

static BOOL WINAPI create_directory(const wchar_t *path)
{
    return CreateDirectoryW(path, NULL);
}

os_result slot__os_dir_make(const struct os *os, struct os_dir *dir, const char *name)
{
    (void)os;
    return on_name(dir, name, create_directory);
}

os_result slot__os_dir_remove(const struct os *os, struct os_dir *dir, const char *name)
{
    (void)os;
    return on_name(dir, name, RemoveDirectoryW);
}

os_result slot__os_dir_remove_file(const struct os *os, struct os_dir *dir, const char *name)
{
    (void)os;
    return on_name(dir, name, DeleteFileW);
}

os_result slot__os_dir_rename_new(const struct os *os, struct os_dir *dir, const char *from,
                                  const char *to)
{
    wchar_t *wide_from = slot__os_win32_in(dir, from);
    wchar_t *wide_to = wide_from == NULL ? NULL : slot__os_win32_in(dir, to);
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

os_result slot__os_dir_sync(const struct os *os, struct os_dir *dir)
{
    os_result result = os_success();
    HANDLE handle = CreateFileW(dir->path, GENERIC_READ | GENERIC_WRITE, SHARE_ALL, NULL,
                                OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);

    (void)os;
    if (handle == INVALID_HANDLE_VALUE || !FlushFileBuffers(handle))
        result = slot__os_win32_last();
    if (cannot_flush_directory((DWORD)result.code))
        result = os_success();
    if (handle != INVALID_HANDLE_VALUE)
        CloseHandle(handle);
    return result;
}

/* The pattern of everything in a directory; the caller frees it. */
static wchar_t *everything_in(const struct os_dir *dir)
{
    return slot__os_win32_in(dir, "*");
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

os_result slot__os_dir_list(const struct os *os, struct os_dir *dir, os_name_fn fn, void *context)
{
    wchar_t *pattern = everything_in(dir);
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

os_result slot__os_dir_kind(const struct os *os, struct os_dir *dir, const char *name,
                            os_kind *kind)
{
    wchar_t *wide = slot__os_win32_in(dir, name);
    DWORD attributes = wide == NULL ? INVALID_FILE_ATTRIBUTES : GetFileAttributesW(wide);
    os_result result = os_success();

    (void)os;
    if (attributes == INVALID_FILE_ATTRIBUTES) {
        result = slot__os_win32_last();
        if (wide != NULL && result.status == SLOT_E_NO_FILE) {
            *kind = OS_KIND_NONE;
            result = os_success();
        }
    } else if ((attributes & (FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_DEVICE)) != 0) {
        *kind = OS_KIND_OTHER;
    } else {
        *kind = (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0 ? OS_KIND_DIR : OS_KIND_FILE;
    }
    free(wide);
    return result;
}
