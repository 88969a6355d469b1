#!/usr/bin/env bash
# Usage: without_mpi_test.sh PROGRAM STARTER MPIRUN... -n
#
# A program whose Mobula was built without MPI runs as one rank, also where one of MPI's starts it,
# and refuses to be several.
set -euo pipefail
program=$1 starter=$2
shift 2
die() { echo "$*" >&2 && exit 1; }
if nm --undefined-only "$program" | grep MPI_; then die "it asks for MPI all the same"; fi

right="pi is about 3.1426: 8000000 darts on 1 node"
said="$(timeout 60 "$program")" || die "alone it ended with status $?: $said"
[[ $said == "$right" ]] || die "alone it said: $said"
said="$(timeout 60 "$@" 1 "$program")" || die "as one rank it ended with status $?: $said"
[[ $said == "$right" ]] || die "as one rank it said: $said"
said="$(timeout 60 "$@" 2 "$starter" "$program")" || die "started by ranks it ended with status $?: $said"
[[ $(grep -cxF "$right" <<< "$said") -eq 2 ]] || die "started by ranks it said: $said"

status=0
said="$(timeout 60 "$@" 2 "$program" 2>&1)" || status=$?
[[ $status -ne 0 && $status -ne 124 ]] || die "two ranks ended with status $status: $said"
[[ $said == *"started 2 ranks, but Mobula was built without MPI"* ]] || die "not said: $said"
[[ $said != *"pi is about"* ]] || die "it ran: $said"
