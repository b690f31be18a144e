#!/bin/sh
# run.sh PROGRAM [ARGUMENT...]: run it in an empty directory, with the path of another one, which
# does not exist yet, before its arguments; hand on its exit status.
set -u
program=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/here"
cd "$work/here" || exit 2
"$program" "$work/db" "$@"
