#!/usr/bin/env bash
# Usage: spilling_killed.sh COMMAND...
#
# Runs COMMAND, a job that spills objects into the folder that MOBULA_SPILL_DIR names, and says
# "spilled" when it has. Kills all of its processes at once. Fails unless they are gone then, nothing
# is in that folder, and nothing new in /dev/shm. The spill file of a process that has ended has no
# name and no descriptor: the disk has its room back.
set -euo pipefail
mark=$$-$RANDOM-$RANDOM
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/disk"
ls /dev/shm | sort > "$work/before"

those_left() { grep -lsa "SPILLING_MARK=$mark" /proc/[0-9]*/environ | grep -o '[0-9]\+' || true; }
descriptors_there() {
  find /proc/[0-9]*/fd -lname "$work/disk/*" 2> /dev/null || true
}
fail() {
  echo "$1; it said:"
  cat "$work/output"
  kill -9 $(those_left) 2> /dev/null || true
  exit 1
}

env SPILLING_MARK="$mark" MOBULA_SPILL_DIR="$work/disk" "$@" > "$work/output" 2>&1 < /dev/null &
deadline=$((SECONDS + 60))
until grep -q spilled "$work/output"; do
  [[ $SECONDS -lt $deadline ]] || fail "it has not spilled anything"
  sleep 0.02
done
[[ -n $(descriptors_there) ]] || fail "no spill file is open in $work/disk"
[[ -z $(ls -A "$work/disk") ]] || fail "the spill file has a name"

kill -9 $(those_left)
deadline=$((SECONDS + 10))
while [[ -n $(those_left)$(descriptors_there) || -n $(comm -13 "$work/before" <(ls /dev/shm | sort)) ]]; do
  [[ $SECONDS -lt $deadline ]] || fail "left: processes '$(those_left)', files '$(descriptors_there)', in
/dev/shm '$(comm -13 "$work/before" <(ls /dev/shm | sort))'"
  sleep 0.05
done
[[ -z $(ls -A "$work/disk") ]] || fail "left in the folder: $(ls -A "$work/disk")"
