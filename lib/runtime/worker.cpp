#include "runtime/worker.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "core/invariant.hpp"
#include "runtime/function_table.hpp"
#include "runtime/store_client.hpp"

namespace mobula::detail {

namespace {

core::executor_limits limits_for(std::size_t page_bytes) {
  core::executor_limits named;
  named.suspended_max = std::min(named.suspended_max, board::capacity(page_bytes));
  return named;
}

}  // namespace

worker::worker(process& where, core::deadlock_limits limits)
    : process_{where},
      board_{where.port().board()},
      executor_{where.self(),
                where.owner(),
                board_,
                where.port(),
                limits_for(where.port().board().size()),
                &where.store()},
      deadlock_finder_{where.self(), where.owner(), executor_, *this, where.port(), limits} {
  process_.set_executor(&executor_);
  process_.set_deadlock_finder(&deadlock_finder_);
}

std::string worker::name_of(wire::function_id function) {
  const function_entry* known = function_table::find(function);
  return known ? std::string{known->name} : std::string{};
}

void worker::fail(core::attempt& victim, std::string what) {
  static_cast<task_run*>(victim.context)->fail_wait(std::move(what));
}

wire::caller_id worker::caller_of(const core::attempt& what) {
  if (what.kind != core::attempt_kind::task) return {process_.self(), 1};
  return {process_.self(), next_caller_++};
}

void worker::serve() {
  for (;;) {
    core::attempt* next = nullptr;
    bool leave = false;
    if (++runs_since_poll_ >= runs_between_polls) {
      runs_since_poll_ = 0;
      const std::lock_guard held{process_.lock()};
      process_.progress();
    }
    std::uint64_t alarm = process::never;
    // Also while there is always something to run: who waits with a limit is to hear of its end.
    if (!alarms_.empty()) ring_alarms();
    if (!alarms_.empty()) alarm = alarms_.begin()->first;
    process_.wait_until(
        [&] {
          next = executor_.next();
          return next != nullptr || (leave = may_leave());
        },
        alarm);
    if (next) {
      run(*next);
    } else if (leave) {
      return;
    } else {
      ring_alarms();
    }
  }
}

bool worker::may_leave() {
  return executor_.may_exit() && process_.owner().owns_nothing() && !process_.port().has_backlog();
}

void worker::run(core::attempt& next) {
  auto* one = static_cast<task_run*>(next.context);
  bool ended = false;
  process_.rest();
  // Threads that wait are to lend the cpus of what runs now, or hear that it runs no more.
  process_.wake_sleepers();
  if (one) {
    ended = one->resume();
  } else {
    if (idle_runs_.empty()) {
      auto stack = fibers_.take();
      core::invariant(stack != nullptr, "there is a stack for a task that may begin");
      idle_runs_.push_back(std::make_unique<task_run>(*this, std::move(stack)));
    }
    one = idle_runs_.back().release();
    idle_runs_.pop_back();
    ended = one->start(next);
  }
  if (ended) idle_runs_.emplace_back(one);
  process_.wake_sleepers();
}

std::multimap<std::uint64_t, task_run*>::iterator worker::set_alarm(std::uint64_t at_ns,
                                                                    task_run& whom) {
  return alarms_.emplace(at_ns, &whom);
}

void worker::ring_alarms() {
  const std::uint64_t now = ring::now_ns();
  const std::lock_guard held{process_.lock()};
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    task_run& whom = *alarms_.begin()->second;
    alarms_.erase(alarms_.begin());
    whom.alarm();
  }
}

}  // namespace mobula::detail
