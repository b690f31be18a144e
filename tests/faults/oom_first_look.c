/*
 * A handle looks for the first time into a segment that another one has made, and the system has no
 * memory to open it.
 *
 * Right: SLOT_E_NO_MEMORY, or the record; never a crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define RECORD_SIZE 512

static int fail_open;

/* Whether the name is below a directory `log`: by its path, or by that of the open directory. */
static int is_log(int directory, const char *name)
{
    char link[64], path[4096] = "";
    ssize_t n;

    if (strstr(name, "/log/") != NULL || strncmp(name, "log/", 4) == 0)
        return 1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    n = directory < 0 ? -1 : readlink(link, path, sizeof path - 1);
    return n > 4 && strcmp(path + n - 4, "/log") == 0;
}

static int open_or_fail(int directory, const char *name, int how, int mode)
{
    if (fail_open && is_log(directory, name)) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_openat, directory, name, how, mode);
}

#define MODE_OF(last)                                                                              \
    va_list list;                                                                                  \
    int mode;                                                                                      \
    va_start(list, last);                                                                          \
    mode = va_arg(list, int);                                                                      \
    va_end(list)

int open(const char *name, int how, ...)
{
    MODE_OF(how);
    return open_or_fail(AT_FDCWD, name, how, mode);
}

int open64(const char *name, int how, ...)
{
    MODE_OF(how);
    return open_or_fail(AT_FDCWD, name, how, mode);
}

int openat(int directory, const char *name, int how, ...)
{
    MODE_OF(how);
    return open_or_fail(directory, name, how, mode);
}

int openat64(int directory, const char *name, int how, ...)
{
    MODE_OF(how);
    return open_or_fail(directory, name, how, mode);
}

/* In a process of its own. Reads what the parent's handle has committed. */
static int first_look(const char *path)
{
    slot_error error = {0};
    char record[RECORD_SIZE];
    slot_db *db;
    slot_txn *txn;
    slot_status status;

    MUST(slot_open(path, NULL, &db, &error));
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    fail_open = 1;
    status = slot_get(txn, 0, record, &error);
    printf("get: %s\n", slot_status_text(status));
    return status == SLOT_E_NO_MEMORY || status == SLOT_OK ? FAULT_RIGHT : FAULT_WRONG;
}

int main(int argc, char **argv)
{
    slot_error error = {0};
    char record[RECORD_SIZE] = {1};
    slot_db *db;
    slot_txn *txn;
    int result = 0;
    pid_t child;

    if (argc < 2)
        return FAULT_SETUP;
    fault_create(argv[1], RECORD_SIZE);
    MUST(slot_open(argv[1], NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_append(txn, record, 1, NULL, &error));
    MUST(slot_commit(txn, &error));
    fflush(stdout);
    child = fork();
    if (child == 0)
        exit(first_look(argv[1]));
    if (child < 0 || waitpid(child, &result, 0) != child)
        return FAULT_SETUP;
    MUST(slot_close(db, &error));
    if (WIFSIGNALED(result)) {
        printf("killed by signal %d\n", WTERMSIG(result));
        return FAULT_WRONG;
    }
    return WEXITSTATUS(result);
}
