/* The commands: each is one file cmd_<name>.c with a function and its help. */
#ifndef SLOTFILE_TOOLS_COMMANDS_H
#define SLOTFILE_TOOLS_COMMANDS_H

int cmd_create(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_put(int argc, char **argv);
int cmd_append(int argc, char **argv);
int cmd_insert(int argc, char **argv);
int cmd_delete(int argc, char **argv);
int cmd_checkpoint(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_bench(int argc, char **argv);

extern const char cmd_create_help[];
extern const char cmd_import_help[];
extern const char cmd_export_help[];
extern const char cmd_get_help[];
extern const char cmd_put_help[];
extern const char cmd_append_help[];
extern const char cmd_insert_help[];
extern const char cmd_delete_help[];
extern const char cmd_checkpoint_help[];
extern const char cmd_info_help[];
extern const char cmd_verify_help[];
extern const char cmd_bench_help[];

#endif
