# export | head: nothing on standard error, no leftover, the database is fine.
. "$(dirname "$0")/../lib.sh"

awk 'BEGIN { print "id"; for (i = 0; i < 300000; i++) print i }' >in.csv
run 0 import d in.csv --schema id:u32
last='export d | head -n 1'
$SLOTFILE export d 2>err | head -n 1 >out
out_is id
err_empty
last='info d | head -n 1'
$SLOTFILE info d 2>err | head -n 1 >out
out_is 'records: 300000'
err_empty
run 0 verify d
finish
