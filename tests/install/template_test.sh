#!/usr/bin/env bash
# Usage: template_test.sh SCRATCH_FOLDER COMPILER MPIEXEC
#
# apps/template, copied and built as its first lines say, run alone and by mpirun.
set -euo pipefail
scratch=$1 compiler=$2 mpiexec=$3
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$here/common.sh"
cp -r "$here/../../apps/template" "$scratch/template"
cd "$scratch/template"
configure . build -DCMAKE_PREFIX_PATH="$scratch/static" -DCMAKE_CXX_COMPILER="$compiler" "${launcher[@]}" -DCMAKE_BUILD_TYPE=Release
cmake --build build
right="pi is about 3.1426: 8000000 darts on"
check "$right 1 node" build/program
check "$right 1 node" "$mpiexec" --oversubscribe -n 2 build/program
check "$right 2 nodes" env MOBULA_RANKS_PER_NODE=1 "$mpiexec" --oversubscribe -n 2 build/program
