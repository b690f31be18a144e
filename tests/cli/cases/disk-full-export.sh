# A full disk during export: exit code 3, a message with the file and the reason, no part left, the old
# file as before.
. "$(dirname "$0")/../lib.sh"

need_mounts
mkdir mnt
mount_tmpfs 1m mnt
run 0 create d --schema a:u64,b:u64 --records 1000000
echo old >mnt/out.csv
run 3 export d -o mnt/out.csv
err_has 'mnt/out.csv: cannot write: No space left on device'
[ "$(cat mnt/out.csv)" = old ]
passed $? 'the old file is gone'
[ "$(ls mnt)" = out.csv ]
passed $? "left over: $(ls mnt)"
last='export d >mnt/direct.csv'
$SLOTFILE export d >mnt/direct.csv 2>err
[ $? -eq 3 ]
passed $? 'exit code of standard output on a full disk'
err_has 'cannot write to standard output: No space left on device'
finish
