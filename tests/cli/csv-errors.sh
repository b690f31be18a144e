# Every way in which CSV can be wrong: the exact message, exit code 1, and nothing of the file kept.
. "$(dirname "$0")/lib.sh"

schema='id:u8,name:text[5],pay:decimal[2],when:timestamp,day:date,x:f64,raw:bytes[2],p:pad[1]'
header='id,name,pay,when,day,x,raw'
good='1,Ann,1.50,2024-01-02T03:04:05Z,2024-01-02,0.5,00ff'
printf '%s\n%s\n' "$header" "$good" >good.csv
run 0 import d.slots good.csv --schema "$schema"
cp d.slots/records records

# bad MESSAGE: the file bad.csv is refused with that message, and the database is what it was.
bad() {
    run 1 import d.slots bad.csv
    out_empty
    err_is "bad.csv:$1
slotfile: d.slots: nothing was imported"
    same d.slots/records records
}

# row MESSAGE ROW: a row behind a good one. header MESSAGE HEADER: a header before a good row. Both are
# formats of printf.
row() {
    printf "%s\n%s\n$2" "$header" "$good" >bad.csv
    bad "$1"
}

header() {
    printf "$2\n%s\n" "$good" >bad.csv
    bad "$1"
}

rest=',1,2024-01-02T03:04:05Z,2024-01-02,1,0000\n'

# Values.
row '3:1: field "id": number out of range (u8 holds 0 to 255)' "256,a$rest"
row '3:1: field "id": number out of range (u8 holds 0 to 255)' "-1,a$rest"
row '3:1: field "id": empty number (write 0, or give a value)' ",a$rest"
row '3:1: field "id": not an integer (write digits only, with an optional sign)' "1.0,a$rest"
row '3:1: field "id": not an integer (write digits only, with an optional sign)' " 1,a$rest"
row '3:1: field "id": not an integer (write digits only, with an optional sign)' "\"1\n\",a$rest"
row '3:3: field "name": value too long for the field (shorten it or use a larger text[N])' "1,123456$rest"
row '3:3: field "name": value too long for the field (shorten it or use a larger text[N])' "1,\"12345\"\"\"$rest"
row '3:3: field "name": text is not valid UTF-8 (convert it to UTF-8)' "1,\377$rest"
row '3:3: field "name": text holds a NUL character (remove it or use bytes[N])' "1,a\000b$rest"
row '3:5: field "pay": too many decimals for the field (round it or use a larger decimal[S])' '1,a,1.005,2024-01-02T03:04:05Z,2024-01-02,1,0000\n'
row '3:5: field "pay": empty number (write 0, or give a value)' '1,a,,2024-01-02T03:04:05Z,2024-01-02,1,0000\n'
printf '%s\n' "$header" '1,a,1,2024-02-30T00:00:00Z,2024-01-02,1,0000' >bad.csv
run 1 import d.slots bad.csv
err_has 'bad.csv:2:7: field "when": '
printf '%s\n' "$header" '1,a,1,2024-01-02T03:04:05Z,2023-02-29,1,0000' >bad.csv
run 1 import d.slots bad.csv
err_has 'bad.csv:2:28: field "day": '
printf '%s\n' "$header" '1,a,1,2024-01-02T03:04:05Z,2024-01-02,1e999,0000' >bad.csv
run 1 import d.slots bad.csv
err_has 'bad.csv:2:39: field "x": '
row '3:41: field "raw": wrong number of digits (write two hexadecimal digits for each byte of the field)' '1,a,1,2024-01-02T03:04:05Z,2024-01-02,1,000\n'

# Columns in bytes of the line that the value begins in.
row '3:8: field "pay": empty number (write 0, or give a value)' '1,\303\266\303\266,,2024-01-02T03:04:05Z,2024-01-02,1,0000\n'
row '4:4: field "pay": empty number (write 0, or give a value)' '1,"a\nb",,2024-01-02T03:04:05Z,2024-01-02,1,0000\n'

# Shapes of rows.
row '3:4: field "pay": wrong number of fields, 2 instead of 7 (there must be a value for each column)' '1,a\n'
row '3:1: field "name": wrong number of fields, 1 instead of 7 (there must be a value for each column)' '\n'
row '3:41: field "raw": wrong number of fields, 8 instead of 7 (quote values that hold commas)' '1,a,1,2024-01-02T03:04:05Z,2024-01-02,1,0000,\n'
row '3:3: field "name": open quote at the end of the file (close it, or write "" for a quote)' '1,"a,b\nc\n'
row '3:3: field "name": junk after the closing quote (write "" for a quote within quotes)' "1,\"a\"b$rest"
row '3:3: field "name": junk after the closing quote (write "" for a quote within quotes)' "1,\"a\" $rest"
row '3:3: field "name": quote in an unquoted value (quote the value and write "" for each quote in it)' "1,a\"b$rest"
row '3:3: field "name": quote in an unquoted value (quote the value and write "" for each quote in it)' "1, \"b\"$rest"
row '3:3: field "name": carriage return without line feed (quote the value, or end lines with LF or CRLF)' "1,a\rb$rest"
row '3:44: field "raw": wrong number of fields, 9 instead of 7 (quote values that hold commas)' '1,a,1,2024-01-02T03:04:05Z,2024-01-02,1.00,0000,8,9\n'

# Headers.
header '1:4: field "nome": unknown column (take it out, or import with a schema that has it)' 'id,nome,pay,when,day,x,raw'
header '1:28: field "more": unknown column (take it out, or import with a schema that has it)' "$header,more"
header '1:28: field "p": unknown column (take it out, or import with a schema that has it)' "$header,p"
header '1:28: field "id": repeated column (take one of them out)' "$header,id"
header '1:23: field "raw": missing column (add it to the header and the rows)' 'id,name,pay,when,day,x'
header '1:1: field "": unknown column (take it out, or import with a schema that has it)' ''
header '1:4: field ""name"x": junk after the closing quote (write "" for a quote within quotes)' 'id,"name"x,pay'
header '1:4: field "na"me": quote in an unquoted value (quote the value and write "" for each quote in it)' 'id,na"me,pay'
printf '' >bad.csv
bad '1:1: the file is empty (a header with the names of the fields, or --no-header, is needed)'
printf '\357\273\277' >bad.csv
bad '1:1: the file is empty (a header with the names of the fields, or --no-header, is needed)'
printf '\357\273\277id,nome\n' >bad.csv
bad '1:4: field "nome": unknown column (take it out, or import with a schema that has it)'
printf 'a\033[31mb\n' >bad.csv
bad '1:1: field "a\x1b[31mb": unknown column (take it out, or import with a schema that has it)'

# Without a header, and from standard input.
printf '300,a\n' >bad.csv
run 1 import n.slots bad.csv --schema 'id:u8,t:text[2]' --no-header
err_is 'bad.csv:1:1: field "id": number out of range (u8 holds 0 to 255)
slotfile: n.slots: nothing was imported'
run 1 import n.slots - --schema 'id:u8,t:text[2]' --no-header <bad.csv
err_is 'standard input:1:1: field "id": number out of range (u8 holds 0 to 255)
slotfile: n.slots: nothing was imported'
absent n.slots

# A quote that is open for megabytes is found before memory runs out.
awk 'BEGIN { print "t"; printf "\""; for (i = 0; i < 300000; i++) print "0123456789" }' >bad.csv
run 1 import n.slots bad.csv --schema 't:text[2]'
err_is 'bad.csv:2:1: field "t": the row is longer than 1048576 bytes (is a quote open?)
slotfile: n.slots: nothing was imported'
absent n.slots
run 0 verify d.slots
finish
