# checkpoint: what is in the log goes into `records` while others have the database open.
. "$(dirname "$0")/lib.sh"

people 100 >p.csv
run 0 import p.slots p.csv --schema "$people_schema"
before=$(fingerprint p.slots)
run 0 checkpoint p.slots
out_empty
err_empty
[ "$(fingerprint p.slots)" = "$before" ]
passed $? 'a checkpoint without anything to do has changed a file'

# Whoever is not the last to close leaves its commits in the log.
hold p.slots
run 0 put p.slots 42 visits=123456
run 0 info p.slots
[ "$(number checkpoint_lsn)" -lt "$(number published_lsn)" ]
passed $? 'a put has made a checkpoint'
[ "$(number durable_lsn)" -eq "$(number published_lsn)" ]
passed $? 'a put is not durable'
[ "$(number log_bytes)" -gt 0 ] && [ "$(number segments)" -gt 0 ]
passed $? 'a put is not in the log'
run 0 get p.slots 42 --format raw
mv out want
dd if=p.slots/records bs=125 skip=42 count=1 of=out 2>/dev/null
! cmp -s out want
passed $? 'a put has not gone into the log first'
run 0 checkpoint p.slots
out_empty
err_empty
run 0 info p.slots
[ "$(number checkpoint_lsn)" -eq "$(number published_lsn)" ]
passed $? 'a checkpoint has not come to the end of the log'
dd if=p.slots/records bs=125 skip=42 count=1 of=out 2>/dev/null
same out want
run 0 verify p.slots
release
run 0 info p.slots
out_has 'clean: true'
run 0 verify p.slots

run 2 checkpoint
run 2 checkpoint p.slots 5
err_is 'slotfile checkpoint: unexpected argument 5 (see: slotfile help checkpoint)'
run 3 checkpoint missing.slots
mkdir empty.slots
run 4 checkpoint empty.slots
finish
