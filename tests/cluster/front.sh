#!/usr/bin/env bash
# What with_nodes.sh starts as process 1 of new namespaces: makes them the host `front`, starts the
# nodes, then runs the command. The rest goes with this process.
set -euo pipefail
count=$1
shift
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
source "$here/private_folders.sh"

mount -t proc proc /proc
mount -t sysfs sysfs /sys
make_private_folders /srv
echo front > /proc/sys/kernel/hostname

# Where verbs.sh finds the nodes. Of the front alone: they have a /run of their own.
export CLUSTER_STATE=/run/cluster CLUSTER_SHARED=/srv CLUSTER_HOME="$here"
CLUSTER_NODES="$(seq -s ' ' -f 'node%g' "$count")"
export CLUSTER_NODES
mkdir "$CLUSTER_STATE"
source "$here/verbs.sh"

{
  echo "127.0.0.1 localhost"
  echo "10.88.0.254 front"
  for name in $CLUSTER_NODES; do echo "10.88.0.${name#node} $name"; done
} > "$CLUSTER_STATE/hosts"
mount --bind "$CLUSTER_STATE/hosts" /etc/hosts

without_ipv6
ip link set lo up
# With an address of its own: it has the lowest of its nodes' otherwise, another one after a crash,
# and nobody reaches this host for a while.
ip link add lan address 02:00:0a:58:00:fe type bridge
ip address add 10.88.0.254/24 dev lan
ip link set lan up
for name in $CLUSTER_NODES; do boot "$name"; done

# Cores would be written wherever a program runs, and stay.
ulimit -S -c 0
# mpirun reaches the nodes by this instead of ssh, and refuses to run as root unless told twice.
export OMPI_MCA_plm_rsh_agent="bash $here/agent.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# A child, not this process itself: what loses its parent on this host is reaped here.
status=0
"$@" || status=$?
exit "$status"
