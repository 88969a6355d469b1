#pragma once

#include <cstdint>
#include <string>
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

/// What is looked at beside variables; tests have their own.
struct surroundings {
  std::int64_t process = 0;  // 0: this one
  bool (*is_folder)(const std::string& path) = nullptr;
  bool (*is_open)(int descriptor) = nullptr;
};

/// Of variables that are whole. Those that only a part of is left of, or that lead to a launcher
/// that has ended, would make MPI wait for nobody, or the ranks so many separate jobs.
/// @throws start_error for such, and if srun started several tasks that have no way to find each
///   other: what is wrong and what to do
launcher find_launcher(const environment& variables, const surroundings& around = {});

/// What a process tells those that it starts with its own variables: that it is the rank that these
/// speak of, as MOBULA_RANK_OF=<value>. They are no ranks, though it has not told its launcher.
std::string rank_mark(const environment& variables, std::int64_t process);

/// Hardware threads that Slurm gave to a job or step; 0: not said.
struct slurm_share {
  std::uint32_t of_host = 0;  // on this host
  std::uint32_t of_rank = 0;  // for each rank
  /// Count them as cores: somebody has bound the rank to a part of the host, and where Slurm counts
  /// cores, though they have several threads, nothing else tells.
  bool is_in_cores = false;
};
slurm_share find_slurm_share(const environment& variables);

/// How often Slurm has started the job again.
std::uint32_t restart_count(const environment& variables);

/// Whether a variable tells a rank who it is, or leads it back to its launcher. A child that had it
/// would be taken for the rank.
bool is_per_rank(std::string_view name);

/// The variables for a child: those of the job, without those of the rank.
environment without_rank(const environment& variables);

}  // namespace mobula::launch
