#pragma once

#include <functional>

#include "mobula/detail/api.hpp"

namespace MOBULA_API mobula {

/// Has `callback` run once when the job is warned of its end, and ends the job when it returns.
///
/// A warning is SIGUSR1 or SIGTERM: what `#SBATCH --signal=USR1@60` sends before the time limit,
/// what Slurm sends to a job that makes room for another and before it kills any, what `kill PID`
/// of the driver sends. The callback runs in a thread of Mobula's, not in a signal handler: all of
/// Mobula works there, `get`, `wait` and `save` too. Meanwhile main, tasks and actors go on;
/// further warnings do nothing.
///
/// When it returns, what has not finished is dropped, all of the job's processes leave, and the
/// driver ends with exit status 75 (EX_TEMPFAIL: to be tried again), by which a batch script knows
/// that the job is to be put into the queue once more (slurm/preemptible.sbatch). Main does not
/// return then, and no destructor runs, as in std::quick_exit; C streams and std::cout are flushed.
/// What the callback throws is printed, and the exit status is 1. If main returns, exits or shuts
/// down before the callback has returned, that is the end, with its status. It may begin at any
/// moment until main does so: what it uses it owns (capture by value), or outlives `runtime`.
///
/// In the driver, while the job runs; thread-safe. From then on all other processes of the job, on
/// all nodes, outlive these two signals, which Slurm sends to everyone, and end with the driver.
/// Programs that tasks start, `command`s among them, get them as ever, and may end by them: that is
/// a result like any other, to be told from one that is done by command_result::signal. The driver,
/// before, and without a callback, does with them what the program says: without a handler of its
/// own it ends. A later call replaces the callback; an empty one takes it back. The
/// program's own handlers of the two signals are replaced, until it is taken back or the job is
/// shut down.
/// @throws error before init, after shutdown, in a task or actor, and in ranks of a program that is
///   MPI's own (mobula/mpi.hpp): there the signals are the program's, who can tell its ranks by MPI
void on_preempt(std::function<void()> callback);

}  // namespace mobula
