#!/bin/sh
# A disk that stops taking writes: ext4 on an image whose file is made immutable while $COMMITS
# (commits.c) commits. A flush then fails for real: the pages are marked clean, and their bytes are
# not on the disk. No commit may be OK after that; what is left behind is a legal state, and the same
# one at every later open, whether the page cache lives on or not. Root only.
#
# Not an image on a full tmpfs: the loop driver of Linux says that a write is done of which only a
# part found space, so that bytes are lost without any error. And only ext4 with a journal is opened
# with the page cache as it is: without one, its own blocks may be lost like ours, and nobody writes
# them again.
set -u
: "${COMMITS:?the program that commits}"

skip() {
    echo "SKIPPED: $1"
    exit 0
}

[ "$(id -u)" -eq 0 ] || skip 'only root can mount an image'
for tool in mkfs.ext4 e2fsck losetup chattr unshare; do
    command -v $tool >/dev/null || skip "no $tool"
done
# What is mounted here nobody else sees, and it is gone when we are.
if [ "${FLUSH_FAILURE_INSIDE-}" != yes ]; then
    unshare -m true 2>/dev/null || skip 'no mount namespace can be had'
    FLUSH_FAILURE_INSIDE=yes exec unshare -m sh "$0"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/slotfile-flush.XXXXXX") || exit 1
mkdir "$work/disk" || exit 1
db=$work/disk/test.slots
image=$work/image
child=

clean() {
    [ -z "$child" ] || kill -9 "$child" 2>/dev/null
    chattr -i "$image" 2>/dev/null
    umount "$work/disk" 2>/dev/null
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 1' HUP INT PIPE TERM

checks=0
failures=0
unknown=0
reopened=0

# passed TRUTH TEXT: count a check; TRUTH is an exit code.
passed() {
    checks=$((checks + 1))
    [ "$1" -eq 0 ] && return
    failures=$((failures + 1))
    printf 'FAILED: %s: %s\n' "$scenario" "$2"
    tail -n 6 "$work/marks" "$work/err" 2>/dev/null
}

# disk_make OPTIONS...: the file system on its image, mounted.
disk_make() {
    rm -f "$image"
    truncate -s 128M "$image"
    mkfs.ext4 -q -F "$@" "$image" || skip 'mkfs.ext4 failed'
    mount -o loop "$image" "$work/disk" 2>"$work/err" ||
        skip "no loop device: $(head -n 1 "$work/err")"
}

# Whether an immutable file takes no writes of those who have it open already.
disk_can_break() {
    disk_make
    scenario='the disk itself'
    chattr +i "$image" 2>/dev/null || skip 'no file can be made immutable here'
    if dd if=/dev/zero of="$work/disk/file" bs=4096 count=1 conv=fsync 2>/dev/null; then
        skip 'an immutable file takes writes here'
    fi
    chattr -i "$image"
    umount "$work/disk"
}

# disk_again: unmounted, so that nothing of the page cache is left; repaired; mounted.
disk_again() {
    umount "$work/disk" || exit 1
    e2fsck -fy "$image" >"$work/fsck" 2>&1
    mount -o loop "$image" "$work/disk" || exit 1
}

# await TEXT: until it is in the marks; false when that takes too long.
await() {
    tries=0
    until grep -q "$1" "$work/marks" || [ $tries -ge 600 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    grep -q "$1" "$work/marks"
}

# commit_until_failure PAUSE CHECKPOINT SECONDS: the disk breaks so many seconds after it goes on
# from its pause, or before that.
commit_until_failure() {
    mkfifo "$work/in"
    : >"$work/marks"
    $COMMITS ledger "$db" "$1" 1000000 "$2" <"$work/in" >"$work/marks" 2>"$work/err" &
    child=$!
    exec 3>"$work/in"
    await PAUSED
    passed $? "the first $1 transactions"
    sync -f "$work/disk"
    if [ "$3" = before ]; then
        chattr +i "$image"
        echo go >&3
    else
        echo go >&3
        sleep "$3"
        chattr +i "$image"
    fi
    exec 3>&-
    wait "$child"
    passed $? 'the program that commits'
    child=
    rm "$work/in"
}

# state LEAST MOST: what `commits check` finds, or nothing.
state() {
    $COMMITS check "$db" "$1" "$2" 2>"$work/err" | sed -n 's/^STATE //p'
}

# run PAUSE CHECKPOINT SECONDS AGAIN OPTIONS...: AGAIN says whether it is first opened with the page
# cache as it is, on a disk that works again.
run() {
    scenario="paused at $1, checkpoints at $2, broken $3, opened $4, ${6-has_journal}"
    pause=$1 checkpoint=$2 seconds=$3 again=$4
    shift 4
    disk_make "$@"
    commit_until_failure "$pause" "$checkpoint" "$seconds"
    least=$(sed -n 's/^ACK //p' "$work/marks" | tail -n 1)
    failed=$(sed -n 's/^FAILED \([0-9]*\).*/\1/p' "$work/marks")
    echo "$scenario: $least acknowledged, then $(sed -n 's/^FAILED //p' "$work/marks")"
    [ "${failed:-0}" -ge 40 ] && [ "$failed" -lt 60 ]
    passed $? 'a status that names the machine'
    ! grep -q '^LATER 0' "$work/marks"
    passed $? 'no OK after a flush that failed'
    [ "${failed:-0}" -ne 50 ] || unknown=$((unknown + 1))
    most=$((least + $(grep -c -e '^FAILED 50' -e '^LATER 50' "$work/marks")))
    chattr -i "$image"
    if [ "$again" = cached ]; then
        # The file system may have gone read-only: then it cannot be opened, and that is all.
        found=$(state "$least" "$most")
        if [ -n "$found" ]; then
            least=$found most=$found
            reopened=$((reopened + 1))
        else
            ! grep -q -e 'transactions are there' -e 'is not of transaction' -e '^verify' \
                "$work/err"
            passed $? 'opened with the page cache as it is'
        fi
    fi
    for open in first second third; do
        disk_again
        found=$(state "$least" "$most")
        [ -n "$found" ]
        passed $? "the $open open finds $least to $most transactions"
        [ -z "$found" ] || least=$found most=$found
    done
    umount "$work/disk"
}

disk_can_break
for pause in 1 60 61 62; do
    run $pause 0 before fresh -O ^has_journal
    run $pause 0 before fresh
    run $pause 0 before cached
done
# Some of these break in a checkpoint.
for seconds in 0.03 0.05 0.07 0.11 0.15 0.19 0.23 0.31; do
    run 60 65536 $seconds fresh -O ^has_journal
    run 60 65536 $seconds fresh
    run 60 65536 $seconds cached
done
[ "$reopened" -gt 0 ]
passed $? 'opened with the page cache as it is, in some scenario'
[ "$unknown" -gt 0 ]
passed $? 'a commit whose flush fails, in some scenario'

if [ "$failures" -gt 0 ]; then
    echo "FAILED $failures of $checks checks"
    exit 1
fi
echo "PASSED $checks checks"
