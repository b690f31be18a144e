# shellcheck shell=sh
# Tests run as an ordinary user: permissions mean nothing to root. When we are root, that is nobody,
# in a home of its own. Sourced; user_begin first, user_end last.

user_begin() {
    umask 022
    user_home=$(mktemp -d "${TMPDIR:-/tmp}/slotfile-home-XXXXXX")
    mkdir "$user_home/tmp"
    user_prefix=
    if [ "$(id -u)" -eq 0 ]; then
        user_prefix="setpriv --reuid=nobody --regid=$(id -g nobody) --clear-groups --"
        chown -R nobody "$user_home"
    fi
}

user_end() {
    rm -rf "$user_home"
}

# as_user COMMAND...: also lets git, should a test ask it, read a tree that is somebody else's.
as_user() {
    # shellcheck disable=SC2086 # a list of words
    env HOME="$user_home" TMPDIR="$user_home/tmp" LC_ALL=C.UTF-8 GIT_CONFIG_COUNT=1 \
        GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' $user_prefix "$@"
}

# user_tree DIR: prints DIR when the user can read it, else the path of a copy that it can.
user_tree() {
    if as_user test -r "$1/tests/unit/CMakeLists.txt" 2>/dev/null; then
        echo "$1"
    else
        mkdir "$user_home/tree"
        (cd "$1" && tar -cf - --exclude='./build*' .) | tar -xf - -C "$user_home/tree"
        chmod -R a+rX "$user_home/tree"
        echo "$user_home/tree"
    fi
}

# user_ctest BUILD [OPTION...]: run the tests of a build. It becomes the user's: ctest, an install and
# the benchmark write into it. When we are root, those that need root are left to root_ctest.
user_ctest() {
    build=$1
    shift
    if [ -n "$user_prefix" ]; then
        chown -R nobody "$build"
        set -- "$@" -LE root
    fi
    (cd "$build" && as_user ctest -j "$(nproc)" --output-on-failure --no-tests=error "$@")
}

# root_ctest BUILD [OPTION...]: run those tests of a build that need root, when we are root. There a
# test of the command that says it cannot run has failed.
root_ctest() {
    build=$1
    shift
    [ -n "$user_prefix" ] || return 0
    (cd "$build" && env TMPDIR="$user_home/tmp" LC_ALL=C.UTF-8 SLOT_TEST_ROOT=1 \
        ctest -j "$(nproc)" --output-on-failure --no-tests=error -L root "$@")
}
