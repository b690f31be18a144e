# import: --batch, --direct and --sync.
. "$(dirname "$0")/lib.sh"

schema='id:u32'
rows() {
    awk -v first="$1" -v end="$2" 'BEGIN { print "id"; for (i = first; i < end; i++) print i }'
}
rows 0 10 >ten.csv
rows 0 100000 >many.csv
(rows 0 1000 && echo x) >bad.csv

# As many batches as there are, the last one shorter.
for batch in 1 3 10 11 18446744073709551615; do
    run 0 import "b$batch.slots" ten.csv --schema "$schema" --batch "$batch"
    err_is '10 records imported'
    run 0 export "b$batch.slots"
    same out ten.csv
    same "b$batch.slots/records" b1.slots/records
done
run 0 import raw.slots b1.slots/records --format raw --schema "$schema" --batch 4
run 0 export raw.slots
same out ten.csv
run 0 import many.slots many.csv --schema "$schema" --batch 70000
err_is '100000 records imported'
run 0 export many.slots
same out many.csv
cp many.slots/records many.raw
run 0 import many.slots many.raw --format raw --batch 99999 --sync normal
run 0 info many.slots
out_has 'records: 200000'
run 0 verify many.slots

# What was committed stays when a later row is refused, and so does a database that was created.
run 1 import bad.slots bad.csv --schema "$schema" --batch 300
err_is 'bad.csv:1002:1: field "id": not an integer (write digits only, with an optional sign)
slotfile: bad.slots: 900 records were imported before that'
run 0 export bad.slots
rows 0 900 >want
same out want
run 0 verify bad.slots
run 1 import bad.slots bad.csv
err_is 'bad.csv:1002:1: field "id": not an integer (write digits only, with an optional sign)
slotfile: bad.slots: nothing was imported'
run 0 info bad.slots
out_has 'records: 900'
run 1 import new.slots bad.csv --schema "$schema" --batch 1001
absent new.slots
printf 'abcdefghi' >raw9
run 1 import raw9.slots raw9 --record-size 4 --batch 1
err_is 'slotfile: raw9: 1 bytes are left over: its 9 bytes are not a multiple of the record size, 4
slotfile: raw9.slots: 2 records were imported before that'
run 0 info raw9.slots
out_has 'records: 2'

# In direct access.
run 0 import d.slots many.csv --schema "$schema" --direct
err_is '100000 records imported'
run 0 import d.slots ten.csv --direct --batch 4
err_is '10 records imported'
run 0 info d.slots
out_has 'records: 100010'
out_has 'clean: true'
run 0 verify d.slots
run 1 import d.slots bad.csv --direct
run 0 info d.slots
out_has 'records: 100010'
run 0 verify d.slots
run 1 import new.slots bad.csv --schema "$schema" --direct
absent new.slots

run 0 import d.slots ten.csv --sync full
run 0 import d.slots ten.csv --sync=normal
before=$(fingerprint d.slots)
for bad in 0 -1 x 1K '' 18446744073709551616; do
    run 2 import d.slots ten.csv --batch "$bad"
    out_empty
done
run 2 import d.slots ten.csv --batch 0
err_is 'slotfile import: --batch: at least 1 (see: slotfile help import)'
run 2 import d.slots ten.csv --batch x
err_is 'slotfile import: --batch: "x" is not a number (see: slotfile help import)'
run 2 import d.slots ten.csv --batch
run 2 import d.slots ten.csv --direct=yes
run 2 import d.slots ten.csv --sync off
err_is 'slotfile import: --sync: "off" is neither full nor normal (see: slotfile help import)'
run 2 import d.slots ten.csv --sync full --direct
err_is 'slotfile import: --sync means nothing with --direct (see: slotfile help import)'
[ "$(fingerprint d.slots)" = "$before" ]
passed $? 'a refused import has changed a file'
finish
