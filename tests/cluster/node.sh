#!/usr/bin/env bash
# Usage: node.sh NAME
#
# What boot in verbs.sh starts as process 1 of new namespaces: makes them a host, says so on
# descriptor 8, and stays to reap the processes that lose their parent there.
set -euo pipefail
name=$1
source "$(dirname "${BASH_SOURCE[0]}")/private_folders.sh"

mount -t proc proc /proc
mount -t sysfs sysfs /sys
make_private_folders
echo "$name" > /proc/sys/kernel/hostname
# UCX takes hosts with one boot id for one machine.
cat /proc/sys/kernel/random/uuid > /run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id

echo "$name" >&8
exec 8>&-
sleep infinity &
while :; do wait || true; done
