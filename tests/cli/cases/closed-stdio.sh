# Standard output or error closed by the caller (cron, daemons, process managers): what would be
# printed never lands in a file of the database, and output that is lost is exit code 3.
. "$(dirname "$0")/../lib.sh"

awk 'BEGIN { print "id,t"; for (i = 0; i < 20000; i++) print i ",abc" }' >in.csv
printf 'id,t\nx,bb\n' >bad.csv
run 0 import d in.csv --schema 'id:u32,t:text[4]'

# clean: nothing was written into the files that are opened first.
clean() {
    [ ! -s d/lock ]
    passed $? "$(wc -c <d/lock) bytes in d/lock"
    head -n 1 d/schema | grep -q '^slotfile-schema 1'
    passed $? 'the schema was overwritten'
}
last='export d >&-'
$SLOTFILE export d >&- 2>err
[ $? -eq 3 ]
passed $? 'exit code of an export to a closed standard output'
err_has 'cannot write to standard output'
clean
last='export d, all closed'
$SLOTFILE export d >&- 2>&- <&-
clean
last='put d 0 t=toolong 2>&-'
$SLOTFILE put d 0 t=toolong 2>&-
clean
last='delete d 99999999 >&- 2>&-'
$SLOTFILE delete d 99999999 >&- 2>&-
clean
last='import d bad.csv 2>&- <&-'
$SLOTFILE import d bad.csv 2>&- <&-
clean
last='import d bad.csv, all closed'
$SLOTFILE import d bad.csv >&- 2>&- <&-
clean
last='import d - <&-'
$SLOTFILE import d - <&- 2>err
[ $? -eq 3 ]
passed $? 'exit code of an import from a closed standard input'
err_has 'standard input: cannot read'

# Beside another process, whose `shared` has the low descriptors' place in a command with none.
hold d
last='get d 99999999, all closed'
$SLOTFILE get d 99999999 >&- 2>&- <&-
[ $? -eq 1 ]
passed $? 'exit code with all closed'
run 0 get d 7
release
run 0 verify d
run 0 export d
same out in.csv
finish
