/*
 * Time, waiting and chance on Windows.
 */
#include "os/win32.h"

#include <ntsecapi.h>

void slot__os_seam_install(void)
{
}

void slot__os_seam_yield(const struct os *os, const char *where)
{
    (void)os, (void)where;
}

uint64_t slot__os_seam_clock_ms(const struct os *os)
{
    (void)os;
    return GetTickCount64();
}

/* Sleep counts in clock ticks of up to 16 ms: what is shorter than 1 ms is waited out by giving the
 * processor away again and again. */
static void yield_for(uint32_t us)
{
    LARGE_INTEGER ticks_per_second, start, now;

    QueryPerformanceFrequency(&ticks_per_second);
    QueryPerformanceCounter(&start);
    do {
        SwitchToThread();
        QueryPerformanceCounter(&now);
    } while ((now.QuadPart - start.QuadPart) * 1000000 / ticks_per_second.QuadPart < us);
}

void slot__os_seam_sleep_us(const struct os *os, uint32_t us)
{
    (void)os;
    if (us < 1000)
        yield_for(us);
    else
        Sleep(us / 1000);
}

_Static_assert(sizeof(_Atomic uint32_t) == 4, "WaitOnAddress compares plain words");

/* In whole milliseconds, rounded up; never so many that they mean INFINITE. */
void slot__os_seam_park(const struct os *os, _Atomic uint32_t *word, uint32_t seen, uint32_t us)
{
    (void)os;
    (void)WaitOnAddress(word, &seen, sizeof seen, us / 1000 + (us % 1000 != 0 ? 1 : 0));
}

void slot__os_seam_unpark(const struct os *os, _Atomic uint32_t *word)
{
    (void)os;
    WakeByAddressSingle((void *)(uintptr_t)word);
}

uint64_t slot__os_seam_process(const struct os *os)
{
    (void)os;
    return GetCurrentProcessId();
}

/* There are no forks. */
void slot__os_seam_watch_forks(const struct os *os, struct os_fork_watch *watch)
{
    (void)os, (void)watch;
}

void slot__os_seam_unwatch_forks(const struct os *os, struct os_fork_watch *watch)
{
    (void)os, (void)watch;
}

/* What SystemTimeOfDayInformation (3) fills in; documented for its size only. */
struct time_of_day {
    LARGE_INTEGER boot_time, current_time, bias;
    ULONG zone, reserved;
    ULONGLONG boot_time_bias, sleep_time_bias;
};

/*
 * When the machine was started. Should somebody set the clock, the number changes without a start:
 * then it is no evidence any more, which is harmless.
 */
uint64_t slot__os_seam_boot_id(const struct os *os)
{
    typedef LONG(WINAPI * query_fn)(ULONG, void *, ULONG, ULONG *);
    HMODULE kernel = GetModuleHandleW(L"ntdll.dll");
    struct time_of_day time = {0};
    query_fn query = NULL;

    (void)os;
    if (kernel != NULL)
        query = (query_fn)(void (*)(void))GetProcAddress(kernel, "NtQuerySystemInformation");
    if (query == NULL || query(3, &time, sizeof time, NULL) < 0)
        return 0;
    return (uint64_t)time.boot_time.QuadPart;
}

os_result slot__os_seam_random(const struct os *os, void *bytes, size_t n)
{
    const size_t most = (size_t)1 << 30;
    uint8_t *to = bytes;

    (void)os;
    while (n > 0) {
        size_t part = n < most ? n : most;

        if (!RtlGenRandom(to, (ULONG)part))
            return slot__os_win32_last();
        to += part;
        n -= part;
    }
    return os_success();
}
