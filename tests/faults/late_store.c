/*
 * The commonest mistake with lent pointers: one more store through what slot_edit has lent, when
 * its transaction has ended; or in a child made by fork, or after slot_unpin.
 *
 * Right: the store is a fault of that program, or it changes nothing; the database opens again with
 * what was acknowledged, and verifies. (The store went into the sealed log: the database never
 * opened again, or dropped the commit in silence.)
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define RECORD_BYTES 512
#define RECORDS      8000 /* 1,000 blocks: more than a transaction has in private memory */
#define POINTERS     (RECORDS / 8)

enum ending { COMMITTED, ABORTED, UNPINNED, IN_CHILD, IN_CHILD_LATE, ENDINGS };
enum leaving { CLOSES, DIES, LEAVINGS };

static const char *const endings[] = {"commit", "abort", "unpin", "fork", "fork and commit"};

struct story {
    enum ending ending;
    enum leaving leaving;
    int edits;  /* blocks, one record of each */
    int behind; /* commits after it */
    bool again; /* until its segment was begun again */
};

static void *lent[POINTERS];

static void store_late(const struct story *story)
{
    for (int i = 0; i < story->edits; i++)
        memset(lent[i], 'Z', 1);
}

/* Stores in another process, which ends by it, or does not. */
static void store_in_child(const struct story *story)
{
    pid_t child = fork();

    if (child == 0) {
        store_late(story);
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
}

static void write_others(slot_db *db, const struct story *story)
{
    int commits = story->again ? 400 : story->behind;
    char record[RECORD_BYTES];
    slot_error error;
    slot_txn *txn;

    memset(record, 'b', sizeof record);
    for (int i = 0; i < commits; i++) {
        MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
        for (uint64_t n = 0; n < (story->again ? 20 : 1); n++)
            MUST(slot_put(txn, n * 8 + 1, record, &error));
        MUST(slot_commit(txn, &error));
    }
}

static void end(slot_txn *txn, const struct story *story)
{
    slot_error error;

    if (story->ending == IN_CHILD)
        store_in_child(story);
    if (story->ending == UNPINNED)
        slot_unpin(txn);
    if (story->ending == ABORTED)
        slot_abort(txn);
    else
        MUST(slot_commit(txn, &error));
}

/* What the program does. It may end with a signal. */
static void play(const char *path, const struct story *story)
{
    slot_options options;
    slot_error error;
    slot_db *db;
    slot_txn *txn;

    slot_options_init(&options);
    options.sync = SLOT_SYNC_NORMAL;
    options.log_limit_bytes = 8 << 20;
    MUST(slot_open(path, &options, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    for (int i = 0; i < story->edits; i++) {
        MUST(slot_edit(txn, (uint64_t)i * 8, &lent[i], &error));
        memset(lent[i], 'a', RECORD_BYTES);
    }
    end(txn, story);
    write_others(db, story);
    if (story->ending == IN_CHILD_LATE)
        store_in_child(story);
    else if (story->ending != IN_CHILD)
        store_late(story);
    if (story->leaving == DIES)
        _exit(0);
    MUST(slot_close(db, &error));
    exit(0);
}

/* What must be there: '.' before everything, 'a' from the edits, 'b' from the commits behind. */
static char expected(uint64_t n, const struct story *story)
{
    bool edited = story->ending != ABORTED && n % 8 == 0 && n / 8 < (uint64_t)story->edits;
    bool other = n % 8 == 1 && (story->again ? n / 8 < 20 : story->behind > 0 && n == 1);

    return edited ? 'a' : other ? 'b' : '.';
}

static bool is_right(const char *path, const struct story *story)
{
    char record[RECORD_BYTES];
    slot_error error;
    slot_db *db;
    slot_txn *txn;
    bool right = true;

    if (slot_open(path, NULL, &db, &error) != SLOT_OK) {
        printf("open: %s\n", error.what);
        return false;
    }
    MUST(slot_begin(db, SLOT_READ, &txn, &error));
    for (uint64_t n = 0; n < RECORDS && right; n++) {
        char want = expected(n, story);

        MUST(slot_get(txn, n, record, &error));
        right = record[0] == want && record[RECORD_BYTES - 1] == want;
        if (!right)
            printf("record %llu is '%c', not '%c'\n", (unsigned long long)n, record[0], want);
    }
    slot_end(txn);
    if (slot_verify(db, NULL, NULL, &error) != SLOT_OK) {
        printf("verify: %s\n", error.what);
        right = false;
    }
    MUST(slot_close(db, &error));
    return right;
}

static void make(const char *path)
{
    static char records[RECORDS * RECORD_BYTES];
    slot_error error;
    slot_db *db;
    slot_txn *txn;

    fault_create(path, RECORD_BYTES);
    memset(records, '.', sizeof records);
    MUST(slot_open(path, NULL, &db, &error));
    MUST(slot_begin(db, SLOT_WRITE, &txn, &error));
    MUST(slot_append(txn, records, RECORDS, NULL, &error));
    MUST(slot_commit(txn, &error));
    MUST(slot_close(db, &error));
}

static void remove_directory(const char *path)
{
    char line[4096];

    snprintf(line, sizeof line, "rm -r '%s'", path);
    if (system(line) != 0)
        exit(FAULT_SETUP);
}

/* Making each anew would take most of the time. */
static void copy_template(const char *path)
{
    char line[8192];

    snprintf(line, sizeof line, "cp -r '%s.template' '%s'", path, path);
    if (system(line) != 0)
        exit(FAULT_SETUP);
}

static int try(const char *path, const struct story *story)
{
    int status = 0;
    bool right;
    pid_t child;

    copy_template(path);
    child = fork();
    if (child == 0)
        play(path, story);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return FAULT_SETUP;
    right = WIFEXITED(status) ? WEXITSTATUS(status) == 0
                              : WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS;
    right = is_right(path, story) && right;
    if (!right)
        printf("%d blocks, stored after %s, %d commits behind%s, the process %s (status %x)\n",
               story->edits, endings[story->ending], story->behind,
               story->again ? ", its segment begun again" : "",
               story->leaving == DIES ? "dies" : "closes", (unsigned)status);
    remove_directory(path);
    return right ? FAULT_RIGHT : FAULT_WRONG;
}

int main(int argc, char **argv)
{
    static const int edits[] = {1, POINTERS};
    int worst = FAULT_RIGHT, result;
    char template[4096];

    if (argc < 2)
        return FAULT_SETUP;
    snprintf(template, sizeof template, "%s.template", argv[1]);
    make(template);
    for (int i = 0; i < 2 * LEAVINGS * ENDINGS * 3; i++) {
        struct story story = {.edits = edits[i % 2],
                              .leaving = (enum leaving)(i / 2 % LEAVINGS),
                              .ending = (enum ending)(i / 2 / LEAVINGS % ENDINGS),
                              .behind = i / 2 / LEAVINGS / ENDINGS};

        story.again = story.behind == 2;
        if ((story.behind == 1 && story.ending != COMMITTED) ||
            (story.again && story.ending > ABORTED))
            continue; /* each takes some syncs */
        result = try(argv[1], &story);
        worst = result > worst ? result : worst;
    }
    return worst;
}
