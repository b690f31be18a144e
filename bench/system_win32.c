#include "system.h"

#include <fcntl.h>
#include <io.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define PATH_UNITS 4096

uint64_t system_clock_ns(void)
{
    LARGE_INTEGER now, second;
    uint64_t ticks, each;

    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&second);
    ticks = (uint64_t)now.QuadPart;
    each = (uint64_t)second.QuadPart;
    return ticks / each * UINT64_C(1000000000) + ticks % each * UINT64_C(1000000000) / each;
}

void system_self(const char *fallback, char *path, size_t room)
{
    wchar_t wide[PATH_UNITS];
    DWORD n = GetModuleFileNameW(NULL, wide, PATH_UNITS);

    if (n == 0 || n == PATH_UNITS ||
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, (int)room, NULL, NULL) == 0)
        snprintf(path, room, "%s", fallback);
}

void system_binary_stdout(void)
{
    _setmode(_fileno(stdout), _O_BINARY);
}

/* ---- processes ---- */

struct system_process {
    HANDLE handle;
};

#define ENDED_BY_CTRL_C 0xC000013Au /* STATUS_CONTROL_C_EXIT */

static volatile LONG noted;

/* The user's interrupt goes to all programs of a console; this one has to clean up. */
static BOOL WINAPI on_interrupt(DWORD type)
{
    if (type != CTRL_C_EVENT && type != CTRL_BREAK_EVENT)
        return FALSE;
    InterlockedExchange(&noted, 1);
    return TRUE;
}

void system_hold_interrupts(void)
{
    SetConsoleCtrlHandler(on_interrupt, TRUE);
}

bool system_interrupted(void)
{
    return noted != 0;
}

void system_release_interrupts(void)
{
    SetConsoleCtrlHandler(on_interrupt, FALSE);
    if (noted != 0)
        ExitProcess(ENDED_BY_CTRL_C);
}

static char *repeat(char *to, char c, size_t count)
{
    memset(to, c, count);
    return to + count;
}

/* An argument in quotes, as programs take a line apart: backslashes count twice before a quote. */
static char *quote(char *to, const char *argument)
{
    size_t backslashes = 0;

    *to++ = '"';
    for (; *argument != 0; argument++) {
        if (*argument == '"')
            to = repeat(to, '\\', backslashes + 1);
        backslashes = *argument == '\\' ? backslashes + 1 : 0;
        *to++ = *argument;
    }
    to = repeat(to, '\\', backslashes);
    *to++ = '"';
    return to;
}

static wchar_t *command_line(const char *const *arguments)
{
    size_t room = 1;
    char *line, *at;
    wchar_t *wide;

    for (size_t i = 0; arguments[i] != NULL; i++)
        room += 2 * strlen(arguments[i]) + 3;
    line = at = malloc(room);
    wide = malloc(room * sizeof *wide);
    if (line == NULL || wide == NULL) {
        free(line);
        free(wide);
        return NULL;
    }
    for (size_t i = 0; arguments[i] != NULL; i++) {
        at = quote(at, arguments[i]);
        *at++ = ' ';
    }
    *at = 0;
    MultiByteToWideChar(CP_UTF8, 0, line, -1, wide, (int)room);
    free(line);
    return wide;
}

static bool spawn(struct system_process *process, const char *const *arguments, HANDLE writer)
{
    STARTUPINFOW start = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES};
    wchar_t *line = command_line(arguments);
    PROCESS_INFORMATION information;
    bool done = false;

    start.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    start.hStdOutput = writer;
    start.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (line != NULL)
        done = CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &information);
    free(line);
    if (done) {
        process->handle = information.hProcess;
        CloseHandle(information.hThread);
    }
    return done;
}

struct system_process *system_start(const char *const *arguments, FILE **output)
{
    struct system_process *process = malloc(sizeof *process);
    HANDLE from = NULL, to = NULL;
    FILE *reader = NULL;
    int descriptor = -1;
    bool done = false;

    if (process == NULL || !CreatePipe(&from, &to, NULL, 0))
        goto out;
    SetHandleInformation(to, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    descriptor = _open_osfhandle((intptr_t)from, _O_RDONLY | _O_BINARY);
    reader = descriptor >= 0 ? _fdopen(descriptor, "rb") : NULL;
    if (reader == NULL)
        goto out;
    SetConsoleCtrlHandler(on_interrupt, TRUE);
    done = spawn(process, arguments, to);
    if (!done)
        SetConsoleCtrlHandler(on_interrupt, FALSE);
out:
    if (to != NULL)
        CloseHandle(to);
    if (done) {
        *output = reader;
        return process;
    }
    if (reader != NULL)
        fclose(reader);
    else if (descriptor >= 0)
        _close(descriptor);
    else if (from != NULL)
        CloseHandle(from);
    free(process);
    return NULL;
}

int system_finish(struct system_process *process)
{
    DWORD code = 1;

    WaitForSingleObject(process->handle, INFINITE);
    GetExitCodeProcess(process->handle, &code);
    SetConsoleCtrlHandler(on_interrupt, FALSE);
    CloseHandle(process->handle);
    free(process);
    return code <= 255 ? (int)code : -1; /* larger: an exception */
}

/* ---- threads ---- */

struct system_thread {
    void (*work)(void *context);
    void *context;
    HANDLE handle;
};

static DWORD WINAPI run(void *argument)
{
    struct system_thread *thread = argument;

    thread->work(thread->context);
    return 0;
}

struct system_thread *system_thread_start(void (*work)(void *context), void *context)
{
    struct system_thread *thread = malloc(sizeof *thread);

    if (thread == NULL)
        return NULL;
    thread->work = work;
    thread->context = context;
    thread->handle = CreateThread(NULL, 0, run, thread, 0, NULL);
    if (thread->handle != NULL)
        return thread;
    free(thread);
    return NULL;
}

void system_thread_join(struct system_thread *thread)
{
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
    free(thread);
}
