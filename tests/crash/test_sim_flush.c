/*
 * Flushes and what they leave behind, on the simulated machine: who is told what when a sync fails,
 * when its caller is killed in it, and what the next session knows of it.
 */
#include "support/fixture.h"

#include <string.h>

#include "crash/sim.h"
#include "db/handle.h"

#define PATH         "/x.slots"
#define RECORD_BYTES 500u

struct machine {
    struct sim_config config;
    struct sim_world *world;
    slot_options options;
};

static void make(struct machine *machine)
{
    struct sim_process *process;
    slot_schema *schema = NULL;

    sim_config_init(&machine->config);
    slot_options_init(&machine->options);
    machine->options.map_budget = UINT64_C(16) << 20;
    machine->options.log_limit_bytes = UINT64_C(4) << 16;
    machine->options.wait_ms = 100;
    machine->world = sim_world_make(&machine->config);
    process = sim_process_new(machine->world);
    assert_int_equal(slot_schema_sized(RECORD_BYTES, &schema, NULL), SLOT_OK);
    assert_int_equal(slot__db_create_on(&process->os, PATH, schema, &machine->options, NULL),
                     SLOT_OK);
    slot_schema_free(schema);
    sim_process_exit(process);
}

static slot_db *open_on(struct machine *machine, struct sim_process *process, slot_sync sync)
{
    slot_options options = machine->options;
    slot_db *db = NULL;

    options.sync = sync;
    assert_int_equal(slot__db_open_on(&process->os, PATH, &options, &db, NULL), SLOT_OK);
    return db;
}

/* One commit: a record more. */
static slot_status append(slot_db *db)
{
    uint8_t record[RECORD_BYTES];
    slot_txn *txn = NULL;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, NULL);

    if (status != SLOT_OK)
        return status;
    record_fill(record, RECORD_BYTES, slot_records(txn), 0);
    assert_int_equal(slot_append(txn, record, 1, NULL, NULL), SLOT_OK);
    return slot_commit(txn, NULL);
}

/* What an opener that comes now would know of the last session. */
static uint64_t reached(const struct machine *machine, const slot_db *db)
{
    struct sim_process *process = sim_process_new(machine->world);
    slot_db opener = {.os = &process->os, .meta = db->meta};
    uint64_t lsn = 0;

    assert_true(os_ok(opener.os->open_dir(opener.os, NULL, PATH, &opener.files.dir)));
    assert_int_equal(slot__session_reached(&opener, &lsn, NULL), SLOT_OK);
    sim_process_exit(process);
    return lsn;
}

static void test_reached(void **state)
{
    struct machine machine;
    struct sim_process *process;
    slot_db *db, other;
    uint64_t durable;

    (void)state;
    make(&machine);
    process = sim_process_new(machine.world);
    db = open_on(&machine, process, SLOT_SYNC_FULL);
    assert_int_equal(append(db), SLOT_OK);
    durable = shared_durable(&db->shared);
    assert_true(durable > 0);
    assert_int_equal(reached(&machine, db), durable);
    db->sync = SLOT_SYNC_NORMAL;
    assert_int_equal(append(db), SLOT_OK);
    assert_int_equal(shared_durable(&db->shared), durable);
    assert_true(shared_snapshot(&db->shared).lsn > durable);
    assert_int_equal(reached(&machine, db), durable); /* published is no evidence */
    /* A damaged word is none either. */
    shared_store(&db->shared, &db->shared.words->durable.word, durable + 64, memory_order_relaxed);
    assert_int_equal(reached(&machine, db), 0);
    shared_store(&db->shared, &db->shared.words->durable.word, durable, memory_order_relaxed);
    memset(&other, 0, sizeof other);
    other.meta = db->meta;
    other.meta.file_id[9]++;
    assert_int_equal(reached(&machine, &other), 0);
    other.meta = db->meta;
    sim_process_kill(process);
    assert_int_equal(reached(&machine, &other), durable);
    sim_crash(machine.world, SIM_CRASH_ALL, 1); /* the words may be there: the machine is another */
    assert_int_equal(reached(&machine, &other), 0);
    sim_world_free(machine.world);
}

/* Every record of the database in `version`; false: there are some of another. */
static bool all_of_version(slot_db *db, uint32_t version)
{
    uint8_t record[RECORD_BYTES], wanted[RECORD_BYTES];
    slot_txn *txn = NULL;
    bool all = true;

    assert_int_equal(slot_begin(db, SLOT_READ, &txn, NULL), SLOT_OK);
    for (uint64_t i = 0; i < slot_records(txn) && all; i++) {
        record_fill(wanted, RECORD_BYTES, i, version);
        assert_int_equal(slot_get(txn, i, record, NULL), SLOT_OK);
        all = memcmp(record, wanted, RECORD_BYTES) == 0;
    }
    slot_end(txn);
    return all;
}

/*
 * The system writes the pages of the log on its own while a transaction is open, cannot, and puts
 * back what the disk has. Then the transaction is there as it was made, or nothing of it.
 */
static void revert_under(uint64_t seed, uint64_t keep_bytes)
{
    struct machine machine;
    struct sim_process *process;
    slot_txn *txn = NULL;
    uint8_t record[RECORD_BYTES];
    slot_status status;
    slot_db *db;

    make(&machine);
    process = sim_process_new(machine.world);
    db = open_on(&machine, process, SLOT_SYNC_FULL);
    db->keep_bytes = keep_bytes;
    assert_int_equal(slot_begin(db, SLOT_WRITE, &txn, NULL), SLOT_OK);
    for (uint64_t i = 0; i < 20; i++) {
        record_fill(record, RECORD_BYTES, i, 0);
        assert_int_equal(slot_append(txn, record, 1, NULL, NULL), SLOT_OK);
    }
    assert_int_equal(slot_commit(txn, NULL), SLOT_OK);
    assert_int_equal(slot_begin(db, SLOT_WRITE, &txn, NULL), SLOT_OK);
    for (uint64_t i = 0; i < 20; i++) {
        record_fill(record, RECORD_BYTES, i, 1);
        assert_int_equal(slot_put(txn, i, record, NULL), SLOT_OK);
    }
    sim_fail_writeback(machine.world, PATH "/log/00", SIM_LOSS_REVERTED, seed);
    status = slot_commit(txn, NULL);
    /* Told by the flush; or before, when some of three blocks are read back out of their frames. */
    assert_int_equal(status, keep_bytes > 3 * 4096 ? SLOT_E_UNKNOWN : SLOT_E_IO);
    sim_process_kill(process);
    process = sim_process_new(machine.world);
    db = open_on(&machine, process, SLOT_SYNC_FULL);
    assert_int_equal(slot_verify(db, NULL, NULL, NULL), SLOT_OK);
    assert_true(all_of_version(db, 0) || (status == SLOT_E_UNKNOWN && all_of_version(db, 1)));
    assert_int_equal(slot_close(db, NULL), SLOT_OK);
    sim_world_free(machine.world);
}

static void test_reverted_under_a_transaction(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        revert_under(seed, UINT64_C(1) << 20); /* all in private memory */
        revert_under(seed, 5000);              /* a block there, the others in their frames */
        revert_under(seed, 0);
    }
}

/* A durable block of records; two more are stored beside the log, and their writer is killed. */
static void leave_bytes_behind(struct machine *machine)
{
    struct sim_process *process;
    uint8_t record[RECORD_BYTES];
    slot_txn *txn = NULL;
    slot_db *db;

    make(machine);
    process = sim_process_new(machine->world);
    db = open_on(machine, process, SLOT_SYNC_FULL);
    db->io_bytes = db->block_bytes;
    for (uint64_t i = 0; i < db->block_records; i++)
        assert_int_equal(append(db), SLOT_OK);
    assert_int_equal(slot_begin(db, SLOT_WRITE, &txn, NULL), SLOT_OK);
    for (uint64_t i = 0; i <= 2 * db->block_records; i++) {
        record_fill(record, RECORD_BYTES, i, 1);
        assert_int_equal(slot_append(txn, record, 1, NULL, NULL), SLOT_OK);
    }
    assert_true(txn->direct_blocks >= 2);
    sim_process_kill(process);
}

/* A block and a half of new records, which are zeros. */
static void extend(struct machine *machine, slot_access access)
{
    struct sim_process *process = sim_process_new(machine->world);
    slot_txn *txn = NULL;
    slot_db *db;

    machine->options.access = access;
    db = open_on(machine, process, SLOT_SYNC_FULL);

    assert_int_equal(slot_begin(db, SLOT_WRITE, &txn, NULL), SLOT_OK);
    assert_int_equal(slot_extend(txn, db->block_records * 3 / 2, NULL, NULL), SLOT_OK);
    assert_int_equal(slot_commit(txn, NULL), SLOT_OK);
    if (access == SLOT_DIRECT)
        assert_int_equal(slot_close(db, NULL), SLOT_OK);
    sim_process_kill(process);
    machine->options.access = SLOT_TRANSACTIONAL;
}

static void check_extended(struct machine *machine)
{
    static const uint8_t zeros[RECORD_BYTES];
    struct sim_process *process = sim_process_new(machine->world);
    slot_db *db = open_on(machine, process, SLOT_SYNC_FULL);
    uint8_t record[RECORD_BYTES];
    slot_txn *txn = NULL;

    assert_int_equal(slot_verify(db, NULL, NULL, NULL), SLOT_OK);
    assert_int_equal(slot_begin(db, SLOT_READ, &txn, NULL), SLOT_OK);
    assert_int_equal(slot_records(txn), db->block_records * 5 / 2);
    for (uint64_t i = db->block_records; i < slot_records(txn); i++) {
        assert_int_equal(slot_get(txn, i, record, NULL), SLOT_OK);
        assert_memory_equal(record, zeros, sizeof zeros);
    }
    slot_end(txn);
    assert_int_equal(slot_close(db, NULL), SLOT_OK);
}

/*
 * The nth sync of a recovery fails, perhaps that after a file was cut to its length: then the disk
 * has bytes behind its end, the zeros over them were lost, and nobody is told of that once more.
 * The next session makes the file longer. Whether there were so many syncs.
 */
static bool cut_in_vain(uint64_t nth, sim_loss loss, slot_access access, uint64_t seed)
{
    struct machine machine;
    struct sim_process *process;
    slot_db *db = NULL;
    bool failed;

    leave_bytes_behind(&machine);
    process = sim_process_new(machine.world);
    sim_fail_sync(process, nth, loss, seed);
    (void)slot__db_open_on(&process->os, PATH, &machine.options, &db, NULL);
    sim_process_kill(process);
    failed = sim_losses(machine.world) > 0;
    if (failed) {
        extend(&machine, access);
        sim_evict(machine.world);
        check_extended(&machine);
    }
    sim_world_free(machine.world);
    return failed;
}

static void test_cut_in_vain(void **state)
{
    uint64_t nth = 1;

    (void)state;
    while (cut_in_vain(nth, SIM_LOSS_KEPT, SLOT_TRANSACTIONAL, 1)) {
        for (uint64_t seed = 2; seed <= 3; seed++) {
            assert_true(cut_in_vain(nth, SIM_LOSS_KEPT, SLOT_TRANSACTIONAL, seed));
            assert_true(cut_in_vain(nth, SIM_LOSS_REVERTED, SLOT_TRANSACTIONAL, seed));
            assert_true(cut_in_vain(nth, SIM_LOSS_KEPT, SLOT_DIRECT, seed));
        }
        nth++;
    }
    assert_true(nth > 12);
}

/* ---- a checkpointer that is killed in a sync while a commit is being stored ---- */

struct story {
    struct machine machine;
    struct sim_process *writer, *killed, *second;
    uint64_t seed;
    uint32_t stores;                     /* of the commit, into its segment */
    bool committing, stored_half, ended; /* where the writer is */
    bool lost;                           /* the sync has failed, of which only the dead one knew */
};

static slot_status write_records(slot_db *db, uint64_t n, uint32_t version)
{
    uint8_t record[RECORD_BYTES];
    slot_txn *txn = NULL;

    assert_int_equal(slot_begin(db, SLOT_WRITE, &txn, NULL), SLOT_OK);
    for (uint64_t i = 0; i < n; i++) {
        record_fill(record, RECORD_BYTES, i, version);
        assert_int_equal(i < slot_records(txn) ? slot_put(txn, i, record, NULL)
                                               : slot_append(txn, record, 1, NULL, NULL),
                         SLOT_OK);
    }
    return slot_commit(txn, NULL);
}

/* Half of the commit is stored: from now on its process is slow, and the others do all they do. */
static void stop_in_the_middle(void *context, struct sim_world *world, const struct sim_step *step)
{
    struct story *story = context;

    (void)world;
    if (strcmp(step->name, "00") != 0)
        return;
    if (story->committing && step->process == story->writer && step->function == SIM_FN_store &&
        ++story->stores == 20) {
        story->stored_half = true;
        sim_slow(story->writer, 1000, 1000000);
    }
    if (story->stored_half && !story->lost && step->process == story->killed &&
        step->function == SIM_FN_sync) {
        story->lost = true;
        sim_fail_sync(story->killed, 1, SIM_LOSS_KEPT, story->seed);
        sim_process_kill_at(story->killed, 1);
    }
}

static void writer_main(struct sim_process *process, void *argument)
{
    struct story *story = argument;
    slot_db *db = open_on(&story->machine, process, SLOT_SYNC_NORMAL);

    assert_int_equal(write_records(db, 20, 0), SLOT_OK);
    story->committing = true;
    assert_int_equal(write_records(db, 20, 1), SLOT_OK);
    story->ended = true;
    while (story->second->alive)
        process->os.sleep_us(&process->os, 1000);
}

static void killed_main(struct sim_process *process, void *argument)
{
    struct story *story = argument;
    slot_db *db;

    while (!story->stored_half)
        process->os.sleep_us(&process->os, 10);
    db = open_on(&story->machine, process, SLOT_SYNC_NORMAL);
    (void)slot_checkpoint(db, NULL);
}

/* Has the log durable up to what is published, and after the commit up to that. */
static void second_main(struct sim_process *process, void *argument)
{
    struct story *story = argument;
    slot_db *db;

    while (story->killed->alive)
        process->os.sleep_us(&process->os, 10);
    db = open_on(&story->machine, process, SLOT_SYNC_FULL);
    assert_int_equal(slot_checkpoint(db, NULL), SLOT_OK);
    assert_false(story->ended);
    sim_slow(story->writer, 0, 0);
    while (!story->ended)
        process->os.sleep_us(&process->os, 1000);
    assert_int_equal(write_records(db, 21, 1), SLOT_OK);
}

static void test_killed_in_a_sync_beside_a_commit(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        static struct story story;
        struct sim_process *process;
        slot_db *db;

        memset(&story, 0, sizeof story);
        story.seed = seed;
        make(&story.machine);
        story.writer = sim_process_start(story.machine.world, writer_main, &story);
        story.killed = sim_process_start(story.machine.world, killed_main, &story);
        story.second = sim_process_start(story.machine.world, second_main, &story);
        sim_on_step(story.machine.world, stop_in_the_middle, &story);
        (void)sim_run(story.machine.world);
        assert_true(story.lost && story.ended);
        sim_on_step(story.machine.world, NULL, NULL);
        sim_crash(story.machine.world, SIM_CRASH_NONE, seed);
        process = sim_process_new(story.machine.world);
        db = open_on(&story.machine, process, SLOT_SYNC_FULL);
        assert_true(all_of_version(db, 1));
        assert_int_equal(slot_close(db, NULL), SLOT_OK);
        sim_world_free(story.machine.world);
    }
}

/* ---- what is left behind where the log ends ---- */

struct rest {
    struct machine machine;
    struct sim_process *disturbed; /* in its sync the disk fails, and it is killed */
    struct sim_process *writer;    /* is killed when its commit is stored, and not published */
    uint32_t stores;
    uint64_t seed;
    slot_db *db;
};

static void kill_who_leaves_a_rest(void *context, struct sim_world *world,
                                   const struct sim_step *step)
{
    struct rest *rest = context;

    (void)world;
    if (strcmp(step->name, "00") != 0)
        return;
    if (step->process == rest->disturbed && step->function == SIM_FN_sync) {
        sim_fail_sync(step->process, 1, SIM_LOSS_REVERTED, rest->seed);
        sim_process_kill_at(step->process, 1);
        rest->disturbed = NULL;
    }
    /* Three frames, each a header and a body of eight pieces. */
    if (step->process == rest->writer && step->function == SIM_FN_store && ++rest->stores == 27)
        sim_process_kill_at(step->process, 1);
}

static void rest_writer(struct sim_process *process, void *argument)
{
    struct rest *rest = argument;

    (void)process;
    (void)write_records(rest->db, 20, 1);
}

static void rest_checkpointer(struct sim_process *process, void *argument)
{
    struct rest *rest = argument;

    (void)process;
    (void)slot_checkpoint(rest->db, NULL);
}

/* The system writes a segment on its own, and can. */
static void write_behind(struct sim_process *process)
{
    const struct os *os = &process->os;
    struct os_dir *dir = NULL;
    struct os_file *file = NULL;

    assert_true(os_ok(os->open_dir(os, NULL, PATH "/log", &dir)));
    assert_true(os_ok(os->open(os, dir, "00", OS_READ | OS_WRITE, &file)));
    assert_true(os_ok(os->sync(os, file)));
    os->close(os, file);
    os->close_dir(os, dir);
}

/* Whoever wants to write decides what the dead writer has left. */
static bool is_of_version(struct machine *machine, uint32_t version)
{
    struct sim_process *process = sim_process_new(machine->world);
    slot_db *db = open_on(machine, process, SLOT_SYNC_NORMAL);
    slot_txn *txn = NULL;
    bool is;

    assert_int_equal(slot_begin(db, SLOT_WRITE, &txn, NULL), SLOT_OK);
    slot_end(txn);
    is = all_of_version(db, version);
    assert_true(is || all_of_version(db, 1));
    assert_int_equal(slot_close(db, NULL), SLOT_OK);
    sim_process_exit(process);
    return is;
}

/* The transaction that makes the same change as the dead, and comes to nothing as well. */
static void change_again(struct machine *machine)
{
    struct sim_process *process = sim_process_new(machine->world);
    slot_db *db = open_on(machine, process, SLOT_SYNC_NORMAL);
    uint8_t record[RECORD_BYTES];
    slot_txn *txn = NULL;

    db->keep_bytes = 0; /* each body goes to its frame at once */
    assert_int_equal(slot_begin(db, SLOT_WRITE, &txn, NULL), SLOT_OK);
    for (uint64_t i = 0; i < 20; i++) {
        record_fill(record, RECORD_BYTES, i, 1);
        assert_int_equal(slot_put(txn, i, record, NULL), SLOT_OK);
    }
    sim_process_kill(process);
}

/*
 * A writer is killed when all of its commit is stored, and some of it is lost in a failed sync, of
 * its own or of a checkpointer, that is killed too. Whoever comes next decides that there is no
 * such commit; so it stays, whatever is stored behind the end of the log then.
 */
static bool leave_rest(bool own_sync, uint64_t seed)
{
    static struct rest rest;
    struct sim_process *process, *witness;
    struct sim_world *world;
    bool decided;

    memset(&rest, 0, sizeof rest);
    rest.seed = seed;
    make(&rest.machine);
    world = rest.machine.world;
    witness = sim_process_new(world); /* the session goes on */
    (void)open_on(&rest.machine, witness, SLOT_SYNC_NORMAL);
    process = sim_process_new(world);
    rest.db = open_on(&rest.machine, process, own_sync ? SLOT_SYNC_FULL : SLOT_SYNC_NORMAL);
    assert_int_equal(write_records(rest.db, 20, 0), SLOT_OK);
    write_behind(witness);
    sim_on_step(world, kill_who_leaves_a_rest, &rest);
    *(own_sync ? &rest.disturbed : &rest.writer) = process;
    assert_false(sim_call(process, rest_writer, &rest));
    if (!own_sync) {
        rest.disturbed = process = sim_process_new(world);
        rest.db = open_on(&rest.machine, process, SLOT_SYNC_NORMAL);
        assert_false(sim_call(process, rest_checkpointer, &rest));
    }
    sim_on_step(world, NULL, NULL);
    decided = is_of_version(&rest.machine, 0);
    change_again(&rest.machine);
    assert_true(is_of_version(&rest.machine, decided ? 0 : 1));
    sim_world_free(world);
    return decided;
}

static void test_rest_of_a_killed_writer(void **state)
{
    uint32_t decided = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++)
        decided += leave_rest(true, seed);
    print_message("%u of 100 decided not to be there\n", (unsigned)decided);
    assert_true(decided > 50);
}

static void test_rest_in_the_sync_of_a_checkpointer(void **state)
{
    uint32_t decided = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++)
        decided += leave_rest(false, seed);
    print_message("%u of 100 decided not to be there\n", (unsigned)decided);
    assert_true(decided > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reached),
        cmocka_unit_test(test_reverted_under_a_transaction),
        cmocka_unit_test(test_cut_in_vain),
        cmocka_unit_test(test_killed_in_a_sync_beside_a_commit),
        cmocka_unit_test(test_rest_of_a_killed_writer),
        cmocka_unit_test(test_rest_in_the_sync_of_a_checkpointer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
