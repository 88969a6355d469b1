#!/usr/bin/env bash
# What info says of a run. Usage: info_test.sh RANKS NODES COMMAND...
set -euo pipefail
ranks=$1
nodes=$2
shift 2

said="$("$@")"
expect() {
  grep -qE "$1" <<< "$said" || {
    echo "not said: $1"
    echo "$said"
    exit 1
  }
}
expect "^$ranks ranks? on $nodes nodes?\$"
[[ $(grep -cE '^node [0-9]+ on ' <<< "$said") -eq $nodes ]] || expect "as many nodes as $nodes"
expect "cpus +[0-9.]+ offered, [0-9.]+ free; [0-9]+ cores?, hardware threads [0-9,-]+"
expect "gpus +[0-9.]+ offered"
expect "memory +.* for tasks"
expect "store +.* in use by 0 objects"
expect "versions +.*hwloc interface [0-9.]+.*mobula [0-9.]+"
[[ $nodes -eq 1 ]] || expect "UCX to others \(.*tcp.*\), objects by remote memory access"

if [[ $nodes -eq 1 ]]; then
  # Another machine in the place of this one, whose cores nothing is bound to.
  said="$(MOBULA_TOPOLOGY='package:2 numa:1 core:32 pu:2' "$@")"
  expect "63 offered, 63 free; 64 cores, hardware threads 0-127, on 2 sockets and 2 NUMA nodes; 0-1 kept"
  if said="$(MOBULA_TOPOLOGY='two sockets' "$@" 2>&1)"; then
    echo "nonsense was taken for a machine"
    exit 1
  fi
  expect "MOBULA_TOPOLOGY"
fi
if said="$("$@" --timeout soon 2>&1)"; then
  echo "nonsense was taken for a number"
  exit 1
fi
expect "timeout"
