#!/usr/bin/env bash
# Usage: exports_test.sh SCRATCH_FOLDER
#
# What Mobula's shared library exports: the API, name by name as in exported.txt, and nothing of its
# own layers or of the libraries that it is made with. A change of exported.txt is a change of what
# users' programs are linked with.
set -euo pipefail
export LC_ALL=C
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
library="$(find "$1/shared" -name 'libmobula.so.*.*.*')"
[[ -n $library ]] || { echo "no libmobula.so in $1/shared" && exit 1; }
names="$(nm -DC --defined-only "$library" | sed -E 's/^[0-9a-f]+ //' | sort -u)"

failures=0
# V, W and u are what any program has of a header when it uses it: the compiler decides which.
if ! diff -u "$here/exported.txt" <(grep -v '^[VWu] ' <<< "$names" | cut -c 3-); then
  echo "FAILED: not what exported.txt has (-), but more or less than that (+)"
  failures=1
fi
if grep -E '^[VWu] ' <<< "$names" | grep -vE '^. (typeinfo (for|name for) |vtable for )?(mobula|std|__gnu_cxx)::|^. .*[ <](mobula|std)::'; then
  echo "FAILED: these are neither Mobula's nor the standard library's"
  failures=1
fi
# Layers are namespaces, but for the runtime, by whose name there is a class.
layers="$(find "$here/../../lib" -mindepth 1 -maxdepth 2 -type d | xargs -n 1 basename | grep -vx runtime | paste -sd '|')"
if grep -E "mobula::($layers)::|boost::|fmt::" <<< "$names"; then
  echo "FAILED: these are inside"
  failures=1
fi
if ! readelf -d "$library" | grep -q 'SONAME.*\[libmobula\.so\.0\.1\]'; then
  echo "FAILED: its name for programs is not libmobula.so.0.1: $(readelf -d "$library" | grep SONAME)"
  failures=1
fi
echo "$(wc -l <<< "$names") names, $failures failures"
exit "$failures"
