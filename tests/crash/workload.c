#include "crash/workload.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "crash/mishaps.h"
#include "db/handle.h"

#define RECORD_MAX 8192u
#define ROUNDS_MAX 30u /* of those who do not write: should all writers be dead */

/* ---- the run ---- */

uint64_t run_random(struct run *run, uint64_t n)
{
    uint64_t z = run->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % n;
}

void run_wrong(struct run *run, const char *what, ...)
{
    va_list arguments;

    if (run->wrong[0] != '\0')
        return;
    va_start(arguments, what);
    (void)vsnprintf(run->wrong, sizeof run->wrong, what, arguments);
    va_end(arguments);
    if (run->wrong[0] == '\0')
        run->wrong[0] = '?';
    sim_stop(run->world);
}

void run_tell(const struct run *run, const char *what, ...)
{
    va_list arguments;

    if (!run->wanted.told)
        return;
    fprintf(stderr, "%llu: ", (unsigned long long)sim_points(run->world));
    va_start(arguments, what);
    (void)vfprintf(stderr, what, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* Sizes at the edges: many in a block, few, one; a block of exactly 4096; one record larger. */
static uint32_t record_size_of(uint64_t seed)
{
    static const uint32_t sizes[] = {64, 500, 1365, 4096, 5000};

    return sizes[seed % (sizeof sizes / sizeof sizes[0])];
}

void run_met(struct run *run, enum tally_item item)
{
    run->items |= tally_bit(item);
}

void run_count_state(struct run *run)
{
    run->states++;
    if (sim_failures(run->world) > 0)
        run_met(run, TALLY_CALL_FAILED);
    if (run->wanted.tally != NULL)
        tally_state(run->wanted.tally, run->items);
}

void run_file(const struct run *run, const char *name, char *path)
{
    (void)snprintf(path, RUN_PATH_MAX, "%s/%s", run->path, name);
}

void run_init(struct run *run, uint64_t seed, const struct sim_config *config)
{
    run_init_sized(run, seed, config, record_size_of(seed));
}

static void note_file_id(struct run *run)
{
    char path[RUN_PATH_MAX];
    uint64_t size = 0;
    const uint8_t *bytes;
    struct meta meta;
    slot_error err;

    run_file(run, "meta", path);
    bytes = sim_cache_bytes(run->world, path, &size);
    if (bytes != NULL && slot__meta_decode(bytes, 0, &meta, &err) == SLOT_OK)
        memcpy(run->file_id, meta.file_id, sizeof run->file_id);
}

void run_init_sized(struct run *run, uint64_t seed, const struct sim_config *config,
                    uint32_t record_size)
{
    struct run_wanted wanted = run->wanted;
    struct sim_process *process;
    slot_schema *schema = NULL;
    slot_error err;

    memset(run, 0, sizeof *run);
    run->wanted = wanted;
    run->seed = seed;
    run->random = seed;
    run->changes = 5;
    memcpy(run->path, RUN_PATH, sizeof RUN_PATH);
    run->world = sim_world_make(config);
    model_init(&run->model, record_size);
    slot_options_init(&run->options);
    run->options.wait_ms = 400;
    run->options.log_limit_bytes = (3 + run_random(run, 3)) << 16;
    run->options.checkpoint_bytes = (1 + run_random(run, 4)) << 14;
    run->options.map_budget = UINT64_C(16) << 20;
    process = sim_process_new(run->world);
    if (slot_schema_sized(run->model.record_size, &schema, &err) != SLOT_OK ||
        slot__db_create_on(&process->os, RUN_PATH, schema, &run->options, &err) != SLOT_OK)
        run_wrong(run, "create: %s", err.what);
    note_file_id(run);
    slot_schema_free(schema);
    sim_process_exit(process);
}

void run_release(struct run *run)
{
    sim_world_free(run->world);
}

/* ---- a process's handle ---- */

/* Whether the handle is of this database. While its directory was renamed, another one may have
 * been where it was looked for. */
static bool is_this_one(struct run *run, const slot_db *db, uint32_t moves)
{
    if (memcmp(db->meta.file_id, run->file_id, sizeof run->file_id) == 0)
        return true;
    if (run->moves == moves)
        run_wrong(run, "open has opened another database");
    return false;
}

bool run_is_first_on_full(const struct run *run, const slot_error *err)
{
    return err->status == SLOT_E_NO_SPACE && sim_fulls(run->world) > 0 && err->file != NULL &&
           (strcmp(err->file, "shared") == 0 || (run->items & tally_bit(TALLY_POWER_CUT)) != 0);
}

slot_db *run_open(struct run *run, struct sim_process *process, const slot_options *options)
{
    slot_error err;
    slot_db *db = NULL;
    uint32_t moves = run->moves;
    slot_status status = slot__db_open_on(&process->os, run->path, options, &db, &err);

    run_tell(run, "%llu opens: %s", (unsigned long long)process->number, slot_status_text(status));
    if (status == SLOT_OK && !is_this_one(run, db, moves)) {
        (void)slot_close(db, &err);
        return NULL;
    }
    if (status == SLOT_OK) {
        db->io_bytes = UINT64_C(8) << 10;         /* so that direct appends happen */
        db->lend_bytes = UINT64_C(8) << 10;       /* and pages of the log are lent */
        db->keep_bytes = UINT64_C(4) << 10;       /* and bodies are read back */
        db->log.index_first = SHARED_INDEX_LEAST; /* and indexes get wider, segments grow */
        db->log.first_bytes = 0;
        db->log.piece_bytes = UINT64_C(8) << 10;
        return db;
    }
    if (status != SLOT_E_BUSY && !run->lenient && !run_tolerates(run, status) &&
        !(status == SLOT_E_NO_FILE && run->moves != moves) && !run_is_first_on_full(run, &err))
        run_wrong(run, "open: %s: %s (%s)", err.file, err.what, slot_status_text(status));
    return NULL;
}

void run_close(struct run *run, slot_db *db)
{
    slot_error err;
    uint64_t process = db->os->process(db->os);
    slot_status status = slot_close(db, &err);

    run_tell(run, "%llu has closed: %s", (unsigned long long)process, slot_status_text(status));
    if (status != SLOT_OK && !run->lenient && !run_tolerates(run, status))
        run_wrong(run, "close: %s: %s (%s)", err.file, err.what, slot_status_text(status));
}

/* An error that is an answer: others are there, or the log is as large as it may get. */
static bool is_answer(const struct run *run, slot_status status)
{
    return status == SLOT_OK || status == SLOT_E_BUSY || status == SLOT_E_LOG_FULL ||
           status == SLOT_E_TXN_TOO_LARGE || run->lenient != 0 || run_tolerates(run, status);
}

/* The same of a call that takes space on the disk, which may be full. */
static bool is_answer_of_writer(const struct run *run, slot_status status)
{
    return is_answer(run, status) || (status == SLOT_E_NO_SPACE && sim_fulls(run->world) > 0);
}

/* A failed sync of this session may have taken bytes from under those who still have it open. */
static bool is_reverted(const struct run *run)
{
    return run->reverts && sim_losses(run->world) != run->losses;
}

/* Nobody sums the bits of deleted records where they are in the log, also where all else is asked
 * for: what is made with those that a system has put back does not become durable. */
static bool is_reverted_for_bits(const struct run *run)
{
    return is_reverted(run) || (run->lossy && sim_losses(run->world) != run->losses);
}

/* Whether what a transaction sees may have been taken so: what was durable in the log cannot. */
static bool is_reverted_for(const struct run *run, const slot_db *db, const slot_txn *txn)
{
    return is_reverted(run) &&
           (db->access == SLOT_READ_ONLY || txn->seen.lsn > shared_durable(&db->shared));
}

bool run_tolerates(const struct run *run, slot_status status)
{
    if (!run->varied)
        return false;
    switch (status) {
    case SLOT_E_IO:
    case SLOT_E_NO_SPACE:
    case SLOT_E_NO_MEMORY:
    case SLOT_E_POISONED:
    case SLOT_E_UNKNOWN:
    case SLOT_E_LOST:
        return sim_failures(run->world) > 0;
    case SLOT_E_BUSY:
    case SLOT_E_READERS_FULL:
    case SLOT_E_NEEDS_RECOVERY:
        return true;
    default:
        return false;
    }
}

bool run_tolerates_of(const struct run *run, const slot_db *db, slot_status status)
{
    return run_tolerates(run, status) || (status == SLOT_E_CORRUPT && run->varied &&
                                          is_reverted(run) && db->session == run->session);
}

/* ---- looking ---- */

/*
 * Another session than before: whoever began it has recovered the database, or found it closed.
 * What was acknowledged without a flush may be gone if a flush has failed meanwhile.
 */
static void note_session(struct run *run, const slot_db *db)
{
    if (db->access == SLOT_READ_ONLY || db->session == run->session)
        return;
    if (sim_losses(run->world) != run->losses)
        run->model.visible = run->model.durable;
    run->session = db->session;
    run->losses = sim_losses(run->world);
}

/*
 * Snapshots are exact: the state of their position in the log, and no newer one. Not so of a writer
 * from under whom a failed sync may have taken the bytes of a commit that nobody was told of: it
 * cannot commit.
 */
static void note_snapshot(struct run *run, const slot_db *db, const slot_txn *txn, int number)
{
    uint32_t other = 0;

    if (db->access == SLOT_READ_ONLY || run->lenient ||
        (txn->writing && is_reverted_for(run, db, txn)))
        return;
    if (!model_note(&run->model, db->session, txn->seen.lsn, (uint32_t)number, &other))
        run_wrong(run, "the snapshot at %llu is state %d, and was state %u before",
                  (unsigned long long)txn->seen.lsn, number, (unsigned)other);
}

/* A writer that has lost what it appended, or builds on what then could not be flushed, cannot
 * commit, whatever it sees. */
static bool is_doomed(const struct run *run, const slot_db *db, const slot_txn *txn)
{
    if (!run_tolerates(run, SLOT_E_POISONED) && sim_fulls(run->world) == 0)
        return false;
    return txn->doomed != SLOT_OK || (txn->writing && slot__db_is_poisoned(db));
}

/* The state that a transaction sees, which was begun when `visible` was; -1: none, which need not
 * be wrong. */
static int look(struct run *run, const slot_db *db, slot_txn *txn, uint32_t visible,
                const char *who)
{
    const char *why = NULL;
    int number = model_look(&run->model, txn, &why);
    bool excused =
        run->lenient || is_reverted_for(run, db, txn) ||
        (number < 0 && why == MODEL_UNREADABLE && run_tolerates_of(run, db, model_refusal));

    if (number < (int)visible && !excused && !is_doomed(run, db, txn))
        run_wrong(run, "a %s sees state %d, %u was acknowledged: %s", who, number,
                  (unsigned)visible, why != NULL ? why : "");
    else if (number >= 0)
        note_snapshot(run, db, txn, number);
    return number;
}

/* ---- writing ---- */

/* A transaction under way: the database's side and the model's. */
struct change {
    struct run *run;
    struct sim_process *process;
    slot_db *db;
    slot_txn *txn;
    struct model_state state;
    slot_error err;
    bool failed;   /* a call before, and its caller went on */
    bool tight;    /* the handle has the smallest budget */
    bool hopeless; /* what it builds on is unknown: it must not be acknowledged */
};

static slot_status put(struct change *change, uint32_t recno, uint32_t version)
{
    struct run *run = change->run;
    uint8_t record[RECORD_MAX];
    void *edited;
    slot_status status;

    if (run_random(run, 3) != 0) {
        model_fill(&run->model, record, recno, version);
        return slot_put(change->txn, recno, record, &change->err);
    }
    status = slot_edit(change->txn, recno, &edited, &change->err);
    if (status == SLOT_E_BUDGET && change->tight) { /* only pointers need what others may have */
        model_fill(&run->model, record, recno, version);
        return slot_put(change->txn, recno, record, &change->err);
    }
    if (status == SLOT_OK) {
        sim_lend(change->process, edited, run->model.record_size);
        model_fill(&run->model, edited, recno, version);
    }
    return status;
}

static slot_status change_record(struct change *change)
{
    struct run *run = change->run;
    uint32_t recno = (uint32_t)run_random(run, change->state.records);
    uint32_t version = model_version(&run->model);
    slot_status status;

    if (recno == 0)
        return SLOT_OK;
    if (change->state.version[recno] == MODEL_DELETED) {
        status = slot_put(change->txn, recno, &version, &change->err);
        if (status == SLOT_OK && !is_reverted_for_bits(run))
            run_wrong(run, "record %u is deleted and can be put", (unsigned)recno);
        return status == SLOT_DELETED ? SLOT_OK : status;
    }
    if (run_random(run, 6) == 0) {
        status = slot_delete(change->txn, recno, &change->err);
        version = MODEL_DELETED;
        change->state.deleted += status == SLOT_OK;
    } else {
        status = put(change, recno, version);
    }
    if (status == SLOT_OK)
        change->state.version[recno] = version;
    return status;
}

static slot_status append(struct change *change)
{
    struct run *run = change->run;
    uint64_t room = MODEL_RECORDS - change->state.records;
    uint64_t n = 1 + run_random(run, run_random(run, 4) == 0 ? 40 : 4);
    uint8_t record[RECORD_MAX];
    slot_status status = SLOT_OK;

    n = n < room ? n : room;
    if (n > 0 && run_random(run, 5) == 0) {
        status = slot_extend(change->txn, n, NULL, &change->err);
        for (uint64_t i = 0; i < n && status == SLOT_OK; i++)
            change->state.version[change->state.records++] = MODEL_ZERO;
        return status;
    }
    for (uint64_t i = 0; i < n && status == SLOT_OK; i++) {
        uint32_t version = model_version(&run->model);

        model_fill(&run->model, record, change->state.records, version);
        status = slot_append(change->txn, record, 1, NULL, &change->err);
        if (status == SLOT_OK)
            change->state.version[change->state.records++] = version;
    }
    return status;
}

/* The number that slot_insert has to choose. */
static uint32_t lowest_deleted(const struct model_state *state)
{
    uint32_t i = 0;

    while (i < state->records && state->version[i] != MODEL_DELETED)
        i++;
    return i;
}

static slot_status insert(struct change *change)
{
    struct run *run = change->run;
    uint32_t recno = lowest_deleted(&change->state);
    uint32_t version = model_version(&run->model);
    uint8_t record[RECORD_MAX];
    uint64_t got = 0;
    slot_status status;

    if (recno >= MODEL_RECORDS)
        return SLOT_OK;
    model_fill(&run->model, record, recno, version);
    status = slot_insert(change->txn, record, &got, &change->err);
    if (status != SLOT_OK)
        return status;
    if (got != recno && !is_reverted_for_bits(run))
        run_wrong(run, "insert took record %u, not %u", (unsigned)got, (unsigned)recno);
    change->state.deleted -= recno < change->state.records;
    change->state.records += recno == change->state.records;
    change->state.version[recno] = version;
    return SLOT_OK;
}

static slot_status number_state(struct change *change, uint32_t number)
{
    uint8_t record[RECORD_MAX];
    slot_status status;

    model_fill(&change->run->model, record, 0, number);
    if (change->state.records == 0)
        status = slot_append(change->txn, record, 1, NULL, &change->err);
    else
        status = slot_put(change->txn, 0, record, &change->err);
    if (status != SLOT_OK)
        return status;
    change->state.records += change->state.records == 0;
    change->state.version[0] = number;
    return SLOT_OK;
}

/* Whether the caller takes what a call said for an answer and goes on with its transaction. */
static bool goes_on(struct change *change, const char *what, slot_status status)
{
    if (status == SLOT_OK)
        return true;
    run_tell(change->run, "%llu: %s: %s: %s", (unsigned long long)change->process->number, what,
             change->err.what, slot_status_text(status));
    if (!change->run->goes_on || !is_answer_of_writer(change->run, status) || status == SLOT_E_LOST)
        return false; /* LOST: nobody knows what the record is now */
    change->failed = true;
    return true;
}

/* The state's number goes into record 0; then changes by chance. */
static slot_status make_changes(struct change *change, uint32_t number)
{
    struct run *run = change->run;
    slot_status status = number_state(change, number);
    uint64_t n = 1 + run_random(run, run->changes);

    if (goes_on(change, "numbering the state", status) && change->failed)
        status = number_state(change, number); /* once more: without it there is no state */
    for (uint64_t i = 0; i < n && status == SLOT_OK; i++) {
        uint64_t what = run_random(run, 8);

        if (what < 4)
            status = change_record(change);
        else
            status = what < 6 ? append(change) : insert(change);
        if (goes_on(change, what < 4 ? "put or delete" : what < 6 ? "append" : "insert", status))
            status = SLOT_OK;
    }
    return status;
}

/* The commit has been called: what it is told decides what may be there. */
static void note_commit(const struct change *change, uint32_t number, uint64_t ticket,
                        slot_status status)
{
    struct run *run = change->run;
    struct model *model = &run->model;
    bool full = change->db->sync == SLOT_SYNC_FULL;

    if (status == SLOT_OK) {
        run->commits++;
        model->visible = number > model->visible ? number : model->visible;
        if (full && number > model->durable)
            model->durable = number;
        if (change->failed)
            run_met(run, TALLY_WENT_ON);
        if (run->writer == 0)
            run->writer = change->process->number;
        else if (run->writer != change->process->number)
            run_met(run, TALLY_TWO_WRITERS);
        run_met(run, full ? TALLY_FULL : TALLY_NORMAL);
    } else if (status == SLOT_E_UNKNOWN) {
        run->unknown = change->db->session;
        run_met(run, TALLY_UNKNOWN);
    } else if (model->newest == number && run->tickets == ticket) {
        model->newest = number - 1;
    }
}

/* A writer sees its own changes, and nothing of a call that has failed. */
static bool sees_itself(struct change *change)
{
    struct run *run = change->run;
    const char *why = NULL;

    /* A sync may fail while it looks. */
    if (run_random(run, 4) != 0 || model_sees(&run->model, &change->state, change->txn, &why) ||
        run->lenient || is_reverted(run) ||
        (why == MODEL_UNREADABLE && /* what it has appended may go into the log for that */
         is_answer_of_writer(run, model_refusal)) ||
        is_doomed(run, change->db, change->txn))
        return true;
    run_wrong(run, "a writer does not see its own changes%s: %s",
              change->failed ? " after a call that failed" : "", why);
    return false;
}

static void finish(struct change *change, uint32_t number, slot_status status)
{
    struct run *run = change->run;
    struct model *model = &run->model;
    uint64_t ticket;

    sim_unlend(change->process);
    if (status != SLOT_OK && !is_answer_of_writer(run, status) &&
        !run_tolerates_of(run, change->db, status))
        run_wrong(run, "change: %s: %s (%s)", change->err.file, change->err.what,
                  slot_status_text(status));
    if (status != SLOT_OK || run_random(run, 7) == 0 || !sees_itself(change)) {
        slot_abort(change->txn);
        return;
    }
    if (!change->hopeless) {
        model->state[number] = change->state;
        model->newest = number;
    }
    ticket = ++run->tickets;
    status = slot_commit(change->txn, &change->err);
    run_tell(run, "%llu commits state %u (%u records): %s",
             (unsigned long long)change->process->number, (unsigned)number,
             (unsigned)change->state.records, slot_status_text(status));
    if (!is_answer_of_writer(run, status))
        run_wrong(run, "commit: %s: %s (%s)", change->err.file, change->err.what,
                  slot_status_text(status));
    if (!change->hopeless)
        note_commit(change, number, ticket, status);
    else if (status == SLOT_OK)
        run_wrong(run, "state %u is acknowledged in a session in which a commit was unknown",
                  (unsigned)number);
}

/* One write transaction; false when this handle cannot go on. */
bool run_write_once(struct run *run, struct sim_process *process, slot_db *db)
{
    struct change change = {
        .run = run, .process = process, .db = db, .tight = db->cache.budget <= run->least_budget};
    slot_status status = slot_begin(db, SLOT_WRITE, &change.txn, &change.err);
    int number;

    if (status != SLOT_OK) {
        if (!is_answer_of_writer(run, status) && !run_tolerates_of(run, db, status))
            run_wrong(run, "begin: %s: %s (%s)", change.err.file, change.err.what,
                      slot_status_text(status));
        return status == SLOT_E_BUSY;
    }
    note_session(run, db);
    number = look(run, db, change.txn, run->model.visible, "writer");
    run_tell(run, "%llu begins to write on state %d", (unsigned long long)process->number, number);
    if (number < 0 || run->wrong[0] != '\0' || number + 1 >= (int)MODEL_STATES) {
        slot_abort(change.txn);
        return false;
    }
    change.state = run->model.state[number];
    change.hopeless = ((run->varied || run->lossy) && run->unknown == db->session) ||
                      (run->varied && is_doomed(run, db, change.txn));
    if (!change.hopeless)
        run->model.newest = (uint32_t)number; /* what a dead writer had begun is decided */
    status = make_changes(&change, (uint32_t)number + 1);
    finish(&change, (uint32_t)number + 1, status);
    return run->wrong[0] == '\0';
}

void run_writer(struct sim_process *process, void *argument)
{
    struct run *run = argument;
    slot_options options = run->options;

    while (run->transactions > 0 && run->wrong[0] == '\0') {
        slot_db *db;

        options.sync = run_random(run, 3) == 0 ? SLOT_SYNC_NORMAL : SLOT_SYNC_FULL;
        db = run_open(run, process, &options);
        if (db == NULL) {
            run->transactions -= run->transactions > 0;
            continue;
        }
        for (uint64_t n = 1 + run_random(run, 6); n > 0 && run->transactions > 0; n--) {
            run->transactions -= run->transactions > 0;
            if (!run_write_once(run, process, db))
                break;
        }
        run_close(run, db);
    }
}

/*
 * One handle, several threads. A transaction is one from begin to commit as ever; what differs is
 * that the next may begin while the flush of this one is under way.
 */
void run_shared_open(struct sim_process *process, void *argument)
{
    struct run *run = argument;
    slot_options options = run->options;

    run->shared = run_open(run, process, &options);
    while (run->shared != NULL && run->transactions > 0 && run->wrong[0] == '\0')
        process->os.sleep_us(&process->os, 500);
    while (run->users > 0)
        process->os.sleep_us(&process->os, 500);
    if (run->shared != NULL)
        run_close(run, run->shared);
}

void run_shared_writer(struct sim_process *process, void *argument)
{
    struct run *run = argument;

    run->users++;
    for (int i = 0; run->shared == NULL && i < 2000; i++)
        process->os.sleep_us(&process->os, 500);
    while (run->shared != NULL && run->transactions > 0 && run->wrong[0] == '\0') {
        run->transactions -= run->transactions > 0;
        if (!run_write_once(run, process, run->shared)) {
            if (run->disturbed)
                run->transactions = 0; /* the handle is poisoned: nobody waits for what it does */
            break;
        }
    }
    run->users--;
}

/* ---- reading ---- */

/* What was lent must not change as long as the transaction lives. */
static void read_twice(struct run *run, const slot_db *db, slot_txn *txn, int number)
{
    bool reverted = is_reverted_for(run, db, txn);
    uint8_t copy[RECORD_MAX];
    const void *lent = NULL;
    const char *why = NULL;
    uint64_t records = slot_records(txn);
    uint64_t recno = records > 0 ? run_random(run, records) : 0;
    slot_error err;
    bool have = records > 0 && slot_ref(txn, recno, &lent, &err) == SLOT_OK;

    if (have)
        memcpy(copy, lent, run->model.record_size);
    for (int i = 0; i < 3; i++) {
        if (!model_sees(&run->model, &run->model.state[number], txn, &why) && !run->lenient &&
            !reverted && !is_reverted_for(run, db, txn) &&
            !(why == MODEL_UNREADABLE && run_tolerates_of(run, db, model_refusal)))
            run_wrong(run, "a reader's state %d has changed: %s", number, why);
    }
    if (have && !reverted && !is_reverted_for(run, db, txn) &&
        memcmp(copy, lent, run->model.record_size) != 0)
        run_wrong(run, "the bytes of a lent record have changed");
}

void run_read_once(struct run *run, slot_db *db)
{
    uint32_t visible = run->model.visible;
    uint64_t session = run->session;
    slot_txn *txn = NULL;
    slot_error err;
    slot_status status = slot_begin(db, SLOT_READ, &txn, &err);
    int number;

    if (status != SLOT_OK) {
        if (!is_answer(run, status))
            run_wrong(run, "begin to read: %s (%s)", err.what, slot_status_text(status));
        return;
    }
    note_session(run, db);
    if (run->session != session)
        visible = run->model.visible < visible ? run->model.visible : visible;
    number = look(run, db, txn, visible, "reader");
    run_tell(run, "a reader has state %d", number);
    if (number >= 0)
        read_twice(run, db, txn, number);
    slot_end(txn);
}

void run_reader(struct sim_process *process, void *argument)
{
    struct run *run = argument;
    uint32_t rounds = 0;

    while (run->transactions > 0 && rounds < ROUNDS_MAX && run->wrong[0] == '\0') {
        slot_db *db = run_open(run, process, &run->options);

        if (db == NULL) {
            run->transactions -= run->transactions > 0;
            continue;
        }
        for (uint64_t n = 1 + run_random(run, 5); n > 0 && run->wrong[0] == '\0'; n--)
            run_read_once(run, db);
        rounds++;
        run_close(run, db);
        process->os.sleep_us(&process->os, 100);
    }
}

void run_checkpointer(struct sim_process *process, void *argument)
{
    struct run *run = argument;
    uint32_t rounds = 0;

    while (run->transactions > 0 && rounds++ < ROUNDS_MAX && run->wrong[0] == '\0') {
        slot_db *db = run_open(run, process, &run->options);
        slot_error err;

        if (db == NULL) {
            run->transactions -= run->transactions > 0;
            continue;
        }
        for (uint64_t n = 1 + run_random(run, 4); n > 0 && run->wrong[0] == '\0'; n--) {
            slot_status status = slot_checkpoint(db, &err);

            if (!is_answer(run, status))
                run_wrong(run, "checkpoint: %s: %s (%s)", err.file, err.what,
                          slot_status_text(status));
            process->os.sleep_us(&process->os, 100);
        }
        run_close(run, db);
    }
}

/* ---- after a crash ---- */

/* A torn slot of meta is what a power cut leaves when it is written; the next write mends it. */
static bool note_finding(void *context, const slot_finding *finding)
{
    struct run *run = context;

    if (strcmp(finding->file, "meta") == 0)
        return true;
    run_wrong(run, "verify: %s at %llu: %s", finding->file, (unsigned long long)finding->offset,
              finding->what);
    return false;
}

static void check_state(struct run *run, slot_db *db)
{
    const char *why = NULL;
    slot_txn *txn = NULL;
    slot_status status;
    slot_error err;
    int number;

    if (slot_begin(db, SLOT_READ, &txn, &err) != SLOT_OK) {
        run_wrong(run, "after a crash: begin: %s", err.what);
        return;
    }
    number = model_look(&run->model, txn, &why);
    slot_end(txn);
    if (number < 0)
        run_wrong(run, "after a crash: %s", why);
    else if (number < (int)run->model.durable)
        run_wrong(run, "after a crash: state %d, but %u was acknowledged", number,
                  run->model.durable);
    status = slot_verify(db, note_finding, run, &err);
    if (status != SLOT_OK && status != SLOT_DAMAGED)
        run_wrong(run, "after a crash: verify: %s", err.what);
}

/* What has come up can be used: a commit, and it is there at the next open. */
static void check_commit(struct run *run, slot_db *db)
{
    uint8_t record[RECORD_MAX];
    slot_txn *txn = NULL;
    slot_error err = {0};
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, &err);

    model_fill(&run->model, record, 0, 1);
    if (status == SLOT_OK) {
        status = slot_append(txn, record, 1, NULL, &err);
        if (status == SLOT_OK)
            status = slot_commit(txn, &err);
        else
            slot_abort(txn);
    }
    if (status != SLOT_OK)
        run_wrong(run, "after a crash: commit: %s: %s", err.file, err.what);
}

static void check_open(struct run *run, struct sim_world *world, bool commit)
{
    struct sim_process *process = sim_process_new(world);
    slot_error err = {0};
    slot_db *db = NULL;
    slot_status status = slot__db_open_on(&process->os, run->path, &run->options, &db, &err);

    if (status != SLOT_OK) {
        run_wrong(run, "after a crash: open: %s: %s (%s)", err.file, err.what,
                  slot_status_text(status));
        return;
    }
    check_state(run, db);
    if (commit)
        check_commit(run, db);
    if (slot_close(db, &err) != SLOT_OK)
        run_wrong(run, "after a crash: close: %s", err.what);
    if (!sim_process_is_clean(process))
        run_wrong(run, "after a crash: something is still open, mapped or locked");
    sim_process_exit(process);
}

struct nested {
    struct run *run;
    uint64_t every, seed;
};

static void crash_in_recovery(void *context, struct sim_world *world, const struct sim_step *step)
{
    const struct nested *nested = context;
    struct run *run = nested->run;

    if (run->wrong[0] != '\0' || step->step % nested->every != nested->seed % nested->every)
        return;
    run->depth++;
    run_count_state(run);
    run_check(run,
              sim_fork_crashed(world, (sim_policy)(step->step % SIM_CRASH_POLICIES),
                               nested->seed + step->step),
              false);
    run->depth--;
}

void run_check(struct run *run, struct sim_world *world, bool thorough)
{
    /* Varied runs are many: crashes within crashes are left to the others, mostly. */
    struct nested nested = {run, run->varied ? 15 : 5, run->states};
    bool nest = run->varied ? run->depth < 1 && run->states % 256 == 0
                            : run->depth < 2 && (thorough || run->states % 16 == 0);

    if (nest)
        sim_on_step(world, crash_in_recovery, &nested);
    check_open(run, world, false);
    sim_on_step(world, NULL, NULL);
    if (run->other.there && run->wrong[0] == '\0' && (thorough || run->states % 8 == 0))
        mishaps_check_other(run, world);
    if (thorough && run->wrong[0] == '\0') {
        check_open(run, world, true);
        sim_check_stores(world);
    }
}

void run_crash_images(struct run *run, struct sim_world *world, uint32_t images)
{
    for (int policy = 0; policy < SIM_CRASH_POLICIES; policy++) {
        bool one = policy == SIM_CRASH_NONE || policy == SIM_CRASH_ALL;

        for (uint32_t i = 0; i < (one ? 1 : images) && run->wrong[0] == '\0'; i++) {
            uint64_t seed = run->states * 31 + run->seed;

            run_count_state(run);
            run_check(run, sim_fork_crashed(world, (sim_policy)policy, seed),
                      run->states % 64 == 0);
            if (run->wrong[0] != '\0' && !run->wanted.quiet)
                fprintf(stderr, "crash image: policy %s, seed %llu\n",
                        sim_policy_name((sim_policy)policy), (unsigned long long)seed);
        }
    }
}
