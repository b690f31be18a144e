/*
 * A place for one test: a temporary directory, the databases in it, and a check of all of them at
 * the end. Every database that a test leaves behind is opened and verified at teardown, so that
 * each test also tests that nothing was damaged; a test that damages one on purpose says so.
 */
#ifndef SLOT_TESTS_FIXTURE_H
#define SLOT_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "slotfile/slotfile.h"

struct fixture {
    char *dir;
    slot_db *db;          /* closed at teardown when the test has left it open */
    slot_options options; /* for fixture_create and fixture_open; the defaults at first */
    slot_error err;       /* of the last call that was given it */
    bool damaged;         /* by the test: do not verify at teardown */
    char path[4096];      /* of "test.slots" in dir */
    char note[100];       /* what a sweep is at: shown when something fails */
};

/* cmocka's setup and teardown; *state is the fixture. */
int fixture_setup(void **state);
int fixture_setup_direct(void **state); /* with options.access SLOT_DIRECT */
int fixture_teardown(void **state);

/* A test with a fixture: in transactional access, in direct access, or once in each. */
#define fixture_test(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
#define fixture_test_direct(f)                                                                     \
    {                                                                                              \
#f " (direct)", f, fixture_setup_direct, fixture_teardown, NULL                            \
    }
#define fixture_test_both(f) fixture_test(f), fixture_test_direct(f)

/*
 * A map budget of about so many bytes for f->options. In transactional access it is larger by what
 * that needs more: a view for the log, and the words that processes share.
 */
void fixture_budget(struct fixture *f, uint64_t bytes);

/* Create "test.slots" and open it as f->db. */
void fixture_create(struct fixture *f, uint32_t record_size);
void fixture_create_spec(struct fixture *f, const char *spec);

/* Open "test.slots" again; close it. */
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);

slot_txn *fixture_begin(struct fixture *f, slot_mode mode);
void fixture_commit(struct fixture *f, slot_txn *txn);

/* Append `count` records made by record_fill, in a transaction of their own. */
void fixture_append(struct fixture *f, uint64_t count);

/* All records 0 .. count - 1 are what record_fill makes, by every way of reading. */
void fixture_check_records(struct fixture *f, uint64_t count);

/* The whole of one file of the database, in fresh memory; and writing it back. */
uint8_t *fixture_read_file(struct fixture *f, const char *name, size_t *n);
void fixture_write_file(struct fixture *f, const char *name, const void *bytes, size_t n);

/* Copy a directory with all that is in it; what was at `to` is removed first. */
void fixture_copy_tree(const char *from, const char *to);

/* The n bytes that stand for record `recno` in its version `version`. */
void record_fill(void *record, uint32_t n, uint64_t recno, uint64_t version);
bool record_is(const void *record, uint32_t n, uint64_t recno, uint64_t version);

/* splitmix64: the next number of a sequence. */
uint64_t random_next(uint64_t *state);

/* The call is SLOT_OK; f->err tells more when it is not. */
#define assert_ok(f, call) assert_status_at((f), (call), SLOT_OK, #call, __FILE__, __LINE__)
#define assert_status(f, call, want)                                                               \
    assert_status_at((f), (call), (want), #call, __FILE__, __LINE__)
void assert_status_at(struct fixture *f, slot_status got, slot_status want, const char *call,
                      const char *file, int line);

#endif
