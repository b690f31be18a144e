# Reads `strace -f -y` of `commits run` and says for each acknowledged commit whether the log was
# synced in between: between the end of the write of "BEGIN t n" and the start of that of "ACK t n"
# a sync of a segment of the log must have begun and have ended well, in whichever thread.
#
#   -v before_records=1   also: nothing is flushed to or written into `records` of which the log was
#                         not synced before, since the last BEGIN (one thread, sync=normal)
#
# The last line is "commits N, without a sync M"; the exit code is 0 when M is 0 and N is not.

function hex(text,    i, n) {
    n = 0
    text = tolower(text)
    for (i = 3; i <= length(text); i++)
        n = n * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
    return n
}

function is_log(path) { return path ~ /\/log\/[0-9]+$/ }
function is_records(path) { return path ~ /\/records$/ }

# The path of "5</tmp/x>", or the one that is mapped at the address of msync.
function path_of(call, arguments,    address, i) {
    if (call == "msync") {
        split(arguments, part, ",")
        address = hex(part[1])
        for (i = 1; i <= maps; i++)
            if (map_path[i] != "" && address >= map_start[i] && address < map_end[i])
                return map_path[i]
        return ""
    }
    if (match(arguments, /<[^>]*>/))
        return substr(arguments, RSTART + 1, RLENGTH - 2)
    return ""
}

function complain(text) {
    without++
    if (without <= 20)
        print "line " NR ": " text
}

# What is mapped from `address` on is `path` now, and nothing else.
function mapped(address, bytes, path,    i) {
    for (i = 1; i <= maps; i++)
        if (address < map_end[i] && address + bytes > map_start[i])
            map_path[i] = ""
    for (i = 1; i <= maps && map_path[i] != ""; i++)
        ;
    if (i > maps)
        maps = i
    map_start[i] = address
    map_end[i] = address + bytes
    map_path[i] = path
}

# A call that began at line `from` ends at this one.
function ended(call, arguments, result, from,    path) {
    if (call == "mmap" && result ~ /^0x/) {
        split(arguments, part, ", *")
        mapped(hex(result), part[2] + 0, arguments ~ /MAP_SHARED/ ? path_of(call, arguments) : "")
        return
    }
    if (call == "write" && match(arguments, /BEGIN [0-9]+ [0-9]+/)) {
        split(substr(arguments, RSTART, RLENGTH), part, " ")
        begun[part[2] " " part[3]] = NR
        last_begun = NR
        return
    }
    if (call == "msync" && arguments !~ /MS_SYNC/)
        return
    if (call !~ /^(fdatasync|fsync|msync)$/ || result !~ /^0/)
        return
    path = path_of(call, arguments)
    if (is_log(path) && from > newest_sync)
        newest_sync = from
}

function begins(call, arguments,    key, path) {
    if (call == "write" && match(arguments, /ACK [0-9]+ [0-9]+/)) {
        key = substr(arguments, RSTART + 4, RLENGTH - 4)
        commits++
        if (!(key in begun) || newest_sync <= begun[key])
            complain("commit " key " was acknowledged without a sync of the log")
        return
    }
    if (!before_records || last_begun == 0 || call !~ /^(pwrite64|fdatasync|fsync|msync)$/)
        return
    path = path_of(call, arguments)
    if (is_records(path)) {
        commits++
        if (newest_sync <= last_begun)
            complain(call " of records before the log was synced")
    }
}

{
    thread = $1
    line = $0
    sub(/^[0-9]+ +/, "", line)
}

line ~ /^<\.\.\. [a-z0-9_]+ resumed>/ {
    match(line, /^<\.\.\. [a-z0-9_]+/)
    call = substr(line, 6, RLENGTH - 5)
    result = line
    sub(/.*\) *= */, "", result)
    if (call == open_call[thread])
        ended(call, open_arguments[thread], result, open_from[thread])
    next
}

match(line, /^[a-z0-9_]+\(/) {
    call = substr(line, 1, RLENGTH - 1)
    rest = substr(line, RLENGTH + 1)
    begins(call, rest)
    if (rest ~ /<unfinished \.\.\.>$/) {
        open_call[thread] = call
        open_arguments[thread] = rest
        open_from[thread] = NR
    } else {
        result = rest
        sub(/.*\) *= */, "", result)
        ended(call, rest, result, NR)
    }
}

END {
    printf "commits %d, without a sync %d\n", commits, without
    exit !(commits > 0 && without == 0)
}
