/*
 * A plug-in that is unloaded: slot_close, dlclose. Right: a later bus error of the program is a
 * SIGBUS, and does not jump to where the library's handler was.
 */
#include <dlfcn.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

/* Through the library that is loaded, not the one that this program has; dlsym gives an object
 * pointer, which POSIX lets one read as a function. */
#define LOADED(name)                                                                               \
    __typeof__(&(name)) loaded_##name;                                                             \
    *(void **)&loaded_##name = dlsym(library, #name)

static void use(void *library, const char *path)
{
    slot_error error = {0};
    slot_db *db = NULL;

    LOADED(slot_open);
    LOADED(slot_close);
    if (loaded_slot_open == NULL || loaded_slot_close == NULL)
        exit(FAULT_SETUP);
    MUST(loaded_slot_open(path, NULL, &db, &error));
    MUST(loaded_slot_close(db, &error));
}

static _Noreturn void fault(void)
{
    FILE *file = tmpfile();
    volatile char *view;

    if (file == NULL)
        _exit(FAULT_SETUP);
    view = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0); /* beyond its end */
    _exit(view == MAP_FAILED ? FAULT_SETUP : view[0]);
}

int main(int argc, char **argv)
{
    int status = -1;
    void *library;
    pid_t child;

    if (argc < 3)
        return FAULT_SETUP;
    library = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return FAULT_SETUP;
    }
    fault_create("plug.slots", 8);
    signal(SIGBUS, SIG_DFL); /* what the library in this program has put there */
    use(library, "plug.slots");
    dlclose(library);
    child = fork();
    if (child == 0)
        fault();
    waitpid(child, &status, 0);
    printf("after dlclose: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS ? FAULT_RIGHT : FAULT_WRONG;
}
