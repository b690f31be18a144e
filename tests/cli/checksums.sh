# A block that does not fit its checksum: export ends with it, get shows its record and says so.
. "$(dirname "$0")/lib.sh"

people 10000 >p.csv
people 10000 --raw >p.raw
run 0 import p.slots p.csv --schema "$people_schema"
run 0 export p.slots -o o.csv
same o.csv p.csv
cp -r p.slots q.slots

# damage DB BYTE: one byte of `records` changes.
damage() {
    printf '\377' | dd of="$1/records" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
damaged='slotfile: p.slots/records: offset 20000: block 5, records 160:192, does not fit its checksum: run verify'

# Record 170, in block 5 of 32 records of 125 bytes.
damage p.slots 21270
run 1 verify p.slots
run 1 export p.slots
err_is "$damaged"
run 1 export p.slots --format raw
err_is "$damaged"
run 1 export p.slots -o new.csv
err_is "$damaged"
absent new.csv
run 1 export p.slots -o o.csv
same o.csv p.csv

# Ranges that touch the block, and that do not.
for range in 0:161 160:161 191:192 191:5000 100:200 170:171; do
    run 1 export p.slots --range $range
    err_is "$damaged"
done
for range in 0:160 192: 9999: 160:160 500:1000; do
    run 0 export p.slots --range $range
    err_empty
done

# What is there of the record is shown.
dd if=p.slots/records bs=125 skip=170 count=1 of=want 2>/dev/null
for recno in 160 170 191; do
    run 1 get p.slots $recno --format raw
    err_is "$damaged"
done
run 1 get p.slots 170 --format raw
same out want
run 1 get p.slots 171
out_has 'id=171'
run 0 get p.slots 159
err_empty
run 0 get p.slots 192
err_empty
run 1 get p.slots 10000
err_has 'there is no record 10000'

# The last block is shorter; a database that may not be written; a wrong checksum.
damage q.slots 1249999
chmod -R a-w q.slots
run 1 export q.slots --range 9990:
err_is 'slotfile: q.slots/records: offset 1248000: block 312, records 9984:10000, does not fit its checksum: run verify'
run 1 get q.slots 9984
run 0 get q.slots 9983
chmod -R u+w q.slots
rm -r q.slots
people 10 >few.csv
run 0 import q.slots few.csv --schema "$people_schema"
printf 'not a sum' | dd of=q.slots/sums bs=1 conv=notrunc 2>/dev/null
run 1 export q.slots
run 1 get q.slots 0

# What is in the log has been checked there: a reader beside a writer, and one behind a delete.
run 0 import r.slots p.csv --schema "$people_schema"
run 0 delete r.slots 170
hold r.slots
run 0 put r.slots 200 visits=1
run 1 get r.slots 170
err_has 'deleted'
run 0 get r.slots 200
run 0 export r.slots
err_empty
release
run 0 verify r.slots

# The owner may take the records as they are.
run 0 verify p.slots --rebuild-sums
run 0 export p.slots --format raw
same out p.slots/records
run 0 get p.slots 170 --format raw
finish
