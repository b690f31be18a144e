/*
 * Temporary directories for tests.
 */
#include "support/tmpdir.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <unistd.h>
#endif

#include "os/os.h"
#include "support/by_path.h"

static void *must(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "ERROR: a test has no memory\n");
        abort();
    }
    return p;
}

/* The first of the usual places that is there. */
static const char *system_tmp(void)
{
    const char *places[] = {getenv("TMPDIR"), getenv("TEMP"), getenv("TMP"), "/tmp"};
    const struct os *os = slot__os_native();

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (places[i] != NULL && by_path_kind(os, places[i]) == OS_KIND_DIR)
            return places[i];
    }
    return ".";
}

char *tmpdir_make(void)
{
    const struct os *os = slot__os_native();
    char name[64];
    uint64_t id = 0;
    char *path;

    if (!os_ok(os->random(os, &id, sizeof id)))
        abort();
    snprintf(name, sizeof name, "slotfile-test-%08lx%08lx", (unsigned long)(id >> 32),
             (unsigned long)(id & UINT32_MAX));
    path = tmpdir_join(system_tmp(), name);
    if (!os_ok(by_path_make_dir(os, path))) {
        fprintf(stderr, "ERROR: cannot make the directory %s\n", path);
        abort();
    }
    return path;
}

void tmpdir_remove(char *path)
{
    if (path != NULL)
        tmpdir_remove_tree(path);
    free(path);
}

struct names {
    char **name;
    size_t count;
};

static bool collect(void *context, const char *name)
{
    struct names *names = context;

    names->name = must(realloc(names->name, (names->count + 1) * sizeof *names->name));
    names->name[names->count] = must(malloc(strlen(name) + 1));
    strcpy(names->name[names->count], name);
    names->count++;
    return true;
}

void tmpdir_remove_tree(const char *path)
{
    const struct os *os = slot__os_native();
    struct names names = {NULL, 0};

    /* Whatever can be removed as a file is not a directory to go into. */
    if (os_ok(by_path_remove_file(os, path)))
        return;
    (void)by_path_list(os, path, collect, &names);
    for (size_t i = 0; i < names.count; i++) {
        char *inner = tmpdir_join(path, names.name[i]);

        tmpdir_remove_tree(inner);
        free(inner);
        free(names.name[i]);
    }
    free(names.name);
    (void)by_path_remove_dir(os, path);
}

char *tmpdir_join(const char *dir, const char *name)
{
    size_t n = strlen(dir) + strlen(name) + 2;
    char *path = must(malloc(n));

    snprintf(path, n, "%s/%s", dir, name);
    return path;
}

bool tmpdir_symlink(const char *target, const char *link)
{
#ifdef _WIN32
    (void)target, (void)link; /* needs a privilege, and Wine has none at all */
    return false;
#else
    return symlink(target, link) == 0;
#endif
}
