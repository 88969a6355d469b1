#pragma once

#include <memory>

#include "launch/bootstrap.hpp"
#include "launch/launcher.hpp"

// The only door to MPI. No MPI header is needed to come through it.

namespace mobula::launch {

/// Whether the program has MPI running (and not ended).
bool mpi_is_running();

/// The ranks of this job.
///
/// Without other ranks MPI is not touched. If the program has MPI running, a copy of its
/// communicator is used (MPI_COMM_WORLD unless one is given), and MPI stays running and the
/// program's when this ends. Otherwise MPI is initialised, and finalized when this ends; it can't
/// be used after that.
///
/// @param communicator  an MPI_Comm*, or null
/// @throws start_error  what the launcher or MPI refuses
std::unique_ptr<bootstrap> find_ranks(const launcher& from, const void* communicator = nullptr);

/// Ends the MPI that the program has running, if any. For ranks that never return to the user's
/// main: MPI_Finalize is collective, and rank 0's waits for them.
void finalize_users_mpi();

}  // namespace mobula::launch
