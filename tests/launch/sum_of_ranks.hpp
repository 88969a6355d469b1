#pragma once

#include <mpi.h>

/// Collective: what MPI answers if it works. The same in all ranks.
inline int sum_of_ranks(MPI_Comm comm) {
  int rank = 0;
  int sum = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, comm);
  return sum;
}
