# Two imports at once into one database: both whole, one behind the other; or one is refused with exit
# code 5. So it is as well when both of them create it.
. "$(dirname "$0")/../lib.sh"

awk 'BEGIN { print "id"; for (i = 0; i < 300000; i++) print 7 }' >a.csv
sed 's/7/8/' a.csv >b.csv

# both DB ARGUMENTS...: import both files at once, and look at what came of it.
both() {
    database=$1
    shift
    last="import $database a.csv $* & import $database b.csv $*"
    $SLOTFILE import "$database" a.csv "$@" 2>a.err &
    first=$!
    $SLOTFILE import "$database" b.csv "$@" 2>b.err
    code_b=$?
    wait $first
    code_a=$?
    for code in $code_a $code_b; do
        [ "$code" -eq 0 ] || [ "$code" -eq 5 ]
        passed $? "exit code $code: $(cat a.err b.err)"
    done
    expected=0
    [ $code_a -eq 0 ] && expected=$((expected + 300000))
    [ $code_b -eq 0 ] && expected=$((expected + 300000))
    run 0 info "$database"
    out_has "records: $expected"
    run 0 export "$database"
    changes=$(tail -n +2 out | uniq | wc -l)
    [ "$changes" -ge 1 ] && [ "$changes" -le 2 ]
    passed $? 'the records of the two are mixed'
    run 0 verify "$database"
}
run 0 create d --schema id:u32
both d
for i in 1 2 3 4 5 6; do
    both "first$i" --schema id:u32
done

# One that fails takes nothing away from the other, whoever has created the database.
(cat b.csv && echo x) >bad.csv
for i in 1 2 3 4 5 6; do
    last="import beside$i a.csv & import beside$i bad.csv"
    $SLOTFILE import "beside$i" bad.csv --schema id:u32 2>b.err &
    first=$!
    $SLOTFILE import "beside$i" a.csv --schema id:u32 --wait-ms 60000 2>a.err
    passed $? "the good one has failed: $(cat a.err)"
    wait $first
    [ $? -eq 1 ]
    passed $? "the bad one was not refused: $(cat b.err)"
    run 0 info "beside$i"
    out_has 'records: 300000'
done
finish
