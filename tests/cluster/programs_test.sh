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
  settings)
    # Without -x: rank 0's, which has mpirun's own, are everybody's, and a host's own go before.
    offered() { grep -oE '^  cpus +[0-9]+ offered' <<< "$said" | grep -oE '[0-9]+' | xargs; }
    export MOBULA_CPUS=3 MOBULA_STORE_BYTES=64MiB
    said="$(timeout 60 mpirun -H "front:1,$(slots 1)" "$PROGRAMS/info")" || die "status $?: $said"
    [[ $(offered) == "3 3 3 3" && $(grep -cE '^  store +64 MiB' <<< "$said") -eq 4 ]] || die "not everybody's: $said"
    own() { timeout 60 mpirun -np 1 -H front "$PROGRAMS/info" : -np 1 -H node1 env "$@" "$PROGRAMS/info" : -np 1 -H node2 "$PROGRAMS/info"; }
    said="$(own MOBULA_CPUS=5)" || die "status $?: $said"
    [[ $(offered) == "3 5 3" ]] || die "not a host's own: $said"
    # What one can't use, all are told of, and nobody waits.
    for bad in MOBULA_CPUS=five MOBULA_CPU=5 MOBULA_RANKS_PER_NODE=1 MOBULA_NODE_TIMEOUT_MS=3000; do
      status=0
      said="$(own "$bad" 2>&1)" || status=$?
      [[ $status -ne 0 && $status -ne 124 && $said == *"rank 1: "*"${bad%=*}"* ]] || die "status $status for $bad: $said"
    done
    ;;
  fabric)
    # The driver's host lists a device that UCX does not find.
    on node1 bash -ec 'mkdir /run/all /run/class && mount --bind /sys /run/all
      for one in /sys/class/*; do ln -s "/run/all/class/${one##*/}" /run/class; done
      mkdir -p /run/class/infiniband/mlx5_0 && mount --bind /run/class /sys/class'
    right_walkthrough "$CLUSTER_NODES" "${one_each[@]}"
    [[ $(grep -c "fast network (mlx5_0), but UCX links them by tcp alone" <<< "$said") -eq 1 ]] || die "not said once: $said"
    ;;
  differing)
    # Other cores, memory, GPUs, and another folder of the program.
    mkdir -p "$scratch/elsewhere"
    topology="$(cd "$CLUSTER_HOME/../unit/hardware/topologies" && pwd -P)/eight_gpus.xml"
    # differ PROGRAM: on node1, two ranks on node2, and node3.
    differ() {
      cp "$PROGRAMS/$1" "$scratch/elsewhere/program"
      timeout 100 mpirun -np 1 -H node1 env MOBULA_CPUS=3 "$PROGRAMS/$1" \
        : -np 2 -H node2:2 env MOBULA_TOPOLOGY="$topology" MOBULA_STORE_BYTES=64MiB "$PROGRAMS/$1" \
        : -np 1 -H node3 env MOBULA_CPUS=2 MOBULA_GPUS=2 MOBULA_STORE_BYTES=32MiB "$scratch/elsewhere/program" 2>&1
    }
    said="$(differ info)" || die "status $?: $said"
    [[ $(grep -oE '^  (cpus +3|gpus +2|store +(64|32) MiB)' <<< "$said" | xargs) == "cpus 3 cpus 3 store 64 MiB gpus 2 store 32 MiB" ]] ||
      die "they don't differ so: $said"
    said="$(differ walkthrough)" || die "status $?: $said"
    [[ $said == *"All as in Ray's walkthrough."* ]] || die "another answer: $said"
    ;;
  *) die "no case named $1" ;;
esac

for node in $CLUSTER_NODES; do
  await 10 "$node to be left by all programs" left_alone "$node"
  [[ -z $(on "$node" ls -A /tmp /dev/shm | grep -vE '^(/.*:|ompi\..*)?$') ]] ||
    die "left on $node: $(on "$node" ls -A /tmp /dev/shm)"
done
