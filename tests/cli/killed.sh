# An import that is killed leaves the database as it was before its transaction, whole and clean.
. "$(dirname "$0")/lib.sh"

people 1000 >p.csv
people 30000 7 --raw >more.raw
run 0 import p.slots p.csv --schema "$people_schema"

# begin_import DB ARGUMENTS...: an import that has read some 3.6 MB and waits for more. What cat has
# written was read but for what a pipe holds, so most of it was appended.
begin_import() {
    hold "$@"
    cat more.raw >&9
}

# as_before: all of p.csv, and nothing else.
as_before() {
    run 0 info p.slots
    out_has 'records: 1000'
    run 0 verify p.slots
    out_is 'p.slots: 1000 records, no damage found'
    run 0 export p.slots
    same out p.csv
}

# While it runs, nobody sees any of it.
begin_import p.slots
as_before
run 5 put p.slots 0 visits=1 --wait-ms 50
slay
run 0 get p.slots 999
as_before
run 0 info p.slots
out_has 'clean: true'

# The next one to open the database may also write to it.
begin_import p.slots
slay
run 0 put p.slots 0 id=0
as_before
begin_import p.slots
slay
run 0 import p.slots p.csv
run 0 info p.slots
out_has 'records: 2000'
run 0 verify p.slots

# Whole batches.
begin_import p.slots --batch 700
slay
run 0 info p.slots
records=$(number records)
[ "$records" -gt 2000 ] && [ $(((records - 2000) % 700)) -eq 0 ]
passed $? "$records records are not 2000 and whole batches of 700"
run 0 verify p.slots
run 0 export p.slots --range 2000: --format raw
head -c $(((records - 2000) * 125)) more.raw >want
same out want

# A first import that is killed leaves an empty database; one that fails leaves none.
begin_import new.slots --schema "$people_schema"
slay
run 0 info new.slots
out_has 'records: 0'
run 0 verify new.slots
out_is 'new.slots: 0 records, no damage found'
run 0 info new.slots
out_has 'clean: true'
run 0 import new.slots p.csv
run 0 export new.slots
same out p.csv

# In direct access the records are there too, but nobody can tell any more by their checksums.
begin_import new.slots --direct
slay
run 0 info new.slots
out_has 'records: 1000'
out_has 'sums_stale: true'
run 1 verify new.slots
run 0 verify new.slots --rebuild-sums
out_is 'new.slots: 1000 records, no damage found'
run 0 verify new.slots
run 0 export new.slots
same out p.csv
finish
