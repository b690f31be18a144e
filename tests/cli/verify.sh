# verify: clean databases, damaged ones, and checksums that are computed anew.
. "$(dirname "$0")/lib.sh"

people 1000 >p.csv
run 0 import p.slots p.csv --schema "$people_schema"
before=$(fingerprint p.slots)
run 0 verify p.slots
out_is 'p.slots: 1000 records, no damage found'
err_empty
run 0 verify p.slots --map-budget 4M
[ "$(fingerprint p.slots)" = "$before" ]
passed $? 'verify has changed a file'

# One byte of record 500, which is in block 15: records 480 to 511.
printf '\377' | dd of=p.slots/records bs=1 seek=62501 conv=notrunc 2>/dev/null
run 1 verify p.slots
out_is 'p.slots: 1000 records, damage found in 1 place'
err_has 'slotfile: p.slots/records: offset 60000, 4000 bytes, records 480:512: '
run 4 put p.slots 500 visits=1
run 0 put p.slots 600 visits=1
run 1 verify p.slots
run 0 verify p.slots --rebuild-sums
out_is 'p.slots: 1000 records, no damage found'
run 0 verify p.slots
run 0 put p.slots 500 visits=1

# The line about a change that was not finished says what to do about it.
run 0 create cut.slots --schema a:u8
hold cut.slots --direct
head -c 600000 /dev/zero >&9
sleep 0.2
slay
run 1 verify cut.slots
err_has 'slotfile: cut.slots/sums: the database was not closed cleanly: '
err_has '(verify --rebuild-sums)'
run 0 verify cut.slots --rebuild-sums

# A file that is too short, one that is missing, something else.
cp -r p.slots short.slots
run 0 verify short.slots
head -c 124999 p.slots/records >short.slots/records
run 4 verify short.slots
err_has 'slotfile: short.slots/records'
cp -r p.slots gone.slots
rm gone.slots/meta
run 4 verify gone.slots
mkdir other.slots
echo hello >other.slots/readme
run 4 verify other.slots
run 3 verify missing.slots
run 2 verify
run 2 verify p.slots --repair
finish
