#!/usr/bin/env bash
# Usage: with_slurm.sh template_slurm_test.sh SCRATCH_FOLDER
#
# The program that template_test.sh has built, by the template's batch script.
set -euo pipefail
source "$CLUSTER_HOME/verbs.sh"
source "$CLUSTER_HOME/right_answers.sh"
source "$CLUSTER_HOME/../slurm/jobs.sh"
cd "$1/template"
await_job "$(submit job.sbatch build/program)"
[[ $said == "pi is about 3.1426: 8000000 darts on 2 nodes" ]] || die "not right: $said"
