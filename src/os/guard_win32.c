/*
 * Guarded copies on Windows.
 *
 * Touching a mapped page that the file no longer has (a failing disk, a lost network drive, a full
 * disk behind a hole) raises EXCEPTION_IN_PAGE_ERROR, under Wine EXCEPTION_ACCESS_VIOLATION.
 *
 * Microsoft's compiler catches it with __try. Others have no such word: there, a vectored handler
 * recognises the one instruction that touches the view by its address and goes on behind it. How
 * far the instruction came is in its registers, so no state is kept and any number of threads may
 * fault at once. Every other fault belongs to somebody else and is passed on.
 */
#include "os/win32.h"

static bool is_lost_page(DWORD code)
{
    return code == EXCEPTION_IN_PAGE_ERROR || code == EXCEPTION_ACCESS_VIOLATION;
}

#if defined(_MSC_VER)

#include <intrin.h>
#include <string.h>

void slot__os_guard_install(void)
{
}

static os_result guarded_copy(void *to, const void *from, size_t n)
{
    os_result result = os_success();

    __try {
        memcpy(to, from, n);
    } __except (is_lost_page(GetExceptionCode()) ? EXCEPTION_EXECUTE_HANDLER
                                                 : EXCEPTION_CONTINUE_SEARCH) {
        result.status = SLOT_E_LOST;
    }
    return result;
}

bool slot__os_win32_touch(void *address)
{
    bool there = true;

    __try {
        (void)_InterlockedOr8((char *)address, 0);
    } __except (is_lost_page(GetExceptionCode()) ? EXCEPTION_EXECUTE_HANDLER
                                                 : EXCEPTION_CONTINUE_SEARCH) {
        there = false;
    }
    return there;
}

#elif defined(__i386__) || defined(__x86_64__)

#if defined(__x86_64__)
#define PROGRAM_COUNTER Rip
#else
#define PROGRAM_COUNTER Eip
#endif

/* The labels below must exist once, so their functions are never inlined or cloned. */
#if defined(__clang__)
#define ONCE __attribute__((noinline))
#else
#define ONCE __attribute__((noipa))
#endif

extern const char copy_at[] __asm__("slot__guard_copy_at");
extern const char copy_end[] __asm__("slot__guard_copy_end");
extern const char touch_at[] __asm__("slot__guard_touch_at");
extern const char touch_end[] __asm__("slot__guard_touch_end");

static LONG CALLBACK on_exception(EXCEPTION_POINTERS *exception)
{
    CONTEXT *context = exception->ContextRecord;
    uintptr_t at = (uintptr_t)context->PROGRAM_COUNTER;

    if (!is_lost_page(exception->ExceptionRecord->ExceptionCode))
        return EXCEPTION_CONTINUE_SEARCH;
    if (at == (uintptr_t)copy_at)
        context->PROGRAM_COUNTER = (uintptr_t)copy_end;
    else if (at == (uintptr_t)touch_at)
        context->PROGRAM_COUNTER = (uintptr_t)touch_end;
    else
        return EXCEPTION_CONTINUE_SEARCH;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static BOOL CALLBACK install(INIT_ONCE *once, void *unused, void **context)
{
    HMODULE self;

    (void)once, (void)unused, (void)context;
    /* The handler stays when the program unloads the library: so must its code. */
    (void)GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                             (LPCWSTR)(const void *)copy_at, &self);
    return AddVectoredExceptionHandler(1, on_exception) != NULL;
}

void slot__os_guard_install(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

    (void)InitOnceExecuteOnce(&once, install, NULL, NULL);
}

/* The count register holds what is left to copy: 0 unless a fault ended the copy early. */
ONCE static os_result guarded_copy(void *to, const void *from, size_t n)
{
    os_result result = os_success();

    __asm__ volatile("slot__guard_copy_at:\n\t"
                     "rep movsb\n"
                     "slot__guard_copy_end:"
                     : "+D"(to), "+S"(from), "+c"(n)
                     :
                     : "memory", "cc");
    if (n != 0)
        result.status = SLOT_E_LOST;
    return result;
}

/* `lost` is cleared by the instruction that a fault skips. */
ONCE bool slot__os_win32_touch(void *address)
{
    int lost = 1;

    __asm__ volatile("slot__guard_touch_at:\n\t"
                     "lock orb $0, (%1)\n\t"
                     "movl $0, %0\n"
                     "slot__guard_touch_end:"
                     : "+&r"(lost)
                     : "r"(address)
                     : "memory", "cc");
    return lost == 0;
}

#else
#error "guard_win32.c has no guarded copy for this compiler and processor"
#endif

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
