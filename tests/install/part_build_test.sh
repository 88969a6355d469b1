#!/usr/bin/env bash
# Usage: part_build_test.sh SCRATCH_FOLDER SOURCES COMPILER
#
# A user's project with Mobula as a part of it, without MPI, built whole with link-time optimisation,
# and run.
set -euo pipefail
scratch=$1 sources=$2 compiler=$3
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$here/common.sh"
folder="$scratch/part_built"
configure "$here/part" "$folder" -DMOBULA_SOURCES="$sources" -DCMAKE_CXX_COMPILER="$compiler" "${launcher[@]}" \
          -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON -DMOBULA_MPI=OFF
cmake --build "$folder" -j "$(nproc)" > "$folder.log" 2>&1 || { tail -n 50 "$folder.log" && exit 1; }
check "6 2 14 std::invalid_argument std::overflow_error error timed_out" "$folder/program"
