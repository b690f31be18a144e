# export -o over a file that only its owner may read: it stays so.
. "$(dirname "$0")/../lib.sh"

printf 'id\n1\n' >in.csv
run 0 import d in.csv --schema id:u8
umask 022
echo old >out.csv
chmod 600 out.csv
run 0 export d -o out.csv
same out.csv in.csv
case $(ls -l out.csv) in -rw-------*) true ;; *) false ;; esac
passed $? "$(ls -l out.csv)"
finish
