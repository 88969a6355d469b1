#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/scheduler.hpp"
#include "simulation/node.hpp"
#include "simulation/peer.hpp"
#include "transport/sim/network.hpp"

namespace mobula::sim {

struct world_options {
  std::uint64_t seed = 1;
  std::uint16_t nodes = 1;
  /// On each node. 0: one in all, on the first.
  std::uint32_t drivers = 0;
  double cpus = 2;
  double gpus = 0;
  delays messages = {};
  std::size_t inline_bytes_max = 256;
  std::size_t store_bytes = std::size_t{1} << 20;
  /// Of each node's disk; 0: it has none. With one, stores may be too small for all at once: then
  /// that one is full is a right answer.
  std::size_t disk_bytes = 0;
  bool rma = false;
  core::owner::limits owner = {};
  core::executor_limits executor = {};
  core::scheduler_limits scheduler = {};
  core::deadlock_limits deadlock = {.after_ns = 100'000'000};
  /// Some tasks wait for each other: a deadlock that is found is a right answer.
  bool deadlocks = false;
  /// Deaths are part of the run: errors that tell of them are right answers.
  bool deaths = false;
  /// Of what a killed process had sent, some may be lost.
  bool kills_lose = true;
  /// Prints every message.
  bool trace = false;
};

/// Nodes, processes and programs, in virtual time, from one seed; and the checks of every step.
class world {
 public:
  explicit world(world_options named);
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  const world_options& options() const { return options_; }
  timeline& time() { return time_; }
  network& net() { return net_; }
  std::mt19937_64& random() { return random_; }
  node& node_at(wire::node_id id) { return *nodes_[id]; }
  peer* find(wire::process_id process);
  /// The first one.
  peer& driver() { return *drivers_.front(); }
  const std::vector<peer*>& drivers() const { return drivers_; }
  std::vector<wire::process_id> workers() const;

  /// A remote function; its number goes into `call::function`.
  std::size_t define(std::function<body(context&)> code);
  const std::function<body(context&)>& function(std::size_t number) { return functions_[number]; }
  /// Demands that calls name by number. 0: one cpu. 1: an actor's default.
  std::vector<core::demand_key> demands;
  static constexpr std::uint32_t one_cpu = 0, default_actor = 1;
  std::uint32_t add_demand(wire::lease_kind kind, double cpus, double gpus = 0, bool held = true);

  /// Runs each driver's main to its end, then until nothing happens any more, and checks that
  /// nothing is left. @return whether all was as it should be
  bool run(std::function<body(context&)> main);
  /// Lets it all go on. @return whether it came to that, with all as it should be
  bool go_on_until(const std::function<bool()>& done, const char* what);
  /// Called after each step.
  std::function<void()> on_step;
  void kill(wire::process_id process, const std::string& cause = "killed by signal 9");

  // What processes tell.
  void start(wire::process_id worker);
  void leave(wire::process_id worker);
  label new_task(std::uint32_t demand);
  label new_put(bool plain);
  void task_begins(const core::attempt& one);
  void task_runs(const core::attempt& one, bool runs);
  void task_ended(const core::attempt& one);
  void trace(wire::process_id from, wire::process_id to, wire::blob message) const;
  void progressed(std::uint64_t until_ns);
  void deadlocked(const std::string& what);
  void failed(const std::string& what);
  bool allowed(wire::error_code error) const;

  std::uint64_t tasks_submitted() const { return tasks_.size(); }
  std::uint64_t tasks_begun() const { return begun_; }
  /// Objects that went to a disk.
  std::uint64_t written_to_disk() const;
  /// How often the task ran, so far.
  std::uint32_t runs_of(label task) const;
  std::string state() const;
  /// What was said of each deadlock that was found.
  const std::vector<std::string>& deadlocks() const { return deadlocks_; }

 private:
  struct task_record {
    std::uint32_t demand = 0;
    std::uint32_t runs = 0;
  };
  struct lease_use {
    const core::demand_key* demand = nullptr;
    std::uint32_t begun = 0;
    std::uint32_t running = 0;
  };
  void count(lease_use& use, wire::node_id where, int begun, int running);
  void check_end();
  label fresh_label();

  world_options options_;
  std::mt19937_64 random_;
  timeline time_;
  network net_;
  std::deque<std::function<body(context&)>> functions_;
  std::vector<std::unique_ptr<node>> nodes_;
  std::map<wire::process_id, std::unique_ptr<peer>> peers_;
  std::vector<std::unique_ptr<peer>> dead_;
  std::vector<peer*> drivers_;
  std::unordered_map<label, task_record> tasks_;
  std::uint64_t next_label_ = 1;
  std::uint64_t begun_ = 0;
  std::unordered_map<wire::lease_id, lease_use> leases_;
  struct used_amounts {
    std::int64_t cpus = 0;
    std::int64_t gpus = 0;
  };
  std::vector<used_amounts> used_;
  used_amounts total_;
  std::uint64_t progress_ns_ = 0;
  /// A killed process told an owner that somebody else borrows an object, and died before that one
  /// heard of it: then the object is kept for as long as that one lives.
  bool may_leave_objects_ = false;
  std::vector<std::string> deadlocks_;
  bool failed_ = false;
};

}  // namespace mobula::sim
