/*
 * Direct access on a disk that is full: a transaction that is refused for lack of space, by any
 * call, is taken back without any, and the database is closed cleanly, its checksums in force. The
 * blocks that are changed are holes, whose checksums are in holes of `sums`; between the least and
 * the most space that is left, each call is once the first that is refused.
 *
 * On tmpfs, and on ext4 with blocks of 1 KiB in a file that is mounted. Needs root, for the mount.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

#define RECORD_SIZE 125
#define RECORDS     2000000u
#define STEP        50000u /* records: their checksums are in blocks of their own */
#define LEFT_MOST   400    /* KiB */

static char disk[4000], path[4096], record[RECORD_SIZE];
static slot_options options;
static unsigned refused;
static int wrong;

static bool run(const char *before, const char *between, const char *after)
{
    char command[9000];

    snprintf(command, sizeof command, "%s '%s%s' %s 2>/dev/null", before, disk, between, after);
    return system(command) == 0;
}

static bool mount_disk(bool ext4)
{
    char mount_point[4100];

    if (!ext4)
        return mount("none", disk, "tmpfs", 0, "size=8m") == 0;
    snprintf(mount_point, sizeof mount_point, "'%s'", disk);
    return run("truncate -s 16m", ".image", "") &&
           run("mkfs.ext4 -q -F -b 1024 -m 0", ".image", "") &&
           run("mount -o loop", ".image", mount_point);
}

static void unmount_disk(bool ext4)
{
    (void)umount2(disk, MNT_DETACH);
    if (ext4)
        (void)run("rm -f", ".image", "");
}

/* A file of `kib` KiB, or of all that there is. */
static void take_space(const char *name, long kib)
{
    static const char zeros[1024];
    char file[4096];
    int fd;

    snprintf(file, sizeof file, "%s/%s", disk, name);
    fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (long i = 0; fd >= 0 && i < kib; i++) {
        if (write(fd, zeros, sizeof zeros) < (ssize_t)sizeof zeros)
            break;
    }
    (void)fsync(fd);
    close(fd);
}

static void give_space(const char *name)
{
    char file[4096];

    snprintf(file, sizeof file, "%s/%s", disk, name);
    (void)unlink(file);
}

/* Stores into holes, through a pointer and by copy, then what is appended. */
static slot_status change(slot_txn *txn, slot_error *error)
{
    slot_status status = SLOT_OK;
    void *lent;

    for (uint64_t i = STEP / 2; i < RECORDS && status == SLOT_OK; i += STEP) {
        status = slot_put(txn, i, record, error);
        if (status == SLOT_OK)
            status = slot_edit(txn, i + STEP / 4, &lent, error);
        if (status == SLOT_OK)
            memcpy(lent, record, sizeof record);
    }
    for (unsigned i = 0; i < 20000 && status == SLOT_OK; i++)
        status = slot_append(txn, record, 1, NULL, error);
    return status;
}

static void look(long left)
{
    slot_stat_info info = {.size = sizeof info};
    slot_error error = {0};
    slot_status status;
    slot_db *db = NULL;

    status = slot_open(path, &options, &db, &error);
    if (status == SLOT_OK)
        status = slot_stat(db, &info, &error);
    if (status == SLOT_OK && (!info.clean || info.sums_stale)) {
        printf("%ld KiB left: not closed cleanly\n", left);
        wrong = 1;
    }
    if (status == SLOT_OK)
        status = slot_verify(db, NULL, NULL, &error);
    if (status != SLOT_OK) {
        printf("%ld KiB left: %s: %s\n", left, slot_status_text(status), error.what);
        wrong = 1;
    }
    (void)slot_close(db, NULL);
}

static void try_left(long left)
{
    slot_error error = {0};
    slot_db *db = NULL;
    slot_txn *txn;
    slot_status status;

    fault_create(path, RECORD_SIZE);
    MUST(slot_open(path, &options, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_extend(txn, RECORDS - 7, NULL, &error));
    MUST(slot_commit(txn, &error));
    take_space("left", left);
    take_space("fill", 1L << 30);
    give_space("left");
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    status = change(txn, &error);
    if (status == SLOT_OK)
        status = slot_commit(txn, &error);
    else
        slot_abort(txn);
    refused += status == SLOT_E_NO_SPACE;
    if (status != SLOT_OK && status != SLOT_E_NO_SPACE) {
        printf("%ld KiB left: changing: %s: %s\n", left, slot_status_text(status), error.what);
        wrong = 1;
    }
    status = slot_close(db, &error);
    if (status != SLOT_OK) {
        printf("%ld KiB left: closing: %s: %s\n", left, slot_status_text(status), error.what);
        wrong = 1;
    }
    look(left);
    give_space("fill");
    MUST(slot_destroy(path, NULL, &error));
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
    options.access = SLOT_DIRECT;
    memset(record, 'x', sizeof record);
    for (int ext4 = 0; ext4 < 2 && !wrong; ext4++) {
        if (!mount_disk(ext4)) {
            printf("no %s can be mounted\n", ext4 ? "ext4" : "tmpfs");
            return FAULT_SKIPPED;
        }
        for (long left = 0; left < LEFT_MOST && !wrong; left += left < 12 ? 1 : 31)
            try_left(left);
        if (wrong)
            printf("on %s\n", ext4 ? "ext4" : "tmpfs");
        unmount_disk(ext4);
    }
    (void)rmdir(disk);
    if (!wrong && refused == 0) {
        puts("nothing was refused");
        wrong = 1;
    }
    return wrong ? FAULT_WRONG : FAULT_RIGHT;
}
