#!/usr/bin/env bash
# Usage: mpirun ... surviving_ranks.sh PROGRAM [ARGUMENT...]
#
# A rank whose end is no reason for mpirun to end the others, unless it is the first.
"$@" || [[ ${OMPI_COMM_WORLD_RANK:-0} -ne 0 ]]
