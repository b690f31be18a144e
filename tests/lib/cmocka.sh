# shellcheck shell=sh
# The source of cmocka, for builds that the system's package is no use to. Sourced, after
# packages.sh.

# cmocka_source DIR: make DIR/cmocka-<version> from Debian's source package, and print that path.
# The system's own package sources are read, with deb-src for deb; they are not changed.
cmocka_source() {
    cache=$1
    mkdir -p "$cache"
    found=$(find "$cache" -maxdepth 1 -type d -name 'cmocka-[0-9]*' | head -n 1)
    if [ -z "$found" ]; then
        cmocka_fetch "$cache/fetch" >&2
        tar -xf "$(find "$cache/fetch" -name 'cmocka_*.orig.tar.*' ! -name '*.asc')" -C "$cache"
        rm -rf "$cache/fetch"
        found=$(find "$cache" -maxdepth 1 -type d -name 'cmocka-[0-9]*' | head -n 1)
    fi
    test -f "$found/src/cmocka.c"
    echo "$found"
}

cmocka_fetch() {
    rm -rf "$1"
    mkdir -p "$1/parts" "$1/lists/partial" "$1/cache/archives/partial"
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ ! -f "$list" ] || sed -n 's/^deb\([[:space:]]\)/deb-src\1/p' "$list"
    done >"$1/sources.list"
    for list in /etc/apt/sources.list.d/*.sources; do
        [ ! -f "$list" ] || sed 's/^Types:.*/Types: deb-src/' "$list" >"$1/parts/${list##*/}"
    done
    (
        cd "$1" || exit
        set -- -q -o "Dir::Etc::sourcelist=$1/sources.list" -o "Dir::Etc::sourceparts=$1/parts" \
            -o "Dir::State::lists=$1/lists" -o "Dir::Cache=$1/cache" -o APT::Sandbox::User=root
        # A third party without sources makes the update fail, but not the download.
        apt-get "$@" update >/dev/null 2>&1 || true
        apt-get "$@" source --download-only cmocka >/dev/null
    )
}
