#pragma once

#include "mobula/options.hpp"

namespace mobula {

/// Joins the job on construction and leaves it on destruction. At most one at a time, in `main`.
///
/// In the driver, which is the first rank or the only process, the constructor returns and the
/// program goes on. In every other rank it serves until the job ends, then ends the process, with
/// the driver's exit status: what follows it runs once in the whole job.
///
/// Construct it before other threads start that use Mobula. If the program has initialised MPI
/// before, that stays the program's, untouched.
class runtime {
 public:
  /// Starts the job's processes; blocks until the driver's node is ready for tasks.
  /// @param argc,argv  main's; every process of the job sees the same
  /// @throws error if a runtime exists or existed, or the ranks run different programs
  /// @throws std::invalid_argument for an amount that is negative or not a number
  [[nodiscard]] runtime(int argc, char** argv, runtime_options options = {});
  /// Shuts down as `shutdown()` does, unless that was called.
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;
};

/// As `runtime`'s constructor, without an object: `shutdown` ends it, or the end of the program.
void init(int argc, char** argv, runtime_options options = {});

/// Ends the job's other processes. What has not finished is dropped, and how much it was is said
/// on the standard error; with `.drain` it is waited for first. Blocks until all have ended.
///
/// Refs and handles stay: destroying them is fine, using them throws. Without a runtime: nothing.
void shutdown(shutdown_options options = {});

/// Whether this process is in a job: between init and shutdown, and in every task and actor.
[[nodiscard]] bool is_initialized() noexcept;

}  // namespace mobula
