#!/usr/bin/env bash
# Usage: bash benchmarks/run.sh [arguments of Google Benchmark]
#
# Installs what is missing, builds the benchmarks for speed, runs them, prints one table (ours, the
# raw transport's in the same run, their ratio, Ray's) and leaves JSON in build/benchmarks/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash cmake/install_packages.sh apps benchmarks
source cmake/common.sh
configure release -DMOBULA_BUILD_BENCHMARKS=ON -DMOBULA_BUILD_APPS=ON -DMOBULA_BUILD_TESTS=OFF
build release micro sort

mkdir -p build/benchmarks
json="build/benchmarks/micro-$(date -u +%Y%m%dT%H%M%SZ).json"
build/release/bin/micro --benchmark_out="$json" --benchmark_out_format=json "$@"
echo "JSON: $json"
