#!/bin/sh
# exports.sh HEADER SHARED STATIC NM OBJDUMP: the shared library exports exactly the functions that
# the header declares with SLOT_API. In the static library, where a program's own function of the
# same name would silently take the library's place, every other global name begins with `slot__`.
set -u
header=$1 shared=$2 static=$3 nm=$4 objdump=$5
bad=0
want=$(sed -n '/^SLOT_API/s/.*\b\(slot_[a-z0-9_]*\)(.*/\1/p' "$header" | sort)
case $shared in
*.dll)
    got=$(LC_ALL=C "$objdump" -p "$shared" |
        awk '/Ordinal\/Name Pointer/ {on=1; next} on && NF==0 {exit} on {print $NF}' | sort)
    ;;
*)
    got=$("$nm" -D --defined-only "$shared" | awk '$2 ~ /[TDBRVW]/ {print $3}' | sort)
    ;;
esac
if [ -z "$want" ] || [ "$got" != "$want" ]; then
    printf 'declared:\n%s\n\nexported:\n%s\n' "$want" "$got"
    bad=1
fi

# The compiler's own: .refptr.NAME and, in 32 bit, an underscore before each name on Windows, and
# functions elsewhere that tell where the code is.
globals=$("$nm" -g --defined-only "$static" 2>/dev/null | awk 'NF == 3 {print $3}' |
    sed 's/^\.refptr\.//; s/^_slot_/slot_/' | grep -v '^__x86\.get_pc_thunk\.' | sort -u)
strange=$(printf '%s\n' "$globals" | grep -v '^slot__' | grep -vxF "$want")
if [ -z "$globals" ] || [ -n "$strange" ]; then
    printf 'global in the static library, neither declared nor slot__:\n%s\n' "$strange"
    bad=1
fi
exit $bad
