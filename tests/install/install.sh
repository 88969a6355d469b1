#!/usr/bin/env bash
# Usage: install.sh BUILD_FOLDER SCRATCH_FOLDER
#
# Installs both kinds of Mobula, each into a folder of its own, for the other tests here.
set -euo pipefail
build=$1 scratch=$2
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rm -rf "$scratch"
mkdir -p "$scratch"
for component in "" other_kind; do
  cmake --install "$build" ${component:+--component "$component"} --prefix "$scratch/first" \
    > "$scratch/log" || { cat "$scratch/log" && exit 1; }
  kind=static
  [[ -z $(find "$scratch/first" -name libmobula.so) ]] || kind=shared
  # An installed tree may be moved.
  mv "$scratch/first" "$scratch/$kind"
done
[[ -d $scratch/static && -d $scratch/shared ]] || die "not both kinds were installed"

if grep -rl "$build" "$scratch" --include='*.cmake' --include='*.pc'; then
  die "these name the folder that Mobula was built in"
fi
