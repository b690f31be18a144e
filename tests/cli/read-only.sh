# A database that may not be written can be read, by all commands that only read.
. "$(dirname "$0")/lib.sh"

people 1000 >p.csv
run 0 import p.slots p.csv --schema "$people_schema"
run 0 delete p.slots 999
sed 1001d p.csv >want
chmod -R a-w p.slots
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
before=$(fingerprint p.slots)

run 0 get p.slots 42
out_has 'id=42'
run 1 get p.slots 999
err_has 'deleted'
run 0 export p.slots
same out want
run 0 verify p.slots
out_is 'p.slots: 1000 records, no damage found'
run 0 info p.slots
out_has 'records: 1000'
out_has 'clean: true'

# To the superuser nothing is read-only.
if [ ! -w p.slots ]; then
    run 0 info p.slots
    ! grep -q lsn out
    passed $? 'a log is shown that nobody has'
    run 0 info p.slots --json
    out_has ',"log":null,"fields":['
    run 3 put p.slots 42 visits=1
    err_has 'slotfile: p.slots'
    run 3 import p.slots p.csv
    run 3 append p.slots id=1
    run 3 delete p.slots 1
    run 3 checkpoint p.slots
    [ "$(fingerprint p.slots)" = "$before" ]
    passed $? 'a file has changed that may not be written'

    # Who only reads cannot take part while others write. What one has left who was killed is read
    # as a recovery would leave it, and stays as it is.
    chmod -R u+w p.slots
    hold p.slots
    dd if=/dev/zero bs=125 count=4000 2>/dev/null >&9
    chmod -R a-w p.slots
    run 5 get p.slots 42 --wait-ms 50
    slay
    before=$(fingerprint p.slots)
    run 0 get p.slots 42
    out_has 'id=42'
    run 0 verify p.slots
    run 0 info p.slots
    out_has 'clean: false'
    [ "$(fingerprint p.slots)" = "$before" ]
    passed $? 'a file has changed that may not be written'
    chmod -R u+w p.slots
    run 0 get p.slots 42
    chmod -R a-w p.slots
    run 0 get p.slots 42
    run 0 verify p.slots
fi
finish
