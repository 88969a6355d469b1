#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "launch/environment.hpp"

// How an MPI program is started on resources that were chosen by somebody else than its launcher.

namespace mobula::launch {

enum class mpi_launcher : std::uint8_t { srun, open_mpi, mpich };

/// Where a rank of it runs.
struct rank_place {
  std::string host;
  std::string slurm_host;  // as Slurm calls it; empty where there is none
  std::string threads;     // in the kernel's notation; empty: where its launcher lets it
  std::string gpus;        // its CUDA_VISIBLE_DEVICES

  static void fields(auto& visit, auto& self) {
    visit(self.host);
    visit(self.slurm_host);
    visit(self.threads);
    visit(self.gpus);
  }
};

/// An MPI program, and what is known of it.
struct mpi_program {
  std::vector<std::string> arguments;
  /// Of the process that starts it, on that host.
  environment variables;
  std::string host;
  /// Set on top, in every rank.
  environment more_variables;
  /// Rank by rank; those of one host in a row.
  std::vector<rank_place> places;
  bool has_input = false;  // for rank 0
};

struct launch_command {
  std::vector<std::string> arguments;
  environment variables;
};

/// The command that starts it. Each rank binds itself to its cores and GPUs by a line of shell, for
/// no launcher could be told: Open MPI's rank files and Slurm's masks name cores that are the same
/// on all hosts, or are taken from what the launcher itself has allotted.
launch_command command_for(mpi_launcher which, const mpi_program& program, bool mpi_is_mpich);

/// On the hosts of a job of Slurm's srun; elsewhere the launcher of the MPI that Mobula was built
/// with.
mpi_launcher default_launcher(const environment& variables, std::string_view host,
                              bool mpi_is_mpich);

/// The cores, or GPUs, of each of `ranks` that share a list: as many for each, in a row; where they
/// are fewer, some share one.
/// @param each  how many one rank asks for; the list may be longer
std::vector<std::vector<std::string>> divide(const std::vector<std::string>& list,
                                             std::uint32_t ranks, double each);

/// How many ranks each node has, of nodes that have room for so many: as few nodes as can be, or
/// (`wide`) as evenly as can be over all.
/// @returns nothing if there is not room for all
std::vector<std::uint32_t> share_ranks(std::span<const std::uint32_t> room, std::uint32_t ranks,
                                       bool wide);

}  // namespace mobula::launch
