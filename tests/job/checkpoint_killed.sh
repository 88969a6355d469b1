#!/usr/bin/env bash
# Usage: checkpoint_killed.sh JOB_CHECKPOINT [SEED]
#
# Kills a job that saves all the time, at random moments, eight times; after each, its checkpoint
# must be there, and whole. The job that comes next removes what the dead ones have left.
set -euo pipefail
program=$1
RANDOM=${2:-$$}
echo "seed ${2:-$$}"
CHECKPOINT_FOLDER=$(mktemp -d)
export CHECKPOINT_FOLDER
trap 'rm -rf "$CHECKPOINT_FOLDER"' EXIT

for round in $(seq 8); do
  setsid "$program" --gtest_brief=1 --gtest_filter=Kept.IsReplacedAllTheTime > /dev/null 2>&1 &
  job=$!
  # Not before it has replaced what the last one has left.
  deadline=$((SECONDS + 60))
  until [[ "$CHECKPOINT_FOLDER/mobula.checkpoint" -nt "$CHECKPOINT_FOLDER.begun" ]] ||
    [[ $round -eq 1 && -e $CHECKPOINT_FOLDER/mobula.checkpoint ]]; do
    [[ $SECONDS -lt $deadline ]] || { echo "it saves nothing" && kill -KILL -- "-$job" && exit 1; }
    sleep 0.01
  done
  sleep "0.$(printf %03d $((RANDOM % 200)))"
  kill -KILL -- "-$job"
  wait "$job" 2> /dev/null || true
  touch "$CHECKPOINT_FOLDER.begun"
  "$program" --gtest_brief=1 --gtest_filter=Kept.IsWhole
done
rm -f "$CHECKPOINT_FOLDER.begun"
# As many files as the one that was being written and the one before have.
count=$(ls "$CHECKPOINT_FOLDER" | wc -l)
[[ $count -le 22 ]] || { ls "$CHECKPOINT_FOLDER" && echo "$count files: dead saves' are not removed" && exit 1; }
