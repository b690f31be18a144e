/*
 * Guarded copies on POSIX systems.
 *
 * Touching a mapped page that the file no longer has (truncated by another program, failing disk,
 * full disk behind a hole) raises SIGBUS. While a thread copies under the guard, `landing` of that
 * thread says where to go on; the handler jumps there. A SIGBUS at any other time belongs to
 * somebody else: it goes to the handler that was there before ours, or to the default.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "os/posix.h"

#if defined(__GNUC__)
#define INITIAL_EXEC __attribute__((tls_model("initial-exec"))) /* no call on the hot path */
#else
#define INITIAL_EXEC
#endif

static _Thread_local sigjmp_buf *volatile landing INITIAL_EXEC;
static _Thread_local volatile sig_atomic_t passing_on; /* a fault that is not ours */

static pthread_mutex_t install_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;

static void pass_on(int number, siginfo_t *info, void *context)
{
    if (passing_on) {
        /* The handler before ours was installed after ours and calls us back: end it here. */
        signal(number, SIG_DFL);
        return;
    }
    passing_on = 1;
    if ((previous.sa_flags & SA_SIGINFO) != 0)
        previous.sa_sigaction(number, info, context);
    else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
        previous.sa_handler(number);
    else
        /* The access is repeated after the return and then ends the process, as without us. */
        signal(number, SIG_DFL);
    passing_on = 0;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    sigjmp_buf *target = landing;

    if (target != NULL) {
        landing = NULL;
        siglongjmp(*target, 1);
    }
    pass_on(number, info, context);
}

/* Whoever has installed a handler since the last call is called for what is not ours. */
void os_guard_install(void)
{
    struct sigaction action, now;

    pthread_mutex_lock(&install_mutex);
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_bus_error;
    /* SA_NODEFER: the jump leaves the handler without returning, so nothing would unblock SIGBUS.
     */
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, NULL, &now) == 0 &&
        ((now.sa_flags & SA_SIGINFO) == 0 || now.sa_sigaction != on_bus_error)) {
        previous = now;
        (void)sigaction(SIGBUS, &action, NULL);
    }
    pthread_mutex_unlock(&install_mutex);
}

static os_result guarded_copy(void *to, const void *from, size_t n)
{
    sigjmp_buf here;

    if (sigsetjmp(here, 0) != 0)
        return (os_result){SLOT_E_LOST, 0};
    landing = &here;
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(to, from, n);
    atomic_signal_fence(memory_order_seq_cst);
    landing = NULL;
    return os_success();
}

os_result os_guard_load(const struct os *os, void *to, const void *view, size_t n)
{
    (void)os;
    return guarded_copy(to, view, n);
}

os_result os_guard_store(const struct os *os, void *view, const void *from, size_t n)
{
    (void)os;
    return guarded_copy(view, from, n);
}
