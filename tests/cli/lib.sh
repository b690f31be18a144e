# What all scripts here share. A script sources this file, makes its checks in a fresh directory, and
# ends with `finish`. $SLOTFILE is the command to test, $PEOPLE the generator of people; both may be
# several words (an emulator and a program).

set -u
: "${SLOTFILE:?the command to test}"
LC_ALL=C.UTF-8
WINEDEBUG=${WINEDEBUG:--all}
# A sanitizer's report must not look like an exit code of ours.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=99
UBSAN_OPTIONS=${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}exitcode=99
LSAN_OPTIONS=${LSAN_OPTIONS:+$LSAN_OPTIONS:}exitcode=99
export LC_ALL WINEDEBUG ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS

# No file that a test makes comes near this; a mistake must not fill the disk.
ulimit -f 2097152

script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
work=$(mktemp -d "${TMPDIR:-/tmp}/slotfile-cli.XXXXXX") || exit 1
trap '[ ! -e "$work/mnt" ] || umount "$work/mnt" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1

checks=0
failures=0
last=

# skip TEXT: it cannot be tested here. Where SLOT_TEST_ROOT is set, everything has to be.
skip() {
    if [ -n "${SLOT_TEST_ROOT-}" ]; then
        echo "FAILED: $1"
    else
        echo "SKIPPED: $1"
    fi
    exit 1
}

# need_mounts: what is mounted from here on nobody else sees, and it is gone when we are. Root only:
# the script begins anew, in a name space of its own.
need_mounts() {
    [ "$(id -u)" -eq 0 ] || skip 'only root can mount a file system'
    [ "${SLOT_TEST_INSIDE-}" != yes ] || return 0
    unshare -m true 2>/dev/null || skip 'no mount name space can be had'
    cd / && rm -rf "$work"
    SLOT_TEST_INSIDE=yes exec unshare -m sh "$script"
}

# mount_tmpfs SIZE DIRECTORY
mount_tmpfs() {
    mount -t tmpfs -o "size=$1" tmpfs "$2" || skip 'no tmpfs can be mounted'
}

people_schema='id:u64,first:text[20],last:text[20],email:text[40],born:date,joined:timestamp,'
people_schema=$people_schema'balance:decimal[2],score:f64,visits:u32,active:bool,pad:pad[4]'

# passed TRUTH TEXT: count a check; TRUTH is an exit code.
passed() {
    checks=$((checks + 1))
    [ "$1" -eq 0 ] && return
    failures=$((failures + 1))
    printf 'FAILED: %s\n  after: slotfile %s\n' "$2" "$last"
    sed 's/^/  stdout: /' out | head -n 5
    sed 's/^/  stderr: /' err | head -n 5
}

# run CODE ARGUMENTS...: run the command; its exit code must be CODE. What it wrote is in the files
# out and err, the latter without carriage returns.
run() {
    want=$1
    shift
    last="$*"
    $SLOTFILE "$@" >out 2>err.raw
    got=$?
    # Now and then Wine does not start a program, and says 1 and nothing else; we never do that.
    if [ "$got" -eq 1 ] && [ "$want" -ne 1 ] && [ ! -s out ] && [ ! -s err.raw ] &&
        [ "${SLOTFILE#*wine}" != "$SLOTFILE" ]; then
        $SLOTFILE "$@" >out 2>err.raw
        got=$?
    fi
    tr -d '\r' <err.raw >err
    [ "$got" -eq "$want" ]
    passed $? "exit code $got, not $want"
    if grep -q -e 'runtime error' -e 'Sanitizer' err; then
        passed 1 'a sanitizer has found something'
    fi
}

# people ARGUMENTS...: made-up people on stdout.
people() {
    $PEOPLE "$@"
}

# out_is TEXT, err_is TEXT: exactly that, and a line feed.
out_is() {
    printf '%s\n' "$1" | cmp -s - out
    passed $? "stdout is not: $1"
}

err_is() {
    printf '%s\n' "$1" | cmp -s - err
    passed $? "stderr is not: $1"
}

# out_has TEXT, err_has TEXT: that text somewhere.
out_has() {
    grep -q -F -e "$1" out
    passed $? "stdout lacks: $1"
}

err_has() {
    grep -q -F -e "$1" err
    passed $? "stderr lacks: $1"
}

# out_empty, err_empty: nothing.
out_empty() {
    [ ! -s out ]
    passed $? "stdout is not empty"
}

err_empty() {
    [ ! -s err ]
    passed $? "stderr is not empty"
}

# same FILE FILE: byte for byte.
same() {
    cmp "$1" "$2" >differ 2>&1
    passed $? "$1 is not $2: $(cat differ)"
}

# absent PATH, present PATH
absent() {
    [ ! -e "$1" ]
    passed $? "$1 exists"
}

present() {
    [ -e "$1" ]
    passed $? "$1 is missing"
}

# fingerprint DB: something that changes when any byte of a file does that holds the database; `log`
# and `shared` hold nothing once it is closed.
fingerprint() {
    (cd "$1" && for f in *; do
        case $f in log | shared) continue ;; esac
        printf '%s ' "$f"
        [ -f "$f" ] && cksum <"$f"
    done)
}

# number KEY: the number behind that key in what info has written to the file out.
number() {
    sed -n "s/^$1: //p" out | tr -d '\r'
}

# hold DB ARGUMENTS...: an import into DB that waits for its input, which is what is written to
# descriptor 9. It has the database open, and a transaction only when it was given 256 KiB. Its
# process is $holder.
hold() {
    last="import $1 (held open)"
    [ -p pipe ] || mkfifo pipe
    held=$1
    shift
    $SLOTFILE import "$held" - --format raw "$@" <pipe >held.out 2>&1 &
    holder=$!
    exec 9>pipe
    code=0
    tries=0
    while [ "$tries" -lt 100 ] && [ "$code" -ne 5 ]; do
        $SLOTFILE import "$held" /dev/null --format raw --direct --wait-ms 0 >out 2>err
        code=$?
        tries=$((tries + 1))
        [ "$code" -eq 5 ] || sleep 0.1
    done
    [ "$code" -eq 5 ]
    passed $? "$held was not opened"
}

# release: the input of that import ends, and so does it.
release() {
    exec 9>&-
    wait "$holder"
    passed $? "the import that was held has failed: $(cat held.out)"
}

# slay: it is killed.
slay() {
    kill -KILL "$holder"
    wait "$holder" 2>/dev/null
    exec 9>&-
}

finish() {
    if [ "$failures" -gt 0 ]; then
        echo "FAILED $failures of $checks checks"
        exit 1
    fi
    echo "PASSED $checks checks"
}
