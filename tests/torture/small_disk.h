/*
 * A file system of a few MiB for a test to fill: a tmpfs, in a mount namespace of this process, so
 * that nobody else sees it and it is gone with us. Root may always make one, others where the
 * system lets users have namespaces.
 */
#ifndef SLOT_TESTS_TORTURE_SMALL_DISK_H
#define SLOT_TESTS_TORTURE_SMALL_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* Before any thread is started. False: this cannot be had, and stderr tells why. */
bool small_disk_begin(void);

/* Mount one of that size over the directory; unmount it. */
bool small_disk_mount(const char *directory, uint64_t kib);
void small_disk_unmount(const char *directory);

/* What is free there, in bytes. */
uint64_t small_disk_free(const char *directory);

/* Make or change the file `path` so that `left` bytes stay free; remove it with small_disk_give. */
void small_disk_take(const char *directory, uint64_t left);
void small_disk_give(const char *directory);

#endif
