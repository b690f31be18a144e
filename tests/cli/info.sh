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
for key in published_lsn durable_lsn checkpoint_lsn log_bytes log_limit_bytes segments reader_slots; do
    [ "$(number "$key")" -ge 0 ]
    passed $? "no number for $key"
done
[ "$(number log_limit_bytes)" -gt 0 ] && [ "$(number reader_slots)" -gt 0 ]
passed $? 'no limits of the log'
[ "$(number published_lsn)" -eq "$(number checkpoint_lsn)" ]
passed $? 'the log of a closed database is not empty'
out_has 'readers: 0'
out_has 'oldest_reader_lsn: none'
run 0 info a.slots --json
err_empty
out_has '{"records":70,"deleted":0,"record_size":39,"block_records":105,"records_bytes":2730,"clean":true,'
out_has ',"log":{"published_lsn":'
out_has ',"readers":0,"reader_slots":'
out_has ',"oldest_reader_lsn":null},"fields":['
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
