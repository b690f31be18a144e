# Ctrl-C during export -o: the old file is as before and no part of a new one is left.
. "$(dirname "$0")/../lib.sh"

# A shell lets what it starts in the background ignore SIGINT, and so does who has started the shell.
default=
env --default-signal=INT true 2>/dev/null && default='env --default-signal=INT'
run 0 create d --schema a:u64,b:u64 --records 60000000
echo old >out.csv
mkdir elsewhere
last='export d -o out.csv (SIGINT)'
timeout --preserve-status -s INT 1 $default $SLOTFILE export d -o out.csv >elsewhere/out 2>elsewhere/err
code=$?
[ $code -eq 130 ]
passed $? "exit status $code"
[ "$(cat out.csv)" = old ]
passed $? 'the old file is gone'
rm -f out err err.raw
set -- *
[ "$*" = 'd elsewhere out.csv' ]
passed $? "left over: $*"
finish
