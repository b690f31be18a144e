#!/bin/sh
# Compare two builds of the benchmark, an old one and a new one, run in turns on this machine.
#
#   sh bench/compare.sh OLD NEW [TURNS [OPTION]...]
#
# OLD and NEW are two programs slotfile_bench, or two build directories. Each turn (5 of them unless
# TURNS says otherwise) runs one of them and then the other, who goes first changes each time, and
# the options are those of slotfile_bench for both: --cases get,scan --dir DIR, say. Shown are the
# medians of all turns of what both measured of Slotfile itself, and the median of the ratios within
# a turn, new over old; the exit status is 1 when a ratio is above 1.05.
set -eu

[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
program() {
    if [ -d "$1" ]; then printf '%s/bin/slotfile_bench' "$1"; else printf '%s' "$1"; fi
}
old=$(program "$1")
new=$(program "$2")
shift 2
turns=5
if [ $# -gt 0 ]; then
    turns=$1
    shift
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# measure WHO PROGRAM OPTION...: lines "who turn<tab>case: contestant<tab>ns", of Slotfile alone.
measure() {
    who=$1
    run=$2
    shift 2
    "$run" --json "$@" 2>/dev/null | awk -v who="$who" -v turn="$turn" '
        /^ *\{"case":"/ {name = $0; sub(/^ *\{"case":"/, "", name); sub(/".*/, "", name)}
        /^ *\{"contestant":"/ && /"kind":"slotfile"/ {
            way = $0; sub(/^ *\{"contestant":"/, "", way); sub(/".*/, "", way)
            ns = $0; sub(/.*"ns":\{"median":/, "", ns); sub(/[,}].*/, "", ns)
            if (ns + 0 > 0) printf "%s %d\t%s: %s\t%s\n", who, turn, name, way, ns
        }' >> "$work/measured"
}

turn=0
while [ "$turn" -lt "$turns" ]; do
    if [ $((turn % 2)) -eq 0 ]; then
        measure old "$old" "$@"
        measure new "$new" "$@"
    else
        measure new "$new" "$@"
        measure old "$old" "$@"
    fi
    turn=$((turn + 1))
done

awk -F '\t' '
    function median(values, n,    i, j, v) {
        for (i = 2; i <= n; i++) {
            v = values[i]
            for (j = i - 1; j >= 1 && values[j] > v; j--) values[j + 1] = values[j]
            values[j + 1] = v
        }
        return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
    }
    {
        if (!($2 in seen)) {seen[$2] = 1; names[++count] = $2}
        split($1, who, " ")
        ns[who[1], who[2], $2] = $3
        if (who[2] + 1 > turns) turns = who[2] + 1
    }
    END {
        printf "%12s %12s %9s  %s\n", "old ns", "new ns", "new/old", "case: contestant"
        for (i = 1; i <= count; i++) {
            n = 0
            for (t = 0; t < turns; t++) {
                a = ns["old", t, names[i]]; b = ns["new", t, names[i]]
                if (a == "" || b == "") continue
                n++; olds[n] = a + 0; news[n] = b + 0; ratios[n] = b / a
            }
            if (n == 0) continue
            ratio = median(ratios, n)
            much = ratio > 1.05
            slower += much
            printf "%12.1f %12.1f %9.3f  %s%s\n", median(olds, n), median(news, n), ratio,
                names[i], much ? "  SLOWER" : ""
        }
        printf "%d of %d more than 5 %% slower\n", slower, count
        exit (slower > 0)
    }' "$work/measured"
