#!/bin/sh
# Slotfile from nothing to a million records and back, on a fresh Debian or Ubuntu (as root or with
# sudo): installs what is missing, builds, makes a CSV file of 1,000,000 people, imports it,
# gets, puts, verifies and exports, and compares every byte with what it should be; then the same with
# a real file, the list of network card makers of the package ieee-data. Prints each command and its
# seconds. Everything that it makes is in build/quickstart/.
#
#   sh tools/quickstart.sh
set -eu
cd "$(dirname "$0")/.."

LC_ALL=C.UTF-8
export LC_ALL
build=build/quickstart
slotfile=$build/bin/slotfile
data=$build/data
people=$data/people.slots
makers=$data/makers.slots
schema='id:u64,first:text[20],last:text[20],email:text[40],born:date,joined:timestamp,'
schema=$schema'balance:decimal[2],score:f64,visits:u32,active:bool,pad:pad[4]'
step=0

now() {
    date +%s%N
}

# say TEXT: the headline of a step.
say() {
    step=$((step + 1))
    printf '\n%d. %s\n' "$step" "$1"
}

# show COMMAND...: as it could be typed.
show() {
    printf '   $'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=,+-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
}

seconds_since() {
    milliseconds=$((($(now) - $1) / 1000000))
    printf '   %d.%03d s\n' $((milliseconds / 1000)) $((milliseconds % 1000))
}

# run COMMAND...: show it, run it, show its seconds.
run() {
    show "$@"
    printf '\n'
    begun=$(now)
    "$@" || fail "exit code $?"
    seconds_since "$begun"
}

# into FILE COMMAND...: the same, with standard output in the file.
into() {
    into_file=$1
    shift
    show "$@"
    printf ' >%s\n' "$into_file"
    begun=$(now)
    "$@" >"$into_file" || fail "exit code $?"
    seconds_since "$begun"
}

fail() {
    printf 'Failed: %s\n' "$1" >&2
    exit 1
}

# check TEXT COMMAND...: the command must succeed.
check() {
    check_text=$1
    shift
    "$@" || fail "not so: $check_text"
    printf '   ok: %s\n' "$check_text"
}

install_missing() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' ||
            missing="$missing $package"
    done
    if [ -z "$missing" ]; then
        echo '   everything is there'
        return
    fi
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    # Some other package index that cannot be fetched is no reason to give up.
    $sudo apt-get -qq update || true
    # shellcheck disable=SC2086 # lists of words
    into /dev/null $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        -o Dpkg::Use-Pty=0 install --no-install-recommends $missing
}

# widest FILE COLUMN: bytes of the longest value in that column of a CSV file.
widest() {
    LC_ALL=C awk -v wanted="$2" '
        # Values may hold commas and line ends within quotes, and "" for a quote.
        BEGIN { RS = "\001"; column = 1 }
        {
            n = length($0)
            for (i = 1; i <= n; i++) {
                c = substr($0, i, 1)
                if (quoted && c == "\"" && substr($0, i + 1, 1) == "\"") { i++; bytes++ }
                else if (c == "\"") quoted = !quoted
                else if (!quoted && (c == "," || c == "\n")) {
                    if (column == wanted && bytes > widest) widest = bytes
                    column = c == "," ? column + 1 : 1
                    bytes = 0
                }
                else if (quoted || c != "\r") bytes++
            }
        }
        END { print widest + 0 }' "$1"
}

say 'Install what is missing'
install_missing cmake ninja-build gcc libc6-dev libxxhash-dev ieee-data

say 'Build'
run cmake -S . -B "$build" -G Ninja -DSLOT_BUILD_TESTS=OFF -DSLOT_BUILD_BENCH=OFF
run cmake --build "$build"
rm -rf "$data"
mkdir -p "$data"
run gcc -O2 -D_GNU_SOURCE -Itests -Itools -o "$data/people" tests/support/people_main.c \
    tests/support/people.c tools/host_posix.c

say 'Make a CSV file of 1,000,000 people'
into "$data/people.csv" "$data/people" 1000000
into "$data/people.raw" "$data/people" 1000000 --raw
head -n 3 "$data/people.csv" | sed 's/^/   /'

say 'Import it'
run "$slotfile" import "$people" "$data/people.csv" --schema "$schema"
run "$slotfile" info "$people"
check 'records is exactly 125,000,000 bytes' [ "$(wc -c <"$people/records")" -eq 125000000 ]
check 'record n lies at byte 125 n: records equals what the generator makes of the same people' \
    cmp "$people/records" "$data/people.raw"

say 'Get a record'
run "$slotfile" get "$people" 123456
run "$slotfile" get "$people" 123456 --format json

say 'Change it'
run "$slotfile" put "$people" 123456 'first=Zoë' 'last=O"Neil, Jr.' balance=-0.01 visits=7
into "$data/row" "$slotfile" get "$people" 123456 --format csv
sed -n 2p "$data/row" | sed 's/^/   /'

say 'Verify'
run "$slotfile" verify "$people"

say 'Export, and compare with what it should be'
# The original with one line changed: the header is line 1, record n is line n + 2.
line=123458
old=$(sed -n "${line}p" "$data/people.csv")
email=$(printf '%s\n' "$old" | grep -o 'person123456@[a-z.]*')
dates=$(printf '%s\n' "$old" | grep -o '[0-9]*-[0-9]*-[0-9]*,[-0-9T:.]*Z')
score=$(printf '%s\n' "$old" | sed 's/.*Z,[-0-9.]*,\([0-9.]*\),.*/\1/')
active=${old##*,}
printf '%s\n' "123456,Zoë,\"O\"\"Neil, Jr.\",$email,$dates,-0.01,$score,7,$active" >"$data/new-row"
(head -n $((line - 1)) "$data/people.csv" && cat "$data/new-row" &&
    tail -n +$((line + 1)) "$data/people.csv") >"$data/people.want"
run "$slotfile" export "$people" -o "$data/people.out"
check 'the export is the original CSV with exactly that row changed' \
    cmp "$data/people.out" "$data/people.want"
run "$slotfile" export "$people" --format raw -o "$data/people.bytes"
check 'the raw export is the file records' cmp "$data/people.bytes" "$people/records"
rest_is_same() {
    cmp -n $((123456 * 125)) "$people/records" "$data/people.raw" &&
        cmp -i $((123457 * 125)) "$people/records" "$data/people.raw" &&
        [ "$(wc -c <"$people/records")" -eq 125000000 ]
}
check 'all other records are as they were' rest_is_same

say 'The same with a real file: the makers of network cards'
oui=$(dpkg -L ieee-data | grep '/oui\.csv$' | head -n 1)
[ -r "$oui" ] || oui=/usr/share/ieee-data/oui.csv
check "$oui is there" [ -r "$oui" ]
makers_schema=
column=0
for name in $(head -n 1 "$oui" | tr -d '\r' | tr ' ,' '_ '); do
    column=$((column + 1))
    bytes=$(widest "$oui" "$column")
    name=$(printf '%s' "$name" | tr _ ' ')
    makers_schema="$makers_schema${makers_schema:+,}$name:text[$((bytes > 0 ? bytes : 1))]"
done
run "$slotfile" import "$makers" "$oui" --schema "$makers_schema"
run "$slotfile" info "$makers"
run "$slotfile" get "$makers" 0
run "$slotfile" verify "$makers"
run "$slotfile" export "$makers" --crlf -o "$data/oui.csv"
check 'export --crlf is the original, byte for byte' cmp "$data/oui.csv" "$oui"

printf '\nAll steps passed.\n'
