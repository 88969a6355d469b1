#!/usr/bin/env bash
# Usage: program_test.sh SCRATCH_FOLDER static|shared COMPILER MPIEXEC
#
# Uses an installed Mobula as others do: by find_package from a project that knows C++ alone, for a
# program of Mobula's with a library of its own and one that is MPI's own, and by pkg-config. Nothing
# of this repository is in reach but the sources of these programs.
set -euo pipefail
scratch=$1 kind=$2 compiler=$3 mpirun=("$4" --oversubscribe -n 3)
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$here/common.sh"
prefix="$scratch/$kind"
folder="$scratch/program_$kind"
right="6 2 14 std::invalid_argument std::overflow_error error timed_out"

echo "== find_package =="
configure "$here/program" "$folder" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$compiler" "${launcher[@]}"
cmake --build "$folder"
check "$right" "$folder/program"
check "$right" "${mpirun[@]}" "$folder/program"
check 6 "${mpirun[@]}" "$folder/solver"

echo "== pkg-config =="
pc="$(find "$prefix" -name mobula.pc)"
library="$(dirname "$(find "$prefix" -name 'libmobula.*' | head -n 1)")"
flags() { PKG_CONFIG_PATH="$(dirname "$pc")" pkg-config "$@" mobula; }
# Unquoted: each flag is a word. The library as CMake made it, and after Mobula, as CMake names it: it
# has a static Mobula in it too, and the program's own is to be used.
# shellcheck disable=SC2046
"$compiler" $(flags --cflags) "$here/program/main.cpp" -o "$folder/by_pkg_config" $(flags --libs) \
  "$folder/libplugin.so" "-Wl,-rpath,$folder:$library" # pkg-config says nothing of where libraries are found when it runs
check "$right" "$folder/by_pkg_config"
