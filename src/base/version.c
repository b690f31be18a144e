#include "slotfile/slotfile.h"

/* SLOT_VERSION comes from project(VERSION) in CMakeLists.txt, the only place where it is written.
 */
const char *slot_version(void)
{
    return SLOT_VERSION;
}
