/*
 * A view whose pages are gone, as after truncation by another program or on a failing disk.
 */
#ifndef SLOT_TESTS_SUPPORT_LOST_VIEW_H
#define SLOT_TESTS_SUPPORT_LOST_VIEW_H

#include <stddef.h>

/* n bytes, each of which faults when touched. `path` is a file that may be made for it and stays
 * empty. Ends the program when it cannot. */
void *lost_view_make(const char *path, size_t n);

void lost_view_release(void *view, size_t n);

#endif
