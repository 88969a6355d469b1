// A program that had MPI running before keeps it, whatever Mobula does with a communicator of its
// own; the ranks that never return to main end it themselves.

#include <mpi.h>

#include "expect.hpp"
#include "launch/entry.hpp"
#include "launch/mpi_bootstrap.hpp"
#include "sum_of_ranks.hpp"

using namespace mobula::launch;

int mobula::detail::serve(const entry&, int, char**) { return 70; }

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const int sum = size * (size - 1) / 2;
  EXPECT_THAT_IT_HOLDS(sum_of_ranks(MPI_COMM_WORLD) == sum);

  {
    const auto ranks = find_ranks(this_environment());
    EXPECT_THAT_IT_HOLDS(ranks->rank() == static_cast<std::uint32_t>(rank));
    EXPECT_THAT_IT_HOLDS(ranks->size() == static_cast<std::uint32_t>(size));
    EXPECT_THAT_IT_HOLDS(ranks->allgather("x").size() == ranks->size());
  }
  EXPECT_THAT_IT_HOLDS(mpi_is_running());

  // A communicator of the user's, ranks the other way round.
  MPI_Comm turned = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, 0, size - rank, &turned);
  {
    const auto ranks = ranks_of({&turned, sizeof turned});
    EXPECT_THAT_IT_HOLDS(ranks->rank() == static_cast<std::uint32_t>(size - 1 - rank));
  }
  EXPECT_THAT_IT_HOLDS(sum_of_ranks(turned) == sum);
  EXPECT_THAT_IT_HOLDS(sum_of_ranks(MPI_COMM_WORLD) == sum);
  MPI_Comm_free(&turned);

  if (rank == 0) {
    MPI_Finalize();
  } else {
    finalize_users_mpi();
  }
  EXPECT_THAT_IT_HOLDS(!mpi_is_running());
  return 0;
}
