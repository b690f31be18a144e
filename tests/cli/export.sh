# export: ranges, formats, files that appear whole, and quotes only where they are needed.
. "$(dirname "$0")/lib.sh"

people 1000 >p.csv
people 1000 --raw >p.raw
run 0 import p.slots p.csv --schema "$people_schema"
before=$(fingerprint p.slots)

run 0 export p.slots
err_empty
same out p.csv
run 0 export p.slots --map-budget 4M
same out p.csv
run 0 export p.slots -o -
same out p.csv
run 0 export p.slots --format raw
same out p.raw
run 0 export p.slots --format raw -o o.raw
out_empty
same o.raw p.raw
sed 's/$/\r/' p.csv >crlf.csv
run 0 export p.slots --crlf -o o.csv
same o.csv crlf.csv
run 0 export p.slots -o o.csv
same o.csv p.csv

# Ranges are half open and end where the records do.
range() {
    run 0 export p.slots --range "$1" --format raw
    dd if=p.raw of=want bs=125 skip="$2" count="$3" 2>/dev/null
    same out want
}
range 0:1 0 1
range 31:33 31 2
range :32 0 32
range 990: 990 10
range 990:5000 990 10
range : 0 1000
range 999:18446744073709551615 999 1
range 5:5 5 0
run 0 export p.slots --range 2000:
head -n 1 p.csv >want
same out want
run 0 export p.slots --range 7:9
(head -n 1 p.csv && sed -n '9,10p' p.csv) >want
same out want
for bad in 5 5:4 a:b 1:2:3 -1:2 '1: 2' '' 1-2 99999999999999999999:; do
    run 2 export p.slots --range "$bad"
    out_empty
done
[ "$(fingerprint p.slots)" = "$before" ]
passed $? 'export has changed a file'

# What is quoted: a comma, a quote, CR, LF, and nothing else.
printf 't\na b\n" a"\n"a,b"\n"a""b"\n"a\nb"\n"a\rb"\n\n=1\n'"'"'\n\tx\n' >q.csv
printf 't\na b\n a\n"a,b"\n"a""b"\n"a\nb"\n"a\rb"\n\n=1\n'"'"'\n\tx\n' >want
run 0 import q.slots q.csv --schema 't:text[8]'
run 0 export q.slots
same out want
run 0 import q2.slots - --schema 't:text[8]' <want
same q2.slots/records q.slots/records
printf '"a,b","say ""x""","\357\273\277z"\n1,2,3\n' >n.csv
run 0 import n.slots n.csv --schema '"a,b":u8,"say ""x""":u8,"'"$(printf '\357\273\277z')"'":u8'
run 0 export n.slots
same out n.csv
printf '"\357\273\277z"\n1\n' >n.csv
run 0 import m.slots n.csv --schema "$(printf '"\357\273\277z"'):u8"
run 0 export m.slots
same out n.csv

# A failed export leaves neither a part of a file nor a file changed.
run 0 create bad.slots --schema 'ok:bool' --records 5
printf '\007' | run 0 put bad.slots 3 --raw -
run 1 export bad.slots -o o.csv
err_is 'slotfile: bad.slots/records: offset 3: record 3, field "ok": the bytes are not a value of its type (put one, or export raw)'
same o.csv p.csv
run 1 export bad.slots -o new.csv
absent new.csv
set -- slotfile-part-*
absent "$1"
run 0 export bad.slots --format raw
printf '\000\000\000\007\000' >want
same out want

# A reader that has seen enough is no news.
last='export p.slots | head -n 1'
{
    $SLOTFILE export p.slots 2>err
    echo $? >code
} | head -n 1 >out
out_is "$(head -n 1 p.csv)"
[ "$(cat code)" -eq 3 ]
passed $? "exit code $(cat code), not 3"
err_empty

run 0 create h.slots --record-size 3 --records 2
run 0 export h.slots
printf '\000\000\000\000\000\000' >want
same out want
run 2 export h.slots --format csv
err_is 'slotfile export: h.slots has no fields: only --format raw is possible (see: slotfile help export)'
run 2 export p.slots --format tsv
run 2 export p.slots o.csv
run 3 export missing.slots -o new.csv
absent new.csv
run 3 export p.slots -o no/such/dir.csv
finish
