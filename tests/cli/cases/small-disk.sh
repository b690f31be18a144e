# A small database on a small file system (a 16 MiB partition, /dev/shm of a container): it works.
. "$(dirname "$0")/../lib.sh"

need_mounts
mkdir mnt
mount_tmpfs 16m mnt
printf 'id\n1\n2\n' >in.csv
run 0 import mnt/d in.csv --schema id:u8
run 0 append mnt/d id=3
run 0 delete mnt/d 0
run 0 export mnt/d
out_is 'id
2
3'
run 0 verify mnt/d
finish
