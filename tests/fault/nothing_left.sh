#!/usr/bin/env bash
# Usage: nothing_left.sh COMMAND...
#
# Runs COMMAND, a job that kills some of its own processes. Fails unless it ends with status 0, and
# leaves neither a process nor anything new in /dev/shm ten seconds later.
set -euo pipefail
mark=$$-$RANDOM-$RANDOM
before=$(mktemp)
trap 'rm -f "$before"' EXIT
ls /dev/shm | sort > "$before"

# By a variable that all processes of the job inherit. This script's own don't have it.
those_left() { grep -lsa "NOTHING_LEFT_MARK=$mark" /proc/[0-9]*/environ | grep -o '[0-9]\+' || true; }

env NOTHING_LEFT_MARK="$mark" "$@"

deadline=$((SECONDS + 10))
while left=$(those_left) && new=$(comm -13 "$before" <(ls /dev/shm | sort)) && [[ -n $left$new ]]; do
  if [[ $SECONDS -ge $deadline ]]; then
    echo "left behind: processes '$left', in /dev/shm '$new'"
    [[ -z $left ]] || kill -9 $left || true
    exit 1
  fi
  sleep 0.05
done
