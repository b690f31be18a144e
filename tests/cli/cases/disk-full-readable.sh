# A disk that fills up during import --batch: exit code 3, whole batches are there and can be read at
# once, while the disk is still full.
. "$(dirname "$0")/../lib.sh"

need_mounts
awk 'BEGIN { print "t"; for (i = 0; i < 1000000; i++) print "x" }' >in.csv

# filled SIZE: on a file system of that size.
filled() {
    mkdir mnt
    mount_tmpfs "$1" mnt
    run 0 create mnt/d --schema 't:text[100]'
    run 3 import mnt/d in.csv --batch 10000
    run 0 get mnt/d 5
    run 0 export mnt/d
    records=$(($(wc -l <out) - 1))
    [ $records -gt 0 ] && [ $((records % 10000)) -eq 0 ]
    passed $? "$records records are not whole batches"
    run 0 verify mnt/d
    mount -o remount,size=200m mnt
    run 0 append mnt/d t=y
    run 0 verify mnt/d
    umount mnt
    rmdir mnt
}
filled 20m
filled 75m
finish
