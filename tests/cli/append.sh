# append: one record at the end, its number, and that a refused value changes nothing.
. "$(dirname "$0")/lib.sh"

schema='id:u32,name:text[8],p:pad[2],ok:bool'
run 0 create a.slots --schema "$schema"
run 0 append a.slots id=7 name=Ann ok=true
out_is 0
err_empty
run 0 append a.slots 'name=a, "b"' id=2
out_is 1
run 0 append a.slots --sync normal ok=1
out_is 2
run 0 append a.slots -- id=+9
out_is 3
run 0 export a.slots
out_is 'id,name,ok
7,Ann,true
2,"a, ""b""",false
0,,true
9,,false'
run 0 verify a.slots
out_is 'a.slots: 4 records, no damage found'
run 0 info a.slots
out_has 'clean: true'

# Raw: exactly one record.
head -c 15 a.slots/records >one
run 0 append a.slots --raw one
out_is 4
run 0 append a.slots --raw - --sync=full <one
out_is 5
run 0 get a.slots 5 --format raw
same out one
cat one one >two
head -c 14 one >short
before=$(fingerprint a.slots)
run 1 append a.slots --raw two
err_is 'slotfile: two: more than the 15 bytes of a record'
run 1 append a.slots --raw short
err_is 'slotfile: short: less than the 15 bytes of a record'
run 1 append a.slots --raw - </dev/null
run 3 append a.slots --raw missing

run 1 append a.slots id=1 ok=perhaps
out_empty
err_is 'slotfile: field "ok": not a bool (write true, false, 1 or 0)'
run 2 append a.slots nobody=1
err_is 'slotfile append: a.slots has no such field: nobody=1 (see: slotfile help append)'
run 2 append a.slots p=1
run 2 append a.slots id=1 name=x id=2
err_is 'slotfile append: field "id" is given twice (see: slotfile help append)'
run 2 append a.slots id=1 '"id"=1'
run 2 append a.slots id
err_is 'slotfile append: "id" is not FIELD=VALUE (see: slotfile help append)'
run 2 append a.slots
err_is 'slotfile append: give either FIELD=VALUE or --raw FILE (see: slotfile help append)'
run 2 append a.slots id=1 --raw one
run 2 append a.slots id=1 --sync maybe
err_is 'slotfile append: --sync: "maybe" is neither full nor normal (see: slotfile help append)'
run 3 append missing.slots id=1
absent missing.slots
[ "$(fingerprint a.slots)" = "$before" ]
passed $? 'a refused append has changed a file'

# Output that is lost does not take the record with it, and that is said.
if [ -w /dev/full ]; then
    for command in append insert; do
        last="$command a.slots id=5 >/dev/full"
        $SLOTFILE $command a.slots id=5 >/dev/full 2>err
        [ $? -eq 3 ]
        passed $? 'a full device is not exit code 3'
        mv err told
        run 0 info a.slots
        records=$(number records)
        mv told err
        err_has 'slotfile: cannot write to standard output: ' # each system has its reason
        err_has "slotfile: a.slots: record $((records - 1)) was added"
    done
    [ "$records" -eq 8 ]
    passed $? "$records records are not 8"
fi

# Records without fields.
run 0 create h.slots --record-size 4
printf 'abcd' | run 0 append h.slots --raw -
out_is 0
run 2 append h.slots a=1
printf 'abcd' >four
run 0 append h.slots --raw four
printf 'abcdabcd' >want
same h.slots/records want
finish
