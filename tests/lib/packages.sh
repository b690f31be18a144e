# shellcheck shell=sh
# Packages of Debian and Ubuntu: install what is missing, and nothing else. Sourced.

# Run a command as root, by sudo when we are not.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

# packages_missing NAME...: those that are not installed.
packages_missing() {
    for package in "$@"; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=none
        [ "$state" = installed ] || printf '%s ' "$package"
    done
}

# packages_install NAME...: the index is fetched only when something is missing. On a system
# without apt the packages are taken to be there, under whatever name.
packages_install() {
    command -v apt-get >/dev/null 2>&1 || return 0
    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0
    echo "installing: $missing"
    if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
        echo "not allowed to install packages; as root: apt-get install $missing" >&2
        return 1
    fi
    as_root apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null ||
        echo 'some package indexes could not be fetched; trying with what there is' >&2
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Use-Pty=0 install --no-install-recommends $missing >/dev/null
}
