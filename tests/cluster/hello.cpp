// An MPI program that says who it is, after its ranks have met: rank, host, how many share its
// memory.
#include <mpi.h>
#include <unistd.h>

#include <array>
#include <cstdio>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0, size = 0, sum = 0, local = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  MPI_Comm node;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
  MPI_Comm_size(node, &local);
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  std::printf("rank %d of %d on %s with %d, sum %d\n", rank, size, host.data(), local, sum);
  MPI_Finalize();
}
