#!/bin/sh
# Counts the lines of Python by package.
set -eu

mkdir -p build/report
{
    printf '## Size\n\n| folder | files | lines |\n|---|---:|---:|\n'
    git ls-files '*.py' | while IFS= read -r file; do
        [ ! -f "$file" ] || printf '%s %s\n' "$(dirname "$file")" "$(wc -l <"$file")"
    done | awk '
        { files[$1]++; lines[$1] += $2; n++; all += $2 }
        END {
            for (folder in files) printf "| %s | %d | %d |\n", folder, files[folder], lines[folder] | "sort"
            close("sort")
            printf "| all | %d | %d |\n", n, all
        }'
} >build/report/size.md
tail -n 1 build/report/size.md
