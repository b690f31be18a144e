# import(export(x)) is x, whatever way it goes.
. "$(dirname "$0")/lib.sh"

# Enough people that records, blocks and buffers end at many different places.
people 20011 >p.csv
people 20011 --raw >p.raw
run 0 import p.slots p.csv --schema "$people_schema"
same p.slots/records p.raw
run 0 export p.slots
same out p.csv
mv out again.csv
run 0 import q.slots again.csv --schema-file p.slots/schema
same q.slots/records p.raw
run 0 import r.slots p.raw --schema "$people_schema" --format raw
same r.slots/records p.raw
run 0 export r.slots
same out p.csv

# Through a small budget, through pipes, with CRLF and a byte order mark.
run 0 import s.slots - --schema "$people_schema" --map-budget 4M <p.csv
same s.slots/records p.raw
(printf '\357\273\277' && sed 's/$/\r/' p.csv) >crlf.csv
run 0 import t.slots crlf.csv --schema "$people_schema"
same t.slots/records p.raw
run 0 export t.slots --crlf --map-budget 4M
(printf '\357\273\277' && cat out) >with-mark
same with-mark crlf.csv
$SLOTFILE export p.slots 2>/dev/null | $SLOTFILE import u.slots - --schema "$people_schema" 2>/dev/null
same u.slots/records p.raw

# In two parts.
run 0 export p.slots --range :12345 -o a.csv
run 0 export p.slots --range 12345: -o b.csv
run 0 import v.slots a.csv --schema "$people_schema"
run 0 import v.slots b.csv
same v.slots/records p.raw
run 0 verify v.slots

# Every column everywhere, quoted line ends, and values that look like something else.
printf 'c,"a","b"\n"x\ny",1,"\r\n"\n"""",2,","\nnull,3,"  "\n' >odd.csv
run 0 import odd.slots odd.csv --schema 'a:u8,b:text[4],c:text[4]'
run 0 export odd.slots
printf 'a,b,c\n1,"\r\n","x\ny"\n2,",",""""\n3,  ,null\n' >want
same out want
run 0 import odd2.slots want --schema-file odd.slots/schema
same odd2.slots/records odd.slots/records

# Records and rows that are larger than any buffer.
awk 'BEGIN { printf "t\n"; for (r = 0; r < 3; r++) { printf "\"";
    for (i = 0; i < 60000; i++) printf "0123\"\"\n,56"; printf "\"\n" } }' >large.csv
run 0 import large.slots large.csv --schema 't:text[1048576]'
run 0 export large.slots
same out large.csv
run 0 import bytes.slots large.slots/records --schema 'b:bytes[1048576]' --format raw
run 0 export bytes.slots -o bytes.csv
run 0 import bytes2.slots bytes.csv --schema 'b:bytes[1048576]'
same bytes2.slots/records large.slots/records
finish
