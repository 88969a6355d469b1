#!/usr/bin/env bash
# Usage: with_nodes.sh COUNT COMMAND...
#
# Runs COMMAND on a host `front`, beside hosts node1, node2, ... that only COMMAND's processes see:
# each has its own network, processes, shared memory, host name, boot id, /tmp, /run and /dev/shm, all
# the rest is this machine's. verbs.sh says what COMMAND may do to them; mpirun starts ranks on
# them (-H node1:2,node2:2). CLUSTER_SHARED is an empty folder that all hosts see.
#
# Exits with COMMAND's status; with 77, and the reason, where such hosts can't be made. When COMMAND
# ends, or this script by whatever signal, every process, mount, interface and file of theirs is gone,
# COMMAND's own children included.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
[[ $# -ge 2 && $1 =~ ^[1-9][0-9]?$ ]] || {
  echo "Usage: with_nodes.sh COUNT COMMAND..., for 1 to 99 nodes" >&2
  exit 64
}

skip() {
  echo "skipped, since no nodes can be made here: $*"
  exit 77
}
[[ $(id -u) -eq 0 ]] || skip "only root may"
for tool in unshare nsenter setpriv ip pgrep; do
  command -v "$tool" > /dev/null || skip "there is no $tool (cmake/install_packages.sh tests)"
done
[[ -e /etc/hosts ]] || skip "this machine has no /etc/hosts, in whose place theirs could stand; an empty one will do"
apart=(unshare --mount --net --uts --ipc --pid --fork)
why="$("${apart[@]}" sh -ec '
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t tmpfs none /tmp
  echo front > /proc/sys/kernel/hostname
  ip link add lan type bridge
  ip link add one type veth peer name other' 2>&1)" || skip "$why"

# Process 1 of the outermost namespaces has everything below it, so that its death is everybody's.
# It dies with `unshare`, which dies with this script. What runs in the background would ignore
# interrupts, and so would COMMAND.
setpriv=(setpriv --pdeathsig KILL bash -c '[[ $PPID -eq $0 ]] && exec "$@"' $$)
env --default-signal=INT,QUIT "${setpriv[@]}" "${apart[@]}" --kill-child=KILL \
  bash "$here/front.sh" "$@" <&0 &
outermost=$!
end() { kill -KILL "$outermost" && { wait "$outermost" || true; } 2> /dev/null && exit "$1"; }
trap 'end 130' INT
trap 'end 143' TERM
trap 'end 129' HUP
status=0
wait "$outermost" || status=$?
exit "$status"
