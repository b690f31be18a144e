#!/bin/sh
# exports.sh HEADER LIBRARY NM OBJDUMP: the library exports exactly the functions that the header
# declares with SLOT_API.
set -u
want=$(sed -n '/^SLOT_API/s/.*\b\(slot_[a-z0-9_]*\)(.*/\1/p' "$1" | sort)
case $2 in
*.dll)
    got=$(LC_ALL=C "$4" -p "$2" |
        awk '/Ordinal\/Name Pointer/ {on=1; next} on && NF==0 {exit} on {print $NF}' | sort)
    ;;
*)
    got=$("$3" -D --defined-only "$2" | awk '$2 ~ /[TDBRVW]/ {print $3}' | sort)
    ;;
esac
[ -n "$want" ] && [ "$got" = "$want" ] && exit 0
printf 'declared:\n%s\n\nexported:\n%s\n' "$want" "$got"
exit 1
