#!/usr/bin/env bash
# Compiles each public header alone with one compiler, and looks at what else they reach: nothing
# but the standard library and Boost.Serialization; <mobula/mpi.hpp>, which <mobula/mobula.hpp>
# does not reach, MPI besides.
# Usage: check.sh COMPILER INCLUDE_FOLDER MPI_INCLUDE_FOLDER...
set -u
export LC_ALL=C
compiler=$1
include=$2
flags=(-std=c++20 -Wall -Wextra -Wpedantic -Werror "-I$include" -x c++)
mpi=("${@:3}")
mpi=("${mpi[@]/#/-isystem}")
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

count=0
while read -r header; do
  count=$((count + 1))
  own=("${flags[@]}")
  [ "$header" != mobula/mpi.hpp ] || own+=("${mpi[@]}")
  if ! echo "#include <$header>" | "$compiler" "${own[@]}" -fsyntax-only -; then
    echo "FAILED: <$header> doesn't compile alone"
    failures=$((failures + 1))
  fi
done < <(cd "$include" && find mobula -name '*.hpp' | sort)

reached() { "$compiler" "${flags[@]}" -M - | tr -d '\\' | tr ' ' '\n' | grep '/' | sort -u; }
# All of the standard library, with what the system has below it.
echo '#include <bits/stdc++.h>' | reached >"$work/standard"
echo '#include <mobula/mobula.hpp>' | reached >"$work/ours"
if ! grep -qF "$include/mobula/remote.hpp" "$work/ours"; then
  echo "FAILED: can't tell what <mobula/mobula.hpp> reaches"
  failures=$((failures + 1))
fi
foreign=$(grep -vxF -f "$work/standard" "$work/ours" |
  grep -v -e "^$include/mobula/" -e '/boost/serialization/')
if [ -n "$foreign" ]; then
  echo "FAILED: <mobula/mobula.hpp> reaches" $foreign
  failures=$((failures + 1))
fi

echo "$count headers, $failures failures ($("$compiler" --version | head -n 1))"
[ "$count" -gt 0 ] && [ "$failures" -eq 0 ]
