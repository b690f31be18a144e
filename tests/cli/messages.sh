# What a terminal would obey is shown as \xNN in all messages, and in what is printed for people.
. "$(dirname "$0")/lib.sh"

escape=$(printf '\033[31m')
control=$(printf '\302\233')
shown='\x1b[31m'

# silent FILE...: no byte of them is a control character, a line end apart.
silent() {
    for file in "$@"; do
        LC_ALL=C tr -d '\n\040-\176\200-\377' <"$file" >odd
        grep -c "$control" "$file" >found
        [ ! -s odd ] && [ "$(cat found)" = 0 ]
        passed $? "control characters in $file"
    done
}

# All texts that come from the caller.
run 2 "frob$escape"
err_is "slotfile: unknown command frob$shown (see: slotfile --help)"
run 2 info "--frob$escape"
err_is "slotfile info: unknown option --frob$shown (see: slotfile help info)"
run 2 get x "1$control"
err_is 'slotfile get: "1\xc2\x9b" is not a record number (see: slotfile help get)'
run 2 info x "y$escape
z" w
err_is "slotfile info: unexpected argument y$shown\\x0az (see: slotfile help info)"
run 3 info "no$escape"
err_has "slotfile: no$shown: no such file or directory"
run 3 import x "no$escape.csv" --schema a:u8
err_has "slotfile: no$shown.csv: cannot open the file: "
run 2 create x --schema "a$escape:u8"
err_has 'slotfile: --schema: offset 1: '
run 2 create x --schema "a:u8$escape"
silent err

printf 'a\n1\n' >in.csv
run 0 create a.slots --schema 'a:u8,t:text[9]'
run 2 put a.slots 0 "b$escape=1"
err_is "slotfile put: a.slots has no such field: b$shown=1 (see: slotfile help put)"
run 2 export a.slots --format "$escape"
run 2 export a.slots --range "$escape"
silent err

# Text of other scripts is shown as it is; only control characters are not.
run 3 info 'Zoë-数-🎈'
err_has 'slotfile: Zoë-数-🎈: no such file or directory'

# Bytes of a file that is something else.
printf 'a%s\377\302\233b\200,\360\237\216\210\000\n' "$escape" >bad.csv
run 1 import a.slots bad.csv
err_is "bad.csv:1:1: field \"a$shown\\xff\\xc2\\x9bb\\x80\": unknown column (take it out, or import with a schema that has it)
slotfile: a.slots: nothing was imported"
awk 'BEGIN { for (i = 0; i < 300; i++) printf "x"; print "" }' >bad.csv
run 1 import a.slots bad.csv
err_has 'x...": unknown column'
people 50 --raw >bad.csv
run 1 import a.slots bad.csv
silent err

# Values, where they are for people; for programs they are what they are.
run 0 append a.slots a=1 "t=a$control$escape"
run 0 get a.slots 0
out_is 'a=1
t=a\xc2\x9b\x1b[31m'
run 0 get a.slots 0 --format json
out_is '{"a":1,"t":"a\u009b\u001b[31m"}'
run 0 get a.slots 0 --format csv
out_is "a,t
1,a$control$escape"

# Names that Windows has none of.
if [ "${SLOTFILE#*wine}" = "$SLOTFILE" ]; then
    cp in.csv "in$escape.csv"
    run 0 import "b$escape.slots" "in$escape.csv" --schema a:u8
    run 0 verify "b$escape.slots"
    out_is "b$shown.slots: 1 records, no damage found"
    printf '\377' | dd of="b$escape.slots/records" bs=1 conv=notrunc 2>/dev/null
    run 1 verify "b$escape.slots"
    err_is "slotfile: b$shown.slots/records: offset 0, 1 bytes, records 0:1: the block does not fit its checksum"
    printf 'a\nx\n' >"in$escape.csv"
    run 1 import a.slots "in$escape.csv" --no-header
    err_has "in$shown.csv:1:"
    run 3 export a.slots -o "missing$escape/x"
    err_has "missing$shown/x: cannot create the file"
    mkdir "c$escape"
    run 4 info "c$escape"
    err_has "slotfile: c$shown"
    run 0 bench "b$escape.slots" --rounds 1 --cases get
    silent out
    run 3 bench --dir "missing$escape" --records 1000
    silent err
    run 3 info "$(printf 'a\377b')"
    err_has 'slotfile: a\xffb: no such file or directory'
fi
finish
