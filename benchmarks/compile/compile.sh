#!/usr/bin/env bash
# Usage: compile.sh COMPILER SOURCE
#
# Compiles one file of this folder as a user would, and prints the size of the object as micro wants
# to hear it.
set -euo pipefail
export CCACHE_DISABLE=1 # it would be a copy that is timed
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
object="$(mktemp)"
trap 'rm -f "$object"' EXIT
"$1" -std=c++20 -O2 -I "$here/../../include" -c "$here/$2" -o "$object"
echo "object_KiB $(($(stat -c %s "$object") / 1024))"
