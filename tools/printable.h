/*
 * What may reach a terminal. File names, values and the bytes of a wrong file hold anything, and a
 * terminal obeys control characters: they are shown as \xNN, and so is what is not UTF-8.
 */
#ifndef SLOTFILE_TOOLS_PRINTABLE_H
#define SLOTFILE_TOOLS_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the first character of the n bytes at `text`, or 1 when it is not UTF-8. *plain:
 * it can be shown as it is. n is at least 1. */
size_t printable_unit(const char *text, size_t n, bool *plain);

/* Write the n bytes at `text` into `shown` so that they can be shown, without a NUL behind them;
 * the result is their number. There is room for PRINTABLE_GROWTH bytes for each. */
#define PRINTABLE_GROWTH 4u
size_t printable(const char *text, size_t n, char *shown);

#endif
