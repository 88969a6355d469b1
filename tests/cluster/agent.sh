#!/usr/bin/env bash
# Usage: agent.sh NODE COMMAND...
#
# What mpirun calls instead of ssh, and as ssh does: a shell of the other host runs the words, with
# a login's environment and not the caller's.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/verbs.sh"
node=$1
shift
on "$node" env -i HOME="$HOME" USER=root SHELL=/bin/bash \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -c "$*"
