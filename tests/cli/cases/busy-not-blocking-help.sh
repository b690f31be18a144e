# A reader never waits for a writer: info, get, export answer at once while an import is under way.
. "$(dirname "$0")/../lib.sh"

awk 'BEGIN { print "id"; for (i = 0; i < 1000; i++) print i }' >in.csv
run 0 import d in.csv --schema id:u32
mkfifo p
$SLOTFILE import d p 2>/dev/null &
importer=$!
exec 9<>p
awk 'BEGIN { print "id"; for (i = 0; i < 200000; i++) print i }' >&9
for arguments in 'info d' 'get d 999' 'export d' 'verify d'; do
    last="$arguments --wait-ms 0"
    # shellcheck disable=SC2086 # several arguments
    timeout 5 $SLOTFILE $arguments --wait-ms 0 >out 2>err
    code=$?
    [ $code -eq 0 ]
    passed $? "exit code $code"
done
kill $importer
wait $importer 2>/dev/null
exec 9>&-
finish
