#!/usr/bin/env bash
# Usage: start_test.sh another_binary MPIEXEC ONE OTHER    ranks 0 and 1 run different programs
#        start_test.sh without_wrap LAUNCH... PROGRAM      linked without --wrap=main
#        start_test.sh separate_copies PROGRAM             MPI sees one rank, its launcher 3
#        start_test.sh peers_without_wrap LAUNCH... PROGRAM  the same of one that is MPI's own
#        start_test.sh small_files LAUNCH... PROGRAM       files may have 1 MB
set -euo pipefail
what=$1
shift
output=$(mktemp)
trap 'rm -f "$output"' EXIT

fail() {
  echo "$1; it said:"
  cat "$output"
  exit 1
}

run() {
  status=0
  timeout 60 "$@" > "$output" 2>&1 < /dev/null || status=$?
}

case $what in
  another_binary)
    run "$1" --oversubscribe -n 1 "$2" work : -n 1 "$3"
    [[ $status -ne 0 ]] || fail "the job ran with two programs"
    [[ $status -ne 124 ]] || fail "the job did not end"
    grep -q "rank 1 .*${3##*/}" "$output" || fail "nobody named rank 1 and ${3##*/}"
    ! grep -q '^begun$' "$output" || fail "it began"
    ;;
  without_wrap)
    run "$@" work
    [[ $status -eq 0 ]] || fail "the job ended with status $status"
    grep -qx right "$output" || fail "the job's answer is not right"
    [[ $(grep -c 'linked without --wrap=main' "$output") -eq 1 ]] || fail "it was not said once"
    ;;
  separate_copies)
    # What srun --mpi=pmix tells a program whose MPI does not speak PMIx comes to the same.
    PMI_RANK=0 PMI_SIZE=3 run "$@" work
    [[ $status -ne 0 ]] || fail "it ran on its own"
    [[ $status -ne 124 ]] || fail "it did not end"
    grep -q 'started 3 ranks, but the MPI library.*sees each of them alone.*--mpi=' "$output" || fail "nobody said what to do"
    ! grep -q '^begun$' "$output" || fail "it began"
    ;;
  peers_without_wrap)
    run "$@" 0 nobody
    [[ $status -ne 0 ]] || fail "the job ran, whose processes would each have begun MPI"
    [[ $status -ne 124 ]] || fail "the job did not end"
    grep -q 'linked without --wrap=main.*CMake target or pkg-config' "$output" || fail "nobody said what to do"
    ;;
  small_files)
    # The ranks alone: launchers have files of their own.
    run "${@:1:$#-1}" bash -c 'ulimit -f 1000; exec "$0" work' "${@: -1}"
    [[ $status -ne 0 ]] || fail "the job ran, with files too large"
    [[ $status -ne 124 ]] || fail "the job did not end"
    grep -q 'files may have 1000 KiB here.*ulimit -f unlimited' "$output" || fail "nobody said what to do"
    ! grep -qi 'signal' "$output" || fail "a process was killed"
    ;;
esac
