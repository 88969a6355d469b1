#!/usr/bin/env bash
# Usage: nothing_left.sh END BED...
#
# BED (with_nodes.sh 3, or with_slurm.sh) runs a command that leaves processes, files and mounts
# wherever it can, then ends in the way END. Fails unless all of that is gone within ten seconds.
set -euo pipefail

runs_on_all_nodes() { [[ $(ps -eo args | grep -cE '^slurmstepd: \[[0-9]+\.0\]') -eq 3 ]]; }

# What the bed runs.
litter() {
  local mark=$1 end=$2 node litter
  source "$CLUSTER_HOME/verbs.sh"
  litter='for folder in /tmp /dev/shm /run /srv; do mkdir -p "$folder/$0"; done
    mount -t tmpfs none "/tmp/$0"
    setsid sleep infinity &
    (trap "" HUP TERM INT; setsid sleep infinity) &'
  for node in $CLUSTER_NODES; do on "$node" bash -c "$litter" "$mark"; done
  bash -c "$litter" "$mark"
  if [[ -n ${SLURM_CONF:-} ]]; then
    sbatch -Q -o /dev/null -N 3 --wrap 'srun sleep infinity'
    # Its step, too.
    await 20 "the job to run on all nodes" runs_on_all_nodes
  fi
  echo "networks: $(for node in $CLUSTER_NODES; do on "$node" readlink /proc/self/ns/net; done | xargs)"
  echo "littered"
  case $end in
    ends) exit 0 ;;
    fails) exit 3 ;;
  esac
  sleep infinity
}
if [[ $1 == litter ]]; then
  litter "${@:2}"
fi

end=$1
shift
mark=nothing-left-$$-$RANDOM
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
network() { ls /sys/class/net | sort; }
mounts() { sort /proc/self/mounts; }
network > "$scratch/network"
mounts > "$scratch/mounts"
: > "$scratch/said"

# By a variable that all of them inherit; or by the networks they are in.
those_left() {
  {
    grep -lsa "NOTHING_LEFT_MARK=$mark" /proc/[0-9]*/environ
    for network in $(sed -n 's/^networks: //p' "$scratch/said"); do
      find /proc/[0-9]*/ns/net -maxdepth 0 -lname "$network" 2> /dev/null
    done
  } | grep -o '[0-9]\+' | sort -u | xargs
}
files_left() { find /tmp /dev/shm /run /srv -name "$mark" 2> /dev/null | xargs; }

# What the shell starts in the background ignores interrupts.
NOTHING_LEFT_MARK="$mark" env --default-signal=INT bash "$@" bash "${BASH_SOURCE[0]}" litter "$mark" "$end" > "$scratch/said" 2>&1 &
bed=$!
deadline=$((SECONDS + 60))
until grep -q '^littered$' "$scratch/said" || [[ ! -e /proc/$bed ]]; do
  [[ $SECONDS -lt $deadline ]] || { ps -ef --forest && cat "$scratch/said" && exit 1; }
  sleep 0.05
done
if grep '^skipped' "$scratch/said"; then exit 77; fi

expected=0
case $end in
  fails) expected=3 ;;
  killed) expected=137 && kill -KILL "$bed" ;;
  interrupted) expected=130 && kill -INT "$bed" ;;
  terminated) expected=143 && kill -TERM "$bed" ;;
  outermost_killed) expected=137 && kill -KILL "$(pgrep -P "$bed")" ;;
esac
status=0
wait "$bed" 2> /dev/null || status=$?
[[ $status -eq $expected ]] || { echo "status $status, not $expected" && cat "$scratch/said" && exit 1; }
grep -q '^networks: net:.* net:.* net:' "$scratch/said" || { cat "$scratch/said" && exit 1; }

deadline=$((SECONDS + 10))
while left="$(those_left)" files="$(files_left)" && [[ -n $left$files ]]; do
  if [[ $SECONDS -ge $deadline ]]; then
    echo "left behind: files '$files', processes '$left':"
    [[ -z $left ]] || { ps -fp $left && kill -KILL $left; }
    exit 1
  fi
  sleep 0.05
done
mounts | diff "$scratch/mounts" - || { echo "mounts are left" && exit 1; }
network | diff "$scratch/network" - || { echo "interfaces are left" && exit 1; }
