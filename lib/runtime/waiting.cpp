// Waiting for objects: on a thread of its own, or on a fiber that lets others run meanwhile.

#include "runtime/waiting.hpp"

#include <algorithm>
#include <deque>
#include <mutex>
#include <string>

#include "mobula/errors.hpp"
#include "mobula/options.hpp"
#include "runtime/casts.hpp"
#include "runtime/process.hpp"
#include "runtime/worker.hpp"

namespace mobula::detail {

namespace {

// Counts down as objects become ready; wakes the run that waits, if one does.
class countdown {
 public:
  explicit countdown(task_run* who) : who_{who} {}

  /// Under the lock.
  void watch(core::owner& owner, core::object& one) {
    auto& mine = watches_.emplace_back(*this, one);
    if (!owner.await(one, mine)) watches_.pop_back();
  }
  void withdraw() {
    for (auto& mine : watches_) mine.of.waiters.remove(mine);
    watches_.clear();
  }
  void need(std::size_t left) { left_ = left; }
  bool done() const { return left_ == 0; }

 private:
  struct watch_one final : core::waiter {
    watch_one(countdown& whose, core::object& what) : home{whose}, of{what} {}
    void on_ready(core::object&) override { home.one_ready(); }
    countdown& home;
    core::object& of;
  };
  void one_ready() {
    if (left_ != 0 && --left_ == 0 && who_) who_->wake();
  }

  task_run* who_;
  std::size_t left_ = 0;
  std::deque<watch_one> watches_;  // they stay where they are
};

// Waits until `needed` more of `records` are ready, which are not now.
bool wait_for(process& home, std::span<core::object* const> records, std::size_t needed,
              std::uint64_t deadline_ns) {
  task_run* run = task_run::current();
  countdown left{run};
  left.need(needed);
  const auto begin = [&] {
    std::size_t watched = 0;
    for (core::object* one : records) {
      if (one->ready()) {
        ++watched;
        continue;
      }
      left.watch(home.owner(), *one);
    }
    left.need(watched >= needed ? 0 : needed - watched);
    return !left.done();
  };
  if (run) {
    std::vector<wire::object_id> ids;
    for (const core::object* one : records) ids.push_back(one->id);
    run->wait(ids, needed < records.size(), deadline_ns, begin);
  } else {
    {
      const std::lock_guard held{home.lock()};
      begin();
    }
    home.wait_until([&] { return left.done(); }, deadline_ns);
    home.rest();
  }
  const std::lock_guard held{home.lock()};
  left.withdraw();
  return left.done();
}

[[noreturn]] void throw_timed_out(std::size_t missing, std::size_t of) {
  process::require();  // it may be the end of the job that ended the wait
  if (of == 1) throw timed_out{"the object was not ready within the time limit; it is still made"};
  throw timed_out{std::to_string(missing) + " of " + std::to_string(of) +
                  " objects were not ready within the time limit; they are still made"};
}

}  // namespace

std::uint64_t deadline_of(const time_limit& limit) {
  if (limit.is_forever()) return process::never;
  if (limit.nanoseconds() < 0)
    throw std::invalid_argument{
        "a time limit is negative: give 0 to poll, or none to wait forever"};
  const std::uint64_t now = ring::now_ns();
  const auto length = static_cast<std::uint64_t>(limit.nanoseconds());
  return length > process::never - 1 - now ? process::never : now + length;
}

bool is_ready(const object* record) noexcept { return record_of(record).ready(); }

void await(object* record, const time_limit& limit) {
  core::object& one = record_of(record);
  if (one.ready() && limit.nanoseconds() >= 0) return;
  const std::uint64_t deadline = deadline_of(limit);
  process& home = process::require();
  if (!task_run::current()) {
    if (!one.owned) {
      const std::lock_guard held{home.lock()};
      home.owner().objects().want(one);
    }
    const bool ready = home.wait_until([&] { return one.ready(); }, deadline);
    home.rest();
    if (!ready) throw_timed_out(1, 1);
    return;
  }
  core::object* const only[] = {&one};
  if (!wait_for(home, only, 1, deadline) && !one.ready()) throw_timed_out(1, 1);
}

void await_all(std::span<object* const> records, const time_limit& limit) {
  const std::uint64_t deadline = deadline_of(limit);
  process& home = process::require();
  std::vector<core::object*> missing;
  for (const object* record : records) {
    if (!is_ready(record)) missing.push_back(&record_of(record));
  }
  if (missing.empty()) return;
  if (wait_for(home, missing, missing.size(), deadline)) return;
  const auto late = std::ranges::count_if(missing, [](const auto* one) { return !one->ready(); });
  if (late != 0) throw_timed_out(static_cast<std::size_t>(late), records.size());
}

void await_some(std::span<object* const> records, std::size_t count, const time_limit& limit,
                std::span<bool> ready) {
  const std::uint64_t deadline = deadline_of(limit);
  process& home = process::require();
  std::vector<core::object*> missing;
  std::size_t there = 0;
  for (const object* record : records) {
    if (there == count) break;
    if (is_ready(record)) {
      ++there;
    } else {
      missing.push_back(&record_of(record));
    }
  }
  if (there < count) wait_for(home, missing, count - there, deadline);
  std::size_t told = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    ready[i] = told < count && is_ready(records[i]);
    if (ready[i]) ++told;
  }
}

struct completion_queue::state {
  struct watch final : core::waiter {
    void on_ready(core::object&) override {
      home->ready.push_back(index);
      if (home->who) home->who->wake();
    }
    state* home = nullptr;
    std::size_t index = 0;
    handle of;
  };
  std::vector<watch> watches;
  std::deque<std::size_t> ready;
  std::size_t told = 0;
  task_run* who = nullptr;
};

completion_queue::completion_queue(std::span<object* const> records)
    : state_{std::make_unique<state>()} {
  process& home = process::require();
  state_->watches = std::vector<state::watch>(records.size());
  const std::lock_guard held{home.lock()};
  for (std::size_t i = 0; i < records.size(); ++i) {
    state::watch& mine = state_->watches[i];
    mine.home = state_.get();
    mine.index = i;
    retain(records[i]);
    mine.of = handle{records[i]};
    if (!home.owner().await(record_of(records[i]), mine)) state_->ready.push_back(i);
  }
  home.flush();
}

completion_queue::~completion_queue() {
  process* home = process::current();
  if (!home) return;
  const std::lock_guard held{home->lock()};
  for (auto& mine : state_->watches) {
    if (mine.waits()) record_of(mine.of.get()).waiters.remove(mine);
  }
}

std::size_t completion_queue::next(const time_limit& limit) {
  if (state_->told == state_->watches.size()) return static_cast<std::size_t>(-1);
  const std::uint64_t deadline = deadline_of(limit);
  process& home = process::require();
  if (task_run* run = task_run::current()) {
    std::vector<wire::object_id> ids;
    const auto begin = [&] {
      if (!state_->ready.empty()) return false;
      state_->who = run;
      return true;
    };
    // With several left nothing may be begun on top, so their names are of no use.
    const bool last = state_->told + 1 == state_->watches.size();
    if (last) {
      const std::lock_guard held{home.lock()};
      for (const auto& mine : state_->watches)
        if (mine.waits()) ids.push_back(record_of(mine.of.get()).id);
    }
    run->wait(ids, !last, deadline, begin);
    const std::lock_guard held{home.lock()};
    state_->who = nullptr;
  } else {
    home.wait_until([&] { return !state_->ready.empty(); }, deadline);
    home.rest();
  }
  const std::lock_guard held{home.lock()};
  if (state_->ready.empty()) throw_timed_out(1, 1);
  const std::size_t index = state_->ready.front();
  state_->ready.pop_front();
  ++state_->told;
  return index;
}

}  // namespace mobula::detail
