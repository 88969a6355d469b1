#!/usr/bin/env bash
# Usage: agent.sh NODE COMMAND...
#
# What mpirun calls instead of ssh, and as ssh does: a shell of the other host runs the words, with
# a login's environment and not the caller's.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/verbs.sh"
node=$1
shift
status=0
on "$node" env -i HOME="$HOME" USER=root SHELL=/bin/bash \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -c "$*" || status=$?
# To ssh, a host that crashed is one that is silent.
[[ -e $CLUSTER_STATE/$node.process ]] || sleep infinity
exit "$status"
