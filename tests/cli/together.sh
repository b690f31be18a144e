# Several processes at once: what a reader sees is one moment, and no writer takes another's away.
. "$(dirname "$0")/lib.sh"

people 20000 >p.csv
people 20000 --raw >p.raw
run 0 import p.slots p.csv --schema "$people_schema"

# An export that nobody reads on is stuck in the middle of its snapshot.
begin_export() {
    last='export p.slots (slowly)'
    mkfifo slow
    $SLOTFILE export p.slots --format raw >slow 2>slow.err &
    exporter=$!
    exec 8<slow
    dd bs=125 count=1 <&8 >begun 2>/dev/null
}

end_export() {
    cat begun - <&8 >exported
    exec 8<&-
    wait "$exporter"
    passed $? "the slow export has failed: $(cat slow.err)"
    rm slow
}

begin_export
run 0 info p.slots
out_has 'readers: 1'
[ "$(number oldest_reader_lsn)" -eq "$(number published_lsn)" ]
passed $? 'the oldest reader is not at the last commit'
run 0 put p.slots 19999 visits=77 --wait-ms 0
run 0 put p.slots 0 visits=77 --sync normal
run 0 delete p.slots 19998 10000
run 0 import p.slots p.csv
run 0 append p.slots id=5
out_is 40000
run 0 info p.slots
out_has 'records: 40001'
out_has 'deleted: 2'
[ "$(number oldest_reader_lsn)" -lt "$(number published_lsn)" ]
passed $? 'the oldest reader is not before the last commit'
run 0 checkpoint p.slots
err_is 'slotfile: p.slots: a reader from before the last commits holds them in the log'
run 0 verify p.slots
run 0 get p.slots 19999
out_has 'visits=77'
run 1 get p.slots 10000
end_export
same exported p.raw
run 0 checkpoint p.slots
err_empty
run 0 info p.slots
out_has 'records: 40001'
out_has 'readers: 0'
run 0 verify p.slots

# Every import is one transaction of 100 records with the same generation: no export sees a part.
run 0 create g.slots --schema 'generation:u32,k:u32'
(
    generation=1
    while [ "$generation" -le 15 ]; do
        awk -v g="$generation" 'BEGIN { print "generation,k"; for (k = 0; k < 100; k++) print g "," k }' |
            $SLOTFILE import g.slots - >>writer.out 2>&1 || echo "import $generation failed" >>writer.bad
        generation=$((generation + 1))
    done
    : >writer.done
) &
writer=$!
while [ ! -e writer.done ]; do
    run 0 export g.slots
    awk -F, 'NR > 1 { if ($1 != int((NR - 2) / 100) + 1 || $2 != (NR - 2) % 100) bad = 1 }
        END { exit bad || (NR - 1) % 100 }' out
    passed $? 'an export has seen a part of a transaction'
done
wait "$writer"
absent writer.bad
run 0 info g.slots
out_has 'records: 1500'
run 0 verify g.slots

# Two who append at the same time wait for each other.
append_some() {
    for k in 1 2 3 4 5 6 7 8 9 10; do
        $SLOTFILE append g.slots generation="$1" k="$k" --wait-ms 60000 >>"numbers.$1" 2>>"bad.$1"
    done
}
append_some 101 &
one=$!
append_some 102 &
two=$!
wait "$one" "$two"
cat bad.101 bad.102 >err
err_empty
cat numbers.101 numbers.102 | tr -d '\r' | sort -n >out
awk 'BEGIN { for (i = 1500; i < 1520; i++) print i }' >want
same out want
run 0 info g.slots
out_has 'records: 1520'
out_has 'clean: true'
run 0 verify g.slots
finish
