#!/bin/sh
# Checks that the report has a section of every fact.
set -eu

for section in Syntax Size History Links Reminders; do
    grep -q "^## $section\$" build/report/report.md || { echo "validation error: the report has no section $section"; exit 1; }
done
echo "build/report/report.md is complete"
