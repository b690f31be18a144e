# Names with blanks, other scripts, quotes, a line end, a star, and a dash in front.
. "$(dirname "$0")/../lib.sh"

printf 'id\n1\n' >in.csv
line_end='new
line'
for name in 'two words' "$(printf '\303\251\344\270\255')" "it's" "$line_end" 'st*r' '%s%n' a.b.c; do
    cp in.csv "$name.csv"
    run 0 import "$name.db" "$name.csv" --schema id:u8
    run 0 export "$name.db" -o "$name.out"
    same "$name.out" in.csv
done
cp in.csv ./-in.csv
run 0 import --schema id:u8 -- -db -in.csv
run 0 export ./-db -o -out.csv
same ./-out.csv in.csv
cp in.csv ./-
run 4 import ./- ./- --schema id:u8
finish
