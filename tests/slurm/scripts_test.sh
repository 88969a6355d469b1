#!/usr/bin/env bash
# Usage: with_slurm.sh scripts_test.sh GPU_TASKS
#
# Every script of slurm/, as users submit it.
set -euo pipefail
source "$CLUSTER_HOME/verbs.sh"
source "$CLUSTER_HOME/right_answers.sh"
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
scripts="$(cd "$CLUSTER_HOME/../../slurm" && pwd -P)"
cd "$scratch"
right="All as in Ray's walkthrough."
gpu_tasks=$1
head -n 1000 < <(yes 'some words') > input
seq 5 > many # words

expect() { grep -qE "$1" <<< "$said" || die "$script: not said: $1 in: $said"; }
expect_times() { [[ $(grep -cE "$2" <<< "$said") -eq $1 ]] || die "$script: not $1 times: $2 in: $said"; }

tried=0
# try SCRIPT ARGUMENT...
try() {
  script=$1
  tried=$((tried + 1))
  shift
  await_job "$(submit "$scripts/$script" "$@")"
}

try one_node.sbatch "$PROGRAMS/walkthrough"
expect "^$right"
expect_times 1 '^  node [0-9]+ on node'

try several_nodes.sbatch "$PROGRAMS/walkthrough"
expect "^$right"
expect_times 2 '^  node [0-9]+ on node'

# The test Slurm's GPUs are none: that the program is told of them is seen.
try gpus.sbatch bash -c "echo devices \$CUDA_VISIBLE_DEVICES; MOBULA_GPUS=2 exec $PROGRAMS/info"
expect_times 2 '^devices 0,1$'
expect_times 2 '^  gpus +2 offered'
expect '^node 0 on node2$'

script=heterogeneous.sbatch
tried=$((tried + 1))
het_job "$scripts/$script" "$PROGRAMS/walkthrough"
expect "^$right"
expect '^  node 0 on node1'
expect_times 3 '^  node [0-9]+ on node'
# Who asks for GPUs is where the second part has them, each with its own.
last_word="^node 2 device" het_job "$scripts/$script" bash -c "[[ \$SLURMD_NODENAME == node1 ]] || export MOBULA_GPUS=2; exec $gpu_tasks"
[[ $(grep '^node' <<< "$said" | sort | xargs) == "node 1 device 0 node 1 device 1 node 2 device 0 node 2 device 1" ]] ||
  die "$script: other GPUs: $said"

# The case's number tells how many words are shown.
array="$(sbatch --parsable --output="$scratch/%A-%a.out" "$scripts/sweep.sbatch" \
  "$PROGRAMS/wordcount" "$scratch/many" --top)"
script=sweep.sbatch
tried=$((tried + 1))
for case in 1 2 3 4; do
  await 100 "case $case to end" ended "${array}_$case"
  said="$(cat "$scratch/$array-$case.out")"
  expect_times "$case" '^ +1 [1-5]$'
done

for number in $(seq 12); do echo "$PROGRAMS/wordcount $scratch/input --top 1"; done > runs
try packed.sbatch runs
expect_times 12 '^ +1000 some$'
expect '^0 of 12 runs failed$'
printf "exit 3" >> runs # as an editor may leave it
job="$(submit "$scripts/packed.sbatch" runs)"
await 100 "the runs to end" ended "$job"
said="$(output_of "$job")"
expect '^1 of 13 runs failed$'
[[ $(state_of "$job") == FAILED && $(exit_code_of "$job") == 1:0 ]] || die "$(state_of "$job") $(exit_code_of "$job")"

try benchmark.sbatch "$PROGRAMS/walkthrough"
expect_times 3 "^$right"
expect_times 2 '^node[0-9]: [0-9]+\.'

# Warned before its time limit it saves, goes into the queue and comes back, here on more nodes.
script=preemptible.sbatch
tried=$((tried + 1))
job="$(MOBULA_CPUS=4 submit --signal=USR1@30 "$scripts/$script" \
  "$PROGRAMS/sweep" --cases 240 --seconds 1.5 --folder "$scratch/sweep")"
# Of a minute Slurm takes up to a half for the warning's sake: a job of one is at times warned before
# its program runs. So it becomes one of a minute when some cases are done.
await 30 "the sweep to begin" has_said "$job" '^0 of 240 cases were done before'
sleep 6
scontrol update JobId="$job" TimeLimit=1
in_the_queue_again() { [[ $(restarts_of "$1") -eq 1 ]] && has_state "$1" PENDING; }
await 100 "the job to be in the queue again" in_the_queue_again "$job"
scontrol update JobId="$job" NumNodes=3-3 TimeLimit=10
await_job "$job"
[[ $(restarts_of "$job") -eq 1 ]] || die "$(restarts_of "$job") restarts: $said"
expect '^0 of 240 cases were done before; start 1 of the job, on 2 nodes$'
saved="$(sed -n 's/^saved \([0-9]*\) cases.*/\1/p' <<< "$said")"
[[ $saved -gt 0 && $saved -lt 240 ]] || die "saved '$saved' cases: $said"
expect "^$saved of 240 cases were done before; start 2 of the job, on 3 nodes\$"
[[ $(in_books "$job") == "COMPLETED 0:0" ]] || die "sacct tells $(in_books "$job")"
expect "^the sum over 240 cases is $(awk 'BEGIN { for (i = 0; i < 240; ++i) s += sqrt(i); printf "%.6f", s }')\$"

[[ $(ls "$scripts"/*.sbatch | wc -l) -eq $tried ]] || die "only $tried scripts were tried: $(ls "$scripts")"
