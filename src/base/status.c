#include "base/status.h"

#include <stdio.h>
#include <string.h>

const char *slot_status_text(slot_status status)
{
    switch (status) {
#define X(name, number, text)                                                                      \
    case name:                                                                                     \
        return text;
        SLOT_STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}

static SLOT_PRINTF(6, 0) void fill(slot_error *err, slot_status status, int os_code,
                                   const char *file, uint64_t offset, const char *what,
                                   va_list args)
{
    err->status = status;
    err->os_code = os_code;
    err->file = file;
    err->offset = offset;
    if (what != NULL)
        vsnprintf(err->what, sizeof err->what, what, args);
    else
        snprintf(err->what, sizeof err->what, "%s", slot_status_text(status));
}

slot_status slot__error_set(slot_error *err, slot_status status, const char *file, uint64_t offset,
                            const char *what, ...)
{
    va_list args;

    va_start(args, what);
    if (err != NULL)
        fill(err, status, 0, file, offset, what, args);
    va_end(args);
    return status;
}

slot_status slot__error_os(slot_error *err, slot_status status, int os_code, const char *file,
                           uint64_t offset, const char *what, ...)
{
    va_list args;

    va_start(args, what);
    if (err != NULL)
        fill(err, status, os_code, file, offset, what, args);
    va_end(args);
    return status;
}
