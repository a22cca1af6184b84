#!/bin/sh
# A repeatable agent: `agent.sh NAME`. It tells $KILLS_LOG when it starts and ends, and whether an earlier attempt lives.
set -eu

name=$1
say() { printf '%s %s %s %s %s\n' "$1" "$name" "$PLINY_ATTEMPT" "$$" "$2" >>"$KILLS_LOG"; }

while read -r what who _ pid _; do
    if [ "$what $who" = "start $name" ] && [ "$pid" != $$ ] &&
        tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep -qx "KILLS_TOKEN=$KILLS_TOKEN"; then
        say overlap "$pid"
    fi
done <"$KILLS_LOG"

read -r now _ </proc/uptime
say start "$now"
case $name in
right)
    printf 'half a li' >right.txt
    printf 'scrap\n' >scrap.txt
    sleep 0.02
    [ "$PLINY_ATTEMPT" -gt 1 ] || exit 75
    printf 'right\n' >right.txt
    ;;
mark)
    printf 'mark\n' >mark.txt
    "$KILLS_GIT" add mark.txt
    "$KILLS_GIT" diff --cached --quiet || "$KILLS_GIT" commit -q -m mark
    printf 'marked\n' >marked.txt
    git-pliny checkpoint create "mark-$PLINY_ATTEMPT" || exit 75
    ;;
finish)
    sleep 0.02
    cat left.txt right.txt third.txt mark.txt >all.txt
    rm -f scrap.txt
    mkdir -p deep/er
    ln -sf ../../all.txt deep/er/link
    printf 'said\n' >"$PLINY_DELIVERABLES/said"
    ;;
*)
    [ "$name" != left ] || sed -i "s/^line 1.*/line 1 left/" shared.txt
    [ "$name" != third ] || sed -i "s/^line 9.*/line 9 third/" shared.txt
    sleep 0.05
    printf '%s\n' "$name" >"$name.txt"
    ;;
esac
read -r now _ </proc/uptime
say end "$now"
