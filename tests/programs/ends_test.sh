#!/usr/bin/env bash
# Usage: ends_test.sh [LAUNCHER...] ENDS
#
# Runs the program ENDS once for each way to end, and fails unless
#   - the exit status is the one in the way's name,
#   - what workers printed has arrived, each line whole and once,
#   - no process of the job and nothing new in /dev/shm is left ten seconds later.
# The same for starts that are refused: by options, and by what the environment sets.
set -euo pipefail

ways=(return_0 return_7 whispers_0 throw_134 exit_8 exit_12_nested no_object_10 pending_return_9
      pending_exit_0 pending_exit_12_nested pending_exit_13_thread pending_quick_exit_14 quick_exit_0
      pending_immediate_exit_15 pending_abort_134 pending_signal_143 signal_137 task_exits_0
      bad_cpus_5 bad_gpus_5 bad_memory_5 bad_resource_5 bad_store_5
      bad_reserved_5 bad_cores_5)
# What is set, and the word that the refusal must name.
settings=(MOBULA_CPU=3/MOBULA_CPUS MOBULA_RANK_PER_NODE=1/MOBULA_RANKS_PER_NODE MOBULA_CPUS=-1/cpus
          MOBULA_GPUS=nan/gpus MOBULA_STORE_BYTES=0/bytes MOBULA_STORE_BYTES=1MiB/16MiB
          MOBULA_STORE_BYTES=900T/less MOBULA_WAIT=fast/spin MOBULA_BIND=yes/1
          MOBULA_RESERVED_CORES=-1/cores MOBULA_RESERVED_CORES=999/fewer)
output=$(mktemp)
trap 'rm -f "$output" "$output".*' EXIT
failures=0

fail() {
  echo "$way: $1; it said:"
  cat "$output" "$output.errors"
  failures=$((failures + 1))
}

# Processes of the job, by a variable that all inherit. This script's own don't have it.
those_left() { grep -lsa "ENDS_TEST_MARK=$mark" /proc/[0-9]*/environ | grep -o '[0-9]\+' || true; }
new_in_shm() { comm -13 "$output.shm" <(ls /dev/shm | sort); }

expect_nothing_left() {
  local deadline=$((SECONDS + 10)) left names
  while left=$(those_left) && names=$(new_in_shm) && [[ -n $left$names ]]; do
    if [[ $SECONDS -ge $deadline ]]; then
      fail "left behind: processes '$left', in /dev/shm '$names'"
      [[ -z $left ]] || kill -9 $left || true
      return
    fi
    sleep 0.05
  done
}

expect_output() {
  local i refused=${way%_*}
  if [[ $refused == bad_* ]]; then
    grep -q "${refused#bad_}" "$output.errors" || fail "the refusal does not name ${refused#bad_}"
    return
  fi
  [[ $way == no_object_10 ]] && return
  for ((i = 0; i < 20; ++i)); do
    # What is printed without a newline may stand before it.
    [[ $(grep -c "line $i of a worker's output\$" "$output") -eq 1 ]] || fail "line $i is not there once"
    [[ $(grep -cx "line $i of a worker's errors" "$output.errors") -eq 1 ]] || fail "error $i is not there once"
  done
  [[ $way == whispers_0 ]] || return 0
  [[ $(grep -o 'the last words of a task' "$output" | wc -l) -eq 3 ]] || fail "a task's last words are lost"
  grep -q 'the last words of an actor' "$output" || fail "an actor's last words are lost"
}

run() {
  mark=$$-$RANDOM-$RANDOM
  ls /dev/shm | sort > "$output.shm"
  status=0
  env ENDS_TEST_MARK=$mark "${set[@]}" timeout -k 5 60 "${program[@]}" "$way" \
    > "$output" 2> "$output.errors" < /dev/null || status=$?
}

program=("$@")
set=()
for way in "${ways[@]}"; do
  run
  wanted=$(grep -o '[0-9]\+' <<< "$way")
  [[ $status -eq $wanted ]] || fail "the exit status is $status"
  expect_output
  expect_nothing_left
done
way=return_0
for setting in "${settings[@]}"; do
  set=("${setting%/*}")
  run
  [[ $status -ne 0 && $status -ne 124 ]] || fail "with $set the exit status is $status"
  grep -q "${setting#*/}" "$output.errors" || fail "with $set nobody named ${setting#*/}"
  expect_nothing_left
done
[[ $failures -eq 0 ]]
