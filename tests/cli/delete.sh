# delete and insert: numbers that stay, are left out, and come back; all records of a command or none.
. "$(dirname "$0")/lib.sh"

people 100 >p.csv
people 100 --raw >p.raw
run 0 import p.slots p.csv --schema "$people_schema"

run 0 delete p.slots 17 5 99
out_empty
err_empty
run 0 info p.slots
out_has 'records: 100'
out_has 'deleted: 3'
out_has 'clean: true'
run 0 verify p.slots

# A deleted record and one that never was are both missing, and told apart.
run 1 get p.slots 5
out_empty
err_has 'slotfile: p.slots'
err_has 'deleted'
run 1 get p.slots 5 --format raw
out_empty
run 1 get p.slots 100
err_has 'there is no record 100'
run 1 put p.slots 17 visits=1
err_has 'deleted'
head -c 125 p.raw >first
run 1 put p.slots 17 --raw first
err_has 'deleted'
run 0 put p.slots 18 visits=1
run 0 put p.slots 18 --raw first

# Exports leave deleted records out: line n + 2 is record n.
dd if=first of=p.raw bs=125 seek=18 conv=notrunc 2>/dev/null
sed -n 2p p.csv >row
sed -e '20r row' -e '20d' -e '7d;19d;101d' p.csv >want.csv
run 0 export p.slots
same out want.csv
(head -c 625 p.raw && dd if=p.raw bs=125 skip=6 count=11 2>/dev/null &&
    dd if=p.raw bs=125 skip=18 count=81 2>/dev/null) >want.raw
run 0 export p.slots --format raw
same out want.raw
run 0 export p.slots --range 5:7
(head -n 1 p.csv && sed -n 8p p.csv) >want
same out want
run 0 export p.slots --range 99: --format raw
out_empty
run 0 import q.slots want.csv --schema "$people_schema"
same q.slots/records want.raw

# All or nothing. (What is open for writing is marked so in meta, and unmarked again.)
content() {
    fingerprint p.slots | grep -v '^meta '
}
before=$(content)
refused() {
    run 1 delete p.slots "$@"
    out_empty
    err_has 'slotfile: p.slots'
    err_has 'slotfile: p.slots: nothing was deleted'
    [ "$(content)" = "$before" ]
    passed $? 'a refused delete has changed a file'
}
refused 5
err_has 'deleted'
refused 3 5
run 2 delete p.slots 3 4 3
err_is 'slotfile delete: record 3 is given twice (see: slotfile help delete)'
refused 3 100
err_has 'there is no record 100'
refused 18446744073709551615
run 0 get p.slots 3
run 2 delete p.slots
err_is 'slotfile delete: too few arguments (see: slotfile help delete)'
run 2 delete p.slots x
err_is 'slotfile delete: "x" is not a record number (see: slotfile help delete)'
run 2 delete p.slots 3 4x
run 2 delete p.slots ''
run 2 delete p.slots 18446744073709551616
run 2 delete p.slots 3 --sync maybe
err_is 'slotfile delete: --sync: "maybe" is neither full nor normal (see: slotfile help delete)'
run 3 delete missing.slots 0
[ "$(content)" = "$before" ]
passed $? 'a delete with bad arguments has changed a file'

# insert takes the lowest number that is free, then those at the end; append and import only those.
run 0 append p.slots id=100
out_is 100
run 0 insert p.slots id=1000 first=Ada
out_is 5
err_empty
run 0 get p.slots 5
out_has 'id=1000'
out_has 'first=Ada'
out_has 'last='
run 0 insert p.slots --raw first --sync normal
out_is 17
run 0 get p.slots 17 --format raw
same out first
run 0 insert p.slots --raw - --sync=full <first
out_is 99
run 0 insert p.slots id=101
out_is 101
run 0 info p.slots
out_has 'records: 102'
out_has 'deleted: 0'
run 0 verify p.slots
run 0 delete p.slots 101
run 0 import p.slots row --no-header
run 0 info p.slots
out_has 'records: 103'
out_has 'deleted: 1'
run 1 insert p.slots active=maybe
run 2 insert p.slots
err_is 'slotfile insert: give either FIELD=VALUE or --raw FILE (see: slotfile help insert)'
run 2 insert p.slots nobody=1
run 3 insert missing.slots id=1
run 0 insert p.slots id=101
out_is 101

# Records of zeros are not deleted ones. Records of one byte are as small as it gets.
run 0 create z.slots --schema 'a:u8' --records 5
run 0 delete z.slots 2 4
run 0 put z.slots 3 a=3
run 0 export z.slots
out_is 'a
0
0
3'
run 0 export z.slots --format raw
printf '\000\000\003' >want
same out want
run 0 delete z.slots 0 1 3
run 0 export z.slots
out_is a
run 0 insert z.slots a=7
out_is 0
run 0 export z.slots
out_is 'a
7'
run 0 verify z.slots
finish
