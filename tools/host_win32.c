#define _CRT_RAND_S
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* mingw's start code would replace * and ? in arguments by the names of files. */
extern int _CRT_glob;
int _CRT_glob = 0;

int wmain(int argc, wchar_t **argv);

/* The same text in UTF-8; NULL when there is no memory or it is not Unicode. */
static char *narrow(const wchar_t *wide)
{
    int n = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide, -1, NULL, 0, NULL, NULL);
    char *text = n > 0 ? malloc((size_t)n) : NULL;

    if (text != NULL)
        WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide, -1, text, n, NULL, NULL);
    return text;
}

/* The same text in UTF-16; NULL when there is no memory or it is not UTF-8. */
static wchar_t *widen(const char *text)
{
    int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t *wide = n > 0 ? malloc((size_t)n * sizeof *wide) : NULL;

    if (wide != NULL)
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, n);
    return wide;
}

/* ---- Interruptions ---- */

#define ENDED_BY_CTRL_C 0xC000013Au /* STATUS_CONTROL_C_EXIT, as the system's own handler has it */

/* The file that an interruption removes, or NULL. The lock is held while it comes and goes. */
static wchar_t *part;
static SRWLOCK part_lock = SRWLOCK_INIT;

static volatile LONG is_held;    /* host_hold_interrupts was called */
static volatile LONG noted;      /* one came since */
static volatile LONG is_reading; /* the main thread is in host_read */
static HANDLE main_thread;

/* Runs in a thread of its own. True: the program goes on. */
static BOOL WINAPI on_interrupt(DWORD event)
{
    (void)event;
    if (is_held != 0 && InterlockedExchange(&noted, 1) == 0) {
        while (InterlockedCompareExchange(&is_reading, 0, 0) != 0) {
            CancelSynchronousIo(main_thread);
            Sleep(10);
        }
        return TRUE;
    }
    AcquireSRWLockExclusive(&part_lock); /* for good: the program ends */
    if (part != NULL)
        DeleteFileW(part);
    return FALSE;
}

void host_hold_interrupts(void)
{
    if (main_thread == NULL)
        DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &main_thread,
                        0, FALSE, DUPLICATE_SAME_ACCESS);
    if (main_thread != NULL)
        InterlockedExchange(&is_held, 1);
}

bool host_interrupted(void)
{
    return InterlockedCompareExchange(&noted, 0, 0) != 0;
}

/* The C library keeps its descriptors 0, 1 and 2 for streams that the caller has closed, and the
 * database is opened by handles: nothing has to be done about them here. */
int wmain(int argc, wchar_t **argv)
{
    char **arguments = calloc((size_t)argc + 1, sizeof *arguments);
    int code;

    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    _setmode(_fileno(stderr), _O_BINARY);
    SetConsoleOutputCP(CP_UTF8); /* fails without a console, where the bytes are ours anyway */
    SetConsoleCtrlHandler(on_interrupt, TRUE);
    for (int i = 0; arguments != NULL && i < argc; i++) {
        arguments[i] = narrow(argv[i]);
        if (arguments[i] == NULL)
            arguments = NULL;
    }
    if (arguments == NULL) {
        fputs("slotfile: an argument is not Unicode text, or there is no memory\n", stderr);
        return 2;
    }
    code = slotfile_main(argc, arguments);
    if (host_interrupted())
        ExitProcess(ENDED_BY_CTRL_C);
    return code;
}

const char *host_text(int os_code)
{
    static char text[256];
    wchar_t wide[128];
    DWORD n = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                             (DWORD)os_code, 0, wide, 127, NULL);

    while (n > 0 && (wide[n - 1] <= L' ' || wide[n - 1] == L'.'))
        n--;
    wide[n] = L'\0';
    if (n == 0 ||
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, (int)sizeof text, NULL, NULL) == 0)
        snprintf(text, sizeof text, "Windows error %d", os_code);
    return text;
}

bool host_reader_is_gone(int error)
{
    /* Older C libraries do not know the system's code for a pipe that is being closed. */
    return error == EPIPE || error == EINVAL;
}

/* ---- Input ---- */

FILE *host_open_input(const char *path, const char **reason)
{
    wchar_t *wide = widen(path);
    FILE *file;

    errno = EINVAL;
    file = wide != NULL ? _wfopen(wide, L"rb") : NULL;
    if (file == NULL)
        *reason = strerror(errno);
    free(wide);
    return file;
}

bool host_read(FILE *file, void *buf, size_t n, size_t *got)
{
    int result = -1;

    InterlockedExchange(&is_reading, 1);
    errno = EINTR;
    if (!host_interrupted())
        result = _read(_fileno(file), buf, n < INT_MAX ? (unsigned)n : INT_MAX);
    InterlockedExchange(&is_reading, 0);
    *got = result > 0 ? (size_t)result : 0;
    return result >= 0 && !host_interrupted();
}

/* Open what is at `path` to ask about it, not to read it; INVALID_HANDLE_VALUE when it cannot be.
 */
static HANDLE open_wide_to_ask(const wchar_t *path)
{
    return CreateFileW(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                       OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
}

static HANDLE open_to_ask(const char *path)
{
    wchar_t *wide = widen(path);
    HANDLE handle = wide != NULL ? open_wide_to_ask(wide) : INVALID_HANDLE_VALUE;

    free(wide);
    return handle;
}

/* Whether something is at `path` that cannot be replaced by a file: NUL, CON, a pipe. */
static bool is_special(const char *path)
{
    HANDLE handle = open_to_ask(path);
    bool special = false;

    if (handle != INVALID_HANDLE_VALUE) {
        special = GetFileType(handle) != FILE_TYPE_DISK;
        CloseHandle(handle);
    }
    return special;
}

bool host_is_same_stream(const char *a, const char *b)
{
    return strcmp(a, b) == 0 && (strcmp(a, "-") == 0 || is_special(a));
}

/* What two files that are one have in common. False when there is nothing at `path`. */
static bool identify(const wchar_t *path, BY_HANDLE_FILE_INFORMATION *info)
{
    HANDLE handle = open_wide_to_ask(path);
    bool done = handle != INVALID_HANDLE_VALUE && GetFileInformationByHandle(handle, info) != 0;

    if (handle != INVALID_HANDLE_VALUE)
        CloseHandle(handle);
    return done;
}

static bool is_same(const BY_HANDLE_FILE_INFORMATION *a, const BY_HANDLE_FILE_INFORMATION *b)
{
    return a->dwVolumeSerialNumber == b->dwVolumeSerialNumber &&
           a->nFileIndexHigh == b->nFileIndexHigh && a->nFileIndexLow == b->nFileIndexLow;
}

/* "path\\name" in fresh memory, or NULL. */
static wchar_t *join(const wchar_t *path, const wchar_t *name)
{
    size_t n = wcslen(path) + wcslen(name) + 2;
    wchar_t *joined = malloc(n * sizeof *joined);

    if (joined != NULL)
        swprintf(joined, n, L"%ls\\%ls", path, name);
    return joined;
}

/* Whether `wanted` is in the directory, or at most `depth` below it. */
static bool is_in(const wchar_t *directory, const BY_HANDLE_FILE_INFORMATION *wanted, int depth)
{
    wchar_t *pattern = join(directory, L"*");
    WIN32_FIND_DATAW entry;
    BY_HANDLE_FILE_INFORMATION info;
    HANDLE find = pattern != NULL ? FindFirstFileW(pattern, &entry) : INVALID_HANDLE_VALUE;
    bool found = false;

    free(pattern);
    if (find == INVALID_HANDLE_VALUE)
        return false;
    do {
        wchar_t *path = NULL;

        if (wcscmp(entry.cFileName, L".") != 0 && wcscmp(entry.cFileName, L"..") != 0)
            path = join(directory, entry.cFileName);
        found = path != NULL && identify(path, &info) && is_same(&info, wanted);
        if (!found && path != NULL && depth > 0 &&
            (entry.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
            found = is_in(path, wanted, depth - 1);
        free(path);
    } while (!found && FindNextFileW(find, &entry) != 0);
    FindClose(find);
    return found;
}

bool host_is_inside(FILE *file, const char *directory)
{
    int fd = _fileno(file); /* below 0: the caller has closed it */
    HANDLE handle = fd >= 0 ? (HANDLE)_get_osfhandle(fd) : INVALID_HANDLE_VALUE;
    BY_HANDLE_FILE_INFORMATION info;
    wchar_t *wide;
    bool found;

    if (handle == INVALID_HANDLE_VALUE || GetFileType(handle) != FILE_TYPE_DISK ||
        GetFileInformationByHandle(handle, &info) == 0)
        return false;
    wide = widen(directory);
    found = wide != NULL && is_in(wide, &info, 1);
    free(wide);
    return found;
}

/* ---- Output ---- */

struct host_place {
    HANDLE handle;
    wchar_t *path; /* whole, without links */
};

static host_result failed(const char **reason, DWORD error)
{
    *reason = host_text((int)error);
    return HOST_FAILED;
}

static host_result open_special(host_output *output, const char *path, const char **reason)
{
    wchar_t *wide = widen(path);

    errno = EINVAL;
    output->file = wide != NULL ? _wfopen(wide, L"wb") : NULL;
    free(wide);
    if (output->file != NULL)
        return HOST_DONE;
    *reason = strerror(errno);
    return HOST_FAILED;
}

/* The whole path of what is at `path`, links followed, in fresh memory, or NULL. */
static wchar_t *final_path(const wchar_t *path)
{
    HANDLE handle = open_wide_to_ask(path);
    DWORD n = 0;
    wchar_t *final = NULL;

    if (handle == INVALID_HANDLE_VALUE)
        return NULL;
    n = GetFinalPathNameByHandleW(handle, NULL, 0, FILE_NAME_NORMALIZED);
    if (n > 0)
        final = malloc(((size_t)n + 1) * sizeof *final);
    if (final != NULL &&
        GetFinalPathNameByHandleW(handle, final, n + 1, FILE_NAME_NORMALIZED) > n) {
        free(final);
        final = NULL;
    }
    CloseHandle(handle);
    return final;
}

/* The whole path of a file that is not there: that of its directory, and its name. */
static wchar_t *new_path(wchar_t *path)
{
    wchar_t *name = path, *directory, *joined = NULL;

    for (wchar_t *p = path; *p != L'\0'; p++) {
        if (*p == L'/' || *p == L'\\')
            name = p + 1;
    }
    if (name == path) {
        directory = final_path(L".");
    } else {
        wchar_t first = *name;

        *name = L'\0'; /* with its slash: C:\ is not C: */
        directory = final_path(path);
        *name = first;
    }
    if (directory != NULL)
        joined = join(directory, name);
    free(directory);
    return joined;
}

static bool is_directory(const wchar_t *path)
{
    DWORD attributes = GetFileAttributesW(path);

    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

/* Whether a directory on the way to `path` is `spared`. */
static bool is_spared(const wchar_t *path, const char *spared)
{
    wchar_t *wide = spared != NULL ? widen(spared) : NULL;
    wchar_t *upper = _wcsdup(path), *slash;
    BY_HANDLE_FILE_INFORMATION wanted, info;
    bool found = false;

    if (wide != NULL && upper != NULL && identify(wide, &wanted)) {
        while (!found && (slash = wcsrchr(upper, L'\\')) != NULL) {
            *slash = L'\0';
            found = identify(upper, &info) && is_same(&info, &wanted);
        }
    }
    free(upper);
    free(wide);
    return found;
}

/* Who may do what with the file there, in fresh memory; NULL when there is none, or nobody says. */
static PSECURITY_DESCRIPTOR rights_of(const wchar_t *path)
{
    PSECURITY_DESCRIPTOR rights = NULL;
    DWORD n = 0;

    GetFileSecurityW(path, DACL_SECURITY_INFORMATION, NULL, 0, &n);
    if (n > 0)
        rights = malloc(n);
    if (rights != NULL && GetFileSecurityW(path, DACL_SECURITY_INFORMATION, rights, n, &n) == 0) {
        free(rights);
        rights = NULL;
    }
    return rights;
}

/* A name beside `path` that nobody can foresee, in fresh memory. */
static wchar_t *choose_name(const wchar_t *path)
{
    size_t room = wcslen(path) + 40;
    wchar_t *name = malloc(room * sizeof *name);
    const wchar_t *slash = wcsrchr(path, L'\\');
    unsigned high = 0, low = 0;

    if (name == NULL || slash == NULL || rand_s(&high) != 0 || rand_s(&low) != 0) {
        free(name);
        return NULL;
    }
    swprintf(name, room, L"%.*ls\\slotfile-part-%08x%08x", (int)(slash - path), path, high, low);
    return name;
}

static host_result open_part(host_output *output, const char **reason)
{
    struct host_place *place = output->place;
    SECURITY_ATTRIBUTES security = {sizeof security, rights_of(place->path), FALSE};
    wchar_t *name = choose_name(place->path);
    DWORD error = ERROR_NOT_ENOUGH_MEMORY;
    int fd = -1;

    AcquireSRWLockExclusive(&part_lock);
    place->handle = INVALID_HANDLE_VALUE;
    if (name != NULL) {
        place->handle = CreateFileW(name, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_DELETE,
                                    &security, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
        error = GetLastError();
    }
    if (place->handle != INVALID_HANDLE_VALUE) {
        part = name;
        fd = _open_osfhandle((intptr_t)place->handle, _O_BINARY | _O_WRONLY);
        output->file = fd >= 0 ? _fdopen(fd, "wb") : NULL;
        error = ERROR_TOO_MANY_OPEN_FILES;
    }
    ReleaseSRWLockExclusive(&part_lock);
    free(security.lpSecurityDescriptor);
    if (output->file != NULL)
        return HOST_DONE;
    if (fd >= 0)
        _close(fd);
    else if (place->handle != INVALID_HANDLE_VALUE)
        CloseHandle(place->handle);
    if (name != NULL)
        DeleteFileW(name);
    part = NULL;
    free(name);
    return failed(reason, error);
}

host_result host_output_open(host_output *output, const char *path, const char *spared,
                             const char **reason)
{
    struct host_place *place;
    wchar_t *wide;
    host_result result;

    memset(output, 0, sizeof *output);
    if (is_special(path))
        return open_special(output, path, reason);
    place = calloc(1, sizeof *place);
    wide = widen(path);
    if (place == NULL || wide == NULL) {
        free(place);
        free(wide);
        return failed(reason, ERROR_NOT_ENOUGH_MEMORY);
    }
    output->place = place;
    SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    place->path = final_path(wide);
    if (place->path == NULL && GetLastError() == ERROR_FILE_NOT_FOUND)
        place->path = new_path(wide);
    free(wide);
    if (place->path == NULL)
        result = failed(reason, GetLastError());
    else if (is_directory(place->path))
        result = failed(reason, ERROR_ACCESS_DENIED); /* as for all who open one */
    else if (is_spared(place->path, spared))
        result = HOST_INSIDE;
    else
        result = open_part(output, reason);
    if (result != HOST_DONE) {
        free(place->path);
        free(place);
    }
    return result;
}

static void release(host_output *output)
{
    free(part);
    part = NULL;
    free(output->place->path);
    free(output->place);
}

bool host_output_finish(host_output *output, const char **reason)
{
    struct host_place *place = output->place;
    bool done = fflush(output->file) == 0 && ferror(output->file) == 0;

    AcquireSRWLockExclusive(&part_lock);
    if (!done)
        *reason = strerror(errno);
    if (done && place != NULL && FlushFileBuffers(place->handle) == 0) {
        done = false;
        failed(reason, GetLastError());
    }
    if (fclose(output->file) != 0 && done) {
        done = false;
        *reason = strerror(errno);
    }
    if (done && place != NULL &&
        MoveFileExW(part, place->path, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) == 0) {
        done = false;
        failed(reason, GetLastError());
    }
    if (!done && place != NULL)
        DeleteFileW(part);
    if (place != NULL)
        release(output);
    ReleaseSRWLockExclusive(&part_lock);
    return done;
}

void host_output_discard(host_output *output)
{
    AcquireSRWLockExclusive(&part_lock);
    fclose(output->file);
    if (output->place != NULL) {
        DeleteFileW(part);
        release(output);
    }
    ReleaseSRWLockExclusive(&part_lock);
}
