/*
 * Byte-range locks and mutexes on Windows. These locks belong to the opening (the handle), as
 * open-file-description locks do elsewhere. They are mandatory: nobody else can read or write the
 * locked byte, so it must not hold data.
 */
#include "os/win32.h"

#define ASK_TRIES 20 /* a millisecond each, or what the timer makes of it */

os_result slot__os_lock_try(const struct os *os, struct os_file *file, uint64_t byte,
                            bool exclusive)
{
    DWORD how = LOCKFILE_FAIL_IMMEDIATELY | (exclusive ? LOCKFILE_EXCLUSIVE_LOCK : 0u);
    OVERLAPPED at = slot__os_win32_at(byte);

    (void)os;
    if (LockFileEx(file->handle, how, 0, 1, 0, &at)) {
        if (byte < WIN32_LOCK_BYTES)
            (void)InterlockedOr(&file->locked[byte / 32], (LONG)(1u << byte % 32));
        return os_success();
    }
    if (GetLastError() == ERROR_IO_PENDING)
        return (os_result){SLOT_E_BUSY, ERROR_IO_PENDING};
    return slot__os_win32_last(); /* ERROR_LOCK_VIOLATION is SLOT_E_BUSY */
}

void slot__os_lock_release(const struct os *os, struct os_file *file, uint64_t byte)
{
    OVERLAPPED at = slot__os_win32_at(byte);

    (void)os;
    if (byte < WIN32_LOCK_BYTES)
        (void)InterlockedAnd(&file->locked[byte / 32], (LONG) ~(1u << byte % 32));
    (void)UnlockFileEx(file->handle, 0, 1, 0, &at);
}

/* There is no question to ask: try it, and let go at once. Another one who asks has the byte for
 * that moment, so who finds it taken looks again, for longer than any question takes. */
os_result slot__os_lock_held(const struct os *os, struct os_file *file, uint64_t byte, bool *held)
{
    os_result result = slot__os_lock_try(os, file, byte, true);

    for (int i = 0; i < ASK_TRIES && result.status == SLOT_E_BUSY; i++) {
        Sleep(1);
        result = slot__os_lock_try(os, file, byte, true);
    }
    if (os_ok(result))
        slot__os_lock_release(os, file, byte);
    else if (result.status != SLOT_E_BUSY)
        return result;
    *held = !os_ok(result);
    return os_success();
}

/* Where an opening has both locks of a byte, the first unlock lets go of the exclusive one. */
os_result slot__os_lock_downgrade(const struct os *os, struct os_file *file, uint64_t byte)
{
    OVERLAPPED shared = slot__os_win32_at(byte);
    OVERLAPPED exclusive = slot__os_win32_at(byte);

    (void)os;
    if (!LockFileEx(file->handle, LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &shared) ||
        !UnlockFileEx(file->handle, 0, 1, 0, &exclusive))
        return (os_result){SLOT_E_IO, slot__os_win32_last().code};
    return os_success();
}

_Static_assert(sizeof(SRWLOCK) <= sizeof(struct os_mutex), "os_mutex has no room");

static SRWLOCK *inner(struct os_mutex *mutex)
{
    return (SRWLOCK *)(void *)mutex;
}

void slot__os_mutex_init(struct os_mutex *mutex)
{
    InitializeSRWLock(inner(mutex));
}

void slot__os_mutex_lock(struct os_mutex *mutex)
{
    AcquireSRWLockExclusive(inner(mutex));
}

void slot__os_mutex_unlock(struct os_mutex *mutex)
{
    ReleaseSRWLockExclusive(inner(mutex));
}

/* An SRWLOCK owns nothing. */
void slot__os_mutex_release(struct os_mutex *mutex)
{
    (void)mutex;
}
