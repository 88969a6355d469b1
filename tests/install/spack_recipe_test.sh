#!/usr/bin/env bash
# Usage: spack_recipe_test.sh SOURCES
#
# The recipe for Spack is Python, and every variable of ours that it sets is an option of the build.
set -euo pipefail
sources=$1
recipe="$sources/cmake/spack/packages/mobula/package.py"
python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$recipe"
names="$(grep -oE '"MOBULA_[A-Z_]+"' "$recipe" | tr -d '"')"
[[ $(wc -w <<< "$names") -ge 5 ]] || { echo "it sets only: $names" >&2 && exit 1; }
for name in $names; do
  grep -q "^option($name " "$sources/CMakeLists.txt" || { echo "it sets $name, which is no option" >&2 && exit 1; }
done
