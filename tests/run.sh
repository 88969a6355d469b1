#!/usr/bin/env bash
# Usage: bash tests/run.sh [preset]...
#
# Installs what is missing, builds and runs the tests. Without arguments: all of them, as `dev`
# builds them. `bash tests/run.sh asan tsan dev` runs those that find most under the sanitizers
# first. Ends with ctest's summary, that of the first preset that fails if one does.
#
# Tests of several hosts and of Slurm are skipped where these can't be made; it is said why. With
# TESTS_NEED_HOSTS=1 that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash cmake/install_packages.sh apps tests benchmarks
source cmake/common.sh

echo "== hosts and Slurm to test on =="
status=0
bash tests/slurm/with_slurm.sh echo "can be made" || status=$?
[[ $status -eq 0 || ($status -eq 77 && ${TESTS_NEED_HOSTS:-0} != 1) ]] || exit "$status"

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
