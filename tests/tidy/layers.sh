#!/bin/sh
# layers.sh ROOT: dependencies point downward only (docs/architecture.md), the command line uses the
# public header alone but for one command and one header, nobody but src/os and the tests' support asks for the operating system, and
# only src/base/checksum.c knows xxHash.
set -u
cd "$1" || exit 2
bad=0

complain() {
    printf '%s\n' "$1"
    bad=1
}

# includes FILES...: lines "file: included" for what is included with quotes
includes() {
    grep -HE '^#include "' "$@" | sed 's/:#include "/: /; s/".*//'
}

# allow LAYER REGEX: files of src/LAYER include only what matches
allow() {
    out=$(includes src/"$1"/*.[ch] | grep -vE ": ($2)")
    [ -z "$out" ] || complain "src/$1 may include only $2:
$out"
}

allow base 'slotfile/|base/'
allow os 'slotfile/|base/|os/'
allow format 'slotfile/|base/|format/'
allow view 'slotfile/|base/|os/os\.h|view/'
allow log 'slotfile/|base/|os/os\.h|format/|view/|log/'
allow db 'slotfile/|base/|os/os\.h|format/|view/|log/|db/'

for layer in src/*/; do
    case $layer in
    src/base/ | src/os/ | src/format/ | src/view/ | src/log/ | src/db/ | src/install/) ;;
    *) complain "$layer is a layer that tests/tidy/layers.sh does not know" ;;
    esac
done

# A name is one in a directory that is open: nobody keeps a path, or makes one.
out=$(grep -nE '(db|log)->(path|directory)|"%s/|open_dir\(os, NULL|open_dir\(db->os, NULL' src/*/*.[ch] |
    grep -vE '^src/db/(open|create)\.c:[0-9]+:.*open_dir\(os, NULL')
[ -z "$out" ] || complain "no path is used after open:
$out"

# format is pure: no input or output, no allocation.
out=$(grep -nE '\b(malloc|calloc|realloc|free|printf|fopen|fread|fwrite) *\(|<(stdio|stdlib)\.h>' src/format/*.[ch])
[ -z "$out" ] || complain "src/format must not allocate or do i/o:
$out"

# The command bench measures beside raw mappings and read calls of the same file, on every system:
# that takes os.h, which users do not get. So what measures is bench/'s, once for the project's own
# benchmark and for this command, and it is reached through a header that shows nothing of os.h.
out=$(includes tools/*.[ch] | grep -vE ': (slotfile/slotfile\.h|[a-z0-9_]+\.h)$' |
    grep -vxF 'tools/cmd_bench.c: bench/user.h')
[ -z "$out" ] || complain "tools may include only the public header and their own, and cmd_bench.c bench/user.h:
$out"
out=$(grep -nE '^#include' bench/user.h | grep -vE '<(slotfile/slotfile|stdio)\.h>')
[ -z "$out" ] || complain "bench/user.h may show the command line nothing but the public header:
$out"

# A measurement goes through what users and systems have, never around it into the library.
out=$(includes bench/*.[ch] | grep -E ': (view|log|db|format)/')
[ -z "$out" ] || complain "bench may not look into the library:
$out"

out=$(grep -rnE '#\s*(if|ifdef|ifndef|elif)\b.*(_WIN32|__linux__|__APPLE__|__unix__|_MSC_VER)' \
    include src tools tests bench --include='*.[ch]' | grep -vE '^(src/os/|tests/support/)')
[ -z "$out" ] || complain "operating system tests outside src/os:
$out"

out=$(grep -rn 'xxhash' src tools bench --include='*.[ch]' | grep -v '^src/base/checksum\.c:')
[ -z "$out" ] || complain "only src/base/checksum.c may include xxHash:
$out"

# The system is called through the table only.
out=$(grep -nE '\b(open|close|read|write|pread|pwrite|mmap|munmap|msync|fsync|fdatasync|ftruncate|rename|unlink|mkdir|rmdir|fcntl|madvise|CreateFile[AW]|ReadFile|WriteFile) *\(' \
    src/base/*.c src/format/*.c src/view/*.c src/log/*.c src/db/*.c | grep -vE 'os->|^[^:]*:[0-9]+: *(/?\*|static)')
[ -z "$out" ] || complain "system calls outside src/os:
$out"

exit $bad
