#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mobula/amount.hpp"
#include "mobula/detail/api.hpp"
#include "mobula/object_ref.hpp"
#include "mobula/options.hpp"

// Programs that exist already, MPI programs among them, as tasks.

namespace MOBULA_API mobula {

/// What came of a command.
struct command_result {
  /// Its exit status; 128 and the signal, as shells say it, if one ended it. Of several ranks: what
  /// their launcher made of theirs.
  int status = 0;
  /// The signal that ended it; 0: none did.
  int signal = 0;
  /// Its standard output: from the beginning, up to command::output_bytes_max.
  std::string output = {};
  /// How much it wrote there.
  std::uint64_t output_bytes = 0;
  /// The end of its standard error: error_bytes_max at most.
  std::string last_error = {};
  /// How much it wrote there.
  std::uint64_t error_bytes = 0;

  static constexpr std::uint64_t error_bytes_max = std::uint64_t{64} << 10;

  bool good() const { return status == 0; }
};

/// What starts the ranks of a command that has several.
enum class mpi_launcher : std::uint8_t {
  automatic,  // srun on the hosts of a job of Slurm's, elsewhere that of Mobula's own MPI
  srun,
  open_mpi,  // mpirun
  mpich,     // mpiexec
};

class command_with;

/// A program that runs as a task: `command{.argv = {"./solver", "in"}, .ranks = 4}()`.
///
/// It has the cores and GPUs of the task and keeps them while it runs: 1 cpu, or for each of its
/// ranks what `with` says. The task ends when the program does, and then, or if the job ends or the
/// task's process dies, nothing that it has started is left. Signals that are sent to every process
/// of the job, as Slurm does before it ends one, reach it, too. Its environment is that of the job,
/// without what is Mobula's or a rank's own, and with CUDA_VISIBLE_DEVICES and OMP_NUM_THREADS of
/// its lease.
///
/// Several ranks are an MPI program. They are on one node if they fit on one, else over as few as
/// can be (`.strategy = spread{}`: over all), and reserved together. Each is bound to its cores,
/// where Mobula binds tasks. Their launcher is started where the command was submitted, and must
/// reach the other nodes from there: in a job of Slurm's all do, elsewhere they need ssh or an
/// agent.
struct command {
  /// The program and its arguments. Without a slash it is looked for in PATH.
  std::vector<std::string> argv = {};
  /// Of an MPI program: how many there are. Whole, at least 1.
  amount ranks = 1;
  /// Variables to set, or to set otherwise, in its environment.
  std::map<std::string, std::string> environment = {};
  /// Where it runs; unset: where the job was started. A relative program is looked for from there.
  std::string folder = {};
  /// Its standard input, of rank 0's if there are several.
  std::string input = {};
  /// Of its standard output this much is kept; the rest is read and dropped.
  amount output_bytes_max = 64_MiB;
  /// Of several ranks.
  mpi_launcher launcher = mpi_launcher::automatic;

  /// Submits it. Returns at once. Thread-safe.
  ///
  /// An exit status that is not 0 is a result. What can't be started (no such program, no such
  /// folder) is a task_error that says so.
  /// @throws std::invalid_argument for an empty argv or an amount that is none
  /// @throws error before init or after shutdown
  object_ref<command_result> operator()() const;
  /// The same with options, to be called next. Amounts are those of each rank. A strategy other
  /// than spread{} keeps all ranks on one node: in a bundle, on a node, on one with labels.
  [[nodiscard]] command_with with(task_options options) const;
};

/// What `command::with` returns.
class command_with {
 public:
  command_with(command what, task_options options)
      : what_{std::move(what)}, options_{std::move(options)} {}
  /// As command's. @throws std::invalid_argument also for amounts as in task_options
  object_ref<command_result> operator()() const;

 private:
  command what_;
  task_options options_;
};

inline command_with command::with(task_options options) const {
  return {*this, std::move(options)};
}
inline object_ref<command_result> command::operator()() const { return with({})(); }

namespace detail {

template <>
struct codec<command_result> : codec_defaults {
  static void encode(encoder& to, const command_result& value);
  static command_result decode(decoder& from);
};

}  // namespace detail
}  // namespace mobula
