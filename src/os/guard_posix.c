/*
 * Guarded copies on POSIX systems.
 *
 * Touching a mapped page that the file no longer has (truncated by another program, failing disk,
 * full disk behind a hole) raises SIGBUS. Our handler gets the thread out of the copy, in one of
 * two ways; a SIGBUS anywhere else belongs to somebody else and goes to the handler that was there
 * before ours, or to the default.
 *
 * On x86-64 Linux the copy is a leaf in assembler that touches neither the stack nor any lasting
 * register. A fault between its first and its last instruction continues at its failure exit, and a
 * copy that succeeds pays nothing for it: that is half the time of reading a record. Elsewhere
 * there is a sigsetjmp before each copy, and `landing` of the thread says where to go on.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "os/posix.h"

#if defined(__linux__) && defined(__x86_64__) && defined(__GNUC__)
#define COPY_IS_LEAF 1
#else
#define COPY_IS_LEAF 0
#endif

#if COPY_IS_LEAF

#include <ucontext.h>

/*
 * int guard_copy(void *to, const void *from, size_t n): 0, or 1 when a page was lost.
 * Both ends in pieces of 16 bytes that may overlap in the middle, with a loop for what is between
 * them from 128 bytes on; 4 to 15 bytes in two overlapping halves; the rest by rep movsb. Few
 * instructions, so that the cache misses of independent reads overlap.
 */
__asm__(".text\n"
        ".p2align 5\n"
        ".type guard_copy, @function\n"
        "guard_copy:\n"
        "    .cfi_startproc\n"
        "    cmp $16, %rdx\n"
        "    jb 2f\n"
        "    cmp $1024, %rdx\n"
        "    ja 6f\n"
        "    movups (%rsi), %xmm0\n"
        "    movups -16(%rsi, %rdx), %xmm1\n"
        "    cmp $32, %edx\n"
        "    jbe 1f\n"
        "    movups 16(%rsi), %xmm2\n"
        "    movups -32(%rsi, %rdx), %xmm3\n"
        "    cmp $64, %edx\n"
        "    jbe 4f\n"
        "    movups 32(%rsi), %xmm4\n"
        "    movups 48(%rsi), %xmm5\n"
        "    movups -48(%rsi, %rdx), %xmm6\n"
        "    movups -64(%rsi, %rdx), %xmm7\n"
        "    lea -64(%rdx), %rcx\n"
        "    mov $64, %eax\n"
        "    jmp 8f\n"
        ".p2align 4\n"
        "7:  movups (%rsi, %rax), %xmm8\n" /* over 128 bytes: the middle */
        "    movups %xmm8, (%rdi, %rax)\n"
        "    add $16, %rax\n"
        "8:  cmp %rcx, %rax\n"
        "    jb 7b\n"
        "    movups %xmm4, 32(%rdi)\n"
        "    movups %xmm5, 48(%rdi)\n"
        "    movups %xmm6, -48(%rdi, %rdx)\n"
        "    movups %xmm7, -64(%rdi, %rdx)\n"
        "4:  movups %xmm2, 16(%rdi)\n"
        "    movups %xmm3, -32(%rdi, %rdx)\n"
        "1:  movups %xmm0, (%rdi)\n"
        "    movups %xmm1, -16(%rdi, %rdx)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "2:  cmp $8, %edx\n"
        "    jb 3f\n"
        "    mov (%rsi), %rax\n"
        "    mov -8(%rsi, %rdx), %rcx\n"
        "    mov %rax, (%rdi)\n"
        "    mov %rcx, -8(%rdi, %rdx)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "3:  cmp $4, %edx\n"
        "    jb 6f\n"
        "    mov (%rsi), %eax\n"
        "    mov -4(%rsi, %rdx), %ecx\n"
        "    mov %eax, (%rdi)\n"
        "    mov %ecx, -4(%rdi, %rdx)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "6:  mov %rdx, %rcx\n"
        "    rep movsb\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "guard_copy_failed:\n"
        "    mov $1, %eax\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size guard_copy, . - guard_copy\n");

int guard_copy(void *to, const void *from, size_t n) __attribute__((visibility("hidden")));
extern const char guard_copy_failed[] __attribute__((visibility("hidden")));

/* Whether the fault was in guard_copy; then the thread goes on at its failure exit. */
static bool leave_copy(void *context)
{
    ucontext_t *thread = context;
    uintptr_t at = (uintptr_t)thread->uc_mcontext.gregs[REG_RIP];

    if (at < (uintptr_t)guard_copy || at >= (uintptr_t)guard_copy_failed)
        return false;
    thread->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)guard_copy_failed;
    return true;
}

#else

static _Thread_local sigjmp_buf *volatile landing;

static bool leave_copy(void *context)
{
    sigjmp_buf *target = landing;

    (void)context;
    if (target != NULL) {
        landing = NULL;
        siglongjmp(*target, 1);
    }
    return false;
}

static int guard_copy(void *to, const void *from, size_t n)
{
    sigjmp_buf here;

    if (sigsetjmp(here, 0) != 0)
        return 1;
    landing = &here;
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(to, from, n);
    atomic_signal_fence(memory_order_seq_cst);
    landing = NULL;
    return 0;
}

#endif

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
    if (!leave_copy(context))
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
    os_result result = {SLOT_OK, 0};

    if (guard_copy(to, from, n) != 0)
        result.status = SLOT_E_LOST;
    return result;
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
