/*
 * Private to the POSIX twins: the open file, and errno as an os_result.
 */
#ifndef SLOT_OS_POSIX_H
#define SLOT_OS_POSIX_H

#include "os/twin.h"

struct os_file {
    int fd;
};

/* What errno value `code` means for the caller. */
os_result os_posix_result(int code);

#endif
