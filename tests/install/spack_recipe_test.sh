#!/usr/bin/env bash
# Usage: spack_recipe_test.sh SOURCES
#
# The recipe for Spack is Python, every variable of ours that it sets is an option of the build, and
# it depends on everything that the build looks for.
set -euo pipefail
sources=$1
recipe="$sources/cmake/spack/packages/mobula/package.py"
python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$recipe"
names="$(grep -oE '"MOBULA_[A-Z_]+"' "$recipe" | tr -d '"')"
[[ $(wc -w <<< "$names") -ge 5 ]] || { echo "it sets only: $names" >&2 && exit 1; }
for name in $names; do
  grep -q "^option($name " "$sources/CMakeLists.txt" || { echo "it sets $name, which is no option" >&2 && exit 1; }
done
found="$(sed -nE 's/^ *(find_package|pkg_check_modules|find_path)\(([A-Za-z]+).*/\2/p' "$sources/cmake/MobulaDependencies.cmake" | tr '[:upper:]' '[:lower:]')"
[[ $(wc -w <<< "$found") -ge 6 ]] || { echo "the build looks only for: $found" >&2 && exit 1; }
for name in $found; do
  case $name in
    threads) continue ;; # the compiler's
    mobula) name=xxhash ;; # MOBULA_XXHASH_INCLUDE_DIR
  esac
  grep -qE "depends_on\(\"$name[@\"]" "$recipe" || { echo "it does not depend on $name" >&2 && exit 1; }
done
