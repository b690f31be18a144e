#!/bin/sh
# install.sh CMAKE BUILD HERE CC CFLAGS GENERATOR: install into a folder of our own, then build and
# run a small program against it, once found by CMake and once by pkg-config, and that of README.md.
# shellcheck disable=SC2086 # flags are words
set -eu
cmake=$1 build=$2 here=$3 cc=$4 cflags=$5 generator=$6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$cmake" --install "$build" --prefix "$work/installed" >"$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
}
"$work/installed/bin/slotfile" --version
"$cmake" -S "$here/consumer" -G "$generator" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$work/installed" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$cflags" >"$work/log" 2>&1 &&
    "$cmake" --build "$work/consumer" >>"$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
}
"$work/consumer/consumer" "$work/by-cmake.slots"
# The program in README.md, as it stands there.
sed -n '/^```c$/,/^```$/p' "$here/../../README.md" | sed '/^```/d' >"$work/readme.c"
"$cc" $cflags -std=c11 -I "$work/installed/include" "$work/readme.c" -o "$work/readme" \
    "$(find "$work/installed" -name libslotfile.a)" -pthread
(cd "$work" && ./readme && "$work/installed/bin/slotfile" get people.slots 0 | grep -qx 'name=Ada')
if command -v pkg-config >/dev/null; then
    PKG_CONFIG_PATH=$(dirname "$(find "$work/installed" -name slotfile.pc)")
    export PKG_CONFIG_PATH
    # shellcheck disable=SC2046,SC2086 # flags are words
    "$cc" $cflags -std=c11 "$here/consumer/consumer.c" -o "$work/by-pkg" \
        $(pkg-config --cflags --libs slotfile)
    LD_LIBRARY_PATH=$(pkg-config --variable=libdir slotfile) "$work/by-pkg" "$work/by-pkg.slots"
fi
