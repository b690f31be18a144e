# import --batch N from a live stream commits as rows arrive: N rows that were written to the pipe are
# in the database a moment later, not when a buffer is full, and stay there after a kill.
. "$(dirname "$0")/../lib.sh"

run 0 create d --schema id:u32
mkfifo p

# streamed RECORDS ARGUMENTS: so many are there while the pipe is open, and after a kill.
streamed() {
    expected=$1
    shift
    last="import d p $*"
    tries=0
    found=0
    until [ "$found" = "$expected" ] || [ $tries -ge 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
        found=$($SLOTFILE info d | sed -n 's/^records: //p')
    done
    [ "$found" = "$expected" ]
    passed $? "$found records in the database, not $expected"
    kill -KILL "$importer"
    wait "$importer" 2>/dev/null
    exec 9>&-
    run 0 info d
    out_has "records: $expected"
}

$SLOTFILE import d p --batch 2 >out 2>err &
importer=$!
exec 9<>p
printf 'id\n1\n2\n3\n4\n5\n' >&9
streamed 4 --batch 2

# A first row as short as can be.
$SLOTFILE import d p --batch 1 --no-header >out 2>err &
importer=$!
exec 9<>p
printf '7\n' >&9
streamed 5 --batch 1 --no-header

# A row that comes byte by byte, within quotes and at a line end of two bytes.
$SLOTFILE import d p --batch 1 >out 2>err &
importer=$!
exec 9<>p
for part in i d '\r' '\n' '"' 8 '"' '\r' '\n'; do
    # shellcheck disable=SC2059 # an escape
    printf "$part" >&9
    sleep 0.05
done
streamed 6 --batch 1

# Raw bytes.
$SLOTFILE import d p --batch 1 --format raw >out 2>err &
importer=$!
exec 9<>p
printf '\011\0\0\0ab' >&9
streamed 7 --batch 1 --format raw
run 0 export d
out_is 'id
1
2
3
4
7
8
9'
finish
