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
 * there is a sigsetjmp before each copy, and `landing` of the thread says where to go on, and for
 * which addresses: a signal handler may interrupt a copy, and copy or fault itself.
 *
 * Only a fault is ours. A SIGBUS that somebody has sent is passed on wherever it comes.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>

#include "os/posix.h"

/* SLOT_GUARD_JUMPS: the other way, for its test. */
#if defined(__linux__) && defined(__x86_64__) && defined(__GNUC__) && !defined(SLOT_GUARD_JUMPS)
#define COPY_IS_LEAF 1
#else
#define COPY_IS_LEAF 0
#endif

#if COPY_IS_LEAF

/*
 * slot__os_guard_load and slot__os_guard_store (os, to, from, n) in one: the os_result is {0, 0},
 * or {SLOT_E_LOST, 0} when a page was lost. Both ends in pieces of 16 or 32 bytes that may
 * overlap in the middle, a loop for what is between them, rep movsb for very much and very little.
 * A random read waits for memory: it is the number of stores and instructions here that decides how
 * many of such waits overlap, so records of 65 to 128 bytes come first, with four loads and four
 * stores.
 */
__asm__(".text\n"
        ".p2align 5\n"
        ".globl slot__os_guard_load, slot__os_guard_store, slot__os_posix_touch\n"
        ".hidden slot__os_guard_load, slot__os_guard_store, slot__os_posix_touch\n"
        ".type slot__os_posix_touch, @function\n"
        ".type slot__os_guard_load, @function\n"
        ".type slot__os_guard_store, @function\n"
        "guard_copy_begin:\n"
        "slot__os_guard_load:\n"
        "slot__os_guard_store:\n"
        "    .cfi_startproc\n"
        "    lea -65(%rcx), %rax\n"
        "    cmp $(1024 - 65), %rax\n"
        "    ja 1f\n"
        "    cmpb $0, slot__guard_has_avx(%rip)\n"
        "    je 3f\n"
        "    vmovups (%rdx), %ymm0\n"
        "    vmovups 32(%rdx), %ymm1\n"
        "    vmovups -64(%rdx, %rcx), %ymm2\n"
        "    vmovups -32(%rdx, %rcx), %ymm3\n"
        "    cmp $128, %rcx\n"
        "    ja 7f\n"
        "8:  vmovups %ymm0, (%rsi)\n"
        "    vmovups %ymm1, 32(%rsi)\n"
        "    vmovups %ymm2, -64(%rsi, %rcx)\n"
        "    vmovups %ymm3, -32(%rsi, %rcx)\n"
        "    vzeroupper\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "7:  lea -64(%rcx), %r8\n"
        "    mov $64, %eax\n"
        ".p2align 4\n"
        "9:  vmovups (%rdx, %rax), %ymm4\n"
        "    vmovups %ymm4, (%rsi, %rax)\n"
        "    add $32, %rax\n"
        "    cmp %r8, %rax\n"
        "    jb 9b\n"
        "    jmp 8b\n"
        "1:  cmp $32, %rcx\n"
        "    jb 4f\n"
        "    cmp $64, %rcx\n"
        "    ja 6f\n"
        "2:  movups (%rdx), %xmm0\n"
        "    movups 16(%rdx), %xmm1\n"
        "    movups -32(%rdx, %rcx), %xmm2\n"
        "    movups -16(%rdx, %rcx), %xmm3\n"
        "    movups %xmm0, (%rsi)\n"
        "    movups %xmm1, 16(%rsi)\n"
        "    movups %xmm2, -32(%rsi, %rcx)\n"
        "    movups %xmm3, -16(%rsi, %rcx)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "3:  movups -16(%rdx, %rcx), %xmm1\n"
        "    lea -16(%rcx), %r8\n"
        "    xor %eax, %eax\n"
        "9:  movups (%rdx, %rax), %xmm0\n"
        "    movups %xmm0, (%rsi, %rax)\n"
        "    add $16, %rax\n"
        "    cmp %r8, %rax\n"
        "    jb 9b\n"
        "    movups %xmm1, -16(%rsi, %rcx)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "4:  cmp $8, %ecx\n"
        "    jb 6f\n"
        "    cmp $16, %ecx\n"
        "    jae 5f\n"
        "    mov (%rdx), %rax\n"
        "    mov -8(%rdx, %rcx), %r8\n"
        "    mov %rax, (%rsi)\n"
        "    mov %r8, -8(%rsi, %rcx)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "5:  movups (%rdx), %xmm0\n"
        "    movups -16(%rdx, %rcx), %xmm1\n"
        "    movups %xmm0, (%rsi)\n"
        "    movups %xmm1, -16(%rsi, %rcx)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "6:  mov %rsi, %rdi\n"
        "    mov %rdx, %rsi\n"
        "    rep movsb\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        ".size slot__os_guard_load, . - slot__os_guard_load\n"
        ".size slot__os_guard_store, . - slot__os_guard_store\n"
        "slot__os_posix_touch:\n"
        "    lock orl $0, (%rdi)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "guard_copy_failed:\n"
        "    mov $47, %eax\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size slot__os_posix_touch, . - slot__os_posix_touch\n");

_Static_assert(SLOT_E_LOST == 47, "guard_copy_failed returns it");
_Static_assert(sizeof(os_result) == 8, "it is returned in one register");

/* Whether 32-byte registers may be used; read above. */
extern uint8_t slot__guard_has_avx __attribute__((visibility("hidden")));
uint8_t slot__guard_has_avx;

extern const char guard_copy_begin[] __attribute__((visibility("hidden")));
extern const char guard_copy_failed[] __attribute__((visibility("hidden")));

static void prepare_copy(void)
{
    slot__guard_has_avx = __builtin_cpu_supports("avx") != 0;
}

/* Whether the fault was in the copy; then the thread goes on at its failure exit. */
static bool leave_copy(const siginfo_t *info, void *context)
{
    ucontext_t *thread = context;
    uintptr_t at = (uintptr_t)thread->uc_mcontext.gregs[REG_RIP];

    (void)info;
    if (at < (uintptr_t)guard_copy_begin || at >= (uintptr_t)guard_copy_failed)
        return false;
    thread->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)guard_copy_failed;
    return true;
}

#else

/* A copy that is under way, and the one that it has interrupted. */
struct landing {
    sigjmp_buf here;
    uintptr_t to, from;
    size_t n;
    struct landing *outer;
};

static _Thread_local struct landing *volatile landing;

/* Whether a page of the range is meant: some processors tell no more of the address. */
static bool is_in(uintptr_t at, uintptr_t start, size_t n)
{
    const uintptr_t page = OS_PAGE_SIZE;

    return at / page >= start / page && at / page <= (start + n - 1) / page;
}

static bool leave_copy(const siginfo_t *info, void *context)
{
    struct landing *target = landing;
    uintptr_t at = (uintptr_t)info->si_addr;

    (void)context;
    /* Not that of a handler that has come in between. */
    if (target == NULL ||
        (!is_in(at, target->from, target->n) && !is_in(at, target->to, target->n)))
        return false;
    siglongjmp(target->here, 1);
}

static void prepare_copy(void)
{
}

/* Whoever interrupts the copy puts `landing` back. */
static void land_at(struct landing *copy, void *to, const void *from, size_t n)
{
    copy->to = (uintptr_t)to;
    copy->from = (uintptr_t)from;
    copy->n = n;
    copy->outer = landing;
    atomic_signal_fence(memory_order_seq_cst);
    landing = copy;
    atomic_signal_fence(memory_order_seq_cst);
}

static void land_no_more(struct landing *copy)
{
    atomic_signal_fence(memory_order_seq_cst);
    landing = copy->outer;
}

static os_result guarded_copy(void *to, const void *from, size_t n)
{
    struct landing copy;
    os_result result = os_success();

    if (n == 0)
        return result;
    land_at(&copy, to, from, n);
    /* Out of `copy`: a jump may clobber what a register holds. */
    if (sigsetjmp(copy.here, 0) == 0)
        memcpy((void *)copy.to, (const void *)copy.from, copy.n);
    else
        result.status = SLOT_E_LOST;
    land_no_more(&copy);
    return result;
}

/* A store that changes nothing, whoever stores beside it. Of an atomic "or 0" some compilers leave
 * no store. */
static void touch_word(_Atomic uint32_t *word)
{
    uint32_t now = atomic_load_explicit(word, memory_order_relaxed);

    (void)atomic_compare_exchange_strong(word, &now, now);
}

os_result slot__os_posix_touch(void *address)
{
    struct landing touch;
    os_result result = os_success();

    land_at(&touch, address, address, sizeof(uint32_t));
    if (sigsetjmp(touch.here, 0) == 0)
        touch_word(address);
    else
        result.status = SLOT_E_LOST;
    land_no_more(&touch);
    return result;
}

os_result slot__os_guard_load(const struct os *os, void *to, const void *view, size_t n)
{
    (void)os;
    return guarded_copy(to, view, n);
}

os_result slot__os_guard_store(const struct os *os, void *view, const void *from, size_t n)
{
    (void)os;
    return guarded_copy(view, from, n);
}

#endif

static struct sigaction previous;

/* Put into the context of a fault that is passed on. The system makes a new context for each
 * signal, with no link, so it also goes when the handler leaves by siglongjmp. */
static ucontext_t passed_on;

static void end_by_default(int number, bool fault)
{
    signal(number, SIG_DFL);
    /* A faulting access is repeated after the return, and then ends the process as without us. */
    if (!fault)
        (void)raise(number);
}

static void pass_on(int number, siginfo_t *info, void *context, bool fault)
{
    ucontext_t *thread = context;

    if (thread->uc_link == &passed_on) {
        /* The handler before ours was installed after ours and calls us back: end it here. */
        end_by_default(number, fault);
        return;
    }
    thread->uc_link = &passed_on;
    if ((previous.sa_flags & SA_SIGINFO) != 0)
        previous.sa_sigaction(number, info, context);
    else if (previous.sa_handler == SIG_DFL || (previous.sa_handler == SIG_IGN && fault))
        end_by_default(number, fault);
    else if (previous.sa_handler != SIG_IGN)
        previous.sa_handler(number);
    thread->uc_link = NULL;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    bool fault = info->si_code > 0; /* else somebody has sent it */

    if (!fault || !leave_copy(info, context))
        pass_on(number, info, context, fault);
}

/* Whoever has installed a handler since the last call is called for what is not ours. No child is
 * made meanwhile: it would have the mutex, and nobody to let go of it. */
void slot__os_guard_install(void)
{
    struct sigaction action, now;

    slot__os_fork_install();
    slot__os_fork_block();
    prepare_copy();
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
    slot__os_fork_unblock();
}
