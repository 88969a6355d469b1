#!/usr/bin/env bash
# Usage: leftovers.sh ROLE COMMAND...
#
# Runs COMMAND, a job whose processes stay, kills one that announced itself as ROLE, and fails unless
# the job ends with a status that is not zero and leaves no process behind.
set -euo pipefail
role=$1
shift
# In the arguments of every process of the job, and in no other's.
mark=leftovers-$$-$RANDOM
output=$(mktemp)
trap 'rm -f "$output"' EXIT

those_left() {
  local file
  for file in /proc/[0-9]*/cmdline; do
    if { tr '\0' ' ' < "$file"; } 2> /dev/null | grep -q -- "$mark"; then
      file=${file%/cmdline}
      # A zombie has no command line; this script's own subshells are not meant.
      [[ ${file#/proc/} == "$$" ]] || echo "${file#/proc/}"
    fi
  done
}

"$@" stay "$mark" > "$output" 2>&1 &
job=$!

deadline=$((SECONDS + 30))
until [[ $(grep -c '^worker ' "$output") -ge 2 ]] && grep -q "^$role " "$output"; do
  if [[ $SECONDS -ge $deadline ]]; then
    echo "no $role came up:"
    cat "$output"
    kill -9 "$job" $(those_left) || true
    exit 1
  fi
  sleep 0.05
done

kill -9 "$(grep "^$role " "$output" | head -1 | cut -d' ' -f2)"
status=0
wait "$job" || status=$?
if [[ $status -eq 0 ]]; then
  echo "the job ended with status 0 although its $role was killed"
  exit 1
fi

deadline=$((SECONDS + 10))
while left=$(those_left) && [[ -n $left ]]; do
  if [[ $SECONDS -ge $deadline ]]; then
    echo "left behind after the death of the $role:" $left
    kill -9 $left || true
    exit 1
  fi
  sleep 0.05
done
