# get: every format, every type, and numbers of records that are none.
. "$(dirname "$0")/lib.sh"

schema='a:u8,b:i64,c:f32,d:f64,e:bool,f:text[12],g:bytes[3],h:date,i:timestamp,j:decimal[3],p:pad[2]'
cat >in.csv <<'X'
a,b,c,d,e,f,g,h,i,j
255,-9223372036854775808,0.1,1e+300,true,"say ""x"", y",00ff7f,2024-02-29,2024-02-29T12:34:56.000001Z,-0.050
0,0,inf,nan,false,,000000,1970-01-01,1970-01-01T00:00:00Z,0.000
X
printf '1,2,3,4,1,"tab\there\\ \n\r",abcdef,-0044-03-15,+12345-01-01T00:00:00Z,7\n' >>in.csv
run 0 import t.slots in.csv --schema "$schema"

run 0 get t.slots 0
err_empty
out_is 'a=255
b=-9223372036854775808
c=0.1
d=1e+300
e=true
f=say "x", y
g=00ff7f
h=2024-02-29
i=2024-02-29T12:34:56.000001Z
j=-0.050'
run 0 get t.slots 0 --format json
out_is '{"a":255,"b":-9223372036854775808,"c":0.1,"d":1e+300,"e":true,"f":"say \"x\", y","g":"00ff7f","h":"2024-02-29","i":"2024-02-29T12:34:56.000001Z","j":-0.050}'
run 0 get t.slots 1 --format json
out_is '{"a":0,"b":0,"c":"inf","d":"nan","e":false,"f":"","g":"000000","h":"1970-01-01","i":"1970-01-01T00:00:00Z","j":0.000}'
run 0 get t.slots 0 --format csv
head -n 2 in.csv >want
same out want
run 0 get t.slots 2
out_has 'f=tab\there\\ \n\r'
run 0 get t.slots 2 --format json
out_has '"f":"tab\u0009here\\ \u000a\u000d"'
run 0 get t.slots 1 --format raw
size=$(wc -c <t.slots/records)
dd if=t.slots/records of=want bs=$((size / 3)) skip=1 count=1 2>/dev/null
same out want

run 0 create h.slots --record-size 4 --records 1
printf '\001\000\377a' | run 0 put h.slots 0 --raw -
run 0 get h.slots 0
out_is '0100ff61'
run 0 get h.slots 0 --format json
out_is '{"hex":"0100ff61"}'
run 0 get h.slots 0 --format raw
printf '\001\000\377a' >want
same out want
run 2 get h.slots 0 --format csv

run 1 get t.slots 3
err_has 'slotfile: t.slots'
err_has 'there is no record 3'
out_empty
run 1 get t.slots 18446744073709551615
run 2 get t.slots 18446744073709551616
err_is 'slotfile get: "18446744073709551616" is not a record number (see: slotfile help get)'
run 2 get t.slots x
run 2 get t.slots ''
run 2 get t.slots
run 2 get t.slots 0 --format xml
run 2 get t.slots -1
err_is 'slotfile get: unknown option -1 (see: slotfile help get)'
run 3 get missing.slots 0

# Bytes that are not a value of their type: the raw format still shows them.
run 0 create bad.slots --schema 'ok:bool,t:text[3]' --records 1
run 0 create any.slots --record-size 4 --records 1
printf '\002abc' | run 0 put bad.slots 0 --raw -
run 1 get bad.slots 0
err_is 'slotfile: field "ok": the bytes are not a value of its type (--format raw shows them)'
out_empty
run 1 get bad.slots 0 --format csv
out_empty
run 1 get bad.slots 0 --format json
out_empty
run 0 get bad.slots 0 --format raw

# Nor is a part of it shown, when the first fields have values: it would look whole.
run 0 create later.slots --schema 'id:u8,t:text[3],n:u8' --records 1
printf 'a\377bcd' | run 0 put later.slots 0 --raw -
for format in kv json csv; do
    run 1 get later.slots 0 --format $format
    out_empty
    err_is 'slotfile: field "t": the bytes are not a value of its type (--format raw shows them)'
done
run 0 get later.slots 0 --format raw
finish
