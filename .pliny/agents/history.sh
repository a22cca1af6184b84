#!/bin/sh
# Sums up the history: how many commits, since when, and the files that changed most often.
set -eu

mkdir -p build/report
{
    printf '## History\n\n%s commits, from %s to %s.\n\n' "$(git rev-list --count HEAD)" \
        "$(git log --reverse --format=%cs | head -n 1)" "$(git log -1 --format=%cs)"
    printf 'Changed most often:\n\n'
    git log --format= --name-only | grep . | sort | uniq -c | sort -rn -k1,1 -k2 | head -n 10 | awk '{ print "- " $2 ": " $1 }'
} >build/report/history.md
sed -n 3p build/report/history.md
