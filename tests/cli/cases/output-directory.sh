# export -o of a directory, or into one that is not there, is refused; nothing is made.
. "$(dirname "$0")/../lib.sh"

printf 'id\n1\n' >in.csv
run 0 import d in.csv --schema id:u8
mkdir dir
run 3 export d -o dir
[ -d dir ]
passed $? 'the directory was replaced'
err_has dir
run 3 export d -o none/out.csv
err_has none/out.csv
absent none
[ -z "$(ls -A dir)" ]
passed $? "left over: $(ls -A dir)"
finish
