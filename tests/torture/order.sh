#!/bin/sh
# Every acknowledged commit was on the disk before: the system calls of $COMMITS (commits.c), watched
# by strace and judged by order.awk. First made-up traces, so that the judge is judged too.
set -u
: "${COMMITS:?the program to watch}"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/slotfile-order.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT PIPE TERM
checks=0
failures=0

# judge RESULT TRACE WHAT [OPTION...]: the judge's exit code must be RESULT.
judge() {
    want=$1 trace=$2 what=$3
    shift 3
    awk "$@" -f "$here/order.awk" "$trace" >"$work/out" 2>&1
    got=$?
    checks=$((checks + 1))
    [ "$got" -eq "$want" ] && return
    failures=$((failures + 1))
    echo "FAILED: $what"
    tail -n 25 "$work/out"
}

# made RESULT WHAT [OPTION...]: a made-up trace from stdin.
made() {
    want=$1 what=$2
    shift 2
    cat >"$work/made"
    judge "$want" "$work/made" "made-up trace: $what" "$@"
}

made 0 'a commit with its sync' <<'END'
10 write(1</tmp/marks>, "BEGIN 0 1\n", 10) = 10
10 fdatasync(5</tmp/d/log/00>) = 0
10 write(1</tmp/marks>, "ACK 0 1\n", 8) = 8
END
made 0 'the sync of another thread, in two lines' <<'END'
10 write(1</tmp/marks>, "BEGIN 0 1\n", 10 <unfinished ...>
11 write(1</tmp/marks>, "BEGIN 1 1\n", 10) = 10
10 <... write resumed>) = 10
11 fdatasync(5</tmp/d/log/00> <unfinished ...>
11 <... fdatasync resumed>) = 0
10 write(1</tmp/marks>, "ACK 0 1\n", 8) = 8
11 write(1</tmp/marks>, "ACK 1 1\n", 8) = 8
END
made 0 'msync of a view of the log' <<'END'
10 mmap(NULL, 65536, PROT_READ|PROT_WRITE, MAP_SHARED, 5</tmp/d/log/07>, 0) = 0x7f0123450000
10 write(1</tmp/marks>, "BEGIN 0 1\n", 10) = 10
10 msync(0x7f0123451000, 4096, MS_SYNC) = 0
10 write(1</tmp/marks>, "ACK 0 1\n", 8) = 8
END
made 1 'no sync' <<'END'
10 fdatasync(5</tmp/d/log/00>) = 0
10 write(1</tmp/marks>, "BEGIN 0 1\n", 10) = 10
10 write(1</tmp/marks>, "ACK 0 1\n", 8) = 8
END
made 1 'a sync that begins before the commit' <<'END'
11 fdatasync(5</tmp/d/log/00> <unfinished ...>
10 write(1</tmp/marks>, "BEGIN 0 1\n", 10) = 10
11 <... fdatasync resumed>) = 0
10 write(1</tmp/marks>, "ACK 0 1\n", 8) = 8
END
made 1 'a sync that ends after the commit' <<'END'
10 write(1</tmp/marks>, "BEGIN 0 1\n", 10) = 10
11 fdatasync(5</tmp/d/log/00> <unfinished ...>
10 write(1</tmp/marks>, "ACK 0 1\n", 8) = 8
11 <... fdatasync resumed>) = 0
END
made 1 'a sync that fails' <<'END'
10 write(1</tmp/marks>, "BEGIN 0 1\n", 10) = 10
10 fdatasync(5</tmp/d/log/00>) = -1 EIO (Input/output error)
10 write(1</tmp/marks>, "ACK 0 1\n", 8) = 8
END
made 1 'a sync of another file' <<'END'
10 write(1</tmp/marks>, "BEGIN 0 1\n", 10) = 10
10 fdatasync(5</tmp/d/records>) = 0
10 fdatasync(5</tmp/d/log/00.index>) = 0
10 write(1</tmp/marks>, "ACK 0 1\n", 8) = 8
END
made 1 'msync of something else' <<'END'
10 mmap(NULL, 65536, PROT_READ|PROT_WRITE, MAP_SHARED, 5</tmp/d/log/07>, 0) = 0x7f0123450000
10 mmap(NULL, 65536, PROT_READ|PROT_WRITE, MAP_SHARED, 6</tmp/d/records>, 0) = 0x7f0123450000
10 write(1</tmp/marks>, "BEGIN 0 1\n", 10) = 10
10 msync(0x7f0123451000, 4096, MS_SYNC) = 0
10 write(1</tmp/marks>, "ACK 0 1\n", 8) = 8
END
made 1 'no commit at all' </dev/null
made 0 'the log, then records' -v before_records=1 <<'END'
10 write(1</tmp/marks>, "BEGIN 0 1\n", 10) = 10
10 fdatasync(5</tmp/d/log/00>) = 0
10 pwrite64(5</tmp/d/records>, "x", 1, 0) = 1
10 fdatasync(5</tmp/d/records>) = 0
END
made 1 'records, then the log' -v before_records=1 <<'END'
10 write(1</tmp/marks>, "BEGIN 0 1\n", 10) = 10
10 pwrite64(5</tmp/d/records>, "x", 1, 0) = 1
10 fdatasync(5</tmp/d/log/00>) = 0
10 fdatasync(5</tmp/d/records>) = 0
END

# watch NAME ARGUMENTS...: a run under strace, into the file NAME.
watch() {
    name=$1
    shift
    # The leak sanitizer cannot work in a process that is watched already.
    # shellcheck disable=SC2086 # an emulator and a program
    ASAN_OPTIONS=detect_leaks=0 strace -f -y -s 64 -o "$work/$name" \
        -e trace=openat,fdatasync,fsync,msync,write,pwrite64,mmap,munmap \
        $COMMITS run "$work/$name.slots" "$@" >"$work/marks" 2>"$work/err" || {
        failures=$((failures + 1))
        echo "FAILED: commits run $*"
        tail -n 5 "$work/err"
    }
}

if ! strace -o /dev/null true 2>"$work/err"; then
    echo "SKIPPED: no strace, or it may not be used here: $(head -n 1 "$work/err")"
else
    watch one full 1 400
    judge 0 "$work/one" 'one thread'
    tail -n 1 "$work/out"
    watch four full 4 200
    judge 0 "$work/four" 'four threads'
    tail -n 1 "$work/out"
    watch normal normal 1 400
    judge 1 "$work/normal" 'the judge must complain of commits that wait for no sync'
    # The log goes first there, too.
    sed 's/ACK/DONE/' "$work/normal" >"$work/made"
    judge 0 "$work/made" 'records before the log' -v before_records=1
fi
if [ "$failures" -gt 0 ]; then
    echo "FAILED $failures of $checks checks"
    exit 1
fi
echo "PASSED $checks checks"
