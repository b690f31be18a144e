# Exit codes, help, and where the words go: data to stdout, all else to stderr.
. "$(dirname "$0")/lib.sh"

# 0 and 2: help and wrong use.
run 0 --version
out_has 'slotfile '
err_empty
run 0 --help
out_has 'Exit codes:'
err_empty
run 0 help
run 2
out_empty
err_has 'Usage: slotfile COMMAND'
run 2 frobnicate
out_empty
err_is 'slotfile: unknown command frobnicate (see: slotfile --help)'
run 2 help frobnicate
for command in create import export get put append insert delete checkpoint info verify; do
    run 0 help "$command"
    out_has "Usage: slotfile $command DB"
    out_has '--map-budget N[K|M|G]'
    cp out help
    run 0 "$command" --help
    same out help
    run 2 "$command" --frobnicate
    err_is "slotfile $command: unknown option --frobnicate (see: slotfile help $command)"
    run 2 "$command"
    run 2 "$command" x --map-budget
    err_is "slotfile $command: --map-budget needs a value (see: slotfile help $command)"
    run 2 "$command" x --map-budget 4T
    run 2 "$command" x --map-budget 17179869184G
    run 2 "$command" x --map-budget ''
    run 2 "$command" x --wait-ms 1s
done
for command in import put append insert delete; do
    run 0 help "$command"
    out_has '--sync full'
    run 2 "$command" x 0 --sync
    err_is "slotfile $command: --sync needs a value (see: slotfile help $command)"
done
for command in create export get checkpoint info verify; do
    run 2 "$command" x --sync full
    err_is "slotfile $command: unknown option --sync (see: slotfile help $command)"
done

# What checks no value says so.
run 0 help import
out_has 'no value is checked'
for command in put append insert; do
    run 0 help $command
    out_has 'no value is checked'
done

# Sizes are powers of 1024, with = or without.
run 0 create a.slots --record-size 1K --records 2
run 0 info a.slots --map-budget=8M
out_has 'record_size: 1024'
out_has 'map_budget: 8388608'
run 0 info a.slots --map-budget 1G --wait-ms 0
out_has 'map_budget: 1073741824'
run 2 info a.slots --json=yes
run 2 info a.slots --wait-ms 4294967296
run 0 info -- a.slots

# 1: no such record. 3: no such file. 4: not a database, or a damaged one.
run 1 get a.slots 2
run 3 get missing.slots 0
run 3 import a.slots missing.csv --format raw
run 3 import a.slots . --format raw
run 3 import new.slots . --schema a:u8
absent new.slots
echo x >file
run 4 info file
mkdir empty.slots
run 4 info empty.slots
cp -r a.slots meta.slots
printf 'garbage' | dd of=meta.slots/meta bs=1 conv=notrunc 2>/dev/null
printf 'garbage' | dd of=meta.slots/meta bs=1 seek=4096 conv=notrunc 2>/dev/null
run 4 info meta.slots
err_has 'slotfile: meta.slots/meta'

# 3: an output that cannot be written.
if [ -w /dev/full ]; then
    for arguments in 'info a.slots' 'export a.slots' 'get a.slots 0' '--help'; do
        last="$arguments >/dev/full"
        # shellcheck disable=SC2086 # several arguments
        $SLOTFILE $arguments >/dev/full 2>err
        [ $? -eq 3 ]
        passed $? 'a full device is not exit code 3'
        err_has 'slotfile: cannot write to standard output'
    done
fi
run 3 export a.slots -o no/such/file

# 5: in use by another process. An import in direct access has the database alone; one in transactional
# access keeps others from writing as soon as it has something to write, and nobody from reading.
hold a.slots --direct
run 5 info a.slots --wait-ms 0
err_has 'slotfile: a.slots'
run 5 export a.slots --wait-ms 0
head -c 1024 /dev/zero >one
run 5 put a.slots 0 --raw one --wait-ms 50
release
run 0 info a.slots
out_has 'records: 2'
hold a.slots
run 0 info a.slots --wait-ms 0
run 0 export a.slots
run 0 delete a.slots 1 --wait-ms 0
dd if=/dev/zero bs=1024 count=700 2>/dev/null >&9
run 5 delete a.slots 0 --wait-ms 50
err_has 'slotfile: a.slots'
run 0 get a.slots 0 --wait-ms 0
run 1 get a.slots 2 --wait-ms 0
run 0 verify a.slots --wait-ms 0
release
run 0 info a.slots
out_has 'records: 702'
finish
