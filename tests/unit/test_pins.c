/*
 * The views that one transaction uses, of several files behind each other: each offset leads into
 * its own file, lent ones stay, runs hold one view at a time, and the budget holds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/by_path.h"
#include "support/fixture.h"
#include "support/os_faulty.h"
#include "view/pins.h"

#define FILES 5u
#define SHIFT 19u /* 512 KiB each: two views of the smallest size */
#define UNIT  100u

struct rig {
    struct os_faulty faulty;
    struct view_cache cache;
    struct view_file files[FILES];
    struct view_pins pins;
};

/* Byte `offset` of all files, one behind the other. */
static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 2654435761u >> 13);
}

static void rig_open(struct rig *rig, struct fixture *f, uint64_t budget)
{
    const struct os *os = &rig->faulty.os;
    uint8_t *bytes = malloc(1u << SHIFT);

    assert_non_null(bytes);
    memset(rig, 0, sizeof *rig);
    os_faulty_init(&rig->faulty, slot__os_native());
    assert_ok(f, slot__view_cache_init(&rig->cache, os, budget, 4096, 0, 2, &f->err));
    for (uint64_t i = 0; i < FILES; i++) {
        struct view_file *file = &rig->files[i];
        char path[5000];

        snprintf(path, sizeof path, "%s/%d", f->dir, (int)i);
        assert_true(os_ok(by_path_open(os, path, OS_READ | OS_WRITE | OS_CREATE_NEW, &file->file)));
        for (uint64_t at = 0; at < 1u << SHIFT; at++)
            bytes[at] = byte_at(i << SHIFT | at);
        assert_true(os_ok(os->write_at(os, file->file, 0, bytes, 1u << SHIFT)));
        file->name = "test";
        file->size = 1u << SHIFT;
        file->block_bytes = 4096;
        file->mode = OS_MAP_READ;
    }
    free(bytes);
    slot__pins_init_files(&rig->pins, &rig->cache, rig->files, SHIFT, FILES << SHIFT, UNIT);
}

static void rig_close(struct rig *rig)
{
    slot__pins_release(&rig->pins);
    slot__view_cache_release(&rig->cache);
    for (uint64_t i = 0; i < FILES; i++)
        rig->faulty.os.close(&rig->faulty.os, rig->files[i].file);
    assert_true(os_faulty_is_clean(&rig->faulty));
    os_faulty_release(&rig->faulty);
}

static bool is_right(const uint8_t *bytes, uint64_t offset, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (bytes[i] != byte_at(offset + i))
            return false;
    }
    return true;
}

/* A hit is a promise: the whole unit is there, and the view owns its first byte. */
static void check_hit(struct rig *rig, uint64_t offset)
{
    const struct pin *pin = pins_entry(&rig->pins, offset);

    if (!pins_hit(pin, offset))
        return;
    assert_int_equal(offset >> rig->pins.view_shift, pin->offset >> rig->pins.view_shift);
    assert_true(offset - pin->offset + UNIT <= pin->view->n);
    assert_true(is_right(pin->base + (offset - pin->offset), offset, UNIT));
}

static void every_offset(struct fixture *f, uint64_t budget)
{
    struct rig rig;
    uint64_t seed = 4;

    rig_open(&rig, f, budget);
    for (int i = 0; i < 3000; i++) {
        uint64_t n = random_next(&seed) % 4096 + 1;
        uint64_t file = random_next(&seed) % FILES;
        uint64_t at = random_next(&seed) % ((1u << SHIFT) - n + 1);
        uint64_t offset = file << SHIFT | at;
        struct pin *pin = NULL;

        if (i % 5 == 0)
            offset = file << SHIFT | ((1u << SHIFT) - n); /* up to the end of the file */
        assert_ok(f, pins_get(&rig.pins, offset, n, &pin, &f->err));
        assert_true(is_right(pin->base + (offset - pin->offset), offset, n));
        assert_true(rig.faulty.mapped_peak <= budget);
        assert_true(pins_hit(pin, offset) || n < UNIT);
        check_hit(&rig, offset + n);
        check_hit(&rig, pin->offset - 1); /* the first file has no byte there: no hit either */
        check_hit(&rig, pin->offset + rig.pins.view_size - 1);
        check_hit(&rig, pin->offset + rig.pins.view_size);
    }
    rig_close(&rig);
}

static void test_pins__of_several_files(void **state)
{
    every_offset(*state, 16 << 20);
}

static void test_pins__of_several_files_in_two_views(void **state)
{
    every_offset(*state, 540 << 10);
}

/* What is lent stays where it is; when all of the budget is lent, it says so. */
static void test_pins__lent(void **state)
{
    struct fixture *f = *state;
    const uint8_t *lent[4];
    struct rig rig;
    struct pin *pin;
    slot_status status = SLOT_OK;
    uint64_t n = 0;

    rig_open(&rig, f, 1100 << 10); /* four views */
    for (; status == SLOT_OK; n++) {
        uint64_t offset = n % FILES << SHIFT | (n / FILES * 300000 + 1000);

        status = pins_get(&rig.pins, offset, 100, &pin, &f->err);
        if (status == SLOT_OK) {
            assert_true(n < 4);
            assert_ok(f, slot__pins_lend(&rig.pins, pin, &f->err));
            assert_ok(f, slot__pins_lend(&rig.pins, pin, &f->err)); /* twice is once */
            lent[n] = pin->base + (offset - pin->offset);
        }
    }
    assert_int_equal(status, SLOT_E_BUDGET);
    assert_int_equal(n, 5);
    for (uint64_t i = 0; i < 4; i++)
        assert_true(is_right(lent[i], i << SHIFT | 1000, 100));
    slot__pins_unlend(&rig.pins);
    for (uint64_t i = 0; i < FILES; i++)
        assert_ok(f, pins_get(&rig.pins, i << SHIFT, 4096, &pin, &f->err));
    rig_close(&rig);
}

/* Going through all files holds one view at a time. */
static void test_pins__run(void **state)
{
    struct fixture *f = *state;
    struct rig rig;
    struct view *view = NULL;

    rig_open(&rig, f, 540 << 10);
    for (uint64_t offset = 0; offset < (uint64_t)FILES << SHIFT; offset += 8192) {
        uint64_t file = offset >> SHIFT << SHIFT;

        assert_ok(f, slot__pins_run(&rig.pins, PINS_SCAN, offset, offset + 4096, &view, &f->err));
        assert_true(is_right(view->base + (offset - file - view->offset), offset, 4096));
    }
    slot__pins_end_run(&rig.pins, PINS_SCAN);
    slot__pins_end_run(&rig.pins, PINS_SCAN);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_pins__of_several_files),
        fixture_test(test_pins__of_several_files_in_two_views),
        fixture_test(test_pins__lent),
        fixture_test(test_pins__run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
