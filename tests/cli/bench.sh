# bench: that it runs everywhere, changes nothing, leaves nothing behind, and that its three outputs
# say the same. Never how fast anything is.
. "$(dirname "$0")/lib.sh"

python=
if command -v python3 >/dev/null && python3 -c 'import json, xml.dom.minidom' 2>/dev/null; then
    python=python3
fi

# count TEXT FILE: on how many lines of it that text is.
count() {
    grep -c -F -e "$1" "$2"
}

# json_is CASES: stdout is one JSON object with these cases, in this order.
json_is() {
    [ "$(sed -n 's/^ {"case":"\([a-z]*\)".*/\1/p' out | tr '\n' ' ')" = "$1 " ]
    passed $? "the cases are not: $1"
    [ "$(head -c 1 out)" = '{' ] && [ "$(tail -n 1 out | tr -d '\r')" = ']}' ]
    passed $? 'not one JSON object'
    [ -z "$python" ] && return
    tr -d '\r' <out | python3 -c '
import json, sys
report = json.load(sys.stdin)
for case in report["cases"]:
    assert case["ways"] and case["cache_state"], case["case"]
    for way in case["ways"]:
        assert len(way["rounds"]["ns"]) == way["rounds"]["count"] == report["rounds"], way
        assert way["kind"] in ("slotfile", "raw"), way
' 2>json.err
    passed $? "not the JSON it should be: $(tail -n 1 json.err)"
}

# html_is FILE CASES: a whole HTML file with a plot for each case; the JSON in it is what is in out.
html_is() {
    [ "$(head -n 1 "$1" | tr -d '\r')" = '<!DOCTYPE html>' ] && [ "$(tail -n 1 "$1" | tr -d '\r')" = '</script></body></html>' ]
    passed $? 'not a whole HTML file'
    for tag in section svg table details; do
        [ "$(grep -o "<$tag[ >]" "$1" | wc -l)" -eq "$(grep -o "</$tag>" "$1" | wc -l)" ]
        passed $? "<$tag> is not always closed"
    done
    [ "$(count '<svg ' "$1")" -eq "$2" ] && [ "$(count '<section ' "$1")" -eq "$2" ]
    passed $? "not a plot for each of $2 cases"
    ! grep -q -e 'src=' -e 'href="[^#]' -e 'url(' "$1"
    passed $? 'it needs other files'
    ! grep -q -e ' nan' -e '"nan' -e '"-\{0,1\}inf' "$1"
    passed $? 'a place in a plot is no number'
    sed -n '/<script type="application\/json"/,$p' "$1" | sed '1d;s/<\/script>.*//' | sed '$d' >inside
    same inside out
    [ -z "$python" ] && return
    python3 -c '
import re, sys, xml.dom.minidom
for plot in re.findall(r"<svg.*?</svg>", open(sys.argv[1], encoding="utf-8").read(), re.S):
    xml.dom.minidom.parseString(plot.encode())
' "$1" 2>xml.err
    passed $? "a plot is not XML: $(tail -n 1 xml.err)"
}

# only NAMES: nothing else is in the folder `here`.
only() {
    [ "$(cd here && echo *)" = "$1" ]
    passed $? "left behind: $(cd here && echo *)"
}

mkdir here

# A database of the user's: read, never changed, also with deleted records and an odd name.
db='a & b.slots'
[ "${SLOTFILE#*wine}" != "$SLOTFILE" ] || db="<a> & \"b\" \$(c) 'd'.slots" # Windows has no such names
people 3000 >p.csv
run 0 import "here/$db" p.csv --schema "$people_schema"
run 0 delete "here/$db" 17 2999
before=$(fingerprint "here/$db")
run 0 bench "here/$db" --rounds 2
err_empty
for case in scan get skewed threads; do
    out_has "$case: "
done
out_has 'slotfile, runs, faulted in'
run 0 bench --json --rounds 2 --html report.html "here/$db"
err_empty
json_is 'scan get skewed threads'
html_is report.html 4
[ "$(fingerprint "here/$db")" = "$before" ]
passed $? 'bench has changed a file'
only "$db"
run 0 bench "here/$db" --cases threads,scan --rounds 1 --json --wait-ms 0
json_is 'scan threads'

# Records of one byte and of more than the small budget can hold, and those of a hole.
for size in 1 7 1M; do
    run 0 create "size$size.slots" --record-size "$size" --records 9
    run 0 bench "size$size.slots" --rounds 1 --map-budget 1M --json
    json_is 'scan get skewed threads'
done
out_has '"reason":'

# Nothing to read, nothing there, damage, or others who write.
run 0 create empty.slots --record-size 10
run 1 bench empty.slots
err_is 'slotfile: empty.slots: there are no records to measure with'
out_empty
run 3 bench missing.slots
err_has 'slotfile: missing.slots'
echo x >file
run 4 bench file
hold "here/$db" --direct
run 5 bench "here/$db" --wait-ms 0
err_has "slotfile: here/$db"
slay

# Temporary databases: made in DIR, and gone at the end, also after errors.
mkdir there
run 0 bench --records 1000 --rounds 1 --dir there --json --html all.html
err_empty
json_is 'scan get skewed threads append commit update'
html_is all.html 7
run 0 bench --records 1000 --rounds 1 --dir there --cases append
out_has 'append: '
run 3 bench --dir missing --records 1000
err_has 'slotfile: missing/slotfile-bench-'
run 3 bench --dir there --records 1000 --html missing/report.html
err_has 'missing/report.html: cannot create the file'
if [ "${SLOTFILE#*wine}" = "$SLOTFILE" ]; then
    # No file gets larger than half a megabyte: the second database does not come to its end.
    (
        trap '' XFSZ
        ulimit -f 1024
        $SLOTFILE bench --dir there --records 20000 --rounds 1 --html no.html >out 2>err
    )
    [ $? -eq 3 ]
    passed $? 'a file that cannot grow is not exit code 3'
    err_has 'has failed, so the run ends here'
    absent no.html
fi
[ "$(cd there && echo *)" = '*' ]
passed $? "left behind: $(cd there && echo *)"
[ "$(find . -name 'slotfile-part-*')" = '' ]
passed $? 'a part of a report is left behind'

# Wrong use.
run 0 help bench
out_has 'Usage: slotfile bench [DB]'
cp out help
run 0 bench --help
same out help
run 2 bench --frobnicate
err_is 'slotfile bench: unknown option --frobnicate (see: slotfile help bench)'
run 2 bench --cases scan,sort
err_is 'slotfile bench: --cases: there is no case "sort" (see: slotfile help bench)'
run 2 bench --cases ''
run 2 bench "here/$db" --cases scan,append
err_is 'slotfile bench: --cases: append writes, so it is measured without DB (see: slotfile help bench)'
run 2 bench "here/$db" --records 1000
run 2 bench "here/$db" --dir there
run 2 bench --rounds 0
run 2 bench --rounds 101
err_has '--rounds: from 1 to 100'
run 2 bench --records 10
run 2 bench --records 4294967296
run 2 bench --map-budget 4T
run 2 bench --wait-ms 4294967296
run 2 bench "here/$db" "here/$db"
out_empty
finish
