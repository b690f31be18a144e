# info: its keys are an interface.
. "$(dirname "$0")/lib.sh"

run 0 create a.slots --schema 'id:u64,"say ""x"" \":text[20],amount:decimal[2],p:pad[3]' --records 70
before=$(fingerprint a.slots)
run 0 info a.slots
err_empty
out_has 'records: 70'
out_has 'deleted: 0'
out_has 'record_size: 39'
out_has 'block_records: 105'
out_has 'records_bytes: 2730'
out_has 'clean: true'
out_has 'sums_stale: false'
out_has 'fields: 4'
out_has '  28 decimal[2] amount'
out_has '  36 pad[3] p'
run 0 info a.slots --json
err_empty
out_has '{"records":70,"deleted":0,"record_size":39,"block_records":105,"records_bytes":2730,"clean":true,'
out_has '"fields":[{"name":"id","type":"u64","offset":0,"size":8},{"name":"say \"x\" \\","type":"text[20]","offset":8,"size":20},'
out_has '{"name":"p","type":"pad[3]","offset":36,"size":3}]}'
[ "$(wc -l <out)" -eq 1 ]
passed $? 'more than one line of JSON'
run 0 info a.slots --map-budget 4M
out_has 'map_budget: 4194304'
[ "$(fingerprint a.slots)" = "$before" ]
passed $? 'info has changed a file'

run 0 create b.slots --record-size 125
run 0 info b.slots --json
out_has '"block_records":32,'
out_has '"fields":[]}'
run 2 info a.slots --map-budget 1
err_has 'slotfile: a.slots'
run 2 info a.slots --xml
run 2 info
run 3 info missing.slots
finish
