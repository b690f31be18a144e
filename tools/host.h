/*
 * The little in which systems differ for a command line: where the arguments come from, the
 * standard streams, signals, opening a file by a UTF-8 path, telling whether two files are one, and
 * replacing a file whole. host_posix.c and host_win32.c are the two twins, in this order; the build
 * takes one. They also hold main, which sees to it before anything else that
 *
 *   - a standard stream that the caller has closed is one at which every call fails, and not the
 *     next file that is opened;
 *   - SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGXCPU, Ctrl-C and Ctrl-Break end the program without
 *     leaving a part of an output file behind.
 *
 * Reasons are texts of the system, valid until the next call.
 */
#ifndef SLOTFILE_TOOLS_HOST_H
#define SLOTFILE_TOOLS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What main calls, with UTF-8 arguments and binary standard streams; its result is the exit code.
 */
int slotfile_main(int argc, char **argv);

/* The system's words for the os_code of a slot_error. */
const char *host_text(int os_code);

/* Whether this errno of a failed write means that the reader of our output has gone away. */
bool host_reader_is_gone(int error);

/* ---- Interruptions ---- */

/* From now on the first of the signals above is noted, and the program ends by it when
 * slotfile_main returns: for who has more to tidy up than an output file. A second one ends it at
 * once. */
void host_hold_interrupts(void);

/* Whether one was noted: end what can be ended between two steps. */
bool host_interrupted(void);

/* ---- Input ---- */

/* Open a file for reading. NULL on failure, and *reason says why. */
FILE *host_open_input(const char *path, const char **reason);

/* Read at most n bytes, past the stream's own buffer: what is there, and it waits for the first of
 * them. *got is 0 at the end. False on failure, with errno, and when an interruption is noted. */
bool host_read(FILE *file, void *buf, size_t n, size_t *got);

/* Whether who reads one takes it from the other: both are the same pipe, terminal or other device.
 * A name "-" is standard input, which takes from nothing but itself when it is a file. */
bool host_is_same_stream(const char *a, const char *b);

/* Whether the file that is open there is one of those in the directory, or in a directory in it.
 * Something else than a file, as a pipe, never is. */
bool host_is_inside(FILE *file, const char *directory);

/* ---- Output ---- */

/* A file that is being written: beside its place under another name, so that its place holds either
 * what was there before or the whole new file. Devices and pipes are written directly. There is
 * one at a time. */
typedef struct host_output {
    FILE *file;
    struct host_place *place; /* the host's own; NULL: written directly */
} host_output;

typedef enum host_result {
    HOST_DONE,
    HOST_FAILED, /* *reason says why */
    HOST_INSIDE  /* `path`, links followed, is in the directory that was to be spared */
} host_result;

/*
 * Make the file that will be at `path`; nothing is made in `spared` or in a directory in it, unless
 * that is NULL. Other than HOST_DONE there is nothing to finish or to discard.
 *
 * The name that it has meanwhile nobody can foresee. It has the rights and the owner of the file
 * whose place it takes, as far as we may give them, and those of any new file when there is none.
 */
host_result host_output_open(host_output *output, const char *path, const char *spared,
                             const char **reason);

/* Close the file, make it durable and put it into its place. False on failure: nothing of it is
 * left, unless it is in its place and the directory cannot be made durable. */
bool host_output_finish(host_output *output, const char **reason);

/* Close the file and remove it. */
void host_output_discard(host_output *output);

#endif
