#!/usr/bin/env bash
# Usage: with_nodes.sh 3 programs_test.sh CASE [PROGRAM ARGUMENT...]
#
# Mobula's programs under mpirun, on three hosts; the cases `job`, `command` and `ranks` run the one
# given, the last with two ranks a host.
set -euo pipefail
source "$CLUSTER_HOME/verbs.sh"
source "$CLUSTER_HOME/right_answers.sh"
one_each=(mpirun -H "$(slots 1)")
two_each=(mpirun -H "$(slots 2)")

case $1 in
  walkthrough)
    right_walkthrough "$CLUSTER_NODES" "${one_each[@]}"
    # The driver need not share its host with anybody.
    right_walkthrough "node1 node3" mpirun -H node3:1,node1:3
    ;;
  info) right_info 6 3 "${two_each[@]}" ;;
  wordcount) right_wordcount "${two_each[@]}" ;;
  sort) right_sort binary "${two_each[@]}" ;;
  job)
    # Its driver and tasks meet in files that all hosts must see.
    TMPDIR="$scratch" timeout 250 mpirun -H "$(slots 1)" -x TMPDIR -x MOBULA_DEADLOCK_AFTER_MS=300 \
      "${@:2}" 2> "$scratch/log" || { cat "$scratch/log" >&2 && die "status $?"; }
    ;;
  ranks)
    # They share two cores or so: MPI's spinning would take whole slices from each other.
    timeout 250 "${two_each[@]}" --mca mpi_yield_when_idle 1 "${@:2}" 2> "$scratch/log" ||
      { cat "$scratch/log" >&2 && die "status $?"; }
    ;;
  command)
    # With the driver where mpirun reaches the other hosts from.
    TMPDIR="$scratch" timeout 250 mpirun -H "front:1,$(slots 1)" -x TMPDIR "${@:2}" > "$scratch/log" 2>&1 ||
      { cat "$scratch/log" >&2 && die "status $?"; }
    await 20 "the ranks of its commands to end" no_process_named "sleep 4242"
    ;;
  *) die "no case named $1" ;;
esac

for node in $CLUSTER_NODES; do
  await 10 "$node to be left by all programs" left_alone "$node"
  [[ -z $(on "$node" ls -A /tmp /dev/shm | grep -vE '^(/.*:|ompi\..*)?$') ]] ||
    die "left on $node: $(on "$node" ls -A /tmp /dev/shm)"
done
