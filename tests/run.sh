#!/usr/bin/env bash
# Usage: bash tests/run.sh [preset]...
#
# Installs what is missing, builds and runs the tests. Without arguments: all of them, as `dev`
# builds them. `bash tests/run.sh asan tsan dev` runs those that find most under the sanitizers
# first. Ends with ctest's summary, that of the first preset that fails if one does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash cmake/install_packages.sh apps tests benchmarks
source cmake/common.sh

presets=("$@")
[[ ${#presets[@]} -eq 0 ]] && presets=(dev)

for preset in "${presets[@]}"; do
  selection=()
  benchmarks=ON
  case "$preset" in
    asan | tsan)
      # What compiles programs or counts time has nothing to tell a sanitizer.
      selection=(-LE plain_only)
      benchmarks=OFF
      ;;
  esac
  configure "$preset" -DMOBULA_BUILD_TESTS=ON -DMOBULA_BUILD_APPS=ON \
            -DMOBULA_BUILD_BENCHMARKS="$benchmarks"
  build "$preset"
  echo "== ctest, $preset =="
  ctest --preset "$preset" --no-tests=error -j "$(nproc)" "${selection[@]}"
done
