# Input from a pipe, a named pipe and /dev/stdin gives what a file gives.
. "$(dirname "$0")/../lib.sh"

awk 'BEGIN { print "id,name"; for (i = 0; i < 60000; i++) print i ",n" i % 97 }' >in.csv
schema='id:u32,name:text[8]'
run 0 import a in.csv --schema "$schema"
# shellcheck disable=SC2002 # a pipe is what is tested
cat in.csv | run 0 import b - --schema "$schema"
mkfifo p
cat in.csv >p &
run 0 import c p --schema "$schema"
wait
# shellcheck disable=SC2002
cat in.csv | run 0 import e /dev/stdin --schema "$schema"
for database in b c e; do
    same a/records "$database/records"
done
$SLOTFILE export a | run 0 import f - --schema-file a/schema
same a/records f/records
finish
