# import: creating and appending, formats, and that a failed import leaves nothing behind.
. "$(dirname "$0")/lib.sh"

schema='id:u32,name:text[8],p:pad[2],ok:bool'
printf 'id,name,ok\n1,Ann,true\n2,"B,b",false\n' >a.csv

run 0 import a.slots a.csv --schema "$schema"
out_empty
err_is '2 records imported'
run 0 import a.slots a.csv
run 0 import a.slots a.csv --schema "$schema"
run 0 import a.slots - <a.csv
run 0 export a.slots
printf 'id,name,ok\n1,Ann,true\n2,"B,b",false\n1,Ann,true\n2,"B,b",false\n' >want
tail -n +2 want | cat want - >want.csv
same out want.csv
run 0 verify a.slots

# Any order of columns, no header, only a header, a byte order mark, CRLF, no last line end.
printf 'ok,id,name\n1,7,seven\n0,+08,eight' >b.csv
run 0 import b.slots b.csv --schema "$schema"
run 0 export b.slots
printf 'id,name,ok\n7,seven,true\n8,eight,false\n' >want
same out want
printf '\357\273\277"ok",id,name\r\n1,7,"seven"\r\n0,8,eight\r\n' >b.csv
run 0 import c.slots b.csv --schema "$schema"
run 0 export c.slots
same out want
tail -n +2 want >rows.csv
run 0 import d.slots rows.csv --schema "$schema" --no-header
run 0 export d.slots
same out want
printf 'id,name,ok' >header.csv
run 0 import e.slots header.csv --schema "$schema"
err_is '0 records imported'
run 0 info e.slots
out_has 'records: 0'
run 0 import f.slots /dev/null --schema "$schema" --no-header

# One column of text: an empty line is an empty value.
printf 'name\n\na\n\n' >one.csv
run 0 import one.slots one.csv --schema 'name:text[4]'
run 0 export one.slots
same out one.csv

# Raw.
printf 'abcdefgh' >raw
run 0 import r.slots raw --record-size 4
err_is '2 records imported'
run 0 import r.slots - --format raw <raw
printf 'abcdefghabcdefgh' >want
same r.slots/records want
printf 'abcdefghi' >raw9
run 1 import r.slots raw9
err_is 'slotfile: raw9: 1 bytes are left over: its 9 bytes are not a multiple of the record size, 4
slotfile: r.slots: nothing was imported'
same r.slots/records want
run 1 import new.slots raw9 --record-size 4
absent new.slots
run 0 import r.slots /dev/null
err_is '0 records imported'

# A database is not imported into itself.
run 2 import r.slots r.slots/records
err_is 'slotfile import: r.slots/records is the database'"'"'s own file: copy it first (see: slotfile help import)'
run 0 import r2.slots r.slots/records --record-size 4
same r2.slots/records r.slots/records

# A wrong schema, none at all, and formats that cannot be.
run 2 import a.slots a.csv --schema 'id:u32'
err_is 'slotfile import: a.slots has another schema: leave --schema away, or give its own (see: slotfile help import)'
run 2 import a.slots a.csv --record-size 15
run 3 import new.slots a.csv
err_has 'slotfile: to create the database, give --schema, --schema-file or --record-size'
run 3 import new.slots missing.csv --schema "$schema"
run 2 import new.slots a.csv --record-size 4 --format csv
run 2 import new.slots a.csv --schema "$schema" --format tsv
run 2 import new.slots a.csv --schema 'p:pad[4]' --format csv
run 2 import a.slots
run 2 import a.slots a.csv b.csv
absent new.slots

# A failed first import leaves no database; a failed later one leaves what was there.
printf 'id,name,ok\n1,Ann,true\n2,Bob,perhaps\n' >bad.csv
run 1 import new.slots bad.csv --schema "$schema"
absent new.slots
cp a.slots/records before
run 1 import a.slots bad.csv
err_is 'bad.csv:3:7: field "ok": not a bool (write true, false, 1 or 0)
slotfile: a.slots: nothing was imported'
same a.slots/records before
run 0 info a.slots
out_has 'records: 8'
out_has 'clean: true'
run 0 verify a.slots

# The same when much was written before: 3 MiB of records, then a bad row.
people 25000 >p.csv
echo 'x' >>p.csv
run 1 import new.slots p.csv --schema "$people_schema"
err_is 'p.csv:25002:2: field "first": wrong number of fields, 1 instead of 10 (there must be a value for each column)
slotfile: new.slots: nothing was imported'
absent new.slots
people 1000 >q.csv
run 0 import p.slots q.csv --schema "$people_schema"
run 1 import p.slots p.csv --map-budget 4M
people 1000 --raw >want
same p.slots/records want
run 0 verify p.slots
finish
