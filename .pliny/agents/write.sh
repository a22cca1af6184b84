#!/bin/sh
# Makes one report of all facts.
set -eu

cd build/report
{
    printf '# git-pliny at %s\n' "$(git rev-parse --short HEAD)"
    for facts in syntax size history links reminders; do
        printf '\n'
        cat "$facts.md"
    done
} >report.md
wc -l report.md
