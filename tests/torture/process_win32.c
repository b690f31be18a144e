#include "torture/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define KILLED_CODE 0x51074u /* an exit code that no test returns */

struct process {
    HANDLE handle;
};

/* Append one argument in quotes; no test has one with a quote in it, or a backslash at its end. */
static void add_argument(char *line, size_t room, const char *argument)
{
    size_t n = strlen(line);

    if (strchr(argument, '"') != NULL || n + strlen(argument) + 4 > room)
        abort();
    snprintf(line + n, room - n, "%s\"%s\"", n == 0 ? "" : " ", argument);
}

struct process *process_start(const char *program, const char *const *arguments)
{
    struct process *process = calloc(1, sizeof *process);
    PROCESS_INFORMATION information;
    STARTUPINFOA startup = {.cb = sizeof startup};
    char line[8192] = "";

    if (process == NULL)
        abort();
    add_argument(line, sizeof line, program);
    for (int i = 0; i < PROCESS_ARGUMENTS_MAX && arguments[i] != NULL; i++)
        add_argument(line, sizeof line, arguments[i]);
    if (!CreateProcessA(program, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &information)) {
        fprintf(stderr, "ERROR: cannot start %s: %lu\n", program, GetLastError());
        abort();
    }
    CloseHandle(information.hThread);
    process->handle = information.hProcess;
    return process;
}

void process_kill(struct process *process)
{
    (void)TerminateProcess(process->handle, KILLED_CODE);
}

_Noreturn void process_kill_self(void)
{
    (void)TerminateProcess(GetCurrentProcess(), KILLED_CODE);
    for (;;)
        Sleep(INFINITE);
}

bool process_stop(struct process *process)
{
    (void)process;
    return false;
}

bool process_continue(struct process *process)
{
    (void)process;
    return false;
}

bool process_wait(struct process *process, uint32_t wait_ms, struct process_end *end)
{
    DWORD code = 0;

    if (WaitForSingleObject(process->handle, wait_ms) != WAIT_OBJECT_0)
        return false;
    (void)GetExitCodeProcess(process->handle, &code);
    end->killed = code == KILLED_CODE;
    end->code = (int)code;
    return true;
}

void process_release(struct process *process)
{
    CloseHandle(process->handle);
    free(process);
}

bool process_cut(const char *path, uint64_t size)
{
    HANDLE file =
        CreateFileA(path, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    LARGE_INTEGER to = {.QuadPart = (LONGLONG)size};
    bool done;

    if (file == INVALID_HANDLE_VALUE)
        return false;
    done = SetFilePointerEx(file, to, NULL, FILE_BEGIN) && SetEndOfFile(file);
    CloseHandle(file);
    return done;
}
