#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "printable.h"

/* Larger than any schema that the format allows, in either form. */
#define SCHEMA_FILE_MAX (8u * 1024u * 1024u)

/* ---- Messages ---- */

/* The text in fresh memory; NULL when there is none. */
CLI_PRINTF(1, 0)
static char *compose(const char *format, va_list args)
{
    va_list again;
    char *text;
    int n;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    text = n >= 0 ? malloc((size_t)n + 1) : NULL;
    if (text != NULL)
        vsnprintf(text, (size_t)n + 1, format, args);
    return text;
}

/* One line on stderr, in one piece. */
static void say_line(const char *before, const char *text, const char *behind)
{
    size_t n = text != NULL ? strlen(text) : 0;
    char *shown = malloc(n * PRINTABLE_GROWTH + 1);

    if (shown == NULL || text == NULL) {
        fputs("slotfile: no memory left\n", stderr);
    } else {
        shown[printable(text, n, shown)] = '\0';
        fprintf(stderr, "%s%s%s\n", before, shown, behind);
    }
    free(shown);
}

void cli_line(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = compose(format, args);
    va_end(args);
    say_line("", text, "");
    free(text);
}

void cli_say(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = compose(format, args);
    va_end(args);
    say_line("slotfile: ", text, "");
    free(text);
}

int cli_usage(const char *command, const char *format, ...)
{
    char before[40], behind[60];
    va_list args;
    char *text;

    snprintf(before, sizeof before, "slotfile %s: ", command);
    snprintf(behind, sizeof behind, " (see: slotfile help %s)", command);
    va_start(args, format);
    text = compose(format, args);
    va_end(args);
    say_line(before, text, behind);
    free(text);
    return CLI_USAGE;
}

void cli_print_path(const char *path)
{
    size_t n = strlen(path);
    char *shown = malloc(n * PRINTABLE_GROWTH + 1);

    if (shown != NULL)
        fwrite(shown, 1, printable(path, n, shown), stdout);
    free(shown);
}

int cli_exit_code(slot_status status)
{
    switch (status) {
    case SLOT_OK:
        return CLI_DONE;
    case SLOT_NOT_FOUND:
    case SLOT_DELETED:
    case SLOT_DAMAGED:
    case SLOT_E_VALUE:
        return CLI_REFUSED;
    case SLOT_E_ARG:
    case SLOT_E_READ_ONLY:
    case SLOT_E_EXISTS:
    case SLOT_E_SCHEMA:
    case SLOT_E_BUDGET:
    case SLOT_E_LIMIT:
    case SLOT_E_UNSUPPORTED:
    case SLOT_E_TXN_TOO_LARGE:
        return CLI_USAGE;
    case SLOT_E_NOT_SLOTFILE:
    case SLOT_E_VERSION:
    case SLOT_E_CORRUPT:
    case SLOT_E_TRUNCATED:
        return CLI_CORRUPT;
    case SLOT_E_BUSY:
    case SLOT_E_READERS_FULL:
        return CLI_LOCKED;
    default:
        return CLI_IO;
    }
}

int cli_error(const char *path, const slot_error *err)
{
    const char *file = err->file != NULL ? err->file : "";
    char offset[40] = "";
    /* A missing file is said in the system's own words already. */
    bool said =
        err->status == SLOT_E_NO_FILE && strcmp(err->what, slot_status_text(SLOT_E_NO_FILE)) == 0;

    if (err->offset != SLOT_NO_OFFSET)
        snprintf(offset, sizeof offset, ": offset %" PRIu64, err->offset);
    if (err->os_code != 0 && !said)
        cli_say("%s%s%s%s: %s (%s)", path, file[0] != '\0' ? "/" : "", file, offset, err->what,
                host_text(err->os_code));
    else
        cli_say("%s%s%s%s: %s", path, file[0] != '\0' ? "/" : "", file, offset, err->what);
    return cli_exit_code(err->status);
}

int cli_no_memory(void)
{
    cli_say("no memory left");
    return CLI_IO;
}

int cli_stdout_failed(void)
{
    static bool said;
    int code = errno;

    if (!said && !host_reader_is_gone(code))
        cli_say("cannot write to standard output: %s", strerror(code));
    said = true;
    return CLI_IO;
}

int cli_write(const void *data, size_t n)
{
    return fwrite(data, 1, n, stdout) == n ? CLI_DONE : cli_stdout_failed();
}

void cli_print_json_text(const char *text, size_t n)
{
    bool plain;

    putchar('"');
    for (size_t i = 0, length; i < n; i += length) {
        unsigned char c = (unsigned char)text[i];

        length = printable_unit(text + i, n - i, &plain);
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (plain)
            fwrite(text + i, 1, length, stdout);
        else if (length == 2) /* U+0080 to U+009F, whose second byte is their number */
            printf("\\u%04x", (unsigned char)text[i + 1]);
        else if (c < 0x80)
            printf("\\u%04x", c);
        else
            fputs("\\ufffd", stdout);
    }
    putchar('"');
}

/* ---- Options ---- */

bool cli_parse_count(const char *text, size_t n, uint64_t *value)
{
    uint64_t result = 0;

    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';

        if (digit > 9 || result > (UINT64_MAX - digit) / 10)
            return false;
        result = result * 10 + digit;
    }
    *value = result;
    return true;
}

bool cli_parse_size(const char *text, uint64_t *value)
{
    static const char units[] = "KMG";
    size_t n = strlen(text);
    const char *unit = n > 0 ? strchr(units, text[n - 1]) : NULL;
    unsigned shift = unit != NULL ? 10u * (unsigned)(unit - units + 1) : 0;
    uint64_t number;

    if (!cli_parse_count(text, unit != NULL ? n - 1 : n, &number) || number > UINT64_MAX >> shift)
        return false;
    *value = number << shift;
    return true;
}

/* Whether `argument` is the option of that name, alone or with =VALUE behind it. */
static bool names(const char *argument, const char *name)
{
    size_t n = strlen(name);

    return strncmp(argument, name, n) == 0 && (argument[n] == '\0' || argument[n] == '=');
}

static const cli_option *find_option(const cli_option *options, const char *argument)
{
    while (options->name != NULL && !names(argument, options->name))
        options++;
    return options->name != NULL ? options : NULL;
}

/* Put the value where the option wants it. */
static int take_value(const char *command, const cli_option *option, const char *value)
{
    bool good = true;

    if (option->kind == CLI_TEXT)
        *(const char **)option->value = value;
    else if (option->kind == CLI_COUNT)
        good = cli_parse_count(value, strlen(value), option->value);
    else
        good = cli_parse_size(value, option->value);
    if (!good)
        return cli_usage(command, "%s: \"%s\" is not a number%s", option->name, value,
                         option->kind == CLI_SIZE ? " like 4096, 64K, 4M or 1G" : "");
    return CLI_DONE;
}

/* Take the option at argv[*i] and its value; *i is then its last argument. */
static int take_option(int argc, char **argv, int *i, const cli_option *options)
{
    const char *argument = argv[*i];
    const cli_option *option = find_option(options, argument);
    const char *equals = strchr(argument, '=');

    if (option == NULL)
        return cli_usage(argv[0], "unknown option %s", argument);
    if (option->kind == CLI_FLAG && equals != NULL)
        return cli_usage(argv[0], "%s takes no value", option->name);
    if (option->kind == CLI_FLAG) {
        *(bool *)option->value = true;
        return CLI_DONE;
    }
    if (equals != NULL)
        return take_value(argv[0], option, equals + 1);
    if (*i + 1 == argc)
        return cli_usage(argv[0], "%s needs a value", option->name);
    (*i)++;
    return take_value(argv[0], option, argv[*i]);
}

int cli_parse(int *argc, char **argv, const cli_option *options, int least, int most)
{
    int operands = 0;
    bool only_operands = false;
    int code = CLI_DONE;

    for (int i = 1; i < *argc && code == CLI_DONE; i++) {
        bool dashed = argv[i][0] == '-' && argv[i][1] != '\0';

        if (only_operands || !dashed)
            argv[++operands] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            only_operands = true;
        else
            code = take_option(*argc, argv, &i, options);
    }
    if (code == CLI_DONE && operands < least)
        code = cli_usage(argv[0], "too few arguments");
    if (code == CLI_DONE && operands > most)
        code = cli_usage(argv[0], "unexpected argument %s", argv[most + 1]);
    *argc = operands + 1;
    return code;
}

/* ---- Databases ---- */

void cli_open_init(cli_open_options *options)
{
    slot_options defaults;

    slot_options_init(&defaults);
    options->map_budget = defaults.map_budget;
    options->wait_ms = defaults.wait_ms;
    options->sync = NULL;
}

static int choose_sync(const char *command, const char *text, slot_sync *sync)
{
    if (text == NULL || strcmp(text, "full") == 0)
        *sync = SLOT_SYNC_FULL;
    else if (strcmp(text, "normal") == 0)
        *sync = SLOT_SYNC_NORMAL;
    else
        return cli_usage(command, "--sync: \"%s\" is neither full nor normal", text);
    return CLI_DONE;
}

int cli_open_translate(const char *command, const cli_open_options *options, slot_access access,
                       slot_options *result)
{
    if (options->wait_ms > UINT32_MAX)
        return cli_usage(command, "--wait-ms: at most %" PRIu32, UINT32_MAX);
    slot_options_init(result);
    result->access = access;
    result->wait_ms = (uint32_t)options->wait_ms;
    result->map_budget = options->map_budget;
    return choose_sync(command, options->sync, &result->sync);
}

int cli_check_streams(const char *command, const char *path)
{
    if (host_is_inside(stderr, path))
        return CLI_USAGE; /* to say why would be the damage */
    if (host_is_inside(stdout, path))
        return cli_usage(command,
                         "standard output is a file of the database %s: the shell may have emptied "
                         "it (then restore it from a backup)",
                         path);
    return CLI_DONE;
}

int cli_open(const char *command, const char *path, const cli_open_options *options,
             slot_access access, slot_db **db)
{
    slot_options library_options;
    slot_error err;
    int code = cli_open_translate(command, options, access, &library_options);

    if (code == CLI_DONE)
        code = cli_check_streams(command, path);
    if (code == CLI_DONE && slot_open(path, &library_options, db, &err) != SLOT_OK)
        code = cli_error(path, &err);
    return code;
}

/* Whether a read-only opener may succeed where the one that failed so had to write. */
static bool cannot_write(slot_status status)
{
    return status == SLOT_E_PERMISSION || status == SLOT_E_NO_SPACE;
}

int cli_open_to_read(const char *command, const char *path, const cli_open_options *options,
                     slot_db **db, slot_access *access)
{
    slot_options library_options;
    slot_error err;
    slot_status status;
    int code = cli_open_translate(command, options, SLOT_TRANSACTIONAL, &library_options);

    if (code == CLI_DONE)
        code = cli_check_streams(command, path);
    if (code != CLI_DONE)
        return code;
    status = slot_open(path, &library_options, db, &err);
    if (cannot_write(status)) {
        library_options.access = SLOT_READ_ONLY;
        status = slot_open(path, &library_options, db, &err);
    }
    if (status != SLOT_OK)
        return cli_error(path, &err);
    if (access != NULL)
        *access = library_options.access;
    return CLI_DONE;
}

void cli_warn_of_stale_sums(const char *path, slot_db *db)
{
    slot_stat_info info = {.size = sizeof info};

    if (slot_stat(db, &info, NULL) == SLOT_OK && info.sums_stale)
        cli_say("note: %s: a change in direct access was not finished: no checksum vouches for the "
                "records (see: slotfile help verify)",
                path);
}

int cli_close(const char *path, slot_db *db, int code)
{
    slot_error err;
    int failure;

    if (slot_close(db, &err) == SLOT_OK)
        return code;
    failure = cli_error(path, &err);
    cli_say("%s: closing it failed; nothing that was committed is lost", path);
    return code != CLI_DONE ? code : failure;
}

int cli_change(const char *path, slot_db *db, cli_work_fn work, void *job)
{
    slot_txn *txn = NULL;
    slot_error err;
    slot_status status = slot_begin(db, SLOT_WRITE, &txn, &err);

    if (status != SLOT_OK)
        return cli_error(path, &err);
    status = work(job, txn, &err);
    if (status == SLOT_OK)
        status = slot_commit(txn, &err);
    else
        slot_abort(txn);
    return status == SLOT_OK ? CLI_DONE : cli_error(path, &err);
}

/* ---- Output files ---- */

int cli_output_open(const char *command, host_output *output, const char *path,
                    const char *database)
{
    const char *reason = "";

    switch (host_output_open(output, path, database, &reason)) {
    case HOST_DONE:
        return CLI_DONE;
    case HOST_INSIDE:
        return cli_usage(command, "%s: it would be a file of the database %s", path, database);
    default:
        cli_say("%s: cannot create the file: %s", path, reason);
        return CLI_IO;
    }
}

int cli_output_end(host_output *output, const char *path, int code)
{
    const char *reason = "";

    if (code != CLI_DONE) {
        host_output_discard(output);
        return code;
    }
    if (host_output_finish(output, &reason))
        return CLI_DONE;
    cli_say("%s: cannot write: %s", path, reason);
    return CLI_IO;
}

/* ---- Schemas ---- */

bool cli_schema_given(const cli_schema_options *options)
{
    return options->spec != NULL || options->file != NULL || options->record_size != UINT64_MAX;
}

/* Read a whole small file. The caller frees *text. */
static int read_small_file(const char *path, char **text, size_t *n)
{
    const char *reason = "";
    FILE *file = strcmp(path, "-") == 0 ? stdin : host_open_input(path, &reason);
    char *buffer = malloc(SCHEMA_FILE_MAX + 1);
    int code = CLI_DONE;

    if (buffer == NULL) {
        code = cli_no_memory();
    } else if (file == NULL) {
        cli_say("%s: cannot open the file: %s", path, reason);
        code = CLI_IO;
    } else {
        *n = fread(buffer, 1, SCHEMA_FILE_MAX + 1, file);
        if (ferror(file)) {
            cli_say("%s: cannot read the file: %s", path, strerror(errno));
            code = CLI_IO;
        } else if (*n > SCHEMA_FILE_MAX) {
            cli_say("%s: too large for a schema", path);
            code = CLI_USAGE;
        }
    }
    if (file != NULL && file != stdin)
        fclose(file);
    if (code == CLI_DONE)
        *text = buffer;
    else
        free(buffer);
    return code;
}

static int parse_schema(const char *where, const char *text, size_t n, slot_schema **schema)
{
    slot_error err;

    if (slot_schema_parse(text, n, schema, &err) == SLOT_OK)
        return CLI_DONE;
    err.file = "";
    return cli_error(where, &err);
}

static int sized_schema(uint64_t record_size, slot_schema **schema)
{
    slot_error err;
    uint32_t size = record_size <= UINT32_MAX ? (uint32_t)record_size : UINT32_MAX;

    if (slot_schema_sized(size, schema, &err) == SLOT_OK)
        return CLI_DONE;
    err.file = "";
    return cli_error("--record-size", &err);
}

int cli_schema_make(const char *command, const cli_schema_options *options, slot_schema **schema)
{
    int given =
        (options->spec != NULL) + (options->file != NULL) + (options->record_size != UINT64_MAX);
    char *text = NULL;
    size_t n = 0;
    int code;

    if (given != 1)
        return cli_usage(command, "give one of --schema, --schema-file and --record-size");
    if (options->spec != NULL)
        return parse_schema("--schema", options->spec, strlen(options->spec), schema);
    if (options->file == NULL)
        return sized_schema(options->record_size, schema);
    code = read_small_file(options->file, &text, &n);
    if (code == CLI_DONE)
        code = parse_schema(options->file, text, n, schema);
    free(text);
    return code;
}

size_t cli_schema_columns(const slot_schema *schema)
{
    size_t columns = 0;

    for (size_t i = 0; i < slot_schema_count(schema); i++)
        columns += slot_schema_field(schema, i)->type != SLOT_PAD;
    return columns;
}
