#!/usr/bin/env bash
# Usage: part_test.sh SCRATCH_FOLDER SOURCES COMPILER
#
# Mobula as a part of a user's project, by add_subdirectory and by FetchContent: its settings are left
# alone, and of Mobula only the library is built, and nothing is tested or installed.
set -euo pipefail
scratch=$1 sources=$2 compiler=$3
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$here/common.sh"

for fetch in OFF ON; do
  folder="$scratch/part_$fetch"
  configure "$here/part" "$folder" -DMOBULA_SOURCES="$sources" -DCMAKE_CXX_COMPILER="$compiler" -DFETCH="$fetch"
  targets="$(ninja -C "$folder" -t targets all)"
  grep -q '/libmobula\.a:' <<< "$targets" || die "Mobula is no part of it: $targets"
  if grep -E 'walkthrough|_test|benchmark|micro|mobula_sim' <<< "$targets"; then die "these are for Mobula's own project"; fi
  said="$(ctest --test-dir "$folder" -N)"
  [[ $said == *"Total Tests: 0"* ]] || die "it has tests: $said"
  # Nothing is built yet: what would be installed would be missed.
  cmake --install "$folder" --prefix "$folder/installed" > "$folder.log" 2>&1 || { cat "$folder.log" && exit 1; }
  [[ ! -e $folder/installed ]] || die "it installs $(find "$folder/installed" -type f)"
  of_users="$(ninja -C "$folder" -t commands program other | grep -E '/(main|plugin|other)\.cpp$')"
  if grep -E -- '-W[a-z]|-fsanitize|-fvisibility|-fno-' <<< "$of_users"; then die "these flags are Mobula's own"; fi
  [[ $(grep -c -- '-std=' <<< "$of_users") -eq 2 ]] || die "not C++20 for those two that use Mobula: $of_users"
done
