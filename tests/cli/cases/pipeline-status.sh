# A bad row from a pipe, an empty pipe and a pipe that was cut within a row end with an exit code that
# is not 0 and keep nothing.
. "$(dirname "$0")/../lib.sh"

printf 'id,v\n1,2\n3,x\n' >in
run 1 import d - --schema id:u8,v:u8 <in
absent d
: >in
run 1 import d - --schema id:u8,v:u8 <in
absent d
printf 'id,v\n1,2\n3' >in
run 1 import d - --schema id:u8,v:u8 <in
absent d
printf abcde >in
run 1 import d - --record-size 3 --format raw <in
absent d
# The same from a pipe, where no size tells.
printf 'id,v\n1,2\n3,x\n' | run 1 import d - --schema id:u8,v:u8
false | run 1 import d - --schema id:u8,v:u8
printf 'id,v\n1,2\n3' | run 1 import d - --schema id:u8,v:u8
printf abcde | run 1 import d - --record-size 3 --format raw
absent d
finish
