# Ctrl-C during an import: exit status 130, the database is as before, and the next import works.
. "$(dirname "$0")/../lib.sh"

default=
env --default-signal=INT true 2>/dev/null && default='env --default-signal=INT'
printf 'id\n1\n2\n' >in.csv
run 0 import d in.csv --schema id:u32
last='import d - (SIGINT)'
{
    awk 'BEGIN { print "id"; for (i = 0; i < 400000; i++) print i }'
    sleep 2
} | timeout --preserve-status -s INT 1 $default $SLOTFILE import d - >out 2>err
code=$?
[ $code -eq 130 ]
passed $? "exit status $code"
run 0 info d --wait-ms 3000
out_has 'records: 2'
run 0 verify d
run 0 import d in.csv
run 0 info d
out_has 'records: 4'
finish
