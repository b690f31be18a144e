# Databases and exported files follow the umask; the part file too.
. "$(dirname "$0")/../lib.sh"

printf 'id\n1\n' >in.csv
umask 077
run 0 import d in.csv --schema id:u8
run 0 export d -o out.csv
open=$(find d out.csv \( -perm -040 -o -perm -004 \))
[ -z "$open" ]
passed $? "others can read $open"

run 0 create large --schema a:u64,b:u64 --records 60000000
last='export large -o large.csv'
$SLOTFILE export large -o large.csv >out 2>err &
tries=0
set -- slotfile-part-*
until [ -e "$1" ] || [ $tries -ge 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
    set -- slotfile-part-*
done
present "$1"
case $(ls -l "$1") in -rw-------*) true ;; *) false ;; esac
passed $? "others can read the part: $(ls -l "$1")"
kill -TERM $!
wait $!
absent "$1"
finish
