#!/usr/bin/env bash
# Usage: with_slurm.sh COMMAND...
#
# Runs COMMAND where srun, sbatch and their kin speak to a Slurm of its own, with hosts node1 to
# node3 of tests/cluster/with_nodes.sh, which says what else COMMAND finds and how it ends. Each
# node has 4 cpus for Slurm, whatever this machine has; node2 and node3 have 2 GPUs that are none
# (/dev/null by another name). CLUSTER_SHARED/log has what its daemons say; its end is shown if
# COMMAND fails.
#
# Exits with COMMAND's status; with 77, and the reason, where Slurm or hosts are not to be had.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
[[ $# -ge 1 ]] || { echo "Usage: with_slurm.sh COMMAND..." >&2 && exit 64; }
for tool in munged slurmctld slurmd srun; do
  command -v "$tool" > /dev/null || PATH="$PATH:/usr/sbin" command -v "$tool" > /dev/null || {
    echo "skipped, since there is no $tool (cmake/install_packages.sh tests)"
    exit 77
  }
done
exec bash "$here/../cluster/with_nodes.sh" 3 bash "$here/start.sh" "$@"
