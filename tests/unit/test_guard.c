/*
 * The guard of POSIX systems where it is least seen: the way that jumps, which x86-64 Linux does
 * not take, with signal handlers that come in the middle of a copy; and pages made present one by
 * one, as on systems whose madvise cannot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/os.h"

/* Takes the place of the library's own. */
#define SLOT_GUARD_JUMPS 1
#include "os/guard_posix.c"

#define PAGE 4096u

static const struct os *os;
static FILE *file;
static uint8_t *view; /* one page of the file, which a test may cut */
static uint8_t *lost; /* a page beyond its end, of somebody else */
static volatile sig_atomic_t handled, nested_status;
static sigjmp_buf of_the_program;

/* Each test asks for the table: cmocka puts its own handlers before it. */
static int set_up(void **state)
{
    (void)state;
    file = tmpfile();
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), PAGE), 0);
    view = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    lost = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 65536);
    assert_true(view != MAP_FAILED && lost != MAP_FAILED);
    memset(view, 7, PAGE);
    handled = 0;
    nested_status = -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    signal(SIGSEGV, SIG_DFL);
    munmap(view, PAGE);
    munmap(lost, PAGE);
    fclose(file);
    return 0;
}

static void test_guard__lost_page(void **state)
{
    uint8_t byte = 1;

    (void)state;
    os = slot__os_native();
    assert_int_equal(os->load(os, &byte, view, 1).status, SLOT_OK);
    assert_int_equal(byte, 7);
    assert_int_equal(os->load(os, &byte, lost, 1).status, SLOT_E_LOST);
    assert_int_equal(os->store(os, lost + 100, &byte, 1).status, SLOT_E_LOST);
    assert_int_equal(os->load(os, &byte, view, 1).status, SLOT_OK);
}

/* In the middle of a copy one that succeeds and one that fails, and then the first page goes. */
static void copies_in_between(int number)
{
    uint8_t byte = 0;

    (void)number;
    handled++;
    nested_status = (int)os->load(os, &byte, "x", 1).status;
    nested_status = nested_status * 100 + (int)os->load(os, &byte, lost, 1).status;
    if (ftruncate(fileno(file), 0) != 0 || mprotect(view, PAGE, PROT_READ) != 0)
        abort();
}

static void test_guard__a_handler_that_copies(void **state)
{
    uint8_t bytes[64];

    (void)state;
    os = slot__os_native();
    signal(SIGSEGV, copies_in_between);
    assert_int_equal(mprotect(view, PAGE, PROT_NONE), 0);
    assert_int_equal(os->load(os, bytes, view, sizeof bytes).status, SLOT_E_LOST);
    assert_int_equal(handled, 1);
    assert_int_equal(nested_status, SLOT_E_LOST);
}

static void leaves(int number)
{
    (void)number;
    siglongjmp(of_the_program, 1);
}

/* In the middle of a copy: a bus error of the program's own, which its handler takes. */
static void faults_in_between(int number)
{
    (void)number;
    if (sigsetjmp(of_the_program, 1) == 0) {
        *(volatile uint8_t *)lost = 1;
        abort();
    }
    handled++;
    if (mprotect(view, PAGE, PROT_READ) != 0)
        abort();
}

static void test_guard__a_handler_that_faults(void **state)
{
    uint8_t bytes[64] = {0};

    (void)state;
    os = slot__os_native();
    previous.sa_flags = 0;
    previous.sa_handler = leaves;
    signal(SIGSEGV, faults_in_between);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(mprotect(view, PAGE, PROT_NONE), 0);
        assert_int_equal(os->load(os, bytes, view, sizeof bytes).status, SLOT_OK);
        assert_int_equal(bytes[63], 7);
        assert_int_equal(handled, i);
    }
    previous.sa_handler = SIG_DFL;
}

static void test_guard__touch(void **state)
{
    (void)state;
    os = slot__os_native();
    assert_int_equal(slot__os_posix_touch(view + 4).status, SLOT_OK);
    assert_int_equal(slot__os_posix_touch(lost + 4).status, SLOT_E_LOST);
    assert_int_equal(view[4], 7);
}

/* As where madvise does not know the words. */
static void test_guard__populate_page_by_page(void **state)
{
    bool before = atomic_exchange(&slot__os_posix_populates, false);

    (void)state;
    os = slot__os_native();
    assert_int_equal(os->populate(os, view, PAGE, false).status, SLOT_OK);
    assert_int_equal(os->populate(os, view + 5, 1, true).status, SLOT_OK);
    assert_int_equal(view[0], 7);
    assert_int_equal(os->populate(os, lost, PAGE, false).status, SLOT_E_LOST);
    assert_int_equal(os->populate(os, lost, PAGE, true).status, SLOT_E_LOST);
    atomic_store(&slot__os_posix_populates, before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_guard__lost_page),
        TEST(test_guard__a_handler_that_copies),
        TEST(test_guard__a_handler_that_faults),
        TEST(test_guard__touch),
        TEST(test_guard__populate_page_by_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
