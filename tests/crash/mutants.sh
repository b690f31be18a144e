#!/bin/sh
# The test of the crash test: each patch in mutants/ breaks one rule of the protocol (its first lines
# say which, and why that must fail); with it the crash test has to fail within seconds. A patch
# that no longer applies fails this test.
#
#   sh mutants.sh BUILD CC [NAME...]
#
# BUILD is a build of this tree with the program `crash`, CC its compiler. Lines of mutants/list:
# name, kind of run, first seed, crash images (of varied: steps of 1,000; `harmed` is varied with damage
# between lives). For kind `systematic`: name, kind, schedules of each story, and the story, _ for
# blanks. For kind `test`: name, kind, the test program that is linked with it, and of test_golden what
# it is to do. For kind `fault`: a program of tests/faults. With SLOT_TEST_LONG=1 no seed is given
# away: the search begins at seed 1 and has a minute for each mutant.
set -u

build=$1 cc=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-w -std=c11 -O2 -fno-strict-aliasing -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSLOT_API="
wrap=
for name in malloc calloc realloc free slot__os_mutex_init slot__os_mutex_lock slot__os_mutex_unlock slot__os_mutex_release; do
    wrap="$wrap -Wl,--wrap=$name"
done

# build_mutant NAME KIND PROGRAM: $work/NAME/crash.
build_mutant() {
    tree=$work/$1
    mkdir -p "$tree" && cp -r "$root/src" "$tree/src" || return 1
    patch -s -p1 -F1 -d "$tree" <"$here/mutants/$1.patch" || return 1
    sources=$(sed -n 's|^+++ b/||p' "$here/mutants/$1.patch")
    case $sources in
    *.h*) sources=$(cd "$tree" && ls src/db/*.c src/log/*.c src/format/frame.c) ;;
    esac
    for source in $sources; do
        # shellcheck disable=SC2086 # lists of words
        $cc $flags -I"$root/include" -I"$tree/src" -c "$tree/$source" \
            -o "$tree/$(echo "$source" | tr / _).o" || return 1
    done
    if [ "$2" = fault ]; then
        $cc "$build/tests/faults/CMakeFiles/fault_$3.dir/$3.c.o" "$tree"/*.o \
            "$build/lib/libslotfile.a" -lpthread -ldl -o "$tree/crash"
        return
    fi
    if [ "$2" = test ]; then
        cmocka=$(find "$build" -name libcmocka_lib.a | head -n 1)
        $cc "$build"/tests/*/CMakeFiles/"$3.dir/$3".c.o "$tree"/*.o "$build/lib/libtest_support.a" \
            "${cmocka:--lcmocka}" "$build/lib/libcrash_sim.a" "$build/lib/libslotfile.a" -lpthread -o "$tree/crash"
        return
    fi
    # shellcheck disable=SC2086
    $cc $wrap "$build"/tests/crash/CMakeFiles/crash.dir/*.o \
        "$build"/tests/crash/CMakeFiles/crash_sim_wrap.dir/*.o "$tree"/*.o \
        "$build/lib/libcrash_sim.a" "$build/lib/libslotfile.a" -lpthread -o "$tree/crash"
}

seconds=20 seeds=30
if [ -n "${SLOT_TEST_LONG-}" ]; then
    seconds=60 seeds=1000000
fi

first_seed() {
    if [ -n "${SLOT_TEST_LONG-}" ]; then echo 1; else echo "$1"; fi
}

# arguments KIND SEED IMAGES: what the program is to run.
arguments() {
    case $1 in
    systematic) printf '%s\n' --systematic 2 --most "$2" --only "$(echo "$3" | tr _ ' ')" ;;
    fault) printf '%s\n' "$work/$name/db" ;;
    test) if [ "$2" = test_golden ]; then printf '%s\n' "$3" "$here"/../golden/v1/*.txt; fi ;;
    harmed) printf '%s\n' --only varied --from "$(first_seed "$2")" --seeds "$seeds" --steps "$3" --images 1 ;;
    varied) printf '%s\n' --only varied --from "$(first_seed "$2")" --seeds "$seeds" --steps "$3" --unharmed ;;
    *) printf '%s\n' --only "$1" --from "$(first_seed "$2")" --seeds "$seeds" --images "$3" ;;
    esac
}

run_mutant() {
    name=$1 limit=$seconds
    shift
    case $1 in test | fault) limit=120 ;; esac # they end by themselves
    old_ifs=$IFS
    IFS='
'
    # shellcheck disable=SC2046 # one argument a line
    set -- $(arguments "$@")
    IFS=$old_ifs
    timeout "$limit" "$work/$name/crash" "$@"
}

# one NAME KIND SEED IMAGES: says what came of it.
one() {
    if ! build_mutant "$1" "$2" "$3" >"$work/$1.log" 2>&1; then
        echo "FAILED: $1 does not apply or build"
        sed 's/^/    /' "$work/$1.log" | head -n 5
    elif run_mutant "$@" >"$work/$1.log" 2>&1 || [ $? -eq 124 ]; then
        echo "FAILED: $1 was not caught"
    else
        echo "caught $1: $(grep -a 'seed\|FAILED\|Assertion' "$work/$1.log" | sed "s/FAILED /failed /" | head -n 1 | cut -c 1-120)"
    fi
    rm -rf "${work:?}/$1"
}

while read -r name kind seed images; do
    if [ $# -eq 0 ] || echo " $* " | grep -q " $name "; then
        one "$name" "$kind" "$seed" "$images"
    fi
done <"$here/mutants/list" | tee "$work/result"
grep -q "^FAILED" "$work/result" && exit 1
echo "PASSED $(grep -c '^caught' "$work/result") mutants caught"
