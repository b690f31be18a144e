/*
 * The command line: finds the command, runs it, and makes sure that what it has written to stdout
 * has arrived.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "host.h"

typedef struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit code */
    const char *help;
} command;

/*
 * To add a command: write cmd_<name>.c with `int cmd_<name>(int argc, char **argv)` and
 * `cmd_<name>_help` (cmd_info.c is the shortest to copy), declare both in commands.h, add a line
 * here and the file to CMakeLists.txt, and test it in tests/cli/<name>.sh.
 */
static const command commands[] = {
    {"create", "make a new database", cmd_create, cmd_create_help},
    {"import", "append records from CSV or raw bytes", cmd_import, cmd_import_help},
    {"export", "write records as CSV or raw bytes", cmd_export, cmd_export_help},
    {"get", "show one record", cmd_get, cmd_get_help},
    {"put", "change one record", cmd_put, cmd_put_help},
    {"append", "add one record at the end", cmd_append, cmd_append_help},
    {"insert", "add one record in the place of a deleted one", cmd_insert, cmd_insert_help},
    {"delete", "delete records", cmd_delete, cmd_delete_help},
    {"checkpoint", "bring the log home into the records", cmd_checkpoint, cmd_checkpoint_help},
    {"info", "say what a database is and holds", cmd_info, cmd_info_help},
    {"verify", "check everything that can be checked", cmd_verify, cmd_verify_help},
    {"bench", "measure a database on this machine", cmd_bench, cmd_bench_help},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static const char exit_codes[] =
    "Exit codes:\n"
    "  0  done\n"
    "  1  rows refused, damage found, no such record, or it was deleted\n"
    "  2  wrong use\n"
    "  3  input or output failed, no space, no memory, no permission,\n"
    "     no such file\n"
    "  4  the database is none, or too damaged to be opened or changed\n"
    "  5  the database is in use by another process\n";

static void show_overview(FILE *to)
{
    fputs("Slotfile, a database of fixed-size records in a flat file.\n"
          "\n"
          "Usage: slotfile COMMAND ARGUMENTS...\n"
          "       slotfile help COMMAND\n"
          "       slotfile --help | --version\n"
          "\n"
          "Commands:\n",
          to);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-12s%s\n", commands[i].name, commands[i].summary);
    fprintf(to,
            "\n"
            "DB is the directory of a database. FILE may be - for standard input or output.\n"
            "Data goes to standard output, messages go to standard error.\n"
            "\n"
            "%s",
            exit_codes);
}

static const command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    cli_say("unknown command %s (see: slotfile --help)", name);
    return CLI_USAGE;
}

static int show_help(const char *name)
{
    const command *found = find_command(name);

    if (found == NULL)
        return unknown_command(name);
    fputs(found->help, stdout);
    return CLI_DONE;
}

static bool wants_help(int argc, char **argv)
{
    int i = 1;

    while (i < argc && strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "--") != 0)
        i++;
    return i < argc && strcmp(argv[i], "--help") == 0;
}

static int dispatch(int argc, char **argv)
{
    const command *found;

    if (argc < 2) {
        show_overview(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("slotfile %s\n", slot_version());
        return CLI_DONE;
    }
    if (strcmp(argv[1], "help") == 0 && argc > 2)
        return show_help(argv[2]);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        show_overview(stdout);
        return CLI_DONE;
    }
    found = find_command(argv[1]);
    if (found == NULL)
        return unknown_command(argv[1]);
    if (wants_help(argc - 1, argv + 1))
        return show_help(argv[1]);
    return found->run(argc - 1, argv + 1);
}

int slotfile_main(int argc, char **argv)
{
    int code = dispatch(argc, argv);

    errno = EIO; /* should stdio keep the reason to itself */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        int failure = cli_stdout_failed();

        if (code == CLI_DONE)
            code = failure;
    }
    return code;
}
