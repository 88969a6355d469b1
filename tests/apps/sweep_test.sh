#!/usr/bin/env bash
# Usage: sweep_test.sh [LAUNCHER...] SWEEP
#
# Warns a sweep in the midst of it, twice, and has it go on each time where it was: the answer is
# that of one that nobody disturbs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
die() { echo "$*: $(cat "$folder/said")" >&2 && exit 1; }

seconds=1
before=0
for start in 1 2 3; do
  [[ $start -lt 3 ]] || seconds=0
  : > "$folder/said" # what the last one said is not this one's
  MOBULA_CPUS=4 "$@" --cases 60 --seconds "$seconds" --folder "$folder/checkpoint" > "$folder/said" 2>&1 &
  job=$!
  deadline=$((SECONDS + 60))
  until grep -q "^$before of 60 cases were done before" "$folder/said"; do
    [[ -e /proc/$job && $SECONDS -lt $deadline ]] || { kill -9 "$job" 2> /dev/null || true; die "start $start: not begun"; }
    sleep 0.02
  done
  status=0
  if [[ $start -lt 3 ]]; then
    sleep 2 # some cases
    kill -USR1 "$job"
  fi
  wait "$job" || status=$?
  [[ $start -lt 3 ]] || break
  [[ $status -eq 75 ]] || die "start $start: status $status"
  saved="$(sed -n 's/^saved \([0-9]*\) cases.*/\1/p' "$folder/said")"
  [[ $saved -gt $before && $saved -lt 60 ]] || die "start $start: '$saved' cases saved, $before before"
  before=$saved
done
[[ $status -eq 0 ]] || die "status $status"
expected="the sum over 60 cases is $(awk 'BEGIN { for (i = 0; i < 60; ++i) s += sqrt(i); printf "%.6f", s }')"
grep -qxF "$expected" "$folder/said" || die "not '$expected'"
