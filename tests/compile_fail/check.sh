#!/usr/bin/env bash
# Compiles each bad program of bad_programs.cpp with one compiler and looks for the sentence that it
# must be refused with; and the good rest, which must compile without a warning.
# Usage: check.sh COMPILER INCLUDE_FOLDER
set -u
export LC_ALL=C
compiler=$1
include=$2
programs=$(dirname "$0")/bad_programs.cpp
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flags=(-std=c++20 -Wall -Wextra -Werror "-I$include")
# Parsed once: both compilers find the precompiled form beside the header that is named.
echo '#include <mobula/mobula.hpp>' >"$work/all.hpp"
case $("$compiler" --version | head -n 1) in
  *clang*) compiled=$work/all.hpp.pch ;;
  *) compiled=$work/all.hpp.gch ;;
esac
"$compiler" "${flags[@]}" -x c++-header "$work/all.hpp" -o "$compiled" || exit 1
compile=("$compiler" "${flags[@]}" -include "$work/all.hpp" -fsyntax-only)

failures=0
if ! "${compile[@]}" "$programs"; then
  echo "FAILED: without a bad program, $programs must compile"
  failures=1
fi

count=0
while read -r name; do
  count=$((count + 1))
  sentence=$(sed -n "/^#ifdef $name\$/{n;s|^// says: ||p}" "$programs")
  if [ -z "$sentence" ]; then
    echo "FAILED: $name doesn't say what must be said"
    failures=$((failures + 1))
  elif said=$("${compile[@]}" "-D$name" "$programs" 2>&1); then
    echo "FAILED: $name compiles"
    failures=$((failures + 1))
  elif ! grep -qF -- "$sentence" <<<"$said"; then
    echo "FAILED: $name is refused without saying: $sentence"
    grep -E 'error|assert' <<<"$said" | head -n 5
    failures=$((failures + 1))
  fi
done < <(sed -n 's/^#ifdef //p' "$programs")

echo "$count bad programs, $failures failures ($("$compiler" --version | head -n 1))"
[ "$count" -gt 0 ] && [ "$failures" -eq 0 ]
