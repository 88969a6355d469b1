#pragma once

#include <cstddef>
#include <memory>

#include "launch/bootstrap.hpp"
#include "launch/launcher.hpp"

// The only door to MPI. No MPI header is needed to come through it.

namespace mobula::launch {

/// Whether Mobula was built with MPICH or one of its kind, whose launchers are mpiexec and the
/// like; else with Open MPI.
bool mpi_is_mpich();

/// Whether the program has MPI running (and not ended).
bool mpi_is_running();

/// The ranks of this job.
///
/// Without other ranks MPI is not touched. If the program has MPI running, a copy of MPI_COMM_WORLD
/// is used, and MPI stays running and the program's when this ends. Otherwise MPI is initialised,
/// and finalized when this ends; it can't be used after that.
/// @param variables  where the launcher is looked for, if need be
/// @throws start_error  what the launcher or MPI refuses
std::unique_ptr<bootstrap> find_ranks(const environment& variables);

/// A communicator of the program's, which has MPI running.
struct users_communicator {
  const void* handle = nullptr;  // an MPI_Comm*
  std::size_t handle_bytes = 0;  // sizeof(MPI_Comm), where the program was compiled
};

/// The ranks of a communicator: a copy of it is used until this ends. Collective over it.
/// @throws start_error if it can't be: what is wrong with it, or with who calls
std::unique_ptr<bootstrap> ranks_of(const users_communicator& given);

/// Has MPI_Finalize call `hook` first of all, in the thread that calls it, while MPI can be used.
/// Once; another call does nothing. MPI must be running.
void before_mpi_finalize(void (*hook)());

/// Ends the MPI that the program has running, if any. For ranks that never return to the user's
/// main: MPI_Finalize is collective, and rank 0's waits for them.
void finalize_users_mpi();

}  // namespace mobula::launch
