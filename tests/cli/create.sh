# create: what it makes, and what it refuses.
. "$(dirname "$0")/lib.sh"

run 0 create a.slots --record-size 125
out_empty
err_empty
present a.slots/records
run 0 info a.slots
out_has 'records: 0'
out_has 'record_size: 125'
run 0 verify a.slots

run 0 create b.slots --schema 'id:u64,name:text[20]' --records 1000
run 0 info b.slots
out_has 'records: 1000'
out_has 'records_bytes: 28000'
out_has 'clean: true'
out_has '  8 text[20] name'
run 0 get b.slots 999
out_is 'id=0
name='
run 0 verify b.slots

# A database's own schema file makes an equal database; so does the same text in lines.
run 0 create c.slots --schema-file b.slots/schema
same b.slots/schema c.slots/schema
printf 'id : u64\r\nname:text[20]\n' >spec.txt
run 0 create d.slots --schema-file spec.txt
same b.slots/schema d.slots/schema
run 0 create e.slots --schema-file - <spec.txt
same b.slots/schema e.slots/schema
run 0 create f.slots --schema '"a,b:c":u8,"say ""x""":u16,größe:i32'
run 0 info f.slots
out_has '  0 u8 a,b:c'
out_has '  1 u16 say "x"'
out_has '  3 i32 größe'
run 0 create 'größe 日本.slots' --record-size=4K
present 'größe 日本.slots/records'

run 2 create a.slots --record-size 125
err_has 'slotfile: a.slots'
run 2 create x.slots
err_is 'slotfile create: give one of --schema, --schema-file and --record-size (see: slotfile help create)'
run 2 create x.slots --record-size 1 --schema a:u8
run 2 create x.slots --record-size 0
err_has 'slotfile: --record-size: '
run 2 create x.slots --record-size 1048577
run 2 create x.slots --record-size 99999999999999
run 2 create x.slots --record-size 12X
err_is 'slotfile create: --record-size: "12X" is not a number like 4096, 64K, 4M or 1G (see: slotfile help create)'
run 2 create x.slots --schema 'id:u65'
err_has 'slotfile: --schema: offset 3: '
run 2 create x.slots --schema 'id:u64,id:u8'
err_has 'slotfile: --schema: offset 7: '
run 2 create x.slots --schema ''
run 2 create x.slots --record-size 1 --records -1
run 2 create x.slots --record-size 1 --records 5000000000000
err_has 'slotfile: x.slots'
run 2 create
err_is 'slotfile create: too few arguments (see: slotfile help create)'
run 2 create x.slots y.slots --record-size 1
err_is 'slotfile create: unexpected argument y.slots (see: slotfile help create)'
run 3 create x.slots --schema-file missing.txt
err_has 'slotfile: missing.txt: cannot open the file: '
run 3 create no/such/x.slots --record-size 1
absent x.slots
finish
