#include "crash/mishaps.h"

#include <string.h>

#include "base/bytes.h"
#include "db/handle.h"

#define OTHER_SIZE  64u
#define CREATED_MAX 12u /* databases that are created in a run */

/* ---- drawing ---- */

static bool chance(struct run *run, uint32_t percent)
{
    return run_random(run, 100) < percent;
}

/* Only one kind of file has no room, from the beginning on: some take a page once and for all. */
static void full_for_one(struct run *run, struct mishaps *mishaps, uint64_t now)
{
    static const char *const names[] = {"sums", "deleted", "index", "records"};

    mishaps->only = names[run_random(run, sizeof names / sizeof names[0])];
    mishaps->full_at = now + 1;
    mishaps->full_until = now + 1 + run_random(run, 700);
}

void mishaps_draw(struct run *run, struct mishaps *mishaps, bool full)
{
    uint64_t now = sim_steps(run->world);

    memset(mishaps, 0, sizeof *mishaps);
    if (chance(run, 50)) {
        mishaps->move_at = now + 1 + run_random(run, 700);
        mishaps->replace = chance(run, 85);
    }
    if (full && chance(run, 70)) {
        mishaps->full_at = now + 1 + run_random(run, chance(run, 50) ? 200 : 1500);
        mishaps->full_until = mishaps->full_at + 1 + run_random(run, 1500);
        mishaps->full_once = chance(run, 40);
        mishaps->room = run_random(run, chance(run, 50) ? 4 : 40);
        if (chance(run, 40))
            full_for_one(run, mishaps, now);
    }
}

/* ---- the disk is full ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static void roomy(struct sim_world *world)
{
    sim_set_room(world, SIM_ROOMY);
    sim_set_full_for(world, NULL);
}

static void note_full(void *context, struct sim_world *world, const char *name)
{
    static const struct {
        const char *name;
        enum tally_item item;
    } files[] = {{"records", TALLY_FULL_RECORDS},
                 {"sums", TALLY_FULL_SUMS},
                 {"deleted", TALLY_FULL_DELETED},
                 {"meta", TALLY_FULL_CREATE},
                 {"schema", TALLY_FULL_CREATE}};
    struct run *run = context;

    run_met(run, TALLY_DISK_FULL);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strcmp(name, files[i].name) == 0)
            run_met(run, files[i].item);
    }
    if (strlen(name) == 2)
        run_met(run, TALLY_FULL_LOG);
    if (ends_with(name, ".index"))
        run_met(run, TALLY_FULL_INDEX);
    run_tell(run, "there is no room for more of `%s`", name);
    if (run->full_once)
        roomy(world);
}

static void fill(struct run *run, const struct mishaps *mishaps)
{
    run->full_once = mishaps->full_once;
    if (mishaps->only != NULL) {
        sim_set_full_for(run->world, mishaps->only);
        run_tell(run, "the disk has no room for `%s`", mishaps->only);
        sim_on_full(run->world, note_full, run);
        return;
    }
    sim_on_full(run->world, note_full, run);
    sim_set_room(run->world, mishaps->room);
    run_tell(run, "the disk has %llu pages left%s", (unsigned long long)mishaps->room,
             mishaps->full_once ? ", for one call" : "");
}

void mishaps_end(struct run *run)
{
    roomy(run->world);
}

/* ---- the directory is renamed ---- */

static void move(struct run *run, bool replace)
{
    char to[sizeof run->path];
    bool opened = false, other_opened = false;

    (void)snprintf(to, sizeof to, "/m%u.slots", (unsigned)run->moves);
    if (!sim_move(run->world, run->path, to, &opened))
        return;
    run->moves++;
    memcpy(run->left, run->path, sizeof run->left);
    memcpy(run->path, to, sizeof run->path);
    run_tell(run, "%s is renamed to %s", run->left, run->path);
    if (opened)
        run_met(run, TALLY_RENAMED);
    if (!replace || !run->other.there ||
        !sim_move(run->world, run->other.path, run->left, &other_opened))
        return;
    memcpy(run->other.path, run->left, sizeof run->other.path);
    run_tell(run, "the other database is now %s", run->other.path);
    if (opened)
        run_met(run, TALLY_REPLACED);
}

void mishaps_step(struct run *run, struct mishaps *mishaps, uint64_t step)
{
    if (mishaps->move_at != 0 && step >= mishaps->move_at) {
        mishaps->move_at = 0;
        move(run, mishaps->replace);
    }
    if (mishaps->full_at != 0 && step >= mishaps->full_at) {
        mishaps->full_at = 0;
        fill(run, mishaps);
    }
    if (mishaps->full_until != 0 && step >= mishaps->full_until) {
        mishaps->full_until = 0;
        mishaps_end(run);
    }
}

/* ---- the other database ---- */

void mishaps_make_other(struct run *run)
{
    struct sim_process *process = sim_process_new(run->world);
    struct other *other = &run->other;
    uint8_t record[OTHER_SIZE] = {0};
    slot_schema *schema = NULL;
    slot_txn *txn = NULL;
    slot_db *db = NULL;
    slot_error err = {0};

    memcpy(other->path, "/other.slots", sizeof "/other.slots");
    if (slot_schema_sized(OTHER_SIZE, &schema, &err) != SLOT_OK ||
        slot__db_create_on(&process->os, other->path, schema, &run->options, &err) != SLOT_OK ||
        slot__db_open_on(&process->os, other->path, &run->options, &db, &err) != SLOT_OK ||
        slot_begin(db, SLOT_WRITE, &txn, &err) != SLOT_OK ||
        slot_append(txn, record, 1, NULL, &err) != SLOT_OK || slot_commit(txn, &err) != SLOT_OK ||
        slot_close(db, &err) != SLOT_OK)
        run_wrong(run, "the other database: %s", err.what);
    slot_schema_free(schema);
    sim_process_exit(process);
    other->there = true;
}

/* Whether a process may be told that, in a call that needs space when `grows`. */
static bool may_be(const struct run *run, slot_status status, bool grows)
{
    bool reverted = run->reverts && sim_losses(run->world) > 0;

    return status == SLOT_OK || run_tolerates(run, status) ||
           (status == SLOT_E_CORRUPT && reverted) ||
           (grows && (status == SLOT_E_LOG_FULL ||
                      (status == SLOT_E_NO_SPACE && sim_fulls(run->world) > 0)));
}

/* Add one to the number, which is one of those that may be there. */
static slot_status add_one(struct run *run, slot_txn *txn, uint32_t *number, slot_error *err)
{
    struct other *other = &run->other;
    bool reverted = run->reverts && sim_losses(run->world) > 0;
    uint8_t record[OTHER_SIZE];
    slot_status status = slot_get(txn, 0, record, err);

    if (status != SLOT_OK)
        return status;
    *number = get_u32(record) + 1;
    if ((*number <= other->acknowledged || *number > other->tried + 1) && !reverted)
        run_wrong(run, "the other database has number %u, not from %u to %u", *number - 1,
                  other->acknowledged, other->tried);
    if (*number > other->tried && !reverted)
        other->tried = *number;
    put_u32(record, *number);
    return slot_put(txn, 0, record, err);
}

static void visit(struct run *run, slot_db *db)
{
    slot_txn *txn = NULL;
    slot_error err = {0};
    uint32_t number = 0;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, &err);

    if (status == SLOT_OK) {
        status = add_one(run, txn, &number, &err);
        if (status != SLOT_OK || number > run->other.tried) {
            slot_abort(txn);
        } else {
            status = slot_commit(txn, &err);
            if (status == SLOT_OK && number > run->other.acknowledged)
                run->other.acknowledged = number;
        }
    }
    run_tell(run, "the other database gets number %u: %s", (unsigned)number,
             slot_status_text(status));
    if (!may_be(run, status, true))
        run_wrong(run, "the other database: %s: %s (%s)", err.file, err.what,
                  slot_status_text(status));
}

void mishaps_visit(struct run *run, struct sim_process *process)
{
    slot_options options = run->options;
    uint32_t moves = run->moves;
    slot_error err = {0};
    slot_db *db = NULL;
    slot_status status;

    if (!run->other.there)
        return;
    options.sync = SLOT_SYNC_FULL;
    status = slot__db_open_on(&process->os, run->other.path, &options, &db, &err);
    if (status == SLOT_OK) {
        if (memcmp(db->meta.file_id, run->file_id, sizeof run->file_id) != 0)
            visit(run, db);
        else if (run->moves == moves)
            run_wrong(run, "the other database is this one");
        status = slot_close(db, &err);
    }
    if (!may_be(run, status, false) && !run_is_first_on_full(run, &err) &&
        !(status == SLOT_E_NO_FILE && run->moves != moves))
        run_wrong(run, "open and close the other database: %s: %s (%s)", err.file, err.what,
                  slot_status_text(status));
}

void mishaps_look_back(struct run *run, struct sim_process *process)
{
    uint32_t moves = run->moves;
    slot_error err = {0};
    slot_db *db = NULL;
    slot_status status;

    if (run->left[0] == '\0' || strcmp(run->left, run->other.path) == 0) {
        mishaps_visit(run, process);
        return;
    }
    status = slot__db_open_on(&process->os, run->left, &run->options, &db, &err);
    if (status == SLOT_OK)
        (void)slot_close(db, &err);
    if (status != SLOT_E_NO_FILE && !(status != SLOT_OK && run_tolerates(run, status)) &&
        run->moves == moves)
        run_wrong(run, "open where the database was before: %s", slot_status_text(status));
}

void mishaps_create(struct run *run, struct sim_process *process)
{
    slot_schema *schema = NULL;
    slot_error err = {0};
    slot_status status;
    char path[32];

    if (run->created == CREATED_MAX)
        return;
    (void)snprintf(path, sizeof path, "/new%u.slots", (unsigned)run->created++);
    status = slot_schema_sized(OTHER_SIZE, &schema, &err);
    if (status == SLOT_OK)
        status = slot__db_create_on(&process->os, path, schema, &run->options, &err);
    slot_schema_free(schema);
    run_tell(run, "%llu creates %s: %s", (unsigned long long)process->number, path,
             slot_status_text(status));
    if (!may_be(run, status, true))
        run_wrong(run, "create: %s (%s)", err.what, slot_status_text(status));
    if (status == SLOT_OK)
        status = slot__db_destroy_on(&process->os, path, &run->options, &err);
    if (!may_be(run, status, true))
        run_wrong(run, "destroy: %s (%s)", err.what, slot_status_text(status));
}

static bool note_finding(void *context, const slot_finding *finding)
{
    struct run *run = context;

    if (strcmp(finding->file, "meta") == 0)
        return true; /* a slot that a power cut has torn */
    run_wrong(run, "verify of the other database: %s: %s", finding->file, finding->what);
    return false;
}

void mishaps_check_other(struct run *run, struct sim_world *world)
{
    struct sim_process *process = sim_process_new(world);
    const struct other *other = &run->other;
    uint8_t record[OTHER_SIZE] = {0};
    slot_txn *txn = NULL;
    slot_db *db = NULL;
    slot_error err = {0};
    uint32_t number;

    if (slot__db_open_on(&process->os, other->path, &run->options, &db, &err) != SLOT_OK ||
        slot_begin(db, SLOT_READ, &txn, &err) != SLOT_OK ||
        slot_get(txn, 0, record, &err) != SLOT_OK) {
        run_wrong(run, "after a crash: the other database: %s: %s", err.file, err.what);
        return;
    }
    slot_end(txn);
    number = get_u32(record);
    if (number < other->acknowledged || number > other->tried)
        run_wrong(run, "after a crash: the other database has number %u, not from %u to %u",
                  (unsigned)number, (unsigned)other->acknowledged, (unsigned)other->tried);
    if (slot_verify(db, note_finding, run, &err) > SLOT_DAMAGED || slot_close(db, &err) != SLOT_OK)
        run_wrong(run, "after a crash: the other database: %s: %s", err.file, err.what);
    sim_process_exit(process);
}
