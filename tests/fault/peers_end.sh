#!/usr/bin/env bash
# Usage: peers_end.sh RANKS VICTIM WAY MPIEXEC PEERS
#
# Runs PEERS with RANKS ranks, of which VICTIM ends in that WAY while all compute. Neither the
# launcher nor MPI ends the others. Fails unless they have ended, in words and with status 1, and
# neither a process nor anything new in /dev/shm is left, within twenty seconds; for the way "nobody",
# unless all end well, and for "driver", unless each of those that serve was told.
set -euo pipefail
ranks=$1 victim=$2 way=$3 mpiexec=$4 program=$5
mark=$$-$RANDOM-$RANDOM
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ls /dev/shm | sort > "$work/shm"

# By a variable that all processes of the job inherit. This script's own don't have it.
those_left() { grep -lsa "PEERS_END_MARK=$mark" /proc/[0-9]*/environ | grep -o '[0-9]\+' || true; }
new_in_shm() { comm -13 "$work/shm" <(ls /dev/shm | sort) | grep -v '^vader_segment' || true; }
fail() {
  echo "$1; it said:"
  cat "$work/output"
  echo "statuses: $(grep . "$work"/rank.* 2> /dev/null | sed 's/.*rank\.//' | tr '\n' ' ')"
  for one in $(those_left); do
    echo "$one: $(tr '\0' ' ' < "/proc/$one/cmdline" 2> /dev/null) $(grep State "/proc/$one/status" 2> /dev/null)"
  done
  kill -9 $(those_left) 2> /dev/null || true
  exit 1
}

# A rank that ends is not the launcher's business, but ours.
cat > "$work/rank.sh" << 'END'
status=0
"$2" "$3" "$4" || status=$?
echo "$status" > "$1/rank.$OMPI_COMM_WORLD_RANK"
END

PEERS_END_MARK=$mark OMPI_MCA_btl=self,tcp OMPI_MCA_pml=ob1 timeout -k 5 60 "$mpiexec" --enable-recovery \
  --oversubscribe -n "$ranks" bash "$work/rank.sh" "$work" "$program" "$victim" "$way" \
  > "$work/output" 2>&1 < /dev/null &
launcher=$!
deadline=$((SECONDS + 20))
until [[ $(ls "$work" | grep -c '^rank\.[0-9]') -eq $ranks ]]; do
  [[ $SECONDS -lt $deadline ]] || fail "not all ranks have ended"
  kill -0 "$launcher" 2> /dev/null || [[ $(ls "$work" | grep -c '^rank\.[0-9]') -eq $ranks ]] ||
    fail "the launcher has ended before its ranks"
  sleep 0.05
done
wait "$launcher" || true
deadline=$((SECONDS + 10))
while [[ -n $(those_left)$(new_in_shm) ]]; do
  [[ $SECONDS -lt $deadline ]] || fail "left behind: processes '$(those_left)', in /dev/shm '$(new_in_shm)'"
  sleep 0.05
done

case $way in
  kill | waiting | driver) wanted=137 ;;
  abort | throw) wanted=134 ;;
  exit | return) wanted=12 ;;
  scheduler) wanted=1 ;;
  nobody) wanted=0 ;;
esac
for ((rank = 0; rank < ranks; ++rank)); do
  expected=1
  [[ $way != driver ]] || expected=5
  [[ $rank -ne $victim && $way != nobody ]] || expected=$wanted
  [[ $(cat "$work/rank.$rank") -eq $expected ]] || fail "rank $rank did not end with status $expected"
done
if [[ $way == nobody ]]; then
  [[ $(grep -c '^right$' "$work/output") -eq $ranks ]] || fail "not all ranks came to their end"
  # Each rank says how many of its tasks were dropped.
  [[ $(grep -c '^mobula: [0-9]* tasks\? of rank [0-9]* had not finished' "$work/output") -eq $ranks ]] ||
    fail "not all ranks said what they dropped"
elif [[ $way == driver ]]; then
  [[ $(grep -cE '^rank [0-9]+ was told: .*(the job ends|has ended before it has shut)' "$work/output") \
    -eq $((ranks - 1)) ]] || fail "not all ranks that served were told"
elif [[ $ranks -gt 1 ]]; then
  grep -q '^mobula: .*the job ends' "$work/output" || fail "nobody said why the job ended"
fi
