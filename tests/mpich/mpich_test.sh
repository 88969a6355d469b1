#!/usr/bin/env bash
# Usage: mpich_test.sh FOLDER CASE, the case `slurm` under with_slurm.sh
#
# What build.sh has made in FOLDER, started by MPICH's mpiexec and by `srun --mpi=pmi2`.
set -euo pipefail
folder=$1 case=$2
[[ -e $folder/prefix ]] || { echo "skipped, as build.sh was" && exit 77; }
mpich="$(cat "$folder/prefix")"
PATH="$mpich/bin:$PATH"
right="All as in Ray's walkthrough."
die() { echo "$*" >&2 && exit 1; }

# starts NODES COMMAND...: a walkthrough that is right, on so many nodes.
starts() {
  local nodes=$1 said
  shift
  said="$(timeout 60 "$@" "$folder/walkthrough" 2>&1)" || die "status $? from $*: $said"
  [[ $said == *"$right"* ]] || die "another answer from $*: $said"
  [[ $(grep -cE '^  node [0-9]+ on ' <<< "$said") -eq $nodes ]] || die "not on $nodes nodes: $said"
}
# commands RANKS LAUNCHER COMMAND...: a command of so many ranks, from the job that COMMAND starts.
commands() {
  local ranks=$1 launcher=$2 said rank
  shift 2
  said="$(timeout 60 "$@" "$folder/command_of_ranks" "$launcher" "$folder/hello" 2>&1)" || die "status $? from $*: $said"
  [[ $said == *"status 0"* ]] || die "the command by $launcher in $*: $said"
  for ((rank = 0; rank < ranks; ++rank)); do
    [[ $said == *"rank $rank of $ranks on "* ]] || die "no rank $rank by $launcher in $*: $said"
  done
}
quietly() { timeout 120 "$@" > "$folder/said" 2>&1 || die "status $? from $*: $(cat "$folder/said")"; }

case $case in
  mpiexec)
    for ranks in 1 2 6; do starts 1 mpiexec -n "$ranks"; done
    MOBULA_RANKS_PER_NODE=1 starts 3 mpiexec -n 3
    quietly mpiexec -n 3 "$folder/mpi_driver"
    quietly mpiexec -n 3 "$folder/mpi_peers"
    ;;
  command)
    commands 2 automatic env
    commands 2 automatic mpiexec -n 2
    MOBULA_RANKS_PER_NODE=1 commands 4 automatic mpiexec -n 2
    ;;
  slurm)
    two_each=(srun -Q --mpi=pmi2 -N 3 --ntasks-per-node=2)
    starts 3 "${two_each[@]}"
    starts 3 srun -Q --mpi=pmi2 -N 3 --ntasks-per-node=1 --cpus-per-task=4
    quietly "${two_each[@]}" "$folder/mpi_driver"
    quietly "${two_each[@]}" "$folder/mpi_peers"
    for launcher in automatic mpich; do
      commands 6 "$launcher" srun -Q --mpi=pmi2 -N 3 --ntasks-per-node=1
    done
    # By MPICH's own launcher, from salloc's shell on no host of the job and from a batch script.
    for job in in_salloc in_batch; do
      starts 3 bash "$0" "$folder" "$job" mpiexec -n 3 -ppn 1
      commands 6 automatic bash "$0" "$folder" "$job" mpiexec -n 3 -ppn 1
    done
    # Ranks that meet by nothing, though the program has an MPI.
    status=0
    said="$(timeout 60 srun -Q --mpi=none -N 3 "$folder/walkthrough" 2>&1)" || status=$?
    [[ $status -ne 0 && $status -ne 124 && $said == *"start it with srun --mpi="* ]] || die "status $status: $said"
    ;;
  in_salloc) salloc -Q -N 3 --ntasks-per-node=1 "${@:3}" ;;
  in_batch)
    status=0
    sbatch -Q --wait -N 3 --ntasks-per-node=1 --output="$folder/batch" --wrap "${*:3}" || status=$?
    cat "$folder/batch"
    exit "$status"
    ;;
  *) die "no case named $case" ;;
esac
