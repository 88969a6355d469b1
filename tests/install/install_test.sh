#!/usr/bin/env bash
# Usage: install_test.sh BUILD_FOLDER SCRATCH_FOLDER COMPILER MPIEXEC
#
# Installs Mobula into a folder of its own and uses it from there as others do: by find_package from
# a project that knows C++ alone, for a program of Mobula's and one that is MPI's own, and by
# pkg-config. Nothing of this repository is in reach but the sources of these programs.
set -euo pipefail

build=$1 scratch=$2 compiler=$3 mpirun=("$4" --oversubscribe -n 3)
sources="$(cd "$(dirname "${BASH_SOURCE[0]}")/program" && pwd)"

rm -rf "$scratch"
mkdir -p "$scratch"
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/first" > "$scratch/log" || { cat "$scratch/log" && exit 1; }
mv "$scratch/first" "$scratch/prefix" # an installed tree may be moved

check() {
  local wanted=$1 said
  shift
  said="$("$@")"
  [[ $said == "$wanted" ]] || { echo "$* said '$said' instead of '$wanted'" >&2 && exit 1; }
}

echo "== find_package =="
cmake -S "$sources" -B "$scratch/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/prefix" \
      -DCMAKE_CXX_COMPILER="$compiler"
cmake --build "$scratch/cmake"
check "6 2" "$scratch/cmake/program"
check 6 "${mpirun[@]}" "$scratch/cmake/solver"

echo "== pkg-config =="
pc=$(find "$scratch/prefix" -name mobula.pc)
# Unquoted: each flag is a word.
# shellcheck disable=SC2046
PKG_CONFIG_PATH="$(dirname "$pc")" "$compiler" "$sources/main.cpp" -o "$scratch/program" \
  $(PKG_CONFIG_PATH="$(dirname "$pc")" pkg-config --cflags --libs mobula)
# Static or shared: pkg-config says nothing of where the latter is found when it runs.
check "6 2" env LD_LIBRARY_PATH="$(dirname "$(find "$scratch/prefix" -name 'libmobula.*' | head -n 1)")" "$scratch/program"

if grep -rl "$(dirname "$build")" "$scratch/prefix" --include='*.cmake' --include='*.pc'; then
  echo "these name the folder that Mobula was built in" >&2
  exit 1
fi
