#!/usr/bin/env bash
# Usage: altered_test.sh [LAUNCHER...] ALTERED HOW
#
# Runs the program ALTERED, which writes an array after it was given away. Fails unless a debug
# build says so, once and by the object's name, and another build says nothing.
set -euo pipefail

output=$(mktemp)
trap 'rm -f "$output" "$output".*' EXIT
fail() {
  echo "$1; it said:"
  cat "$output" "$output.errors"
  exit 1
}

timeout -k 5 100 "$@" > "$output" 2> "$output.errors" < /dev/null || fail "the exit status is $?"
wanted=$(sed -n 's/^debug build: //p' "$output")
[[ -n $wanted ]] || fail "it did not say which build it is"
how=${*: -1}
told=$(grep -cE "^mobula: object [0-9]+\.0 of process 0\.1, an array of 800000 bytes, was found changed on node 0 as it was $how" "$output.errors" || true)
[[ $told -eq $wanted ]] || fail "told $told times instead of $wanted"
