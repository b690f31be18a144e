#!/bin/sh
# Build Slotfile on this machine and compare it with the plain ways and with other databases, as an
# ordinary user even when started by root.
#
#   sh bench/run.sh [OPTION]...
#
# Options are those of slotfile_bench: --help lists them. On Debian and Ubuntu what is missing is
# installed (as root or with sudo), the other databases among it. The build is in build-bench/, and
# so are the files of the run, up to 4 GB, unless --dir says otherwise (on a disk, please), and the
# report of --html FILE unless FILE is an absolute path. Let nothing else run meanwhile. The exit
# status is that of slotfile_bench.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/lib/packages.sh"
. "$root/tests/lib/user.sh"

packages_install cmake ninja-build gcc libc6-dev libxxhash-dev libcmocka-dev \
    liblmdb-dev libsqlite3-dev sqlite3 libtokyocabinet-dev libdb-dev libtkrzw-dev
user_begin
trap user_end EXIT
# A tree that the user cannot read is copied, and then the build is beside the copy.
source=$(user_tree "$root")
build=$root/build-bench
[ "$source" = "$root" ] || build=$user_home/build-bench
cmake -S "$source" -B "$build" -G Ninja >&2
cmake --build "$build" --target slotfile_bench slotfile people >&2
[ -z "$user_prefix" ] || chown -R nobody "$build"
cd "$build"
as_user bin/slotfile_bench "$@"
