/*
 * The little in which systems differ for a command line: where the arguments come from, binary
 * standard streams, opening a file by a UTF-8 path, telling whether two files are one, and
 * replacing a file whole. host_posix.c and host_win32.c are the two twins, in this order; the build
 * takes one. They also hold main.
 *
 * Reasons are texts of the system, valid until the next call.
 */
#ifndef SLOTFILE_TOOLS_HOST_H
#define SLOTFILE_TOOLS_HOST_H

#include <stdbool.h>
#include <stdio.h>

/* What main calls, with UTF-8 arguments and binary standard streams; its result is the exit code.
 */
int slotfile_main(int argc, char **argv);

/* The system's words for the os_code of a slot_error. */
const char *host_text(int os_code);

/* Whether this errno of a failed write means that the reader of our output has gone away. */
bool host_reader_is_gone(int error);

/* Open a file for reading. NULL on failure, and *reason says why. */
FILE *host_open_input(const char *path, const char **reason);

/* Whether the file that is open there is the one at `path`. */
bool host_is_same_file(FILE *file, const char *path);

/* A file that is being written: beside its place under another name, so that its place holds either
 * what was there before or the whole new file. Devices and pipes are written directly. */
typedef struct host_output {
    FILE *file;
    char *path;
    char *temporary; /* NULL when `path` is written directly */
} host_output;

/* False on failure, and *reason says why; then there is nothing to finish or to discard. */
bool host_output_open(host_output *output, const char *path, const char **reason);

/* Close the file and put it into its place. False on failure: nothing of it is left. */
bool host_output_finish(host_output *output, const char **reason);

/* Close the file and remove it. */
void host_output_discard(host_output *output);

#endif
