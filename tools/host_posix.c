#include "host.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    /* A reader of our output that goes away is an error of write, not the end of a transaction. */
    signal(SIGPIPE, SIG_IGN);
    return slotfile_main(argc, argv);
}

const char *host_text(int os_code)
{
    return strerror(os_code);
}

bool host_reader_is_gone(int error)
{
    return error == EPIPE;
}

FILE *host_open_input(const char *path, const char **reason)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        *reason = strerror(errno);
    return file;
}

bool host_is_same_file(FILE *file, const char *path)
{
    struct stat a, b;

    return fstat(fileno(file), &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Whether something is at `path` that cannot be replaced by a file: a device, a pipe. */
static bool is_special(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* The file that `path` means, symbolic links followed, so that a link stays one. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL);

    return real != NULL ? real : strdup(path);
}

bool host_output_open(host_output *output, const char *path, const char **reason)
{
    size_t n;

    memset(output, 0, sizeof *output);
    output->path = resolve(path);
    if (output->path != NULL && is_special(path)) {
        output->file = fopen(path, "wb");
    } else if (output->path != NULL) {
        n = strlen(output->path) + 32;
        output->temporary = malloc(n);
        if (output->temporary != NULL) {
            snprintf(output->temporary, n, "%s.part-%ld", output->path, (long)getpid());
            output->file = fopen(output->temporary, "wb");
        }
    }
    if (output->file == NULL) {
        *reason = strerror(errno);
        free(output->temporary);
        free(output->path);
    }
    return output->file != NULL;
}

bool host_output_finish(host_output *output, const char **reason)
{
    bool done = ferror(output->file) == 0;

    done = fclose(output->file) == 0 && done;
    if (done && output->temporary != NULL)
        done = rename(output->temporary, output->path) == 0;
    if (!done) {
        *reason = strerror(errno);
        if (output->temporary != NULL)
            remove(output->temporary);
    }
    free(output->temporary);
    free(output->path);
    return done;
}

void host_output_discard(host_output *output)
{
    fclose(output->file);
    if (output->temporary != NULL)
        remove(output->temporary);
    free(output->temporary);
    free(output->path);
}
