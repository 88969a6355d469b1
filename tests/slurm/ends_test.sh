#!/usr/bin/env bash
# Usage: with_slurm.sh ends_test.sh CASE PROGRAMS_ENDS PROGRAMS_PREEMPT
#
# How jobs end, one by one: after each its state and exit code are what they should be, in Slurm's
# books too, and no process and no file of it is left on any node.
set -euo pipefail
source "$CLUSTER_HOME/verbs.sh"
source "$CLUSTER_HOME/right_answers.sh"
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
ends=$2 preempt=$3
scripts="$(cd "$CLUSTER_HOME/../../slurm" && pwd -P)"
export PREEMPT_FOLDER="$scratch/checkpoint"
nodes=$CLUSTER_NODES
cd "$scratch" # where an abort may leave its core

# Of Mobula's programs there.
processes_of_programs() {
  local process
  for process in $(processes_of "$1"); do
    case $(readlink "/proc/$process/exe" 2> /dev/null) in
      "$ends" | "$preempt" | "$PROGRAMS"/*) echo "$process" ;;
    esac
  done
}
is_left() { [[ -z $(processes_of_programs "$1") ]]; }
nothing_is_left() {
  for node in $nodes; do
    await 20 "$node to be left by all programs" is_left "$node"
    [[ -z $(on "$node" ls -A /tmp /dev/shm | grep -vE '^(/.*:|ompi\..*|pmix.*)?$') ]] ||
      die "$case: left on $node: $(on "$node" ls -A /tmp /dev/shm)"
  done
}

# ended_as JOB STATE CODE
ended_as() {
  await 100 "job $1 to end" ended "$1" || { output_of "$1" >&2 && exit 1; }
  [[ $(state_of "$1") == "$2" && $(exit_code_of "$1") == $3 ]] ||
    die "$case: job $1 is $(state_of "$1") $(exit_code_of "$1"), not $2 $3: $(output_of "$1")"
  await 20 "sacct to tell of job $1 $2 $3" is_in_books "$@"
  nothing_is_left
}
is_in_books() { [[ $(in_books "$1") == "$2 "$3 ]]; }
expect() { has_said "$1" "$2" || die "$case: job $1 has not said '$2': $(output_of "$1")"; }

# run WAY [ARGUMENT...]: a job of the program's, on three nodes with a rank each.
run() { submit -N 3 --ntasks-per-node=1 "${@:2}" --wrap "exec srun --mpi=pmix $1"; }
# The same, once it may be warned.
run_until_ready() {
  job="$(run "$preempt $1" "${@:2}")"
  await 60 "job $job to be ready" has_said "$job" ready
}
# Of the one job that runs.
rank_on() {
  local one
  for one in $(processes_of_programs "$1"); do
    grep -qz '^MOBULA_ROLE=' "/proc/$one/environ" || echo "$one"
  done
}
scheduler_on() {
  local one
  for one in $(processes_of_programs "$1"); do
    ! grep -qz '^MOBULA_ROLE=scheduler$' "/proc/$one/environ" || echo "$one"
  done
}

has_begun_cases() { has_said "$1" '^0 of 200 cases were done before; start 1 of the job'; }
# A sweep that is in the midst of it, and how it ends that was interrupted once: right.
start_sweep() {
  job="$(MOBULA_CPUS=4 submit -N "$1" --exclusive "$scripts/preemptible.sbatch" \
    "$PROGRAMS/sweep" --cases 200 --seconds 0.3 --folder "$scratch/sweep")"
  await 60 "job $job to run" has_begun_cases "$job"
}
expect_sum() {
  expect "$job" "^the sum over 200 cases is $(awk 'BEGIN { for (i = 0; i < 200; ++i) s += sqrt(i); printf "%.6f", s }')\$"
}
ended_as_sweep() {
  ended_as "$job" COMPLETED 0:0
  [[ $(restarts_of "$job") -eq 1 ]] || die "$(restarts_of "$job") restarts: $(output_of "$job")"
  local saved
  saved="$(output_of "$job" | sed -n 's/^saved \([0-9]*\) cases.*/\1/p')"
  [[ -n $saved ]] || die "nothing was saved: $(output_of "$job")"
  expect "$job" "^$saved of 200 cases were done before; start 2 of the job, on 3 nodes\$"
  expect_sum
}

case=$1
case $case in
  status)
    # The driver's status is the job's.
    ended_as "$(run "$ends return_0")" COMPLETED 0:0
    ended_as "$(run "$ends return_7")" FAILED 7:0
    ended_as "$(run "$ends pending_exit_13_thread")" FAILED 13:0
    ended_as "$(run "$ends throw_134")" FAILED 134:0
    ended_as "$(run "$ends pending_signal_143")" FAILED 143:0
    ended_as "$(run "$ends signal_137")" FAILED 137:0
    ;;
  killed)
    # A rank, or the scheduler of a node: the driver's node's are the job's end.
    for victim in rank_on scheduler_on; do
      run_until_ready has_none_signal
      kill -KILL "$("$victim" node1)"
      ended_as "$job" FAILED '*:0'
      [[ $(exit_code_of "$job") != 0:0 ]] || die "$victim node1 was killed, and the job's status is 0"
    done
    # Without another the job goes on, and can still be saved.
    for victim in rank_on scheduler_on; do
      run_until_ready saves_75
      kill -KILL "$("$victim" node3)"
      await 20 "node3 to be left by all programs" is_left node3
      scancel --signal=USR1 "$job"
      ended_as "$job" FAILED '*:0'
      expect "$job" 'saved, with the sum 90'
    done
    ;;
  warned)
    # By USR1 to the step, which reaches all processes on all nodes.
    run_until_ready saves_75
    scancel --signal=USR1 "$job"
    ended_as "$job" FAILED 75:0
    expect "$job" 'saved, with the sum 90'
    # One who has no callback ends, and srun says why.
    run_until_ready has_none_signal
    scancel --signal=USR1 "$job"
    ended_as "$job" FAILED 138:0
    expect "$job" 'User defined signal 1'
    ;;
  cancelled)
    run_until_ready has_none_signal
    scancel "$job"
    ended_as "$job" CANCELLED '*'
    # Time to save, but it does not come back.
    run_until_ready saves_75
    scancel "$job"
    ended_as "$job" CANCELLED '*'
    expect "$job" 'saved, with the sum 90'
    job="$(submit "$scripts/preemptible.sbatch" "$preempt" saves_75)"
    await 60 "job $job to be ready" has_said "$job" ready
    scancel "$job"
    ended_as "$job" CANCELLED '*'
    expect "$job" 'saved, with the sum 90'
    ;;
  time_limit)
    # Slurm looks every half minute.
    job="$(run "$preempt has_none_signal" --time=1)"
    saves="$(run "$preempt saves_75" --time=1)"
    for one in "$job" "$saves"; do await 120 "job $one to be ended" has_state "$one" TIMEOUT; done
    ended_as "$job" TIMEOUT '*'
    # Between SIGTERM and SIGKILL.
    ended_as "$saves" TIMEOUT '*'
    expect "$saves" 'saved, with the sum 90'
    ;;
  preempted)
    # A more urgent job takes the nodes, then it goes on.
    start_sweep 3
    urgent="$(submit --partition=urgent -N 3 --exclusive --wrap "srun hostname")"
    ended_as_sweep
    ended_as "$urgent" COMPLETED 0:0
    # Without --signal it is told by SIGTERM; not even requeued, if it ends by itself in time.
    run_until_ready saves_75 --exclusive
    urgent="$(submit --partition=urgent -N 3 --exclusive --wrap "srun hostname")"
    ended_as "$job" FAILED 75:0
    expect "$job" 'saved, with the sum 90'
    ended_as "$urgent" COMPLETED 0:0
    ;;
  requeued)
    # By hand.
    start_sweep 3
    scontrol requeue "$job"
    ended_as_sweep
    ;;
  node_fails)
    job="$(run "$preempt has_none_signal" --no-requeue)"
    await 60 "job $job to be ready" has_said "$job" ready
    crash node3
    nodes="node1 node2"
    ended_as "$job" NODE_FAIL '*'
    # Slurm puts it into the queue again; what was saved before is there, for as many nodes as are left.
    start_sweep 2
    sleep 2 # some cases
    scancel --signal=USR1 "$job"
    await 60 "job $job to go on" has_said "$job" 'start 2 of the job'
    saved="$(output_of "$job" | sed -n 's/^saved \([0-9]*\) cases.*/\1/p')"
    crash node2
    nodes=node1
    await 100 "job $job to be in the queue again" has_state "$job" PENDING
    scontrol update JobId="$job" NumNodes=1-1 NumTasks=1 NumCPUs=4
    ended_as "$job" COMPLETED 0:0
    [[ $saved -gt 0 ]] || die "saved '$saved' cases: $(output_of "$job")"
    expect "$job" "^$saved of 200 cases were done before; start 3 of the job, on 1 nodes\$"
    expect_sum
    ;;
  *) die "no case named $case" ;;
esac
