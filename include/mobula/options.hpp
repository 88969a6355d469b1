#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <string>

#include "mobula/amount.hpp"
#include "mobula/detail/api.hpp"
#include "mobula/detail/misuse.hpp"
#include "mobula/placement.hpp"

namespace MOBULA_API mobula {

/// Which ranks run the program's main while the job runs.
enum class rank_mode : std::uint8_t {
  driver,  // the first; all others serve
  peers,   // every one: see mobula/mpi.hpp
};
inline constexpr rank_mode peers = rank_mode::peers;

/// What `runtime` is told. Amounts are those of each node; what is unset is detected.
struct runtime_options {
  /// CPUs that each node offers. Unset: MOBULA_CPUS, or the cores that the node's ranks may use, or
  /// its worker ranks if there are more of these.
  amount cpus = {};
  /// GPUs that each node offers. Unset: MOBULA_GPUS, or those that its driver finds and its ranks
  /// may use (CUDA_VISIBLE_DEVICES).
  amount gpus = {};
  /// Memory that tasks may ask for on each node, in bytes.
  amount memory_bytes = {};
  /// Custom resources of each node.
  resource_map resources = {};
  /// Room for objects on each node, in bytes, at least 16 MiB. Unset: MOBULA_STORE_BYTES, or a
  /// share of its memory.
  amount store_bytes = {};
  /// Whether a process that runs tasks or an actor keeps to the cores that it was given. Not,
  /// either, where MOBULA_BIND is 0, or a node offers more cpus than it has cores.
  bool bind = true;
  /// Cores of each node that its scheduler, which is its way to other nodes too, has for itself;
  /// they are no cpus, unless `.cpus` counts them. Unset: MOBULA_RESERVED_CORES, or 1 on nodes of
  /// 16 cores and more that are not all wanted for tasks.
  amount reserved_cores = {};
  /// What is said of each node, for tasks and actors that ask for nodes by `labels`; beside
  /// MOBULA_LABELS, which may differ between nodes, and "host", "node" and "gpu", which every node
  /// has: its host's name, its number and its first GPU's name.
  std::map<std::string, std::string> labels = {};
  /// What asks for more than any node has waits, and a warning is printed, instead of failing with
  /// `infeasible`. It is dropped at shutdown. MOBULA_WAIT_INFEASIBLE=1 does the same.
  bool wait_infeasible = false;
  /// Peers need a communicator: `init` of mobula/mpi.hpp.
  rank_mode mode = rank_mode::driver;
};

/// What `shutdown` is told.
struct shutdown_options {
  /// Whether to wait for what was submitted instead of dropping it.
  bool drain = false;
  /// How long to wait when draining; what has not finished then is dropped.
  time_limit timeout = {};
};

/// What a task asks for. It starts only when its node has all of it free at once.
struct task_options {
  /// Unset: 1. Fractions are counted to 1/10000.
  amount cpus = {};
  /// Unset: 0. Below 1 a GPU is shared; above 1 it must be whole.
  amount gpus = {};
  /// Unset: 0.
  amount memory_bytes = {};
  /// Custom resources.
  resource_map resources = {};
  /// What people see of the task; the function's name unless given.
  std::string name = {};
  /// Where it may run: spread{}, on_node{id}, labels{...}, a placement_group or one of its bundles.
  /// Unset: its worker is asked for where most bytes of its arguments are, else nodes are filled by
  /// half, then evenly. One at hand is used before; that next to the arguments if there is one.
  scheduling_strategy strategy = {};
};

/// What an actor asks for, for as long as it lives.
struct actor_options {
  /// Unset: 1 to be placed, 0 while it lives. Given: held for life.
  amount cpus = {};
  /// Unset: 0. Below 1 a GPU is shared; above 1 it must be whole.
  amount gpus = {};
  /// Unset: 0.
  amount memory_bytes = {};
  /// Custom resources.
  resource_map resources = {};
  /// How many of its calls may have begun at once; the others wait. Unset: 1, so that the actor
  /// begins nothing while one of its calls waits. Above 1 calls run in no certain order, but never
  /// two at the same moment: one goes on while another waits. At least 1, and whole.
  amount max_concurrency = {};
  /// Where it may live: as a task's.
  scheduling_strategy strategy = {};
};

/// What a call of an actor's method is told.
struct call_options {
  /// What people see of the call; the method's name unless given.
  std::string name = {};
};

/// What `wait` is told.
struct wait_options {
  /// How many refs to wait for: in [1, number of refs].
  amount count = 1;
  /// 0 polls.
  time_limit timeout = {};
};

/// How many refs `split` makes of a function that returns a vector: exactly as many elements must
/// come back.
class parts {
 public:
  /// @throws std::invalid_argument unless `count` is in [1, 2^32)
  template <std::integral Count>
  constexpr explicit parts(Count count) : count_{static_cast<std::uint32_t>(count)} {
    if (count < 1 || static_cast<std::uint64_t>(count) > 0xffff'ffffU) detail::throw_bad_parts();
  }
  constexpr std::uint32_t count() const { return count_; }

 private:
  std::uint32_t count_;
};

}  // namespace mobula
