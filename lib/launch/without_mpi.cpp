#include "launch/mpi_bootstrap.hpp"
#include "launch/rank_above.hpp"

// What stands for mpi_bootstrap.cpp in a Mobula that is built with MOBULA_MPI=OFF: a program is one
// rank.

namespace mobula::launch {

bool mpi_is_mpich() { return false; }

bool mpi_is_running() { return false; }

std::unique_ptr<bootstrap> find_ranks(const environment& variables) {
  const launcher from = has_rank_above(variables) ? launcher{} : find_launcher(variables);
  if (!from.has_others()) return std::make_unique<lone_bootstrap>();
  const std::string ranks =
      from.ranks == 0 ? "several ranks, as it seems" : std::to_string(from.ranks) + " ranks";
  throw start_error{
      "the launcher started " + ranks +
      ", but Mobula was built without MPI (MOBULA_MPI=OFF), by which they would find each other; "
      "build it with MPI, or start the program by itself, as one rank"};
}

std::unique_ptr<bootstrap> ranks_of(const users_communicator&) {
  throw start_error{
      "Mobula was built without MPI (MOBULA_MPI=OFF), so it can do nothing with a communicator; "
      "build it with the MPI of the program"};
}

void before_mpi_finalize(void (*)()) {}

void finalize_users_mpi() {}

}  // namespace mobula::launch
