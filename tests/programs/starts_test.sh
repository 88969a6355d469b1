#!/usr/bin/env bash
# Usage: starts_test.sh CASE PROGRAM STARTER
#
# Starts that are slow or crowded, and environments that no launcher made: the walkthrough is right,
# or says why it can't begin, before a deadline.
set -euo pipefail
case=$1 program=$2 starter=$3
mpirun=(mpirun --oversubscribe --mca mpi_yield_when_idle 1)

die() { echo "$*" >&2 && exit 1; }
# right COMMAND...
right() {
  local status=0
  said="$(timeout "$deadline" "$@" 2>&1)" || status=$?
  [[ $status -eq 0 && $said == *"All as in Ray's walkthrough."* ]] || {
    [[ $status -ne 124 ]] || ps -eo pid,ppid,stat,wchan:20,args --forest >&2
    die "status $status from $*: $said"
  }
}
# refused TEXT COMMAND...
refused() {
  local text=$1 status=0
  shift
  said="$(timeout "$deadline" "$@" 2>&1)" || status=$?
  [[ $status -ne 0 && $status -ne 124 && $said == *"$text"* ]] || die "status $status, not '$text', from $*: $said"
}

case $case in
  late)
    # One rank is 10 seconds behind the others.
    deadline=60
    right "${mpirun[@]}" -n 3 bash -c '[[ $OMPI_COMM_WORLD_RANK -ne 2 ]] || sleep 10; exec "$0"' "$program"
    ;;
  crowd) deadline=200 && right "${mpirun[@]}" -n 64 "$program" ;;
  crowd_on_8_nodes) deadline=200 && MOBULA_RANKS_PER_NODE=8 right "${mpirun[@]}" -n 64 "$program" ;;
  leftovers)
    deadline=30
    export OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=2
    refused "PMIX_NAMESPACE" "$program"
    OMPI_COMM_WORLD_SIZE=1 right "$program"
    refused "no number" env OMPI_COMM_WORLD_SIZE=two "$program"
    unset OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_SIZE
    refused "SLURM_STEP_NUM_TASKS" env SLURM_STEP_ID=0 SLURM_PROCID=0 "$program"
    refused "PMI_FD is 99" env PMI_RANK=0 PMI_SIZE=2 PMI_FD=99 "$program"
    # A rank's, of an mpirun that has ended.
    rank="$("${mpirun[@]}" -n 2 bash -c '[[ $OMPI_COMM_WORLD_RANK -ne 1 ]] || env' | grep -E '^(OMPI|PMIX)_')"
    mapfile -t variables <<< "$rank"
    refused "mpirun has ended" env "${variables[@]}" "$program"
    # Ranks of somebody else's have started it, each one by itself.
    right "${mpirun[@]}" -n 2 "$starter" "$program"
    [[ $(grep -c "All as in Ray's walkthrough." <<< "$said") -eq 2 ]] || die "not two: $said"
    # One rank's is bad: all are told, and none waits for it.
    refused "rank 1: " "${mpirun[@]}" -n 1 "$program" : -n 1 env MOBULA_WAIT=often "$program" : -n 1 "$program"
    ;;
  among_users_ranks)
    # In ranks that are MPI's own.
    deadline=30
    refused "rank 1: the environment sets MOBULA_WAIT" \
      "${mpirun[@]}" -n 1 "$program" : -n 1 env MOBULA_WAIT=often "$program" : -n 1 "$program"
    ;;
  *) die "no case named $case" ;;
esac
