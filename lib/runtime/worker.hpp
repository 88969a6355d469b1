#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/deadlock_finder.hpp"
#include "core/executor.hpp"
#include "fiber/fiber_pool.hpp"
#include "runtime/board.hpp"
#include "runtime/process.hpp"
#include "runtime/task_run.hpp"

namespace mobula::detail {

/// A process that runs tasks, or one actor: one thread that polls and runs fibers.
class worker final : core::deadlock_host {
 public:
  worker(process& where, core::deadlock_limits limits);
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// Serves until the scheduler wants the process to end and nobody needs it any more.
  void serve();

  process& home() { return process_; }
  core::executor& executor() { return executor_; }
  board& shown() { return board_; }
  std::shared_ptr<void>& instance() { return instance_; }
  /// The actor that lives here; empty if none does.
  wire::object_id actor() const { return actor_; }
  void set_actor(wire::object_id actor) { actor_ = actor; }
  wire::caller_id caller_of(const core::attempt& what);

  /// Wakes the run at that time unless it was woken before; under the lock.
  std::multimap<std::uint64_t, task_run*>::iterator set_alarm(std::uint64_t at_ns, task_run& whom);
  void clear_alarm(std::multimap<std::uint64_t, task_run*>::iterator alarm) {
    alarms_.erase(alarm);
  }

 private:
  std::string name_of(wire::function_id function) override;
  void fail(core::attempt& victim, std::string what) override;
  void run(core::attempt& next);
  void ring_alarms();
  bool may_leave();

  static constexpr std::uint32_t runs_between_polls = 16;

  process& process_;
  board board_;
  core::executor executor_;
  core::deadlock_finder deadlock_finder_;
  fiber::fiber_pool fibers_;
  std::vector<std::unique_ptr<task_run>> idle_runs_;
  std::multimap<std::uint64_t, task_run*> alarms_;
  std::shared_ptr<void> instance_;
  wire::object_id actor_;
  std::uint64_t next_caller_ = std::uint64_t{1} << 32;
  std::uint32_t runs_since_poll_ = 0;
};

}  // namespace mobula::detail
