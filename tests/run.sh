#!/bin/sh
# Build Slotfile on this machine and run its tests, as an ordinary user even when started by root.
#
#   sh tests/run.sh [--long]
#
# On Debian and Ubuntu what is missing is installed (as root or with sudo). The build is in build/.
# --long sets SLOT_TEST_LONG=1, at which some tests do more. The exit status is that of ctest. The
# tests that need root (they mount file systems) run as root, if it was root who started this.
set -eu

for option in "$@"; do
    case $option in
    --long)
        SLOT_TEST_LONG=1
        export SLOT_TEST_LONG
        ;;
    *)
        echo "usage: sh tests/run.sh [--long]" >&2
        exit 2
        ;;
    esac
done

root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/lib/packages.sh"
. "$root/tests/lib/user.sh"

packages_install cmake ninja-build gcc libc6-dev libxxhash-dev libcmocka-dev pkg-config patch strace
user_begin
trap user_end EXIT
root=$(user_tree "$root")
cmake -S "$root" -B "$root/build" -G Ninja
cmake --build "$root/build"
status=0
user_ctest "$root/build" || status=$?
root_ctest "$root/build" || status=$?
exit $status
