#!/usr/bin/env bash
# Usage: bash tests/style_test.sh RULE
#
# Rules of the house that a program can check, each a test of its own. Prints what breaks the rule;
# fails if anything does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sources() { find include lib apps tests benchmarks -type f \( -name '*.hpp' -o -name '*.cpp' -o -name '*.c' \) | sort; }
texts() { find include lib apps tests benchmarks cmake .ci ./*.* -type f | sort -u; }

files_are_short() {
  sources | while read -r file; do
    lines=$(wc -l < "$file")
    [[ $lines -le 800 ]] || echo "$file has $lines lines, 800 are the limit"
  done
}

# By the look of formatted code: from a line that ends a parameter list with "{" to the "}" below.
functions_fit_a_screen() {
  sources | xargs awk '
    function check(level) {
      if (begun[level] && FNR - begun[level] > 70)
        print FILENAME ":" begun[level] ": " FNR - begun[level] + 1 " lines, 70 are the limit"
      begun[level] = 0
    }
    FNR == 1 { begun[0] = begun[2] = 0 }
    /^[A-Za-z~].*[)][a-z ]*( -> .*)? [{]$/ { begun[0] = FNR }
    /^  [A-Za-z~].*[)][a-z ]*( -> .*)? [{]$/ { begun[2] = FNR }
    /^  [}]$/ { check(2) }
    /^[}]$/ { check(0) }'
}

headers_are_included_once() {
  sources | grep '\.hpp$' | while read -r file; do
    grep -q '^#pragma once$' "$file" || echo "$file has no #pragma once"
  done
}

# Arrows point down: a layer includes itself, what lib/CMakeLists.txt lets it, and what that may.
layers_include_downwards() {
  local -A folder_of=() depends_of=() allowed
  local name folder depends pending next file included
  while read -r name folder depends; do
    folder_of[$name]=$folder
    depends_of[$name]=$depends
  done < <(tr '\n' ' ' < lib/CMakeLists.txt | grep -o 'mobula_layer([^)]*)' |
    sed -E 's/mobula_layer\((\w+) +FOLDER +(\S+)( +DEPENDS)?/\1 \2 /; s/\)//; s/mobula_//g')
  [[ ${#folder_of[@]} -gt 5 ]] || echo "lib/CMakeLists.txt names only ${#folder_of[@]} layers"

  for name in "${!folder_of[@]}"; do
    allowed=([${folder_of[$name]}]=1)
    # The public headers are carried out by the runtime alone.
    [[ $name == runtime ]] && allowed[mobula]=1 && allowed[mobula/detail]=1
    pending=(${depends_of[$name]})
    while [[ ${#pending[@]} -gt 0 ]]; do
      next=${pending[0]}
      pending=("${pending[@]:1}")
      [[ -n ${folder_of[$next]:-} ]] || continue # not a layer: another library's target
      allowed[${folder_of[$next]}]=1
      pending+=(${depends_of[$next]})
    done
    while IFS=: read -r file included; do
      [[ -n ${allowed[${included%/*}]:-} ]] || echo "$file includes $included"
    done < <(find "lib/${folder_of[$name]}" -maxdepth 1 -type f 2> /dev/null |
      xargs -r grep -HoE '^#include "[^"]*"' | sed 's/#include "//; s/"$//')
  done
}

# Each of these belongs to one layer; the state machines know no I/O at all.
the_outside_world_stays_in_its_layer() {
  local header where
  while read -r header where; do
    sources | xargs grep -HnE "^#include <($header)" | grep -vE "^($where)" || true
  done << 'END'
mpi\.h lib/launch/mpi|tests/|benchmarks/|apps/|include/mobula/mpi\.hpp
uc[pst]/ lib/transport/ucx/|tests/unit/transport/ucx/|benchmarks/
hwloc lib/hardware/|lib/launch/|tests/unit/(hardware|launch)/
cuda lib/hardware/|tests/unit/hardware/|apps/gpu/
boost/context lib/fiber/
gtest|gmock tests/
END
  find lib/wire lib/core -type f | xargs grep -HnE \
    '^#include <(thread|mutex|condition_variable|chrono|fstream|iostream|filesystem|random|unistd\.h|sys/.*|time\.h|ctime)>' || true
}

# include/mobula/detail/api.hpp says why.
public_headers_export_what_they_name() {
  find include -type f | xargs grep -HnE '^namespace mobula\b' || true
}

public_headers_include_only_public_ones() {
  find include -type f | xargs grep -HnE '^#include "' | grep -v '#include "mobula/' || true
  find include -type f | xargs grep -HnE '^#include <(mpi\.h|uc[pst]/|hwloc|cuda|boost/context)' |
    grep -v '^include/mobula/mpi\.hpp' || true
}

nothing_is_left_for_later() {
  local words='TO''DO|FIX''ME|XX''X|HA''CK'
  texts | xargs grep -HnwE "$words" || true
}

no_test_is_disabled() {
  local words='DISA''BLED_|GTEST_''SKIP|#if ''0'
  find tests -type f | xargs grep -HnE "$words" || true
}

every_message_is_in_the_wire_tests() {
  grep -hoP 'static constexpr auto type = message_type::\K\w+' lib/wire/*messages.hpp |
    while read -r message; do
      grep -q "MOBULA_VISIT($message)" tests/unit/wire/all_messages.hpp ||
        echo "tests/unit/wire/all_messages.hpp lacks $message"
    done
}

scripts_parse() {
  texts | grep -E '\.sh$|\.ci/run$' | while read -r file; do
    bash -n "$file" || echo "$file"
  done
}

code_is_formatted() {
  # Another version formats otherwise.
  if ! command -v clang-format-14 > /dev/null; then
    echo "clang-format-14 is not installed (cmake/install_packages.sh tests)"
    return
  fi
  sources | xargs clang-format-14 --dry-run 2>&1 | grep -E 'warning:' || true
}

rules=$(declare -F | awk '{print $3}' | grep -vE '^(sources|texts)$')
if [[ $# -ne 1 ]] || ! grep -qx "$1" <<< "$rules"; then
  echo "Usage: style_test.sh RULE, one of:" $rules >&2
  exit 64
fi
broken=$("$1")
[[ -z $broken ]] && exit 0
echo "$broken"
echo "$(wc -l <<< "$broken") places break the rule: ${1//_/ }"
exit 1
