/*
 * What all commands share: options, exit codes, messages, opening a database, reading a schema.
 * Data goes to stdout only, everything that people are told goes to stderr.
 */
#ifndef SLOTFILE_TOOLS_CLI_H
#define SLOTFILE_TOOLS_CLI_H

#include <slotfile/slotfile.h>
#include <stdio.h>

#include "host.h"

/* Lets the compiler check format strings. */
#if defined(__MINGW_PRINTF_FORMAT)
#define CLI_PRINTF(at, first) __attribute__((format(__MINGW_PRINTF_FORMAT, at, first)))
#elif defined(__GNUC__)
#define CLI_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define CLI_PRINTF(at, first)
#endif

/* The exit codes; slotfile.c tells users about them. */
enum {
    CLI_DONE = 0,
    CLI_REFUSED = 1, /* rows refused, damage found, no such record, a deleted one */
    CLI_USAGE = 2,
    CLI_IO = 3, /* input, output, no space, no memory, no such file */
    CLI_CORRUPT = 4,
    CLI_LOCKED = 5 /* by others: later it may work */
};

/* ---- Messages ---- */

/* One line on stderr, with "slotfile: " before it, or as it is. As in all messages, what a terminal
 * would obey is shown as \xNN. */
void cli_say(const char *format, ...) CLI_PRINTF(1, 2);
void cli_line(const char *format, ...) CLI_PRINTF(1, 2);

/* Says what is wrong with how `command` was called and where its help is. Returns CLI_USAGE. */
int cli_usage(const char *command, const char *format, ...) CLI_PRINTF(2, 3);

/* Says what went wrong with the database at `path`. Returns the exit code. */
int cli_error(const char *path, const slot_error *err);

/* The exit code of a status. */
int cli_exit_code(slot_status status);

/* Says that there is no memory. Returns CLI_IO. */
int cli_no_memory(void);

/* Says that stdout cannot be written, with errno, once; a reader that went away is no news.
 * Returns CLI_IO. */
int cli_stdout_failed(void);

/* Write a path to stdout, for people. */
void cli_print_path(const char *path);

/* Write n bytes of data to stdout. Returns CLI_DONE or CLI_IO. */
int cli_write(const void *data, size_t n);

/* Write n bytes of UTF-8 to stdout as a JSON string. */
void cli_print_json_text(const char *text, size_t n);

/* ---- Options ---- */

typedef enum cli_kind {
    CLI_FLAG,  /* bool: given or not */
    CLI_TEXT,  /* const char * */
    CLI_COUNT, /* uint64_t, decimal */
    CLI_SIZE   /* uint64_t, decimal with K, M or G for powers of 1024 */
} cli_kind;

/* An option and where its value goes; the value stays what it was when the option is not given. */
typedef struct cli_option {
    const char *name; /* with its dashes; NULL ends a list */
    cli_kind kind;
    void *value;
} cli_option;

/*
 * Take the options out of argv[1] .. argv[*argc - 1]; what is left are the operands. `--` ends the
 * options, and `-` is an operand. CLI_DONE, or CLI_USAGE when something is unknown, has no value
 * or a wrong one, or when there are fewer than `least` or more than `most` operands.
 */
int cli_parse(int *argc, char **argv, const cli_option *options, int least, int most);

/* Whole decimal numbers; false when the text is anything else or too large. */
bool cli_parse_count(const char *text, size_t n, uint64_t *value);
bool cli_parse_size(const char *text, uint64_t *value);

/* ---- Databases ---- */

/* The options of every command that opens a database, and one of those that change it. */
typedef struct cli_open_options {
    uint64_t map_budget;
    uint64_t wait_ms;
    const char *sync; /* NULL: not given */
} cli_open_options;

/* Their lines in a table of options, and their lines of help. */
#define CLI_OPEN_OPTIONS(options)                                                                  \
    {"--map-budget", CLI_SIZE, &(options).map_budget},                                             \
    {                                                                                              \
        "--wait-ms", CLI_COUNT, &(options).wait_ms                                                 \
    }
#define CLI_OPEN_HELP                                                                              \
    "  --map-budget N[K|M|G]   map at most so many bytes of the database at a time\n"              \
    "  --wait-ms N             wait at most so long for another process (5000)\n"
#define CLI_SYNC_OPTION(options)                                                                   \
    {                                                                                              \
        "--sync", CLI_TEXT, &(options).sync                                                        \
    }
#define CLI_SYNC_HELP                                                                              \
    "  --sync full             wait until the changes are on disk; the default\n"                  \
    "  --sync normal           do not wait: a power cut may take the last changes, whole ones\n"

void cli_open_init(cli_open_options *options);

/* The library's options for these. CLI_DONE or CLI_USAGE. */
int cli_open_translate(const char *command, const cli_open_options *options, slot_access access,
                       slot_options *result);

/* Refuse to write standard output or standard error into a file of the database at `path`, and say
 * so. Returns the exit code. Whoever opens a database asks first. */
int cli_check_streams(const char *command, const char *path);

/* Open `path`, or say why not. Returns the exit code. */
int cli_open(const char *command, const char *path, const cli_open_options *options,
             slot_access access, slot_db **db);

/*
 * Open `path` to read it, or say why not. Transactional access is what lets others write meanwhile,
 * but it needs a file to meet them in; where none can be written, the database is opened for
 * reading only. *access, unless `access` is NULL, gets which. Returns the exit code.
 */
int cli_open_to_read(const char *command, const char *path, const cli_open_options *options,
                     slot_db **db, slot_access *access);

/* Say so when nobody can tell whether the records are whole. */
void cli_warn_of_stale_sums(const char *path, slot_db *db);

/* Close, and say so when it fails. Returns `code`, or the exit code of the failure when `code` is
 * CLI_DONE. */
int cli_close(const char *path, slot_db *db, int code);

/* What a command does in its transaction. */
typedef slot_status (*cli_work_fn)(void *job, slot_txn *txn, slot_error *err);

/* Do it in one write transaction: all of it, or nothing and say why. Returns the exit code. */
int cli_change(const char *path, slot_db *db, cli_work_fn work, void *job);

/* ---- Output files ---- */

/* Make the file that will be at `path`, or say why not. It must not be one of the database at
 * `database`, unless that is NULL. Returns the exit code. */
int cli_output_open(const char *command, host_output *output, const char *path,
                    const char *database);

/* Put it into its place when `code` is CLI_DONE, else discard it; says what goes wrong. Returns
 * `code` or the exit code of the failure. */
int cli_output_end(host_output *output, const char *path, int code);

/* ---- Schemas ---- */

/* The three ways to say what a record is. */
typedef struct cli_schema_options {
    const char *spec;
    const char *file;
    uint64_t record_size; /* UINT64_MAX: not given */
} cli_schema_options;

/* None given: what it is initialised with. */
#define CLI_SCHEMA_NONE                                                                            \
    {                                                                                              \
        NULL, NULL, UINT64_MAX                                                                     \
    }

#define CLI_SCHEMA_OPTIONS(options)                                                                \
    {"--schema", CLI_TEXT, &(options).spec}, {"--schema-file", CLI_TEXT, &(options).file},         \
    {                                                                                              \
        "--record-size", CLI_SIZE, &(options).record_size                                          \
    }
#define CLI_SCHEMA_HELP                                                                            \
    "  --schema SPEC           fields, as name:type,name:type,...; the types are u8 u16 u32\n"     \
    "                          u64 i8 i16 i32 i64 f32 f64 bool text[N] bytes[N] date\n"            \
    "                          timestamp decimal[S] pad[N]; a name with , : or \" in it\n"         \
    "                          stands in double quotes\n"                                          \
    "  --schema-file FILE      the same from a file; a database's own `schema` will do\n"          \
    "  --record-size N         records of N bytes without fields\n"

/* Whether any of them was given. */
bool cli_schema_given(const cli_schema_options *options);

/* Make the schema, or say why not. Exactly one of the three must be given. Returns the exit code.
 */
int cli_schema_make(const char *command, const cli_schema_options *options, slot_schema **schema);

/* The number of fields that have a meaning: all but pads. */
size_t cli_schema_columns(const slot_schema *schema);

#endif
