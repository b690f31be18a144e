#include "support/by_path.h"

#include <stdlib.h>

/* The directory that holds what `path` names, opened, and the name there, to be freed. */
static os_result enter(const struct os *os, const char *path, struct os_dir **dir, char **name)
{
    char *parent = NULL;
    os_result result = os->split_path(os, path, &parent, name);

    if (!os_ok(result))
        return result;
    result = os->open_dir(os, NULL, parent, dir);
    free(parent);
    if (!os_ok(result))
        free(*name);
    if (result.status == SLOT_E_UNSUPPORTED) /* there is nothing below what is no directory */
        result.status = SLOT_E_NO_FILE;
    return result;
}

static void leave(const struct os *os, struct os_dir *dir, char *name)
{
    os->close_dir(os, dir);
    free(name);
}

os_result by_path_open(const struct os *os, const char *path, int flags, struct os_file **file)
{
    struct os_dir *dir = NULL;
    char *name = NULL;
    os_result result = enter(os, path, &dir, &name);

    if (!os_ok(result))
        return result;
    result = os->open(os, dir, name, flags, file);
    leave(os, dir, name);
    return result;
}

typedef os_result (*call_fn)(const struct os *os, struct os_dir *dir, const char *name);

static os_result on_name(const struct os *os, const char *path, call_fn call)
{
    struct os_dir *dir = NULL;
    char *name = NULL;
    os_result result = enter(os, path, &dir, &name);

    if (!os_ok(result))
        return result;
    result = call(os, dir, name);
    leave(os, dir, name);
    return result;
}

os_result by_path_make_dir(const struct os *os, const char *path)
{
    return on_name(os, path, os->make_dir);
}

os_result by_path_remove_dir(const struct os *os, const char *path)
{
    return on_name(os, path, os->remove_dir);
}

os_result by_path_remove_file(const struct os *os, const char *path)
{
    return on_name(os, path, os->remove_file);
}

os_result by_path_rename_new(const struct os *os, const char *from, const char *to)
{
    struct os_dir *dir = NULL;
    char *name = NULL, *parent = NULL, *new_name = NULL;
    os_result result = os->split_path(os, to, &parent, &new_name);

    free(parent);
    if (!os_ok(result))
        return result;
    result = enter(os, from, &dir, &name);
    if (os_ok(result)) {
        result = os->rename_new(os, dir, name, new_name);
        leave(os, dir, name);
    }
    free(new_name);
    return result;
}

os_result by_path_sync_dir(const struct os *os, const char *path)
{
    struct os_dir *dir = NULL;
    os_result result = os->open_dir(os, NULL, path, &dir);

    if (!os_ok(result))
        return result;
    result = os->sync_dir(os, dir);
    os->close_dir(os, dir);
    return result;
}

os_result by_path_list(const struct os *os, const char *path, os_name_fn fn, void *context)
{
    struct os_dir *dir = NULL;
    os_result result = os->open_dir(os, NULL, path, &dir);

    if (!os_ok(result))
        return result;
    result = os->list(os, dir, fn, context);
    os->close_dir(os, dir);
    return result;
}

os_kind by_path_kind(const struct os *os, const char *path)
{
    struct os_dir *dir = NULL;
    char *name = NULL;
    os_kind kind = OS_KIND_OTHER;
    os_result result = os->open_dir(os, NULL, path, &dir);

    if (os_ok(result)) {
        os->close_dir(os, dir);
        return OS_KIND_DIR;
    }
    result = enter(os, path, &dir, &name);
    if (!os_ok(result))
        return result.status == SLOT_E_NO_FILE ? OS_KIND_NONE : OS_KIND_OTHER;
    if (!os_ok(os->kind(os, dir, name, &kind)))
        kind = OS_KIND_OTHER;
    leave(os, dir, name);
    return kind;
}
