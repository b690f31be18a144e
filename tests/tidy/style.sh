#!/bin/sh
# style.sh ROOT: lines of at most 100 columns, no tabs, no white space at line ends, a comment at the
# top of every header, functions of at most 70 lines, no file that no build names.
set -u
cd "$1" || exit 2
bad=0
files=$(find include src tools tests bench -name '*.[ch]')

complain() {
    printf '%s\n' "$1"
    bad=1
}

# shellcheck disable=SC2086 # names without blanks, one argument each
{
    out=$(awk 'length($0) > 100 {print FILENAME ":" FNR ": " length($0) " columns"}' $files)
    [ -z "$out" ] || complain "$out"
    out=$(grep -nE "$(printf '\t')|[[:blank:]]+$" $files)
    [ -z "$out" ] || complain "tabs, or white space at the end:
$out"
    # A function ends where a closing brace stands in the first column.
    out=$(awk '
        FNR == 1 {start = 0}
        /^\{/ {start = FNR; name = last}
        /^\}/ {if (start && FNR - start > 70) print FILENAME ":" start ": " FNR - start " lines: " name
               start = 0}
        {if ($0 !~ /^[ {}]/ && $0 != "") last = $0}' $files)
    [ -z "$out" ] || complain "functions over 70 lines:
$out"
}
for file in $(find include src tools bench tests/support -name '*.h'); do
    head -n 1 "$file" | grep -q '^/\*' || complain "$file: does not begin with what it is for"
done
for file in $(find src tools bench -name '*.c'); do
    base=$(basename "$file" .c)
    folder=$(dirname "$file")
    twin=$(printf '%s' "$base" | sed -E 's/_(posix|win32)$//')
    grep -qE "\b(${twin}(_[\$]\{[a-z]+\})?|${base})\.c" "$folder/CMakeLists.txt" src/CMakeLists.txt \
        2>/dev/null || complain "$file: no CMakeLists.txt names it"
done
exit $bad
