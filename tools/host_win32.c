#include "host.h"

#include <errno.h>
#include <fcntl.h>
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

int wmain(int argc, wchar_t **argv)
{
    char **arguments = calloc((size_t)argc + 1, sizeof *arguments);

    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    _setmode(_fileno(stderr), _O_BINARY);
    SetConsoleOutputCP(CP_UTF8); /* fails without a console, where the bytes are ours anyway */
    for (int i = 0; arguments != NULL && i < argc; i++) {
        arguments[i] = narrow(argv[i]);
        if (arguments[i] == NULL)
            arguments = NULL;
    }
    if (arguments == NULL) {
        fputs("slotfile: an argument is not Unicode text, or there is no memory\n", stderr);
        return 2;
    }
    return slotfile_main(argc, arguments);
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

static FILE *open_wide(const wchar_t *path, const wchar_t *mode, const char **reason)
{
    FILE *file;

    errno = EINVAL;
    file = path != NULL ? _wfopen(path, mode) : NULL;
    if (file == NULL)
        *reason = strerror(errno);
    return file;
}

FILE *host_open_input(const char *path, const char **reason)
{
    wchar_t *wide = widen(path);
    FILE *file = open_wide(wide, L"rb", reason);

    free(wide);
    return file;
}

/* Open what is at `path` to ask about it, not to read it; INVALID_HANDLE_VALUE when it cannot be.
 */
static HANDLE open_to_ask(const char *path)
{
    wchar_t *wide = widen(path);
    HANDLE handle = INVALID_HANDLE_VALUE;

    if (wide != NULL)
        handle = CreateFileW(wide, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                             OPEN_EXISTING, 0, NULL);
    free(wide);
    return handle;
}

bool host_is_same_file(FILE *file, const char *path)
{
    HANDLE handle = open_to_ask(path);
    BY_HANDLE_FILE_INFORMATION a, b;
    bool same = false;

    if (handle != INVALID_HANDLE_VALUE &&
        GetFileInformationByHandle((HANDLE)_get_osfhandle(_fileno(file)), &a) != 0 &&
        GetFileInformationByHandle(handle, &b) != 0)
        same = a.dwVolumeSerialNumber == b.dwVolumeSerialNumber &&
               a.nFileIndexHigh == b.nFileIndexHigh && a.nFileIndexLow == b.nFileIndexLow;
    if (handle != INVALID_HANDLE_VALUE)
        CloseHandle(handle);
    return same;
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

static void remove_file(const char *path)
{
    wchar_t *wide = widen(path);

    if (wide != NULL)
        DeleteFileW(wide);
    free(wide);
}

bool host_output_open(host_output *output, const char *path, const char **reason)
{
    size_t n = strlen(path) + 32;
    wchar_t *wide;

    memset(output, 0, sizeof *output);
    output->path = malloc(n);
    if (output->path != NULL)
        memcpy(output->path, path, n - 31);
    if (!is_special(path)) {
        output->temporary = malloc(n);
        if (output->temporary != NULL)
            snprintf(output->temporary, n, "%s.part-%lu", path, GetCurrentProcessId());
    }
    wide = widen(output->temporary != NULL ? output->temporary : path);
    if (output->path != NULL)
        output->file = open_wide(wide, L"wb", reason);
    else
        *reason = strerror(ENOMEM);
    free(wide);
    if (output->file == NULL) {
        free(output->temporary);
        free(output->path);
    }
    return output->file != NULL;
}

static bool replace(const char *from, const char *to, const char **reason)
{
    wchar_t *wide_from = widen(from);
    wchar_t *wide_to = widen(to);
    bool done = wide_from != NULL && wide_to != NULL &&
                MoveFileExW(wide_from, wide_to, MOVEFILE_REPLACE_EXISTING) != 0;

    if (!done)
        *reason = host_text((int)GetLastError());
    free(wide_from);
    free(wide_to);
    return done;
}

bool host_output_finish(host_output *output, const char **reason)
{
    bool done = ferror(output->file) == 0;

    done = fclose(output->file) == 0 && done;
    if (!done)
        *reason = strerror(errno);
    if (done && output->temporary != NULL)
        done = replace(output->temporary, output->path, reason);
    if (!done && output->temporary != NULL)
        remove_file(output->temporary);
    free(output->temporary);
    free(output->path);
    return done;
}

void host_output_discard(host_output *output)
{
    fclose(output->file);
    if (output->temporary != NULL)
        remove_file(output->temporary);
    free(output->temporary);
    free(output->path);
}
