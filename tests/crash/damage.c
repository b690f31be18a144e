#include "crash/damage.h"

#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "format/frame.h"
#include "format/meta.h"
#include "log/shared.h"

#define FILES_MAX 64u
#define PATH_ROOM 64u

enum kind { META, SCHEMA, RECORDS, SUMS, DELETED, LOG, SHARED, INDEX, KINDS };

static const struct {
    const char *name; /* what an error or a finding calls the file; of the log, its beginning */
    enum tally_item item;
} kinds[KINDS] = {
    {"meta", TALLY_DAMAGED_META},       {"schema", TALLY_DAMAGED_SCHEMA},
    {"records", TALLY_DAMAGED_RECORDS}, {"sums", TALLY_DAMAGED_SUMS},
    {"deleted", TALLY_DAMAGED_DELETED}, {"log", TALLY_DAMAGED_LOG},
    {"shared", TALLY_DAMAGED_SHARED},   {"index", TALLY_DAMAGED_INDEX},
};

/* Files of one kind. */
struct files {
    const struct run *run;
    enum kind kind;
    uint32_t n;
    char path[FILES_MAX][PATH_ROOM];
};

/* What was done to which file, and what was found of it. */
struct damage {
    struct run *run;
    enum kind kind;
    char path[PATH_ROOM];
    uint64_t offset, n;
    uint32_t floor;        /* the oldest state that may be there */
    bool half_home;        /* a part of what nobody can tell may be in records already */
    bool named;            /* verify has named the place, */
    uint64_t first, count; /* and these records of it; 0: none */
};

/* ---- where ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_kind(const struct run *run, const char *path, enum kind kind)
{
    char wanted[RUN_PATH_MAX];
    bool log;

    run_file(run, "log/", wanted);
    log = strncmp(path, wanted, strlen(wanted)) == 0;
    if (kind == LOG || kind == INDEX)
        return log && ends_with(path, ".index") == (kind == INDEX);
    run_file(run, kinds[kind].name, wanted);
    return strcmp(path, wanted) == 0;
}

static bool collect(void *context, const char *path, bool directory, uint64_t size)
{
    struct files *files = context;

    if (!directory && size > 0 && is_kind(files->run, path, files->kind) && files->n < FILES_MAX)
        (void)snprintf(files->path[files->n++], PATH_ROOM, "%s", path);
    return true;
}

/* Some sector of the file, with something in it if there is one. */
static uint64_t pick_sector(struct run *run, const uint8_t *bytes, uint64_t size)
{
    static const uint8_t zeros[SIM_SECTOR];
    uint64_t at = 0;

    for (int i = 0; i < 40; i++) {
        uint64_t n;

        at = run_random(run, (size + SIM_SECTOR - 1) / SIM_SECTOR) * SIM_SECTOR;
        n = size - at < SIM_SECTOR ? size - at : SIM_SECTOR;
        if (memcmp(bytes + at, zeros, (size_t)n) != 0)
            break;
    }
    return at;
}

/* Do it. False: there is no such file, or nothing would be different. */
static bool inflict(struct damage *damage, struct sim_world *world)
{
    struct run *run = damage->run;
    struct files files = {.run = run, .kind = damage->kind};
    uint8_t bytes[SIM_SECTOR];
    const uint8_t *now;
    uint64_t size = 0, chance;

    sim_each_file(world, collect, &files);
    if (files.n == 0)
        return false;
    memcpy(damage->path, files.path[run_random(run, files.n)], PATH_ROOM);
    now = sim_cache_bytes(world, damage->path, &size);
    damage->offset = pick_sector(run, now, size);
    damage->n = size - damage->offset < SIM_SECTOR ? size - damage->offset : SIM_SECTOR;
    chance = run_random(run, 3);
    if (chance == 0) {
        damage->offset += run_random(run, damage->n);
        damage->n = 1;
        bytes[0] = (uint8_t)(now[damage->offset] ^ 1u << run_random(run, 8));
    }
    for (uint64_t i = 0; chance > 0 && i < damage->n; i++)
        bytes[i] = chance == 1 ? 0 : (uint8_t)run_random(run, 256);
    if (memcmp(bytes, now + damage->offset, (size_t)damage->n) == 0)
        return false;
    sim_poke(world, damage->path, damage->offset, bytes, damage->n);
    return true;
}

/* ---- what must be true ---- */

static void wrong(const struct damage *damage, const char *what, const char *detail)
{
    run_wrong(damage->run, "damage at %llu of %s (%llu bytes): %s%s",
              (unsigned long long)damage->offset, damage->path, (unsigned long long)damage->n, what,
              detail);
}

/* The name in an error or a finding is that of the damaged file. */
static bool is_named(const struct damage *damage, const char *file)
{
    size_t n = damage->kind == LOG ? 3 : strlen(kinds[damage->kind].name) + 1;

    return strncmp(file, kinds[damage->kind].name, n) == 0;
}

static bool is_data(enum kind kind)
{
    return kind == RECORDS || kind == SUMS || kind == DELETED;
}

/*
 * Records, their sums and their marks are checked against each other: each name is right. So it is
 * when the tail of the log is damaged that a checkpoint was bringing home as the power was cut; and
 * the log may be all by which a torn slot of meta could have been believed.
 */
static bool may_name(const struct damage *damage, const char *file)
{
    return is_named(damage, file) || (damage->kind == LOG && strcmp(file, "meta") == 0) ||
           ((is_data(damage->kind) || damage->kind == LOG) &&
            (strcmp(file, "records") == 0 || strcmp(file, "sums") == 0 ||
             strcmp(file, "deleted") == 0));
}

static bool note_finding(void *context, const slot_finding *finding)
{
    struct damage *damage = context;
    bool beside = strcmp(finding->file, "records") == 0 && damage->kind == RECORDS &&
                  (finding->offset >= damage->offset + damage->n ||
                   damage->offset >= finding->offset + finding->length);

    if (strcmp(finding->file, "meta") == 0 && damage->kind != META)
        return true; /* a slot that the power cut has torn */
    if (!may_name(damage, finding->file) || beside)
        wrong(damage, "verify names something else: ", finding->file);
    damage->named = true;
    if (strcmp(finding->file, "records") == 0 && finding->record_count > 0) {
        damage->first = finding->first_record;
        damage->count = finding->record_count;
    }
    return true;
}

static void check_refusal(const struct damage *damage, const slot_error *err)
{
    bool damaged = err->status >= 60;

    if (damage->kind == SHARED || damage->kind == INDEX)
        wrong(damage, "open refuses: ", err->what);
    else if (!damaged)
        wrong(damage, "open says ", slot_status_text(err->status));
    else if (strcmp(err->file, "meta") == 0 && damage->kind == LOG)
        return; /* a slot that the power cut has torn, and the log does not bear the other out */
    else if (!may_name(damage, err->file))
        wrong(damage, "open refuses and names another file: ", err->file);
}

/* Everything is there, and as it was. */
static void check_whole(const struct damage *damage, slot_txn *txn)
{
    const char *why = NULL;
    int number = model_look(&damage->run->model, txn, &why);
    char text[120];

    if (number >= (int)damage->floor || (number < 0 && damage->half_home))
        return;
    (void)snprintf(text, sizeof text, "state %d, but %u was acknowledged%s%s", number,
                   (unsigned)damage->floor, why != NULL ? ": " : "", why != NULL ? why : "");
    wrong(damage, "open says OK, and nothing is found: ", text);
}

/* A record of the damaged block is not changed. */
static void check_change(const struct damage *damage, slot_db *db)
{
    uint8_t record[8192] = {0};
    slot_txn *txn = NULL;
    slot_error err;

    if (damage->count == 0 || slot_begin(db, SLOT_WRITE, &txn, &err) != SLOT_OK)
        return;
    for (uint64_t i = 0; i < damage->count; i++) {
        slot_status status = slot_put(txn, damage->first + i, record, &err);

        if (status == SLOT_OK)
            wrong(damage, "a record of the damaged block can be changed", "");
        if (status != SLOT_DELETED)
            break;
    }
    slot_abort(txn);
}

static void check_opened(struct damage *damage, slot_db *db)
{
    slot_txn *txn = NULL;
    slot_error err = {0};
    slot_status status = slot_verify(db, note_finding, damage, &err);

    if (status != SLOT_OK && status != SLOT_DAMAGED)
        wrong(damage, "verify: ", err.what);
    if (slot_begin(db, SLOT_READ, &txn, &err) != SLOT_OK) {
        wrong(damage, "begin: ", err.what);
        return;
    }
    if (!damage->named || damage->kind == META)
        check_whole(damage, txn);
    slot_end(txn);
    if (damage->named)
        check_change(damage, db);
}

static void check(struct damage *damage, struct sim_world *world)
{
    struct run *run = damage->run;
    struct sim_process *process = sim_process_new(world);
    slot_error err = {0};
    slot_db *db = NULL;

    run_met(run, kinds[damage->kind].item);
    run_count_state(run);
    if (slot__db_open_on(&process->os, run->path, &run->options, &db, &err) == SLOT_OK) {
        check_opened(damage, db);
        (void)slot_close(db, &err);
    } else {
        check_refusal(damage, &err);
    }
    sim_process_exit(process);
}

/* ---- what a log must not lose without a power cut ---- */

/* The words of `shared` as they are now; NULL: there are none. */
static const struct shared *words_of(const struct run *run)
{
    char path[RUN_PATH_MAX];
    uint64_t size = 0;
    const void *bytes;

    run_file(run, "shared", path);
    bytes = sim_cache_bytes(run->world, path, &size);
    return bytes != NULL && size >= sizeof(struct shared) ? bytes : NULL;
}

static uint64_t word(const shared_word *of)
{
    return atomic_load_explicit(of, memory_order_relaxed);
}

/* The position in the log up to which `records` and its checksums hold all. */
static uint64_t checkpoint_lsn(const struct run *run)
{
    char path[RUN_PATH_MAX];
    uint64_t size = 0, lsn = 0;
    const uint8_t *slots;
    struct meta meta;
    slot_error err;

    run_file(run, "meta", path);
    slots = sim_cache_bytes(run->world, path, &size);
    for (uint32_t i = 0; slots != NULL && i < META_SLOTS && size >= META_SLOTS * META_SLOT_BYTES;
         i++) {
        if (slot__meta_decode(slots + (size_t)i * META_SLOT_BYTES, i, &meta, &err) == SLOT_OK &&
            meta.checkpoint_lsn > lsn)
            lsn = meta.checkpoint_lsn;
    }
    return lsn;
}

/* Where a segment begins and which it is; of one whose header is damaged its first frame tells. */
static bool segment_of(const uint8_t *bytes, uint64_t size, struct segment_header *header)
{
    struct frame frame;

    if (size < SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES)
        return false;
    if (slot__segment_header_decode(bytes, header))
        return true;
    if (!slot__frame_decode(bytes + SEGMENT_HEADER_BYTES, &frame))
        return false;
    header->start = frame.lsn - SEGMENT_HEADER_BYTES;
    header->generation = frame.generation;
    return true;
}

struct told {
    const struct damage *damage;
    const struct sim_world *world;
    uint64_t lsn;
};

/* How far the whole frames of a segment say that the log was durable. */
static bool note_told(void *context, const char *path, bool directory, uint64_t size)
{
    struct told *told = context;
    struct segment_header header;
    const uint8_t *bytes;
    struct frame frame;

    if (directory || !is_kind(told->damage->run, path, LOG))
        return true;
    bytes = sim_cache_bytes(told->world, path, &size);
    if (bytes == NULL || !segment_of(bytes, size, &header))
        return true;
    for (uint64_t at = SEGMENT_HEADER_BYTES; at + FRAME_HEADER_BYTES <= size; at += FRAME_UNIT) {
        if (slot__frame_decode(bytes + at, &frame) && frame.lsn == header.start + at &&
            frame.generation == header.generation && frame.durable > told->lsn)
            told->lsn = frame.durable;
    }
    return true;
}

/* The newest state of the last session that ends at or before `lsn`. Whoever made a state had
 * looked at the one before, so that it is known where that ends. */
static uint32_t state_at(const struct run *run, uint64_t session, uint64_t lsn)
{
    const struct model *model = &run->model;
    uint32_t kept = model->seen_count < MODEL_SEEN ? model->seen_count : MODEL_SEEN;
    uint32_t state = 0;

    for (uint32_t i = 0; i < kept; i++) {
        const struct model_seen *seen = &model->seen[i];

        if (seen->session == session && seen->lsn <= lsn && seen->number > state)
            state = seen->number;
    }
    return state;
}

/*
 * The oldest state that may be there when the log of `world` is damaged, after a power cut: all up
 * to where frames that are whole say that it was durable, and what a checkpoint has brought home.
 * What was made durable behind that, by the last flush, cannot be told from a torn write
 * (protocol.md 7.6). It is gone then, whole; but when a checkpoint had begun to bring it home, a
 * part of it is there (durability.md).
 */
static void told_state(struct damage *damage, const struct sim_world *world)
{
    const struct run *run = damage->run;
    struct told told = {.damage = damage, .world = world, .lsn = checkpoint_lsn(run)};
    uint32_t state;

    sim_each_file(world, note_told, &told);
    state = state_at(run, run->session, told.lsn);
    damage->floor = state < run->model.durable ? state : run->model.durable;
    damage->half_home = run->homing > told.lsn;
}

/*
 * The same when the power was not cut: then `shared` tells how far the log was durable (7.7). All
 * that was acknowledged is expected when it was durable to its end.
 */
static uint32_t durable_state(const struct damage *damage)
{
    const struct run *run = damage->run;
    const struct model *model = &run->model;
    const struct shared *words = words_of(run);
    struct told told = {.damage = damage, .world = run->world, .lsn = checkpoint_lsn(run)};
    uint64_t session;
    uint32_t state;

    if (words == NULL)
        return model->visible;
    sim_each_file(run->world, note_told, &told);
    if (word(&words->durable.word) > told.lsn)
        told.lsn = word(&words->durable.word);
    if (word(&words->ring[word(&words->published.word) % SHARED_RING].lsn) <= told.lsn)
        return model->visible;
    session = word(&words->ready.word) != 0 ? word(&words->ready.word) : run->session;
    state = state_at(run, session, told.lsn);
    state = state > model->durable ? state : model->durable;
    return state < model->visible ? state : model->visible;
}

uint64_t damage_homing(const struct run *run)
{
    const struct shared *words = words_of(run);

    if (words == NULL || word(&words->ready.word) == 0)
        return UINT64_MAX; /* recovery */
    return word(&words->target.word) > word(&words->checkpoint.word) ? word(&words->target.word)
                                                                     : 0;
}

void damage_each(struct run *run)
{
    for (int kind = 0; kind < KINDS && run->wrong[0] == '\0'; kind++) {
        struct damage damage = {.run = run, .kind = (enum kind)kind, .floor = run->model.durable};
        struct sim_world *world = sim_fork_crashed(run->world, SIM_CRASH_ALL, run->states);

        if (!inflict(&damage, world))
            continue;
        if (kind == LOG)
            told_state(&damage, world);
        check(&damage, world);
    }
}

void damage_one(struct run *run)
{
    struct damage damage = {
        .run = run, .kind = (enum kind)run_random(run, KINDS), .floor = run->model.visible};

    if (!inflict(&damage, run->world))
        return;
    if (damage.kind == LOG)
        damage.floor = durable_state(&damage);
    check(&damage, run->world);
}
