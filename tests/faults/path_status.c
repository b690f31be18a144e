/*
 * Paths that lead nowhere: NULL, nothing, too long, in a directory that this user may not use,
 * through links that lead in a circle or to nothing, through a file. Every call that takes a path,
 * as a user without rights.
 *
 * Right: the status that says which it is, the same of all calls where it means the same, with the
 * system's number when the system has said so; and nothing is made or removed.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define NOBODY 65534u

enum { CREATE, OPEN, OPEN_DIRECT, OPEN_READ_ONLY, DESTROY, DESTROY_EMPTY, CALLS };

static const char *const calls[CALLS] = {"slot_create",     "slot_open",    "slot_open, direct",
                                         "slot_open, read", "slot_destroy", "slot_destroy_empty"};

/* What is right of a path in the directory of the test. */
struct path {
    const char *path;
    slot_status created, opened, destroyed;
    int code; /* 0: whatever */
};

static char too_long[8000], long_name[400];

static const struct path paths[] = {
    {NULL, SLOT_E_ARG, SLOT_E_ARG, SLOT_E_ARG, 0},
    {"", SLOT_E_ARG, SLOT_E_NO_FILE, SLOT_E_ARG, 0},
    {"/", SLOT_E_ARG, SLOT_E_NOT_SLOTFILE, SLOT_E_ARG, 0},
    {".", SLOT_E_ARG, SLOT_E_NOT_SLOTFILE, SLOT_E_ARG, 0},
    {"missing/x", SLOT_E_NO_FILE, SLOT_E_NO_FILE, SLOT_E_NO_FILE, ENOENT},
    {"missing", SLOT_OK, SLOT_E_NO_FILE, SLOT_E_NO_FILE, ENOENT},
    {"file", SLOT_E_EXISTS, SLOT_E_NOT_SLOTFILE, SLOT_E_NOT_SLOTFILE, 0},
    {"file/x", SLOT_E_NO_FILE, SLOT_E_NO_FILE, SLOT_E_NO_FILE, ENOTDIR},
    {"circle", SLOT_E_EXISTS, SLOT_E_IO, SLOT_E_NOT_SLOTFILE, 0}, /* a link is not removed */
    {"circle/x", SLOT_E_IO, SLOT_E_IO, SLOT_E_IO, ELOOP},
    {"nowhere", SLOT_E_EXISTS, SLOT_E_NO_FILE, SLOT_E_NOT_SLOTFILE, 0},
    {"closed/x", SLOT_E_PERMISSION, SLOT_E_PERMISSION, SLOT_E_PERMISSION, EACCES},
    {"sealed/x", SLOT_E_PERMISSION, SLOT_E_NO_FILE, SLOT_E_NO_FILE, 0},
    {too_long, SLOT_E_ARG, SLOT_E_ARG, SLOT_E_ARG, ENAMETOOLONG},
    {long_name, SLOT_E_ARG, SLOT_E_ARG, SLOT_E_ARG, ENAMETOOLONG},
};

static int wrong;

static slot_status one(int call, const char *path, slot_error *error)
{
    static const slot_access accesses[] = {SLOT_TRANSACTIONAL, SLOT_DIRECT, SLOT_READ_ONLY};
    slot_options options;
    slot_schema *schema = NULL;
    slot_db *db = NULL;
    slot_status status;

    slot_options_init(&options);
    if (call == CREATE) {
        status = slot_schema_sized(10, &schema, error);
        if (status == SLOT_OK)
            status = slot_create(path, schema, NULL, error);
        slot_schema_free(schema);
        if (status == SLOT_OK)
            status = slot_destroy(path, NULL, error);
        return status;
    }
    if (call == DESTROY)
        return slot_destroy(path, NULL, error);
    if (call == DESTROY_EMPTY)
        return slot_destroy_empty(path, NULL, error);
    options.access = accesses[call - OPEN];
    status = slot_open(path, &options, &db, error);
    if (status == SLOT_OK)
        (void)slot_close(db, NULL);
    return status;
}

static void check(const struct path *path)
{
    for (int call = 0; call < CALLS; call++) {
        slot_error error = {0};
        slot_status right = call == CREATE   ? path->created
                            : call < DESTROY ? path->opened
                                             : path->destroyed;
        slot_status status = one(call, path->path, &error);

        if (status == right &&
            (status == SLOT_OK || (error.status == status && error.what[0] != '\0')) &&
            (path->code == 0 || status == SLOT_OK || error.os_code == path->code))
            continue;
        printf("%s of %.30s: %s (%d: %s), must be %s\n", calls[call],
               path->path == NULL ? "NULL" : path->path, slot_status_text(status), error.os_code,
               error.what, slot_status_text(right));
        wrong++;
    }
}

static void set_up(const char *dir)
{
    FILE *file;

    if (mkdir(dir, 0777) != 0 || chdir(dir) != 0)
        exit(FAULT_SETUP);
    for (size_t i = 0; i + 2 < sizeof too_long; i += 2)
        memcpy(too_long + i, "a/", 2);
    memset(long_name, 'n', sizeof long_name - 1);
    file = fopen("file", "w");
    if (file == NULL || fclose(file) != 0 || symlink("circle", "circle") != 0 ||
        symlink("nothing", "nowhere") != 0 || mkdir("closed", 0) != 0 || mkdir("sealed", 0555) != 0)
        exit(FAULT_SETUP);
}

int main(int argc, char **argv)
{
    int state = 0;
    pid_t child;

    if (argc < 2)
        return FAULT_SETUP;
    set_up(argv[1]);
    if (geteuid() == 0 && chmod(".", 0777) != 0)
        return FAULT_SETUP;
    child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
            _exit(FAULT_SKIPPED);
        for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
            check(&paths[i]);
        (void)fflush(stdout);
        _exit(wrong != 0 ? FAULT_WRONG : FAULT_RIGHT);
    }
    if (child < 0 || waitpid(child, &state, 0) != child || !WIFEXITED(state))
        return FAULT_SETUP;
    if (access("file", F_OK) != 0 || access("missing", F_OK) == 0) {
        puts("something was made or removed");
        return FAULT_WRONG;
    }
    (void)chmod("closed", 0700);
    return WEXITSTATUS(state);
}
