#pragma once

#include "mobula/detail/api.hpp"
#include "mobula/options.hpp"

namespace MOBULA_API mobula {

/// Joins the job on construction and leaves it on destruction. At most one at a time, in `main`.
///
/// In the driver, which is the first rank or the only process, the constructor returns and the
/// program goes on: what follows it runs once in the whole job. In every other rank it serves until
/// the job ends, then leaves the process through std::exit(0), so that the driver's exit status is
/// the job's. There main's local objects are not destroyed: flush what they hold before. (C streams
/// are flushed.)
///
/// Construct it before other threads start that use Mobula. If the program has initialised MPI
/// before, that stays running. In the driver it is the program's to use and to finalize; the other
/// ranks answer no more, so only on communicators of the driver alone. They finalize it when they
/// leave. For programs whose other ranks are to go on: mobula/mpi.hpp.
class runtime {
 public:
  /// Starts the job's processes; blocks until the driver's node is ready for tasks.
  /// @param argc,argv  main's; every process of the job sees the same
  /// @throws error if a runtime exists or existed (a program starts once, since the other ranks
  ///   leave; with a communicator, see mobula/mpi.hpp, as often as it likes), in a task or actor,
  ///   if the ranks run different programs, if a MOBULA_* variable is unknown or has a bad value,
  ///   or for peers without a communicator
  /// @throws std::invalid_argument for an amount that is negative or not a number
  [[nodiscard]] runtime(int argc, char** argv, runtime_options options = {});
  /// Shuts down as `shutdown()` does, unless that was called.
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;
};

/// As `runtime`'s constructor, without an object: `shutdown` ends it, or the end of the program
/// (a return from main, std::exit or std::quick_exit, in any thread).
void init(int argc, char** argv, runtime_options options = {});

/// Ends the job's other processes. What has not finished is dropped, and how much it was is said
/// on the standard error; with `.drain` it is waited for first. Blocks until all have ended.
///
/// Among peers (mobula/mpi.hpp) it is collective: each rank drains what is its own if it shall,
/// then waits, without a limit, until all have called it and the processes of its node have ended.
/// What a rank has not drained may run until then, and keeps what it holds from those who drain.
///
/// Refs and handles stay: destroying them is fine, using them throws. Without a runtime: nothing.
/// @throws error in a task or actor
/// @throws std::invalid_argument if the timeout is negative
void shutdown(shutdown_options options = {});

/// Whether this process is in a job: between init and shutdown, and in every task and actor.
[[nodiscard]] bool is_initialized() noexcept;

}  // namespace mobula
