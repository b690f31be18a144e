# A database on a read-only mount: get, info, export, verify work; import and put are refused with the
# reason.
. "$(dirname "$0")/../lib.sh"

need_mounts
mkdir mnt
mount_tmpfs 160m mnt
printf 'id\n1\n2\n' >in.csv
run 0 import mnt/d in.csv --schema id:u8
mount -o remount,ro mnt
run 0 export mnt/d
same out in.csv
run 0 get mnt/d 1
out_is 'id=2'
run 0 info mnt/d
run 0 verify mnt/d
run 3 import mnt/d in.csv
grep -Eqi 'read-only|permission' err
passed $? 'no reason'
run 3 put mnt/d 0 id=3
run 3 export mnt/d -o mnt/x.csv
grep -Eqi 'read-only|permission' err
passed $? 'no reason'
finish
