#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/deadlock_finder.hpp"
#include "core/executor.hpp"
#include "core/owner.hpp"
#include "core/scheduler.hpp"
#include "simulation/strand.hpp"
#include "wire/receiver.hpp"

namespace mobula::sim {

class world;

/// Shows what has begun, and tells the world, which checks that no node is over its totals.
class sim_board final : public core::task_board {
 public:
  explicit sim_board(world& where) : world_{where} {}
  void begun(const core::attempt& one) override;
  void suspended(const core::attempt& one) override;
  void resumed(const core::attempt& one) override;
  void ended(const core::attempt& one) override;
  /// What a scheduler would read after the process's death.
  std::vector<core::begun_entry> entries() const;

 private:
  world& world_;
  std::map<std::uint32_t, core::begun_entry> entries_;
};

/// A simulated process that runs user code: the driver or a worker.
class peer final : public wire::receiver, core::deadlock_host, core::argument_pins {
 public:
  peer(world& where, wire::process_id self);
  ~peer();

  world& where() { return world_; }
  wire::process_id self() const { return self_; }
  wire::process_id scheduler() const { return wire::process_id::scheduler_of(self_.node()); }
  core::owner& owner() { return owner_; }
  core::executor& executor() { return executor_; }
  sim_board& board() { return board_; }
  wire::outbox& out() { return out_; }
  std::shared_ptr<void>& instance() { return instance_; }

  void run_main(const std::function<body(context&)>& code);
  bool main_ended() const { return main_ended_; }
  /// In a driver: it was told that all want the job to end.
  bool job_ends() const { return job_ends_; }
  /// A strand that waits in place goes on.
  void resume_in_place(std::uint64_t strand_number);
  void main_is_ready() { main_ready_ = true; }
  std::uint64_t new_token(strand& asker);
  std::uint64_t next_call(std::uint64_t caller, wire::object_id actor);
  /// Ends all bodies: the process has died.
  void destroy_strands();
  std::size_t strands() const { return strands_.size(); }

  /// What is left in its tables; empty: nothing.
  std::string leftovers(bool objects_may_stay = false) const;
  std::string state();

 private:
  void on_message(wire::process_id from, wire::blob message) override;
  void on_closed(wire::process_id ended) override;
  answer pin(const wire::location& place, std::uint64_t as_of) override;
  void unpin(std::uint32_t pin) override;
  std::string name_of(wire::function_id function) override;
  void fail(core::attempt& victim, std::string what) override;
  void take(wire::process_id from, wire::blob message);
  void behind(wire::process_id dead, wire::process_id from, wire::blob message);
  void on_store_answer(wire::blob message);
  /// Runs what can run, sends what is ready, and plans the next tick.
  void go_on();
  strand& begin(core::attempt& one);
  void remove(std::uint64_t strand_number);
  bool keep_running(strand& one);
  void plan_tick();
  bool is_busy() const;

  world& world_;
  wire::process_id self_;
  wire::outbox& out_;
  core::owner owner_;
  sim_board board_;
  core::executor executor_;
  core::deadlock_finder deadlock_finder_;
  std::unordered_map<std::uint64_t, std::unique_ptr<strand>> strands_;
  std::uint64_t next_strand_ = 1;
  strand* in_place_ = nullptr;  // the one that has the process, and waits
  std::uint64_t main_ = 0;
  bool main_ready_ = false;
  bool main_ended_ = false;
  bool job_ends_ = false;
  std::uint64_t next_token_ = 1;
  std::unordered_map<std::uint64_t, std::uint64_t> asked_;  // token: strand
  std::uint64_t next_caller_ = 3;
  std::map<std::pair<std::uint64_t, wire::object_id>, std::uint64_t> calls_made_;
  std::map<label, std::uint64_t> last_call_;  // of this actor, by its callers
  std::shared_ptr<void> instance_;
  std::set<wire::process_id> closed_;
  std::map<wire::process_id, std::vector<std::vector<std::byte>>> held_back_;
  std::uint64_t tick_at_ns_;
  bool leaving_ = false;
};

}  // namespace mobula::sim
