# Signals: an output file that did not come to its end leaves nothing, nor does a database that was
# created for an import into which nothing got; the exit status is that of the signal.
. "$(dirname "$0")/lib.sh"
if [ "${SLOTFILE#*wine}" != "$SLOTFILE" ]; then
    passed 0 'signals are not what Windows has'
    finish
    exit 0
fi

people 1000 >p.csv
run 0 import p.slots p.csv --schema "$people_schema"
run 0 create large.slots --schema a:u64,b:u64 --records 60000000

# A shell lets what it starts in the background ignore SIGINT.
default=
if env --default-signal=INT true 2>/dev/null; then
    default='env --default-signal=INT'
    signals='INT TERM HUP'
else
    signals='TERM HUP'
fi

# part: the name of a part of an output file, when there is one; it is waited for.
part() {
    tries=0
    set -- slotfile-part-*
    while [ ! -e "$1" ] && [ $tries -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
        set -- slotfile-part-*
    done
    echo "$1"
}

# ended SIGNAL: the command $! ends by it.
ended() {
    kill "-$1" $! 2>/dev/null
    passed $? "no process to get SIG$1"
    wait $!
    got=$?
    [ $got -gt 128 ] && [ "$(kill -l $got)" = "$1" ]
    passed $? "exit status $got after SIG$1"
}

for signal in $signals; do
    for old in none private; do
        rm -f out.csv
        if [ $old = private ]; then
            echo old >out.csv
            chmod 600 out.csv
        fi
        last="export large.slots -o out.csv ($signal, $old)"
        $default $SLOTFILE export large.slots -o out.csv >out 2>err &
        file=$(part)
        present "$file"
        if [ $old = private ]; then
            case $(ls -l "$file") in -rw-------*) true ;; *) false ;; esac
            passed $? "others can read the part: $(ls -l "$file")"
        fi
        ended $signal
        absent "$file"
        if [ $old = private ]; then
            [ "$(cat out.csv)" = old ]
            passed $? 'the old file is gone'
        else
            absent out.csv
        fi
    done
done

# Who was told to ignore a hang-up does so.
last='export large.slots -o out.csv (nohup)'
(trap '' HUP && exec $SLOTFILE export large.slots -o out.csv) >out 2>err &
file=$(part)
kill -HUP $!
sleep 0.3
present "$file"
ended TERM
absent "$file"

# An import that creates its database, and waits for more than what is written to descriptor 8.
mkfifo first
for signal in $signals; do
    for rows in 0 60000; do
        last="import new.slots - ($signal after $rows rows)"
        $default $SLOTFILE import new.slots - --schema id:u64 <first >out 2>err &
        exec 8>first
        [ $rows -eq 0 ] || awk -v n=$rows 'BEGIN { print "id"; for (i = 0; i < n; i++) print i }' >&8
        tries=0
        while [ ! -e new.slots ] && [ $tries -lt 100 ]; do
            tries=$((tries + 1))
            sleep 0.1
        done
        present new.slots
        ended $signal
        exec 8>&-
        err_empty
        absent new.slots
    done
done
# Wherever a row was cut: an interruption is no end of the input, and nothing is said of the data.
for signal in $signals; do
    for piece in 'id' 'id,n' 'id,n\n1' 'id,n\n1,2' 'id,n\n1,2\n3,"4'; do
        for more in '' '--batch 1' --direct; do
            last="import new.slots - $more ($signal after $piece)"
            # shellcheck disable=SC2086 # an option and its value
            $default $SLOTFILE import new.slots - --schema id:u64,n:u64 $more <first >out 2>err &
            exec 8>first
            # shellcheck disable=SC2059
            printf "$piece" >&8
            tries=0
            while [ ! -e new.slots ] && [ $tries -lt 100 ]; do
                tries=$((tries + 1))
                sleep 0.05
            done
            present new.slots
            sleep 0.05 # most likely it waits for more by now
            ended $signal
            exec 8>&-
            grep -v -x 'slotfile: new.slots: 1 records were imported before that' err >err.raw
            mv err.raw err
            err_empty
            case "$piece $more" in
            *3*batch*) # one row was whole, and committed if it was read by then
                [ ! -e new.slots ] || run 0 verify new.slots
                rm -rf new.slots
                ;;
            *) absent new.slots ;;
            esac
        done
    done
done

# The temporary databases of bench, and its report.
mkdir there
for signal in $signals; do
    last="bench --dir there --html report.html ($signal)"
    $default $SLOTFILE bench --dir there --html report.html --records 500000 >out 2>err &
    file=$(part)
    tries=0
    set -- there/*/*
    while [ ! -e "$1" ] && [ $tries -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
        set -- there/*/*
    done
    present "$1"
    ended "$signal"
    [ "$(echo there/*)" = 'there/*' ]
    passed $? "left behind: $(echo there/*)"
    absent "$file"
    absent report.html
    err_empty
done

# What was committed stays.
last='import new.slots - --batch 2 (TERM)'
$SLOTFILE import new.slots - --schema id:u64 --batch 2 <first >out 2>err &
holder=$!
exec 8>first
printf 'id\n1\n2\n3\n' >&8
tries=0
until [ -e new.slots ] && $SLOTFILE info new.slots 2>/dev/null | grep -qx 'records: 2' ||
    [ $tries -ge 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
kill -TERM $holder
wait $holder
[ $? -eq 143 ]
passed $? 'not the exit status of SIGTERM'
exec 8>&-
run 0 info new.slots
out_has 'records: 2'
run 0 verify new.slots
finish
