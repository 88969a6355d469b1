#!/usr/bin/env bash
# Usage: build.sh FOLDER COMPILER LIBMOBULA_A OBJECT_OF_WALKTHROUGH
#
# Mobula with another MPI library than the rest of this build: MPICH, whose ranks meet by PMI. Only one
# file of Mobula's knows MPI, so it is compiled again, and replaces the other in a copy of the library;
# then programs are linked with that. The MPICH is the one in MOBULA_MPICH (its prefix) or comes from
# PyPI: Debian 12's own (4.0.2 over UCX 1.13) hangs in MPI_Finalize once ranks are on several hosts, in
# 14 of 20 runs of an empty program. Skipped, saying why, where none is to be had.
set -euo pipefail
folder=$1 compiler=$2 library=$3 walkthrough=$4
sources="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"
skip() { echo "skipped, since there is no MPICH: $*" && exit 77; }

mkdir -p "$folder"
rm -f "$folder/prefix"
mpich=${MOBULA_MPICH:-}
if [[ -z $mpich ]]; then
  mpich="$folder/mpich"
  [[ -x $mpich/bin/pip ]] || python3 -m venv "$mpich" > "$folder/log" 2>&1 ||
    skip "python3 can't make an environment: $(tail -n 1 "$folder/log")"
  "$mpich/bin/pip" install --quiet --disable-pip-version-check mpich==5.0.2 > "$folder/log" 2>&1 ||
    skip "pip can't install it: $(tail -n 1 "$folder/log")"
fi
[[ -x $mpich/bin/mpicxx && -x $mpich/bin/mpiexec ]] || skip "$mpich/bin has no mpicxx and mpiexec"

# As a distribution's wrapper does, with our compiler.
with_mpi=("$compiler" -std=c++20 -O1 -I "$sources/include" -I "$sources/lib" -I "$sources/tests" -I "$mpich/include")
if command -v ccache > /dev/null; then with_mpi=(ccache "${with_mpi[@]}"); fi
libmpi=("-L$mpich/lib" "-Wl,-rpath,$mpich/lib" -lmpi)
cp "$library" "$folder/libmobula.a"
"${with_mpi[@]}" -c "$sources/lib/launch/mpi_bootstrap.cpp" -o "$folder/mpi_bootstrap.cpp.o"
ar r "$folder/libmobula.a" "$folder/mpi_bootstrap.cpp.o"

# link NAME OBJECT...
link() {
  local name=$1
  shift
  # shellcheck disable=SC2046
  "$compiler" -Wl,--wrap=main "$@" "$folder/libmobula.a" -o "$folder/$name" \
    $(pkg-config --libs ucx hwloc) -lboost_context -lfmt -ldl -pthread "${libmpi[@]}"
}
link walkthrough "$walkthrough"
for program in command_of_ranks ../programs/mpi_driver ../programs/mpi_peers; do
  name="$(basename "$program")"
  "${with_mpi[@]}" -c "$sources/tests/mpich/$program.cpp" -o "$folder/$name.o"
  link "$name" "$folder/$name.o"
done
"${with_mpi[@]}" "$sources/tests/cluster/hello.cpp" -o "$folder/hello" "${libmpi[@]}"
echo "$mpich" > "$folder/prefix"
