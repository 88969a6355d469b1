#pragma once

#include <cstdint>
#include <string_view>

#include "launch/environment.hpp"
#include "launch/start_error.hpp"

namespace mobula::launch {

enum class launcher_kind : std::uint8_t {
  none,      // ./program
  open_mpi,  // Open MPI's mpirun
  pmix,      // another launcher that speaks PMIx (srun --mpi=pmix, prterun)
  pmi,       // a launcher that speaks PMI (MPICH's hydra, PALS, srun --mpi=pmi2)
};

/// Who started this process, as far as the environment tells. MPI is not touched.
struct launcher {
  launcher_kind kind = launcher_kind::none;
  /// How many ranks there are; 0: more than none are possible, only MPI can tell.
  std::uint32_t ranks = 1;

  /// Whether there may be other ranks, so that MPI must be asked.
  bool has_others() const { return ranks != 1; }
};

/// @throws start_error if srun started several tasks that have no way to find each other
launcher find_launcher(const environment& variables);

/// How often Slurm has started the job again.
std::uint32_t restart_count(const environment& variables);

/// Whether a variable tells a rank who it is, or leads it back to its launcher. A child that had it
/// would be taken for the rank.
bool is_per_rank(std::string_view name);

/// The variables for a child: those of the job, without those of the rank.
environment without_rank(const environment& variables);

}  // namespace mobula::launch
