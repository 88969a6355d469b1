#!/usr/bin/env bash
# Usage: preempt_test.sh [LAUNCHER...] PREEMPT
#
# Runs the program PREEMPT once for each way to be warned of its end, warns it, and fails unless
#   - the exit status is the one in the way's name, or the signal's,
#   - what is to be said is said, and main's last words are not lost,
#   - no process of the job is left ten seconds later.
# The driver alone is warned, or all processes of the job, as Slurm does.
set -euo pipefail
program=("$@")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
  echo "$way, $signal to $whom: $1; it said:"
  cat "$work/output" "$work/errors"
  failures=$((failures + 1))
}

# Processes of the job, by a variable that all inherit, and the program.
processes() {
  local one
  for one in $(grep -lsa "PREEMPT_TEST_MARK=$mark" /proc/[0-9]*/environ | grep -o '[0-9]\+'); do
    [[ $(readlink "/proc/$one/exe" 2> /dev/null) != "${program[-1]}" ]] || echo "$one"
  done
}
# Of them all the one that runs main.
driver() {
  local one
  for one in $(processes); do
    ! grep -qz '^MOBULA_ROLE=' "/proc/$one/environ" || continue
    [[ ${#program[@]} -eq 1 ]] || grep -qz '^OMPI_COMM_WORLD_RANK=0$' "/proc/$one/environ" || continue
    echo "$one"
    return
  done
}

show_processes() {
  local one
  for one in $(processes); do echo "$one: $(cut -d' ' -f3 "/proc/$one/stat"), $(cat "/proc/$one/wchan")"; done
}

# await SECONDS WHAT COMMAND...
await() {
  local deadline=$((SECONDS + $1)) what=$2
  until "${@:3}"; do
    if [[ $SECONDS -ge $deadline ]]; then
      fail "waited in vain for $what: $(show_processes 2> /dev/null)"
      kill -9 $(processes) 2> /dev/null || true
      return 1
    fi
    sleep 0.02
  done
}
said() { grep -q "$1" "$work/output"; }
is_ready_or_gone() { said ready || [[ ! -e /proc/$1 ]]; }
none_left() { [[ -z $(processes) ]]; }

# warned WAY SIGNAL WHOM
warned() {
  way=$1 signal=$2 whom=$3 mark=$$-$RANDOM-$RANDOM
  rm -rf "$work"/*
  touch "$work/output" # what the last one said is not this one's
  env PREEMPT_TEST_MARK=$mark PREEMPT_FOLDER="$work/checkpoint" "${program[@]}" "$way" \
    > "$work/output" 2> "$work/errors" < /dev/null &
  local job=$!
  await 60 "it to be ready" is_ready_or_gone "$job" || return 0
  if ! said ready; then
    fail "it has ended before it was warned"
    return 0
  elif [[ $signal != none ]]; then
    if [[ $whom == driver ]]; then
      kill "-$signal" "$(driver)"
    else
      # Some may be about to end by themselves.
      kill "-$signal" $(processes) 2> /dev/null || true
    fi
  fi
  await 60 "its end" none_left || return 0
  status=0
  wait "$job" || status=$?
  wanted=${way##*_}
  [[ $wanted != signal ]] || wanted=$((128 + $(kill -l "$signal")))
  [[ $status -eq $wanted ]] || fail "the exit status is $status"
}

expect() { grep -qE "$1" "$work/output" "$work/errors" || fail "not said: $1"; }
expect_last_words() { expect "main's last words"; }

for to in driver all; do
  warned saves_75 USR1 $to
  expect 'saved, with the sum 90'
  expect '[0-9]+ tasks had not finished and were dropped'
  expect_last_words
  [[ -s $work/checkpoint/mobula.checkpoint ]] || fail "nothing was saved"
  warned computes_75 TERM $to
  expect 'saved, with the sum 90'
  expect_last_words
  warned has_none_signal USR1 $to
  warned has_none_signal TERM $to
done
warned reads_75 TERM all
expect_last_words
warned throws_1 USR1 all
expect 'the callback of on_preempt threw std::out_of_range: nothing to save'
expect_last_words
warned exits_12 USR1 driver
warned again_75 USR1 all
expect '^.*1 call$'
warned drains_75 USR1 all
expect called
warned returns_3 USR1 all
expect_last_words
warned shuts_down_4 TERM all
warned shut_down_signal USR1 driver
warned commands_75 TERM all
expect 'status 0, all of it'
warned forks_0 none nobody
! grep -q 'the wrong one' "$work/output" || fail "a signal to a forked child was taken for a warning"
warned replaced_75 USR1 driver
expect 'the right one'
! grep -q 'the wrong one' "$work/output" || fail "the wrong callback was called"
warned takes_it_back_signal USR1 driver
! grep -q 'the wrong one' "$work/output" || fail "a callback was called that was taken back"
warned in_tasks_0 none nobody
expect 'SigBlk:.*0000$' # of the first sixteen
expect 'SigIgn:.*0000$'
expect 'only the driver calls on_preempt'
[[ $failures -eq 0 ]]
