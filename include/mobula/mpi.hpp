#pragma once

// For programs that are MPI's own: Mobula in the ranks of a communicator. The only header of
// Mobula's that names MPI; not part of mobula.hpp.

#include <mpi.h>

#include <utility>

#include "mobula/detail/api.hpp"
#include "mobula/detail/communicator.hpp"
#include "mobula/runtime.hpp"

namespace MOBULA_API mobula {

/// Starts a job in the ranks of `comm`, as often as the program likes, one after the other.
/// Collective over `comm`: all of its ranks call it, with the same options. The program's MPI stays
/// the program's: Mobula makes a copy of `comm` to bring the ranks together and frees it before
/// this returns (in a rank that serves, before it begins to), and attaches itself to MPI_COMM_SELF
/// to hear of MPI_Finalize. None of its threads ever calls MPI: whatever thread level MPI was
/// initialised with, MPI_THREAD_SINGLE included, is enough.
///
/// `.mode = rank_mode::driver`, the default: rank 0 of `comm` is the driver, where this returns at
/// once. In the other ranks it returns when the driver has shut down: until then they sleep, and
/// start processes for the job. Afterwards all go on with MPI; meanwhile the driver can't have them
/// answer.
///
/// `.mode = peers`: every rank is a driver. This returns at once in all, each submits tasks and
/// owns its objects and actors for itself, on the nodes of all, and goes on with MPI as without
/// Mobula: while it waits in MPI, nothing of Mobula runs in it but threads that sleep. Tasks run in
/// processes that are children of the ranks. `shutdown` is collective: it waits until every rank
/// has called it. A rank that ends before, by whatever means but MPI_Finalize, takes the job with
/// it everywhere, as it does in MPI: other ranks leave with status 1 where MPI's launcher does not
/// end them.
///
/// MPI_Finalize, called before main returns, shuts down first if the program has not, and what
/// follows is as if it had. Refs, handles and arrays of a job that was shut down are not those of a
/// later one: using them throws, though they may compare equal. When a later one is started, no
/// thread of the program may still be in a call of the earlier one; what that had mapped is given
/// back then, unless tasks, or refs that others held, were unfinished when it was shut down.
///
/// The program must be linked through Mobula's CMake target or pkg-config (--wrap=main), and with
/// the MPI that Mobula was built with.
/// @throws error if MPI is not running, or the calling thread may not call it; if `comm` is
///   MPI_COMM_NULL or an intercommunicator; if a job runs already; in a task or actor; if the ranks
///   were given different options or run different programs; if a MOBULA_* variable is unknown or
///   has a bad value. In a rank that serves: if the job ended otherwise than by shutdown
/// @throws std::invalid_argument for an amount that is negative or not a number
inline void init(MPI_Comm comm, runtime_options options = {}) {
  detail::init(detail::communicator{&comm, sizeof comm}, std::move(options));
}

}  // namespace mobula
