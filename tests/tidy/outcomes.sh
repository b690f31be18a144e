#!/bin/sh
# outcomes.sh ROOT [--write]: the table of src/db/outcome.h, as it stands in the public header and in
# docs/durability.md between their marks; an error when it is another one there, or with --write put
# there.
set -u
root=$1
table=$root/src/db/outcome.h

# The rows: status and eight classes, in columns.
rows() {
    printf '%-22s| %-31s| %s\n' '' 'transactional access' 'direct access'
    printf '%-22s| %-7s %-7s %-7s %-7s| %-7s %-7s %-7s %s\n' \
        '' reads writes appends commit reads writes appends commit
    sed -n 's/^ *X(\(SLOT_[A-Z_]*\), *\(.*\)).*/\1 \2/p' "$table" | tr -d ',' |
        while read -r status a b c d e f g h; do
            printf '%-22s| %-7s %-7s %-7s %-7s| %-7s %-7s %-7s %s\n' \
                "$status" "$a" "$b" "$c" "$d" "$e" "$f" "$g" "$h"
        done | sed 's/never/-    /g; s/ *$//'
}

# FILE PREFIX: the file with the rows between its marks.
renewed() {
    rows | sed "s/^/$2/; s/ *$//" >"$work/rows"
    awk -v rows="$work/rows" '
        /outcomes: end/ { inside = 0 }
        !inside { print }
        /outcomes: begin/ { inside = 1; while ((getline line < rows) > 0) print line }
    ' "$1"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for pair in "include/slotfile/slotfile.h: \* " "docs/durability.md:    "; do
    file=$root/${pair%%:*}
    renewed "$file" "${pair#*:}" >"$work/renewed"
    if [ "${2:-}" = --write ]; then
        cp "$work/renewed" "$file"
    elif ! cmp -s "$work/renewed" "$file"; then
        echo "$file: not the table of src/db/outcome.h: run tests/tidy/outcomes.sh $root --write"
        failed=1
    fi
done
exit $failed
