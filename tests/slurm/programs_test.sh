#!/usr/bin/env bash
# Usage: with_slurm.sh programs_test.sh CASE [PROGRAM ARGUMENT...]
#
# Mobula's programs under srun, in sbatch and salloc, on three nodes; the cases `command` and `ranks`
# run the one given.
set -euo pipefail
source "$CLUSTER_HOME/verbs.sh"
source "$CLUSTER_HOME/right_answers.sh"
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
two_each=(srun -Q --mpi=pmix -N 3 --ntasks-per-node=2)
one_each=(srun -Q --mpi=pmix -N 3 --ntasks-per-node=1 --cpus-per-task=4)
right="All as in Ray's walkthrough."

# times_right TEXT: how many walkthroughs in it were right.
times_right() { grep -cxF "$right" <<< "$1" || true; }

case $1 in
  srun)
    right_walkthrough "$CLUSTER_NODES" "${one_each[@]}"
    right_walkthrough "$CLUSTER_NODES" "${two_each[@]}"
    ;;
  wordcount) right_wordcount "${two_each[@]}" ;;
  sort) right_sort equal "${one_each[@]}" ;;
  sbatch)
    job="$(submit -N 3 --ntasks-per-node=2 << END
#!/bin/bash
srun --mpi=pmix $PROGRAMS/walkthrough
mpirun -n 6 $PROGRAMS/walkthrough
END
    )"
    await_job "$job"
    [[ $(times_right "$said") -eq 2 ]] || die "not right by srun and mpirun: $said"
    [[ $(grep -cE '^  node [0-2] on node[1-3]:' <<< "$said") -eq 6 ]] || die "not on three nodes: $said"
    # Without a launcher it is one driver on one node, whatever the allocation.
    job="$(submit -n 8 --wrap "$PROGRAMS/info")"
    await_job "$job"
    [[ $said == "1 rank on 1 node"* ]] || die "not alone: $said"
    ;;
  salloc)
    said="$(salloc -Q -N 3 --ntasks-per-node=1 bash -c \
      "timeout 60 srun --mpi=pmix $PROGRAMS/walkthrough && timeout 60 $PROGRAMS/info" 2>&1)" || die "$said"
    [[ $(times_right "$said") -eq 1 && $said == *"1 rank on 1 node"* ]] || die "$said"
    ;;
  side_by_side)
    # Two jobs, and two steps of a third, all of them on all nodes. Each waits for its neighbour before
    # it runs, so both are there at once.
    cat > "$scratch/beside" << 'END'
touch "$scratch/here.$1.$SLURM_PROCID"
for try in $(seq 600); do [[ ! -e $scratch/here.$2.$SLURM_PROCID ]] || exec "$PROGRAMS/walkthrough"; sleep 0.1; done
echo "$1 has not seen $2" && exit 1
END
    export scratch
    beside() { echo "srun --mpi=pmix --exact --ntasks=3 --ntasks-per-node=1 --mem=0 bash $scratch/beside $1 $2"; }
    jobs=("$(submit -N 3 --ntasks-per-node=1 --wrap "$(beside job_a job_b)")"
      "$(submit -N 3 --ntasks-per-node=1 --wrap "$(beside job_b job_a)")"
      "$(submit -N 3 --ntasks-per-node=2 --wrap "$(beside step_a step_b) & $(beside step_b step_a) & wait")")
    for job in "${jobs[@]}"; do
      await_job "$job"
      [[ $(grep -cE '^  node [0-2] on node[1-3]:' <<< "$said") -eq $((3 * $(times_right "$said"))) ]] ||
        die "job $job was not on three nodes: $said"
    done
    [[ $(times_right "$said") -eq 2 ]] || die "not both steps are right: $said"
    ;;
  heterogeneous)
    cat > "$scratch/both.sbatch" << END
#!/bin/bash
#SBATCH --nodes=1 --ntasks=1 --cpus-per-task=2
#SBATCH hetjob
#SBATCH --nodes=2 --ntasks-per-node=1 --gres=gpu:2
srun --mpi=pmix --het-group=0,1 $PROGRAMS/walkthrough
END
    het_job "$scratch/both.sbatch"
    [[ $(times_right "$said") -eq 1 ]] || die "not right: $said"
    for node in "0 on node1" "1 on node2" "2 on node3"; do
      [[ $said == *"node $node:"* ]] || die "not on $node: $said"
    done
    ;;
  packed)
    # Many small runs in one allocation: as many at once as have room, each on a cpu of its own.
    job="$(submit -N 3 --ntasks-per-node=4 << END
#!/bin/bash
for run in \$(seq 24); do
  srun --exact -N 1 -n 1 --mem=0 --mpi=none bash -c "$PROGRAMS/wordcount --top 1 $0" &
done
wait
END
    )"
    await_job "$job"
    expected="$("$PROGRAMS/wordcount" --top 1 "$0" 2> /dev/null)"
    [[ $(grep -cxF "$expected" <<< "$said") -eq 24 ]] || die "not 24 times '$expected': $said"
    ;;
  command)
    # Its tests and their tasks meet in files that all hosts must see. Its own count of cpus is smaller
    # than the job's.
    for launch in "srun -Q --mpi=pmix -N 3 --ntasks-per-node=1 --cpus-per-task=4" \
      "salloc -Q -N 3 --ntasks-per-node=4 srun -Q --mpi=pmix -N 3 -n 3 --ntasks-per-node=1" \
      "salloc -Q -N 2"; do # of that one the driver is on none of the job's hosts
      TMPDIR="$scratch" timeout 80 $launch "${@:2}" > "$scratch/log" 2>&1 ||
        { cat "$scratch/log" >&2 && die "status $? from $launch"; }
      await 30 "the ranks of its commands to end" no_process_named "sleep 4242"
    done
    ;;
  ranks)
    # MPI's own, which spins: its ranks would take whole slices from each other.
    OMPI_MCA_mpi_yield_when_idle=1 timeout 250 "${two_each[@]}" "${@:2}" 2> "$scratch/log" ||
      { cat "$scratch/log" >&2 && die "status $?"; }
    ;;
  share)
    # Nobody is bound to cores here, and each node has 4 for Slurm, whatever this machine has.
    offered() { grep -oE '^  cpus +[0-9]+ offered' <<< "$said" | grep -oE '[0-9]+' | xargs; }
    said="$(srun -Q --mpi=none -n 1 -c 1 "$PROGRAMS/info")" || die "$said"
    [[ $(offered) == 1 ]] || die "not the 1 cpu that it was given: $said"
    job="$(submit -N 2 --ntasks-per-node=1 -c 1 --mem=500 --wrap "srun --mpi=pmix $PROGRAMS/info; $PROGRAMS/info")"
    await_job "$job"
    [[ $(offered) == "1 1 1" ]] || die "not 1 cpu each: $said"
    [[ $(grep -cE '^  memory .*500 MiB' <<< "$said") -eq 3 ]] || die "not its memory: $said"
    said="$(MOBULA_CPUS=3 srun -Q --mpi=none -n 1 -c 1 "$PROGRAMS/info")" || die "$said"
    [[ $(offered) == 3 ]] || die "not what was asked for: $said"
    ;;
  refusals)
    # Nobody brings these together.
    status=0
    said="$(timeout 60 srun -Q --mpi=none -N 3 "$PROGRAMS/walkthrough" 2>&1)" || status=$?
    [[ $status -ne 0 && $status -ne 124 ]] || die "separate copies ran, status $status: $said"
    [[ $said == *"srun started 3 tasks"*"start it with srun --mpi=pmix"* ]] || die "not said: $said"
    [[ $said != *"step of"* && $(times_right "$said") -eq 0 ]] || die "one has begun: $said"
    # One task needs nobody.
    right_walkthrough node1 srun -Q --mpi=none -n 1
    ;;
  *) die "no case named $1" ;;
esac

for node in $CLUSTER_NODES; do
  await 10 "$node to be left by all programs" left_alone "$node"
done
