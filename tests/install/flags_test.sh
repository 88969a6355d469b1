#!/usr/bin/env bash
# Usage: flags_test.sh SCRATCH_FOLDER
#
# A file of a user's with ten remote functions, with the compilers, standards, warnings and link-time
# optimisation that users may have: without a warning, linked with what was installed, and run.
set -euo pipefail
scratch=$1
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$here/common.sh"
file="$here/../../benchmarks/compile/ten_functions.cpp"
warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
program="$scratch/flags_program"
trap 'rm -f "$program"' EXIT

# try static|shared COMPILER FLAG...
try() {
  local kind=$1 compiler=$2 pc library cflags libs
  shift 2
  echo "== $kind, $compiler $* =="
  pc="$(dirname "$(find "$scratch/$kind" -name mobula.pc)")"
  library="$(dirname "$(find "$scratch/$kind" -name 'libmobula.*' | head -n 1)")"
  read -ra cflags <<< "$(PKG_CONFIG_PATH="$pc" pkg-config --cflags mobula)"
  read -ra libs <<< "$(PKG_CONFIG_PATH="$pc" pkg-config --libs mobula)"
  # Of two standards the last counts.
  "$compiler" "${cflags[@]}" "${warnings[@]}" "$@" "$file" -o "$program" "${libs[@]}" "-Wl,-rpath,$library"
  check "" "$program"
}

try static g++ -O2 -std=c++20
try static g++ -O2 -std=c++23 -flto=auto
try shared g++ -std=gnu++20 -fvisibility=hidden
try static clang++-14 -O2 -std=c++20 -flto
try shared clang++-14 -std=c++2b
