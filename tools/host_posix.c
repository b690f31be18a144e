#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_STREAMS 3 /* exit code when not even the null device can be opened */

/*
 * A descriptor 0, 1 or 2 that the caller has closed would be the next file that is opened: rows and
 * messages would be written into the database. The null device takes it, opened the wrong way
 * round, so that what is read or written there fails and is not lost in silence.
 */
static bool take_closed_streams(void)
{
    bool taken = true;

    for (int fd = 0; fd <= 2 && taken; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            taken = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) == fd;
    }
    return taken;
}

/* ---- Interruptions ---- */

/* The file that a signal removes: its directory, -1 for none, and its name there. */
static volatile sig_atomic_t part_directory = -1;
static char part_name[40];

static volatile sig_atomic_t is_held; /* host_hold_interrupts was called */
static volatile sig_atomic_t noted;   /* the signal that came since, or 0 */
static int wake[2] = {-1, -1};        /* a pipe: the first can be read when one is noted */

static void end_by(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

static void on_interrupt(int number)
{
    int error = errno;

    if (is_held && noted == 0) {
        noted = number;
        if (write(wake[1], "", 1) < 0)
            end_by(number);
        errno = error;
        return;
    }
    if (part_directory >= 0)
        unlinkat((int)part_directory, part_name, 0);
    end_by(number); /* blocked until this function returns */
}

/* What the caller ignores, as nohup does, stays ignored. */
static void catch_interrupts(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU};
    struct sigaction action, before;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

void host_hold_interrupts(void)
{
    if (!is_held && pipe(wake) == 0) {
        fcntl(wake[0], F_SETFD, FD_CLOEXEC);
        fcntl(wake[1], F_SETFD, FD_CLOEXEC);
        is_held = 1;
    }
}

bool host_interrupted(void)
{
    return noted != 0;
}

int main(int argc, char **argv)
{
    int code;

    if (!take_closed_streams())
        return NO_STREAMS;
    /* A reader of our output that goes away, and a file that may not grow, are errors of write, not
     * the end of a transaction. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    catch_interrupts();
    code = slotfile_main(argc, argv);
    if (noted != 0)
        end_by((int)noted);
    return code;
}

const char *host_text(int os_code)
{
    return strerror(os_code);
}

bool host_reader_is_gone(int error)
{
    return error == EPIPE;
}

/* ---- Input ---- */

FILE *host_open_input(const char *path, const char **reason)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        *reason = strerror(errno);
    return file;
}

bool host_read(FILE *file, void *buf, size_t n, size_t *got)
{
    struct pollfd ready[2] = {{.fd = fileno(file), .events = POLLIN},
                              {.fd = wake[0], .events = POLLIN}};
    ssize_t result;

    do {
        /* The pipe is there for a signal that comes between the look at `noted` and the wait. */
        if (is_held && poll(ready, 2, -1) < 0 && errno != EINTR)
            return false;
        result = noted == 0 ? read(ready[0].fd, buf, n) : 0;
        if (noted != 0) { /* the signal may have ended who writes, too: what looks like the end is
                             none */
            errno = EINTR;
            return false;
        }
    } while (result < 0 && errno == EINTR);
    *got = result > 0 ? (size_t)result : 0;
    return result >= 0;
}

static bool look_at(const char *name, struct stat *st)
{
    return strcmp(name, "-") == 0 ? fstat(STDIN_FILENO, st) == 0 : stat(name, st) == 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool host_is_same_stream(const char *a, const char *b)
{
    struct stat st_a, st_b;

    if (strcmp(a, "-") == 0 && strcmp(b, "-") == 0)
        return true;
    return look_at(a, &st_a) && look_at(b, &st_b) && !S_ISREG(st_a.st_mode) &&
           is_same(&st_a, &st_b);
}

/* Whether `wanted` is in the open directory `fd`, which is closed, or at most `depth` below it. */
static bool is_in(int fd, const struct stat *wanted, int depth)
{
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    struct stat st;
    bool found = false;

    if (directory == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    while (!found && (entry = readdir(directory)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || fstatat(fd, name, &st, 0) != 0)
            continue;
        found = is_same(&st, wanted);
        if (!found && depth > 0 && S_ISDIR(st.st_mode))
            found = is_in(openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), wanted, depth - 1);
    }
    closedir(directory);
    return found;
}

bool host_is_inside(FILE *file, const char *directory)
{
    struct stat st;

    return fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode) &&
           is_in(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &st, 1);
}

/* ---- Output ---- */

struct host_place {
    int directory;
    char *path;       /* without links */
    const char *name; /* its last part */
};

static host_result failed(const char **reason, int error)
{
    *reason = strerror(error);
    return HOST_FAILED;
}

static void release(struct host_place *place)
{
    part_directory = -1;
    if (place->directory >= 0)
        close(place->directory);
    free(place->path);
    free(place);
}

/* What is at `path` is written as it is: a device, a pipe. */
static host_result open_special(host_output *output, const char *path, const char **reason)
{
    int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return failed(reason, errno);
    if (fstat(fd, &st) != 0 || S_ISREG(st.st_mode)) {
        close(fd);
        return failed(reason, EAGAIN); /* replaced by a file since we looked */
    }
    output->file = fdopen(fd, "wb");
    if (output->file != NULL)
        return HOST_DONE;
    close(fd);
    return failed(reason, ENOMEM);
}

/* Whether the open directory `fd` is `spared`, or lies in it: it is looked for upwards. */
static bool is_spared(int fd, const char *spared)
{
    struct stat wanted, st, below;
    int up = dup(fd);
    bool found = false, ended = up < 0 || spared == NULL || stat(spared, &wanted) != 0;

    memset(&below, 0, sizeof below);
    while (!ended && !found && fstat(up, &st) == 0) {
        int next = openat(up, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        found = is_same(&st, &wanted);
        ended = next < 0 || is_same(&st, &below); /* the root is its own parent */
        below = st;
        close(up);
        up = next;
    }
    if (up >= 0)
        close(up);
    return found;
}

/* The directory of place->path, opened, and the name in it. */
static host_result find_place(struct host_place *place, const char *spared, const char **reason)
{
    char *slash = strrchr(place->path, '/');

    place->name = slash != NULL ? slash + 1 : place->path;
    if (place->name[0] == '\0')
        return failed(reason, EISDIR);
    if (slash == NULL)
        place->directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    else if (slash == place->path)
        place->directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    else {
        *slash = '\0';
        place->directory = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *slash = '/';
    }
    if (place->directory < 0)
        return failed(reason, errno);
    return is_spared(place->directory, spared) ? HOST_INSIDE : HOST_DONE;
}

/* Give the new file the owner and the rights of the old one; where we may not give the group, it
 * gets no rights either. */
static void be_like(int fd, const struct stat *old)
{
    mode_t mode = old->st_mode & 0777;

    if (fchown(fd, old->st_uid, old->st_gid) != 0 && fchown(fd, (uid_t)-1, old->st_gid) != 0)
        mode &= (mode_t)~S_IRWXG;
    (void)fchmod(fd, mode);
}

/* A name that nobody can foresee. It is known to the signal handler before the file is there. */
static bool choose_name(const struct host_place *place)
{
    uint64_t number = 0;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && read(fd, &number, sizeof number) == (ssize_t)sizeof number;

    if (fd >= 0)
        close(fd);
    if (!good)
        return false;
    snprintf(part_name, sizeof part_name, "slotfile-part-%016" PRIx64, number);
    part_directory = place->directory;
    return true;
}

/* Make the new file beside its place. `old` is what is there, or NULL. */
static host_result open_part(host_output *output, const struct stat *old, const char **reason)
{
    struct host_place *place = output->place;
    int fd;

    if (old != NULL && faccessat(place->directory, place->name, W_OK, AT_EACCESS) != 0)
        return failed(reason, errno);
    if (!choose_name(place))
        return failed(reason, EIO);
    fd = openat(place->directory, part_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                old != NULL ? 0600 : 0666);
    if (fd < 0)
        return failed(reason, errno);
    if (old != NULL)
        be_like(fd, old);
    output->file = fdopen(fd, "wb");
    if (output->file != NULL)
        return HOST_DONE;
    unlinkat(place->directory, part_name, 0);
    close(fd);
    return failed(reason, ENOMEM);
}

static host_result open_place(host_output *output, const char *path, const char *spared,
                              const struct stat *old, const char **reason)
{
    struct host_place *place = calloc(1, sizeof *place);
    host_result result;

    if (place == NULL)
        return failed(reason, ENOMEM);
    place->directory = -1;
    place->path = old != NULL ? realpath(path, NULL) : strdup(path);
    result = place->path != NULL ? find_place(place, spared, reason) : failed(reason, errno);
    output->place = place;
    if (result == HOST_DONE)
        result = open_part(output, old, reason);
    if (result != HOST_DONE)
        release(place);
    return result;
}

host_result host_output_open(host_output *output, const char *path, const char *spared,
                             const char **reason)
{
    struct stat st, link;
    int error = stat(path, &st) == 0 ? 0 : errno;

    memset(output, 0, sizeof *output);
    if (error == 0 && !S_ISREG(st.st_mode))
        return open_special(output, path, reason);
    if (error == 0)
        return open_place(output, path, spared, &st, reason);
    if (error != ENOENT || lstat(path, &link) == 0) /* a link to nothing stays what it is */
        return failed(reason, error);
    return open_place(output, path, spared, NULL, reason);
}

/* Not every file system can be told to write: then there is nothing to wait for. */
static bool sync_descriptor(int fd)
{
#ifdef F_FULLFSYNC
    if (fcntl(fd, F_FULLFSYNC) == 0)
        return true;
#endif
    return fsync(fd) == 0 || errno == EINVAL || errno == ENOSYS || errno == ENOTSUP;
}

bool host_output_finish(host_output *output, const char **reason)
{
    struct host_place *place = output->place;
    int error = 0;

    errno = EIO; /* should stdio keep the reason to itself */
    if (fflush(output->file) != 0 || ferror(output->file) != 0 ||
        (place != NULL && !sync_descriptor(fileno(output->file))))
        error = errno;
    errno = EIO;
    if (fclose(output->file) != 0 && error == 0)
        error = errno;
    if (place != NULL && error == 0 &&
        renameat(place->directory, part_name, place->directory, place->name) != 0)
        error = errno;
    if (place != NULL && error != 0)
        unlinkat(place->directory, part_name, 0);
    if (place != NULL && error == 0 && !sync_descriptor(place->directory))
        error = errno;
    if (place != NULL)
        release(place);
    if (error != 0)
        *reason = strerror(error);
    return error == 0;
}

void host_output_discard(host_output *output)
{
    fclose(output->file);
    if (output->place == NULL)
        return;
    unlinkat(output->place->directory, part_name, 0);
    release(output->place);
}
