# put: several fields at once, raw bytes, and that a refused value changes nothing.
. "$(dirname "$0")/lib.sh"

people 100 >p.csv
run 0 import p.slots p.csv --schema "$people_schema"

run 0 put p.slots 42 visits=7 active=true first=Zoë 'last=a, "b"' balance=-0.05 email=
out_empty
err_empty
run 0 get p.slots 42
out_has 'first=Zoë'
out_has 'last=a, "b"'
out_has 'email='
out_has 'balance=-0.05'
out_has 'visits=7'
out_has 'active=true'
out_has 'id=42'

# All other records are what they were.
people 100 --raw >want
dd if=want of=want.1 bs=125 count=42 2>/dev/null
dd if=p.slots/records of=got.1 bs=125 count=42 2>/dev/null
same got.1 want.1
dd if=want of=want.2 bs=125 skip=43 2>/dev/null
dd if=p.slots/records of=got.2 bs=125 skip=43 2>/dev/null
same got.2 want.2
run 0 verify p.slots

# A field has one value, which may hold = and be empty.
run 2 put p.slots 0 visits=1 visits=2
err_is 'slotfile put: field "visits" is given twice (see: slotfile help put)'
run 0 put p.slots 0 visits=2 email=a=b
run 0 get p.slots 0
out_has 'visits=2'
out_has 'email=a=b'
run 0 create q.slots --schema '"a=b":u8,a:text[4]' --records 1
run 2 put q.slots 0 a=b=9
err_is "slotfile put: a=b=9: is it the field \"a\" or \"a=b\"? write the one that is meant in double quotes, as '\"a\"=VALUE' (see: slotfile help put)"
run 0 get q.slots 0
out_is 'a=b=0
a='
run 0 put q.slots 0 '"a=b"=9'
run 0 get q.slots 0
out_is 'a=b=9
a='
run 0 put q.slots 0 '"a"=b=9'
run 0 get q.slots 0
out_is 'a=b=9
a=b=9'
run 0 put q.slots 0 -- a=-x
run 0 get q.slots 0
out_has 'a=-x'

before=$(fingerprint p.slots)
run 1 put p.slots 5 visits=8 active=maybe
err_is 'slotfile: field "active": not a bool (write true, false, 1 or 0)'
run 1 put p.slots 5 visits=-1
run 1 put p.slots 5 visits=
run 1 put p.slots 5 first=123456789012345678901
err_is 'slotfile: field "first": value too long for the field (shorten it or use a larger text[N])'
run 2 put p.slots 5 visits=8 nobody=1
err_is 'slotfile put: p.slots has no such field: nobody=1 (see: slotfile help put)'
run 2 put p.slots 5 pad=1
run 2 put p.slots 5 visits
err_is 'slotfile put: "visits" is not FIELD=VALUE (see: slotfile help put)'
run 2 put p.slots 5
run 2 put p.slots 5 visits=1 --raw p.csv
run 2 put p.slots five visits=1
[ "$(fingerprint p.slots)" = "$before" ]
passed $? 'a refused put has changed a file'
run 2 put p.slots 5 visits=1 --sync maybe
err_is 'slotfile put: --sync: "maybe" is neither full nor normal (see: slotfile help put)'
run 1 put p.slots 100 visits=1
err_has 'there is no record 100'
run 0 put p.slots 5 visits=11 --sync normal
run 0 put p.slots 6 visits=12 --sync=full
run 0 get p.slots 5
out_has 'visits=11'
run 0 get p.slots 6
out_has 'visits=12'
run 3 put missing.slots 0 visits=1
run 0 verify p.slots
run 0 info p.slots
out_has 'clean: true'

# Raw: exactly one record.
people 1 7 --raw >one
run 0 put p.slots 99 --raw one
dd if=p.slots/records of=got bs=125 skip=99 2>/dev/null
same got one
run 0 put p.slots 0 --raw - <one
head -c 124 one >short
run 1 put p.slots 1 --raw short
err_is 'slotfile: short: less than the 125 bytes of a record'
cat one short >long
run 1 put p.slots 1 --raw long
err_is 'slotfile: long: more than the 125 bytes of a record'
run 1 put p.slots 1 --raw - </dev/null
run 3 put p.slots 1 --raw missing
people 2 --raw >want
dd if=want of=want.1 bs=125 skip=1 2>/dev/null
dd if=p.slots/records of=got bs=125 skip=1 count=1 2>/dev/null
same got want.1
run 0 verify p.slots
finish
