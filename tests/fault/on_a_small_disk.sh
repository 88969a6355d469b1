#!/usr/bin/env bash
# Usage: on_a_small_disk.sh COMMAND...
#
# Runs COMMAND with one more argument, a folder: a file system of 7 MiB that nobody else sees.
# Status 77, and the reason, where none can be mounted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rmdir "$folder"' EXIT
apart=(unshare --mount)
[[ $(id -u) -eq 0 ]] || apart+=(--user --map-root-user)
if ! why=$("${apart[@]}" mount -t tmpfs none "$folder" 2>&1); then
  echo "skipped, since no file system can be mounted here: $why"
  exit 77
fi
"${apart[@]}" bash -c 'mount -t tmpfs -o size=7m none "${@: -1}" && exec "$@"' bash "$@" "$folder"
