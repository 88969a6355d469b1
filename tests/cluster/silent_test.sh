#!/usr/bin/env bash
# Usage: with_nodes.sh 3 silent_test.sh CASE PROGRAM
#
# A job under mpirun of which a host falls silent: no connection to it is closed.
set -euo pipefail
source "$CLUSTER_HOME/verbs.sh"
source "$CLUSTER_HOME/right_answers.sh"
case=$1 program=$2
PROGRAMS="$(dirname "$program")"

says() { grep -q "^$1" "$scratch/said"; }
says_of_node() { grep -q "^mobula: node $1 on node.*$2" "$scratch/log"; }

: > "$scratch/said"
mpirun -H "$(slots 1)" -x MOBULA_NODE_TIMEOUT_MS=3000 "$program" > "$scratch/said" 2> "$scratch/log" &
job=$!
trap 'cat "$scratch/said" "$scratch/log"; kill -KILL $job 2> /dev/null || true' EXIT
await 60 "tasks on all hosts" says "on all hosts"

case $case in
  crashed_host)
    crash node3
    await 60 "the driver to go on without node3" says right
    says_of_node 2 "counts as dead" || die "nothing was said of node3"
    ;;
  frozen_host)
    freeze node3
    await 60 "the driver to go on without node3" says right
    thaw node3
    await 30 "node3 to end itself" left_alone node3
    ;;
  cut_off_host)
    cut_off node3
    await 60 "the driver to go on without node3" says right
    says_of_node 2 "counts as dead" || die "nothing was said of node3"
    await 30 "node3 to end itself" left_alone node3
    mend node3
    ;;
  cut_off_driver)
    cut_off node1
    await 30 "node2 to end itself" left_alone node2
    await 30 "node3 to end itself" left_alone node3
    says_of_node 0 "" && die "the driver's node was declared dead"
    mend node1
    ;;
  *) die "no case named $case" ;;
esac
trap - EXIT
# mpirun waits for a daemon that it has lost as long as it lives.
kill -TERM $job 2> /dev/null || true
