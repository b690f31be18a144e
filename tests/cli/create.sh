# create: what it makes, and what it refuses.
. "$(dirname "$0")/lib.sh"

run 0 create a.slots --record-size 125
out_empty
err_empty
present a.slots/records
run 0 info a.slots
out_has 'records: 0'
out_has 'record_size: 125'
run 0 verify a.slots

run 0 create b.slots --schema 'id:u64,name:text[20]' --records 1000
run 0 info b.slots
out_has 'records: 1000'
out_has 'records_bytes: 28000'
out_has 'clean: true'
out_has '  8 text[20] name'
run 0 get b.slots 999
out_is 'id=0
name='
run 0 verify b.slots

# A database's own schema file makes an equal database; so does the same text in lines.
run 0 create c.slots --schema-file b.slots/schema
same b.slots/schema c.slots/schema
printf 'id : u64\r\nname:text[20]\n' >spec.txt
run 0 create d.slots --schema-file spec.txt
same b.slots/schema d.slots/schema
run 0 create e.slots --schema-file - <spec.txt
same b.slots/schema e.slots/schema
run 0 create f.slots --schema '"a,b:c":u8,"say ""x""":u16,größe:i32'
run 0 info f.slots
out_has '  0 u8 a,b:c'
out_has '  1 u16 say "x"'
out_has '  3 i32 größe'
run 0 create 'größe 日本.slots' --record-size=4K
present 'größe 日本.slots/records'

run 2 create a.slots --record-size 125
err_has 'slotfile: a.slots'
run 2 create x.slots
err_is 'slotfile create: give one of --schema, --schema-file and --record-size (see: slotfile help create)'
run 2 create x.slots --record-size 1 --schema a:u8
run 2 create x.slots --record-size 0
err_has 'slotfile: --record-size: '
run 2 create x.slots --record-size 1048577
run 2 create x.slots --record-size 99999999999999
run 2 create x.slots --record-size 12X
err_is 'slotfile create: --record-size: "12X" is not a number like 4096, 64K, 4M or 1G (see: slotfile help create)'
run 2 create x.slots --schema 'id:u65'
err_has 'slotfile: --schema: offset 3: '
run 2 create x.slots --schema 'id:u64,id:u8'
err_has 'slotfile: --schema: offset 7: '
run 2 create x.slots --schema ''
run 2 create x.slots --record-size 1 --records -1
run 2 create x.slots --record-size 1 --records 5000000000000
err_has 'slotfile: x.slots'
run 2 create
err_is 'slotfile create: too few arguments (see: slotfile help create)'
run 2 create x.slots y.slots --record-size 1
err_is 'slotfile create: unexpected argument y.slots (see: slotfile help create)'
run 3 create x.slots --schema-file missing.txt
err_has 'slotfile: missing.txt: cannot open the file: '
run 3 create no/such/x.slots --record-size 1
absent x.slots
# What killed creations of that name have left is removed by the next one, and nothing else is.
mkdir parent
run 0 create parent/like.slots --schema id:u32
left=parent/d.slots.tmp-0123456789abcde
mkdir "${left}0" "${left}1"
: >"${left}1/lock"
cp -r parent/like.slots "${left}2"
rm -rf "${left}2/log" "${left}2/shared"
cp -r "${left}2" "${left}3"
rm "${left}3/meta"
head -c 10 "${left}2/schema" >"${left}3/schema"
cp -r "${left}2" parent/other.slots.tmp-0123456789abcdef
cp -r "${left}2" parent/d.slots.tmp-0123456789abcdeg
cp -r "${left}2" "${left}45"
cp -r "${left}2" "${left}6"
printf abcd >"${left}6/records"
cp -r "${left}2" "${left}7"
echo letter >"${left}7/letter.txt"
mkdir "${left}8" "${left}8/log"
echo file >"${left}9"
mkdir parent/elsewhere
: >parent/elsewhere/lock
[ "${SLOTFILE#*wine}" != "$SLOTFILE" ] || ln -s elsewhere "${left}a"
run 0 create parent/d.slots --schema id:u32
for i in 0 1 2 3; do
    absent "$left$i"
done
for i in 45 6/records 7/letter.txt 8/log 9; do
    present "$left$i"
done
present parent/other.slots.tmp-0123456789abcdef/meta
present parent/d.slots.tmp-0123456789abcdeg/meta
present parent/elsewhere/lock
run 0 verify parent/d.slots

# Of some at once one makes it, and it is whole, though each takes the others for killed ones.
for round in 1 2 3 4 5 6; do
    for i in 1 2 3 4 5 6; do
        ($SLOTFILE create "at-once$round" --schema id:u32 2>/dev/null; echo $? >"code$i") &
    done
    wait
    last="create at-once$round, six times"
    made=$(cat code? | grep -c '^0$')
    refused=$(cat code? | grep -c '^2$')
    [ "$made" = 1 ] && { [ "$refused" = 5 ] || [ "${SLOTFILE#*wine}" != "$SLOTFILE" ]; }
    passed $? "$made have made it and $refused were refused: $(cat code? | tr '\n' ' ')"
    run 2 create "at-once$round" --schema id:u32
    run 0 append "at-once$round" id=1
    run 0 verify "at-once$round"
done
for i in 1 2 3 4 5 6 7 8 9; do
    $SLOTFILE create killed.slots --schema id:u32 2>/dev/null &
    [ "$i" = 1 ] || sleep 0.00$i
    kill -KILL $! 2>/dev/null
    wait $! 2>/dev/null
    rm -rf killed.slots
done
run 0 create killed.slots --schema id:u32
run 0 verify killed.slots
set -- *.tmp-*
absent "$1"
finish
