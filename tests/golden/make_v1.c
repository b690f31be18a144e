/*
 * Writes the golden databases of this folder: linked with the library of the version whose format
 * they keep (README.md says how). For each scenario a child process uses a database as a program
 * would, and ends as the scenario says: it closes, is killed between two calls, or is killed inside
 * a system call of the library, of which this program has its own. What it was told to be committed
 * is kept in shared memory; the parent then writes directory and state as text.
 *
 *   make_v1 FOLDER      FOLDER/NAME.txt for each scenario
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "golden.h"
#include "slotfile/slotfile.h"

#define DATABASE "golden.slots"

static struct {
    struct golden_state done;   /* acknowledged */
    struct golden_state wanted; /* by the open transaction */
    bool committing;            /* `wanted` may be there as well */
} * model;

static slot_db *db;
static slot_txn *txn;
static slot_error error;

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != SLOT_OK) {                                                                   \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, error.what);             \
            _exit(2);                                                                              \
        }                                                                                          \
    } while (0)

/* ---- system calls in which the process is killed ---- */

enum kill_where { NOWHERE, BEFORE_WRITE, INSIDE_WRITE, AFTER_WRITE, BEFORE_SYNC, AFTER_SYNC };

static enum kill_where kill_where;
static const char *kill_file; /* its last name */
static int kill_after;        /* so many of these calls go through */

static void kill_at(enum kill_where where, const char *file, int after)
{
    kill_where = where;
    kill_file = file;
    kill_after = after;
}

/* Whether to die in this call of a kind. */
static bool is_due(int fd, bool write)
{
    bool wanted =
        write ? kill_where >= BEFORE_WRITE && kill_where <= AFTER_WRITE : kill_where >= BEFORE_SYNC;
    char link[64], path[4096];
    ssize_t n;

    if (!wanted)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return false;
    path[n] = '\0';
    return strcmp(strrchr(path, '/') + 1, kill_file) == 0 && kill_after-- == 0;
}

static void die(void)
{
    raise(SIGKILL);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    bool due = is_due(fd, true);
    ssize_t written;

    if (due && kill_where == BEFORE_WRITE)
        die();
    if (due && kill_where == INSIDE_WRITE)
        n /= 2;
    written = syscall(SYS_pwrite64, fd, bytes, n, at);
    if (due)
        die();
    return written;
}

int fdatasync(int fd)
{
    bool due = is_due(fd, false);
    int result;

    if (due && kill_where == BEFORE_SYNC)
        die();
    result = (int)syscall(SYS_fdatasync, fd);
    if (due)
        die();
    return result;
}

/* ---- what the scenarios are made of ---- */

static void open_with(slot_access access, slot_sync sync)
{
    slot_options options;

    slot_options_init(&options);
    options.access = access;
    options.sync = sync;
    options.log_limit_bytes = 1 << 20;
    MUST(slot_open(DATABASE, &options, &db, &error));
}

static void open_plain(void)
{
    open_with(SLOT_TRANSACTIONAL, SLOT_SYNC_FULL);
}

static void close_it(void)
{
    MUST(slot_close(db, &error));
}

static void begin(void)
{
    model->wanted = model->done;
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
}

static void commit(void)
{
    model->committing = true;
    MUST(slot_commit(txn, &error));
    model->done = model->wanted;
    model->committing = false;
}

static void append(uint32_t n, uint8_t version)
{
    struct golden_state *wanted = &model->wanted;
    uint8_t record[GOLDEN_RECORD_SIZE];

    for (uint32_t i = 0; i < n; i++) {
        golden_fill(record, wanted->records, version);
        MUST(slot_append(txn, record, 1, NULL, &error));
        wanted->version[wanted->records++] = version;
    }
}

static void put(uint32_t first, uint32_t n, uint8_t version)
{
    uint8_t record[GOLDEN_RECORD_SIZE];

    for (uint32_t i = first; i < first + n; i++) {
        golden_fill(record, i, version);
        MUST(slot_put(txn, i, record, &error));
        model->wanted.version[i] = version;
    }
}

static void delete_some(uint32_t first, uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++) {
        MUST(slot_delete(txn, i, &error));
        model->wanted.version[i] = 0;
        model->wanted.deleted++;
    }
}

/* A life before, closed cleanly: 300 records. */
static void first_life(void)
{
    open_plain();
    begin();
    append(300, 1);
    commit();
    close_it();
}

/* Three commits, over two segments. */
static void some_commits(void)
{
    begin();
    append(300, 1);
    commit();
    begin();
    put(0, 100, 2);
    commit();
    begin();
    append(200, 3);
    put(250, 60, 3);
    commit();
}

/* ---- the scenarios ---- */

static void clean(void)
{
    first_life();
    open_plain();
    begin();
    put(100, 50, 2);
    commit();
    close_it();
}

static void clean_deleted(void)
{
    first_life();
    open_plain();
    begin();
    delete_some(5, 40);
    delete_some(299, 1);
    commit();
    close_it();
}

static void log_full(void)
{
    open_plain();
    some_commits();
    die();
}

static void log_normal(void)
{
    open_with(SLOT_TRANSACTIONAL, SLOT_SYNC_NORMAL);
    some_commits();
    die();
}

static void log_deleted(void)
{
    open_plain();
    some_commits();
    begin();
    delete_some(32, 40);
    delete_some(499, 1);
    commit();
    die();
}

static void log_after_clean(void)
{
    first_life();
    open_plain();
    begin();
    put(50, 3, 2);
    append(20, 2);
    commit();
    die();
}

static void log_after_checkpoint(void)
{
    open_plain();
    some_commits();
    MUST(slot_checkpoint(db, &error));
    begin();
    put(400, 30, 4);
    append(1, 4);
    commit();
    die();
}

static void open_transaction(void)
{
    open_plain();
    some_commits();
    begin();
    put(0, 200, 9);
    die();
}

static void in_commit(void)
{
    open_plain();
    some_commits();
    begin();
    put(0, 200, 4);
    kill_at(BEFORE_SYNC, "01", 0);
    commit();
}

static void recovered(void)
{
    pid_t child = fork();

    if (child == 0)
        log_full();
    if (child < 0 || waitpid(child, NULL, 0) != child)
        _exit(2);
    open_plain(); /* recovers */
    close_it();
}

static void direct(void)
{
    open_with(SLOT_DIRECT, SLOT_SYNC_FULL);
    begin();
    append(300, 1);
    commit();
    begin();
    put(10, 10, 2);
    append(40, 2);
    commit();
}

static void direct_clean(void)
{
    direct();
    close_it();
}

static void direct_open(void)
{
    direct();
    die();
}

static void direct_open_after_clean(void)
{
    first_life();
    open_with(SLOT_DIRECT, SLOT_SYNC_FULL);
    begin();
    put(10, 10, 2);
    commit();
    die();
}

static void in_checkpoint(enum kill_where where, const char *file, int after)
{
    first_life();
    open_plain();
    begin();
    put(0, 100, 2);
    append(100, 2);
    delete_some(200, 10);
    commit();
    kill_at(where, file, after);
    MUST(slot_checkpoint(db, &error));
    _exit(2);
}

static void checkpoint_records(void)
{
    in_checkpoint(INSIDE_WRITE, "records", 0);
}

static void checkpoint_records_synced(void)
{
    in_checkpoint(AFTER_SYNC, "records", 0);
}

static void checkpoint_sums(void)
{
    in_checkpoint(INSIDE_WRITE, "sums", 0);
}

static void checkpoint_meta_before(void)
{
    in_checkpoint(BEFORE_WRITE, "meta", 0);
}

static void checkpoint_meta_torn(void)
{
    in_checkpoint(INSIDE_WRITE, "meta", 0);
}

static void checkpoint_meta_synced(void)
{
    in_checkpoint(AFTER_SYNC, "meta", 0);
}

static void in_close(int writes)
{
    first_life();
    open_plain();
    begin();
    put(0, 100, 2);
    append(100, 2);
    commit();
    MUST(slot_checkpoint(db, &error));
    kill_at(AFTER_WRITE, "meta", writes);
    close_it();
    _exit(2);
}

static void close_one_slot(void)
{
    in_close(0);
}

static void close_both_slots(void)
{
    in_close(1);
}

static void in_recovery(enum kill_where where, const char *file)
{
    pid_t child = fork();

    if (child == 0)
        log_deleted();
    if (child < 0 || waitpid(child, NULL, 0) != child)
        _exit(2);
    kill_at(where, file, 0);
    open_plain();
    _exit(2);
}

static void recovery_records(void)
{
    in_recovery(INSIDE_WRITE, "records");
}

static void recovery_meta_torn(void)
{
    in_recovery(INSIDE_WRITE, "meta");
}

static void recovery_meta_written(void)
{
    in_recovery(AFTER_WRITE, "meta");
}

#define SCENARIO(f)                                                                                \
    {                                                                                              \
#f, f                                                                                      \
    }
static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    SCENARIO(clean),
    SCENARIO(clean_deleted),
    SCENARIO(log_full),
    SCENARIO(log_normal),
    SCENARIO(log_deleted),
    SCENARIO(log_after_clean),
    SCENARIO(log_after_checkpoint),
    SCENARIO(open_transaction),
    SCENARIO(in_commit),
    SCENARIO(recovered),
    SCENARIO(direct_clean),
    SCENARIO(direct_open),
    SCENARIO(direct_open_after_clean),
    SCENARIO(checkpoint_records),
    SCENARIO(checkpoint_records_synced),
    SCENARIO(checkpoint_sums),
    SCENARIO(checkpoint_meta_before),
    SCENARIO(checkpoint_meta_torn),
    SCENARIO(checkpoint_meta_synced),
    SCENARIO(close_one_slot),
    SCENARIO(close_both_slots),
    SCENARIO(recovery_records),
    SCENARIO(recovery_meta_torn),
    SCENARIO(recovery_meta_written),
};

/* ---- as text ---- */

#define RUN_MIN     4u /* bytes that are worth a token of their own */
#define HEX_MAX     40u
#define LINE_TOKENS 8

static void write_state(FILE *out, const struct golden_state *state)
{
    fprintf(out, "state %u %u\n", (unsigned)state->records, (unsigned)state->deleted);
    for (uint32_t i = 0, n; i < state->records; i += n) {
        for (n = 1; i + n < state->records && state->version[i + n] == state->version[i];)
            n++;
        fprintf(out, "is %u %u %u\n", (unsigned)i, (unsigned)n, (unsigned)state->version[i]);
    }
}

static size_t run_at(const uint8_t *bytes, size_t n)
{
    size_t run = 1;

    while (run < n && bytes[run] == bytes[0])
        run++;
    return run;
}

static void write_bytes(FILE *out, const uint8_t *bytes, size_t size)
{
    size_t at = 0;

    for (int tokens = 1; at < size; tokens++) {
        size_t n = run_at(bytes + at, size - at);

        if (n >= RUN_MIN) {
            fprintf(out, "%02x*%zu", bytes[at], n);
            at += n;
        } else {
            for (n = 0; n < HEX_MAX && at < size && run_at(bytes + at, size - at) < RUN_MIN; n++)
                fprintf(out, "%02x", bytes[at++]);
        }
        fputc(tokens % LINE_TOKENS == 0 || at == size ? '\n' : ' ', out);
    }
}

static void write_file(FILE *out, const char *name)
{
    char path[300];
    struct stat info;
    uint8_t *bytes;
    int fd;

    snprintf(path, sizeof path, "%s/%s", DATABASE, name);
    fd = open(path, O_RDONLY);
    if (fd < 0 && errno == ENOENT)
        return;
    if (fd < 0 || fstat(fd, &info) != 0)
        exit(2);
    bytes = malloc((size_t)info.st_size + 1);
    if (bytes == NULL || read(fd, bytes, (size_t)info.st_size) != info.st_size)
        exit(2);
    fprintf(out, "file %s %lld\n", name, (long long)info.st_size);
    write_bytes(out, bytes, (size_t)info.st_size);
    free(bytes);
    close(fd);
}

static void write_text(const char *folder, const char *name)
{
    static const char *const files[] = {"schema", "lock",    "meta", "records",
                                        "sums",   "deleted", NULL};
    char path[4096];
    FILE *out;

    snprintf(path, sizeof path, "%s/%s.txt", folder, name);
    out = fopen(path, "w");
    if (out == NULL)
        exit(2);
    fprintf(out, "golden 1\n");
    write_state(out, &model->done);
    if (model->committing)
        write_state(out, &model->wanted);
    for (size_t i = 0; files[i] != NULL; i++)
        write_file(out, files[i]);
    if (strcmp(name, "log_full") == 0) /* the others are as if copied without it */
        write_file(out, "shared");
    for (int i = 0; i < 64; i++) {
        snprintf(path, sizeof path, "log/%02d", i);
        write_file(out, path);
        snprintf(path, sizeof path, "log/%02d.index", i);
        write_file(out, path);
    }
    fprintf(out, "end\n");
    if (fclose(out) != 0)
        exit(2);
}

static void create(void)
{
    slot_schema *schema = NULL;

    MUST(slot_schema_sized(GOLDEN_RECORD_SIZE, &schema, &error));
    MUST(slot_create(DATABASE, schema, NULL, &error));
    slot_schema_free(schema);
}

int main(int argc, char **argv)
{
    char folder[4096], work[] = "/tmp/golden-XXXXXX";

    if (argc != 2 || realpath(argv[1], folder) == NULL || mkdtemp(work) == NULL || chdir(work) != 0)
        return 2;
    model = mmap(NULL, sizeof *model, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (model == MAP_FAILED)
        return 2;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        int status = 0;
        pid_t child;

        if (system("rm -rf " DATABASE) != 0)
            return 2;
        memset(model, 0, sizeof *model);
        create();
        child = fork();
        if (child == 0) {
            scenarios[i].run();
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child ||
            (WIFEXITED(status) && WEXITSTATUS(status) != 0)) {
            fprintf(stderr, "%s: the child ended with status %#x\n", scenarios[i].name, status);
            return 2;
        }
        printf("%s: %u records%s\n", scenarios[i].name, (unsigned)model->done.records,
               WIFSIGNALED(status) ? ", killed" : "");
        write_text(folder, scenarios[i].name);
    }
    return system("rm -rf " DATABASE) == 0 && rmdir(work) == 0 ? 0 : 2;
}
