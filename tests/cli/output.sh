# Output files: what is never replaced, whose rights the new file gets, and where standard output and
# standard error may not go.
. "$(dirname "$0")/lib.sh"

people 1000 >p.csv
run 0 import p.slots p.csv --schema "$people_schema"
before=$(fingerprint p.slots)

# No file of the database is replaced, under whatever name, and none is made in its directory.
ln -s p.slots/records to-records
ln -s p.slots to-directory
ln -s to-records to-link
for file in p.slots/records p.slots/meta p.slots/lock p.slots/new.csv p.slots/log/new \
    p.slots/../p.slots/sums "$PWD/p.slots/schema" to-records to-link to-directory/records \
    to-directory/new; do
    run 2 export p.slots -o "$file"
    err_is "slotfile export: $file: it would be a file of the database p.slots (see: slotfile help export)"
    out_empty
done
run 2 export to-directory -o p.slots/records
run 2 export to-directory -o to-directory/records
cd p.slots || exit 1
run 2 export . -o records >/dev/null 2>&1
run 2 export ../p.slots -o new >/dev/null 2>&1
rm -f out err err.raw
cd .. || exit 1
run 2 bench p.slots --html p.slots/report.html --cases get --rounds 1
[ "$(fingerprint p.slots)" = "$before" ]
passed $? 'a refused output has changed a file'
run 0 verify p.slots

# A hard link to a file of the database is a name like any other, unless a system protects an open
# file under all its names.
ln p.slots/records hard
$SLOTFILE export p.slots -o hard 2>/dev/null && same hard p.csv
[ "$(fingerprint p.slots)" = "$before" ]
passed $? 'the output has gone through a hard link'

# lost CODE TEXT: the last command, with other streams than `run` gives it.
lost() {
    [ "$got" -eq "$1" ]
    passed $? "exit code $got, not $1"
    [ -z "$2" ] || grep -q -F -e "$2" err
    passed $? "stderr lacks: $2"
    [ "$(fingerprint p.slots)" = "$before" ]
    passed $? 'standard output or error has changed a file of the database'
}
if [ "${SLOTFILE#*wine}" != "$SLOTFILE" ]; then
    set -- # Wine does not tell which file a standard stream is
else
    set -- 'export p.slots' 'get p.slots 0' 'info p.slots' 'verify p.slots' \
        'append p.slots id=1' 'import p.slots p.csv' 'bench p.slots --rounds 1 --cases get'
fi
for arguments; do
    last="$arguments >>p.slots/records"
    # shellcheck disable=SC2086 # several arguments
    $SLOTFILE $arguments >>p.slots/records 2>err
    got=$?
    lost 2 'standard output is a file of the database p.slots'
    lost 2 'the shell may have emptied it (then restore it from a backup)'
    last="$arguments 2>>p.slots/meta"
    # shellcheck disable=SC2086
    $SLOTFILE $arguments >out 2>>p.slots/meta
    got=$?
    : >err
    lost 2 ''
done
run 2 import p.slots p.slots/sums --format raw
err_is "slotfile import: p.slots/sums is the database's own file: copy it first (see: slotfile help import)"

# The rights of the file that is replaced, or those of any new file.
rights() {
    found=$(ls -l "$1")
    case $found in "$2"*) found=0 ;; esac
    [ "$found" = 0 ]
    passed $? "not $2: $found"
}
if [ "${SLOTFILE#*wine}" = "$SLOTFILE" ]; then
    umask 027
    run 0 export p.slots -o new.csv
    rights new.csv -rw-r-----
    for mode in 600 660 604; do
        echo old >old.csv
        chmod $mode old.csv
        run 0 export p.slots -o old.csv
        same old.csv p.csv
        case $mode in
        600) rights old.csv -rw------- ;;
        660) rights old.csv -rw-rw---- ;;
        604) rights old.csv -rw----r-- ;;
        esac
    done
    umask 022

    # A link stays one; one that leads nowhere is not followed, nor replaced.
    ln -s old.csv link.csv
    echo old >old.csv
    run 0 export p.slots -o link.csv
    same old.csv p.csv
    [ -h link.csv ]
    passed $? 'the link was replaced'
    ln -s nowhere.csv dangling.csv
    run 3 export p.slots -o dangling.csv
    absent nowhere.csv
    [ -h dangling.csv ]
    passed $? 'the link to nothing was replaced'

    # To the superuser nothing is protected.
    chmod 400 old.csv
    if [ ! -w old.csv ]; then
        run 3 export p.slots -o old.csv
        err_has 'old.csv: cannot create the file: Permission denied'
    else
        chown nobody old.csv
        run 0 export p.slots -o old.csv
        [ "$(ls -l old.csv | awk '{ print $3 }')" = nobody ]
        passed $? 'the owner has changed'
    fi

    # A reader that goes away, of a pipe that is written directly.
    mkfifo fifo
    run 0 create large.slots --schema a:u64 --records 1000000
    head -n 1 fifo >out.head &
    run 3 export large.slots -o fifo
    wait $!
    [ "$(cat out.head)" = a ]
    passed $? 'nothing has come through the pipe'
    run 0 export p.slots -o /dev/null

    # A file that may not grow.
    last='export large.slots -o out.csv (ulimit -f 64)'
    (ulimit -f 64 && exec $SLOTFILE export large.slots -o out.csv) >out 2>err
    [ $? -eq 3 ]
    passed $? 'a file that may not grow is not exit code 3'
    err_has 'out.csv: cannot write: File too large'
    absent out.csv
fi
mkdir directory
run 3 export p.slots -o directory
run 3 export p.slots -o directory/
run 3 export p.slots -o directory/missing/
run 3 export p.slots -o missing/out.csv
[ "$(echo directory/*)" = 'directory/*' ]
passed $? "left behind: $(echo directory/*)"
set -- slotfile-part-*
absent "$1"

# One stream cannot give the schema and the records.
run 2 import new.slots - --schema-file - </dev/null
err_is 'slotfile import: the schema and the records cannot both come from standard input (see: slotfile help import)'
if [ "${SLOTFILE#*wine}" = "$SLOTFILE" ]; then
    printf 'id:u8\nid\n1\n' | run 2 import new.slots - --schema-file /dev/stdin
    printf 'id:u8\nid\n1\n' | run 2 import new.slots /dev/stdin --schema-file /dev/stdin
fi
absent new.slots
echo id:u8 >spec
printf 'id\n1\n' | run 0 import new.slots - --schema-file spec
finish
