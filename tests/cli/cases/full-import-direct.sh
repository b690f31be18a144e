# An import in direct access that is refused for lack of space leaves the database as it was: closed
# cleanly, its checksums in force. On tmpfs and on ext4, with blocks of 1 KiB, so that the checksums of
# what was appended are among what there is no space for; with the records ending in a block, and at
# the end of one.
. "$(dirname "$0")/../lib.sh"

# fill: somebody takes what is left, to the last block.
fill() {
    dd if=/dev/zero of="$1" bs=1k >/dev/null 2>&1
}

# try DIRECTORY RECORDS: a database of them there, then as many again.
try() {
    head -c $(($2 * 49)) /dev/zero | tr '\0' x >old
    for left in 0 4 1500; do
        rm -rf "$1/d" "$1/fill" "$1/left"
        [ "$left" -eq 0 ] || dd if=/dev/zero of="$1/left" bs=1k count=$left 2>/dev/null
        run 0 import "$1/d" old --record-size 49 --direct
        fingerprint "$1/d" | grep -v -e '^meta ' -e '^deleted ' >files.before
        fill "$1/fill"
        rm -f "$1/left"
        run 3 import "$1/d" old --direct
        err_has 'No space left'
        ! grep -q closing err
        passed $? 'it was not closed cleanly'
        run 0 info "$1/d"
        out_has "records: $2"
        out_has 'sums_stale: false'
        out_has 'clean: true'
        run 0 verify "$1/d"
        # Only `meta` tells that somebody has tried, and `deleted` keeps the space that it has got.
        fingerprint "$1/d" | grep -v -e '^meta ' -e '^deleted ' >files
        same files files.before
        run 0 export "$1/d" -o out.raw
        same out.raw old
    done
}

need_mounts
mkdir mnt
mount_tmpfs 24m mnt
try mnt 50000
try mnt 49800 # whole blocks, of 83 records
umount mnt
truncate -s 24m image
if mkfs.ext4 -q -F -b 1024 -m 0 image 2>/dev/null && mount -o loop image mnt 2>/dev/null; then
    try mnt 50000
    try mnt 49800
else
    skip 'no ext4 can be mounted'
fi
finish
