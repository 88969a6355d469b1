#!/usr/bin/env bash
# Usage: bash apps/run.sh [app [arguments]]
#
# Installs what is missing, builds the programs and runs one of them. Without arguments: the
# walkthrough, then wordcount on /usr/include.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
from="$PWD"
cd "$root"

bash cmake/install_packages.sh apps
source cmake/common.sh
configure release -DMOBULA_BUILD_APPS=ON -DMOBULA_BUILD_TESTS=OFF -DMOBULA_BUILD_BENCHMARKS=OFF
build release

bin="$root/build/release/bin"
cd "$from" # where the arguments' paths are meant

if [[ $# -eq 0 ]]; then
  "$bin/walkthrough"
  exec "$bin/wordcount" /usr/include
fi
app="$1"
shift
if [[ ! -x $bin/$app ]]; then
  echo "There is no app named '$app'; there are: $(ls "$bin" | tr '\n' ' ')" >&2
  exit 64
fi
exec "$bin/$app" "$@"
