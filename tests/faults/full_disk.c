/*
 * A file system that is full to the last byte: everything that was acknowledged can be read, the
 * database is opened and closed, also after a kill, and records are deleted one by one. A
 * transaction that is too large for what was set aside gets SLOT_E_NO_SPACE and has changed
 * nothing. And with the default options, a database on a disk of a few MiB takes commits at all.
 *
 * On tmpfs, and on ext4 in a file that is mounted. Needs root, for the mount.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define RECORD_SIZE  125
#define DELETED      10000u
#define DELETED_EXT4 1000u /* each checkpoint waits for a real disk */
#define DISK_MIB     24
#define LARGE        4096 /* a record of a block */

static char disk[4000], path[4096], record[RECORD_SIZE];
static slot_options options;
static uint64_t deleted;
static int wrong;

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf(__VA_ARGS__);                                                                   \
            putchar('\n');                                                                         \
            wrong = 1;                                                                             \
        }                                                                                          \
    } while (0)

static bool run(const char *before, const char *between, const char *after)
{
    char command[9000];

    snprintf(command, sizeof command, "%s '%s%s' %s 2>/dev/null", before, disk, between, after);
    return system(command) == 0;
}

static bool mount_disk(bool ext4)
{
    char size[64], mount_point[4100];

    if (ext4) {
        snprintf(mount_point, sizeof mount_point, "'%s'", disk);
        snprintf(size, sizeof size, "truncate -s %dm", DISK_MIB);
        return run(size, ".image", "") && run("mkfs.ext4 -q -F -m 0", ".image", "") &&
               run("mount -o loop", ".image", mount_point);
    }
    snprintf(size, sizeof size, "size=%dm", DISK_MIB);
    return mount("none", disk, "tmpfs", 0, size) == 0;
}

static void unmount_disk(bool ext4)
{
    (void)umount2(disk, MNT_DETACH);
    if (ext4)
        (void)run("rm -f", ".image", "");
}

/* Somebody takes what is left. */
static void fill_disk(void)
{
    static const char zeros[65536];
    char name[4096];
    int fd;

    snprintf(name, sizeof name, "%s/filler", disk);
    fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
    for (size_t n = sizeof zeros; fd >= 0 && n > 0;) {
        if (write(fd, zeros, n) < (ssize_t)n)
            n /= 2;
    }
    (void)fsync(fd);
    close(fd);
}

static void fill_record(uint64_t recno)
{
    memset(record, 0, sizeof record);
    snprintf(record, sizeof record, "record %" PRIu64, recno);
}

/* Commits of 100 records until the disk is full; how many were acknowledged. */
static uint64_t append_until_full(slot_db *db)
{
    slot_error error = {0};
    slot_status status = SLOT_OK;
    uint64_t records = 0;
    slot_txn *txn;

    while (status == SLOT_OK) {
        MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
        for (uint64_t i = 0; i < 100 && status == SLOT_OK; i++) {
            fill_record(records + i);
            status = slot_append(txn, record, 1, NULL, &error);
        }
        if (status != SLOT_OK)
            slot_abort(txn);
        else if ((status = slot_commit(txn, &error)) == SLOT_OK)
            records += 100;
    }
    CHECK(status == SLOT_E_NO_SPACE, "appending: %s: %s", slot_status_text(status), error.what);
    CHECK(strstr(error.what, "bytes") != NULL, "it does not say how much: %s", error.what);
    return records;
}

/* In a child that fills the disk and closes, or is killed when it is full. */
static uint64_t fill_by_records(bool killed)
{
    slot_error error = {0};
    uint64_t records = 0;
    slot_db *db = NULL;
    int pipes[2];
    pid_t child;

    if (pipe(pipes) != 0 || (child = fork()) < 0)
        exit(FAULT_SETUP);
    if (child == 0) {
        MUST(slot_open(path, &options, &db, &error));
        records = append_until_full(db);
        fill_disk();
        if (!killed && slot_close(db, &error) != SLOT_OK) {
            printf("closing on a full disk: %s\n", error.what);
            records = 0;
        }
        if (write(pipes[1], &records, sizeof records) != sizeof records)
            _exit(1);
        fflush(stdout);
        (void)raise(SIGKILL);
    }
    close(pipes[1]);
    if (read(pipes[0], &records, sizeof records) != sizeof records)
        records = 0;
    close(pipes[0]);
    (void)waitpid(child, NULL, 0);
    fill_disk(); /* what closing has given back */
    CHECK(records >= DELETED, "only %" PRIu64 " records", records);
    return records;
}

static void check_records(slot_db *db, uint64_t from, uint64_t records)
{
    slot_error error = {0};
    char found[RECORD_SIZE];
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    CHECK(slot_records(txn) == records, "%" PRIu64 " records of %" PRIu64, slot_records(txn),
          records);
    for (uint64_t i = 0; i < records && !wrong; i += 7) {
        slot_status status = slot_get(txn, i, found, &error);

        fill_record(i);
        if (i < from)
            CHECK(status == SLOT_DELETED, "record %" PRIu64 " is not deleted", i);
        else
            CHECK(status == SLOT_OK && memcmp(record, found, sizeof found) == 0,
                  "record %" PRIu64 ": %s", i, error.what);
    }
    slot_end(txn);
}

/* More than was set aside: all of it or nothing. */
static void change_too_much(slot_db *db, uint64_t records)
{
    slot_error error = {0};
    slot_status status = SLOT_OK;
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    memset(record, 'z', sizeof record);
    for (uint64_t i = 0; i < records && status == SLOT_OK; i += 32)
        status = slot_put(txn, i, record, &error);
    CHECK(status == SLOT_E_NO_SPACE, "a large transaction: %s: %s", slot_status_text(status),
          error.what);
    slot_abort(txn);
}

/* Eight blocks, as is promised: seven of records, and one of marks. */
static void change_eight(slot_db *db, uint64_t from)
{
    slot_error error = {0};
    slot_status status = SLOT_OK;
    slot_txn *txn;

    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (uint64_t i = 0; i < 7 && status == SLOT_OK; i++) {
        fill_record(from + i * 320);
        status = slot_put(txn, from + i * 320, record, &error);
    }
    CHECK(status == SLOT_OK, "seven blocks: %s", error.what);
    if (status == SLOT_OK)
        status = slot_delete(txn, from - 1, &error);
    if (status == SLOT_OK)
        status = slot_commit(txn, &error);
    else
        slot_abort(txn);
    CHECK(status == SLOT_OK, "eight blocks: %s", error.what);
}

static void delete_one_by_one(slot_db *db)
{
    slot_error error = {0};
    slot_txn *txn;

    for (uint64_t i = 0; i < deleted - 1 && !wrong; i++) {
        slot_status status = slot_begin(db, SLOT_WRITE, &txn, &error);

        if (status == SLOT_OK) {
            status = slot_delete(txn, i, &error);
            if (status == SLOT_OK)
                status = slot_commit(txn, &error);
            else
                slot_abort(txn);
        }
        CHECK(status == SLOT_OK, "delete of %" PRIu64 ": %s: %s", i, error.file, error.what);
    }
}

static void use_full_disk(uint64_t records)
{
    slot_error error = {0};
    slot_db *db = NULL;
    slot_status status = slot_open(path, &options, &db, &error);

    CHECK(status == SLOT_OK, "open: %s: %s: %s", slot_status_text(status), error.file, error.what);
    if (status != SLOT_OK)
        return;
    fill_disk(); /* what recovery has given back */
    check_records(db, 0, records);
    change_too_much(db, records);
    check_records(db, 0, records);
    delete_one_by_one(db);
    change_eight(db, deleted);
    check_records(db, deleted, records);
    status = slot_verify(db, NULL, NULL, &error);
    CHECK(status == SLOT_OK, "verify: %s", error.what);
    status = slot_close(db, &error);
    CHECK(status == SLOT_OK, "close: %s", error.what);
    if (wrong)
        return;
    MUST(slot_open(path, &options, &db, &error));
    check_records(db, deleted, records);
    MUST(slot_close(db, &error));
}

/* Every second block of a range that slot_extend has made is changed: the others are holes. */
static void commit_in_holes(bool checkpoint)
{
    static uint8_t block[LARGE];
    slot_error error = {0};
    slot_db *db = NULL;
    slot_txn *txn;

    MUST(slot_open(path, &options, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_extend(txn, 300, NULL, &error));
    MUST(slot_commit(txn, &error));
    MUST(slot_checkpoint(db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (uint64_t i = 0; i < 40; i++)
        MUST(slot_put(txn, i * 2, block, &error));
    MUST(slot_commit(txn, &error));
    fill_disk();
    if (checkpoint)
        CHECK(slot_checkpoint(db, &error) == SLOT_OK, "checkpoint: %s", error.what);
    fflush(stdout);
    (void)raise(wrong ? SIGTERM : SIGKILL);
}

static void use_holes(bool checkpoint)
{
    slot_error error = {0};
    slot_db *db = NULL;
    slot_status status;
    int ended = 0;
    pid_t child;

    if (mount("none", disk, "tmpfs", 0, "size=3m") != 0)
        exit(FAULT_SKIPPED);
    fault_create(path, LARGE);
    if ((child = fork()) == 0)
        commit_in_holes(checkpoint);
    (void)waitpid(child, &ended, 0);
    CHECK(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL, "the child has failed");
    status = slot_open(path, &options, &db, &error);
    CHECK(status == SLOT_OK, "holes: open: %s: %s", error.file, error.what);
    if (status == SLOT_OK) {
        status = slot_verify(db, NULL, NULL, &error);
        CHECK(status == SLOT_OK, "holes: verify: %s", error.what);
        CHECK(slot_close(db, &error) == SLOT_OK, "holes: close: %s", error.what);
    }
    unmount_disk(false);
}

static void try_disk(bool ext4, bool killed, slot_sync sync)
{
    uint64_t records;

    if (!mount_disk(ext4)) {
        printf("no %s can be mounted\n", ext4 ? "ext4" : "tmpfs");
        exit(FAULT_SKIPPED);
    }
    options.sync = sync;
    deleted = ext4 ? DELETED_EXT4 : DELETED;
    fault_create(path, RECORD_SIZE);
    records = fill_by_records(killed);
    if (!wrong)
        use_full_disk(records);
    if (wrong)
        printf("on %s%s\n", ext4 ? "ext4" : "tmpfs", killed ? ", after a kill" : "");
    unmount_disk(ext4);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return FAULT_SETUP;
    snprintf(disk, sizeof disk, "%s", argv[1]);
    snprintf(path, sizeof path, "%s/db", disk);
    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 || mkdir(disk, 0700) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        puts("nothing can be mounted");
        return FAULT_SKIPPED;
    }
    slot_options_init(&options);
    for (int i = 0; i < 4 && !wrong; i++)
        try_disk(i >= 2, i % 2 == 1, i == 1 ? SLOT_SYNC_FULL : SLOT_SYNC_NORMAL);
    for (int i = 0; i < 2 && !wrong; i++)
        use_holes(i == 0);
    (void)rmdir(disk);
    return wrong ? FAULT_WRONG : FAULT_RIGHT;
}
