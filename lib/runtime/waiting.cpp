// Waiting for objects: on a thread of its own, or on a fiber that lets others run meanwhile.

#include <dlfcn.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <string>

#include "mobula/errors.hpp"
#include "mobula/options.hpp"
#include "runtime/casts.hpp"
#include "runtime/process.hpp"
#include "runtime/store_client.hpp"
#include "runtime/worker.hpp"

namespace mobula::detail {

namespace {

enum class until : std::uint8_t {
  ready,  // made, wherever that is
  near,   // and on this node, if only on its disk: many may not fit into memory together
  here,   // and in its memory, so that its bytes can be read
};

// The run that can be suspended where the calling code is. Null: it is on a thread of its own, or
// in an OpenMP parallel region, which another task must not find open on the fibers' thread.
task_run* suspendable_run() {
  using level_function = int (*)();
  // Programs without OpenMP don't have it.
  static const auto level =
      reinterpret_cast<level_function>(::dlsym(RTLD_DEFAULT, "omp_get_level"));
  task_run* const run = task_run::current();
  return run && level && level() > 0 ? nullptr : run;
}

// Waits with the calling thread. In a worker this holds up what runs there, unless it only polls.
template <class Done>
bool wait_on_thread(process& home, Done&& done, std::uint64_t deadline_ns) {
  core::executor* runs = home.executor();
  if (runs && deadline_ns <= ring::now_ns()) runs = nullptr;
  if (runs) {
    const std::lock_guard held{home.lock()};
    if (done()) return true;
    runs->thread_waits();
  }
  const bool there = home.wait_until(done, deadline_ns);
  if (runs) {
    {
      const std::lock_guard held{home.lock()};
      runs->thread_goes_on();
      home.flush();
    }
    home.wait_until([&] { return runs->thread_may_go_on(); });
  }
  home.rest();
  return there;
}

// Counts down as objects become ready, or as they come here; wakes the run that waits, if one does.
// All but the constructor under the lock.
class countdown {
 public:
  countdown(process& home, until what, task_run* who) : home_{home}, what_{what}, who_{who} {}

  /// False: there is nothing to wait for.
  bool watch(core::object& one) {
    auto& mine = watches_.emplace_back(*this, one);
    if (!one.ready() ? home_.owner().await(one, mine) : is_on_its_way(mine)) return true;
    watches_.pop_back();
    return false;
  }
  void withdraw() {
    for (auto& mine : watches_) {
      if (!mine.waits()) continue;
      if (mine.of.ready()) {
        home_.store().withdraw(mine.of, mine);
      } else {
        mine.of.waiters.remove(mine);
      }
    }
    watches_.clear();
  }
  void need(std::size_t left) { left_ = left; }
  std::size_t left() const { return left_; }

 private:
  struct watch_one final : core::waiter {
    watch_one(countdown& whose, core::object& what) : home{whose}, of{what} {}
    void on_ready(core::object&) override {
      if (!home.is_on_its_way(*this)) home.one_there();
    }
    countdown& home;
    core::object& of;
  };
  // What has been made on another node sets out at once, however many others are not made yet.
  bool is_on_its_way(watch_one& mine) {
    if (what_ == until::ready) return false;
    if (what_ == until::near && is_near(mine.of)) return false;
    return home_.store().bring(mine.of, mine);
  }
  bool is_near(const core::object& one) const {
    return one.state.load(std::memory_order_relaxed) == core::object_state::stored &&
           home_.store().is_near(one);
  }
  void one_there() {
    if (left_ != 0 && --left_ == 0 && who_) who_->wake();
  }

  process& home_;
  until what_;
  task_run* who_;
  std::size_t left_ = 0;
  std::deque<watch_one> watches_;  // they stay where they are
};

// Waits until `needed` of `records` are ready, or here. Returns how many of these were missing
// still at the deadline.
std::size_t wait_for(process& home, std::span<core::object* const> records, std::size_t needed,
                     until what, std::uint64_t deadline_ns) {
  task_run* run = suspendable_run();
  countdown waiting{home, what, run};
  const auto begin = [&] {
    std::size_t there = 0;
    for (core::object* one : records) {
      if (!waiting.watch(*one)) ++there;
    }
    waiting.need(there >= needed ? 0 : needed - there);
    return waiting.left() != 0;
  };
  if (run) {
    std::vector<wire::object_id> ids;
    for (const core::object* one : records) ids.push_back(one->id);
    run->wait({.objects = ids, .needed = needed}, deadline_ns, begin);
  } else {
    {
      const std::lock_guard held{home.lock()};
      begin();
    }
    const auto all_there = [&] { return waiting.left() == 0; };
    wait_on_thread(home, all_there, deadline_ns);
  }
  const std::lock_guard held{home.lock()};
  waiting.withdraw();
  if (run && waiting.left() != 0) run->throw_if_failed();
  return waiting.left();
}

// A value, or an error, that is read without a look at any store.
bool has_bytes(const core::object& one) {
  const auto state = one.state.load(std::memory_order_acquire);
  return state == core::object_state::inlined || state == core::object_state::failed;
}

bool is_here(process& home, const core::object& one) {
  if (has_bytes(one)) return true;
  if (!one.ready()) return false;
  const std::lock_guard held{home.lock()};
  return home.store().is_here(one);
}

[[noreturn]] void throw_timed_out(std::size_t missing, std::size_t of) {
  process::require();  // it may be the end of the job that ended the wait
  if (of == 1) throw timed_out{"the object was not ready within the time limit; it is still made"};
  throw timed_out{std::to_string(missing) + " of " + std::to_string(of) +
                  " objects were not ready within the time limit; they are still made"};
}

[[noreturn]] void throw_late(const core::object& one) {
  process::require();
  if (!one.ready()) throw_timed_out(1, 1);
  throw timed_out{
      "the object is made, on another node or on this node's disk, and was not in this node's "
      "memory within the time limit; it still comes"};
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

void await(object* record, std::uint64_t deadline_ns) {
  process& home = process::require();
  core::object& one = home.record_here(record);
  if (!one.ready() && !suspendable_run()) {
    if (!one.owned) {
      const std::lock_guard held{home.lock()};
      home.owner().objects().want(one);
    }
    const auto ready = [&] { return one.ready(); };
    if (!wait_on_thread(home, ready, deadline_ns)) throw_late(one);
  }
  if (is_here(home, one)) return;
  core::object* const only[] = {&one};
  if (wait_for(home, only, 1, until::here, deadline_ns) != 0) throw_late(one);
}

void await_all(std::span<object* const> records, std::uint64_t deadline_ns) {
  process& home = process::require();
  std::vector<core::object*> missing;
  for (const object* record : records) {
    if (core::object& one = home.record_here(record); !has_bytes(one)) missing.push_back(&one);
  }
  if (missing.empty()) return;
  const std::size_t late = wait_for(home, missing, missing.size(), until::near, deadline_ns);
  if (late != 0) throw_timed_out(late, records.size());
}

void await_some(std::span<object* const> records, std::size_t count, const time_limit& limit,
                std::span<bool> ready) {
  const std::uint64_t deadline = deadline_of(limit);
  process& home = process::require();
  std::vector<core::object*> missing;
  std::size_t there = 0;
  for (const object* record : records) {
    core::object& one = home.record_here(record);
    if (there == count) continue;
    if (one.ready()) {
      ++there;
    } else {
      missing.push_back(&one);
    }
  }
  // Fewer, though the limit has not passed: the job has ended.
  if (there < count && wait_for(home, missing, count - there, until::ready, deadline) != 0)
    process::require();
  std::size_t told = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    ready[i] = told < count && is_ready(records[i]);
    if (ready[i]) ++told;
  }
}

struct completion_queue::state final : core::awaited_list {
  struct watch final : core::waiter {
    void on_ready(core::object&) override {
      whose->ready.push_back(index);
      if (whose->who) whose->who->wake();
    }
    state* whose = nullptr;
    std::size_t index = 0;
    handle of;
  };
  void list(std::vector<wire::object_id>& into) const override {
    for (const watch& mine : watches)
      if (mine.waits()) into.push_back(record_of(mine.of.get()).id);
  }
  explicit state(process& where) : home{where}, tied{where} {}

  process& home;
  process::tie tied;
  std::vector<watch> watches;
  std::deque<std::size_t> ready;
  std::size_t told = 0;
  task_run* who = nullptr;
};

completion_queue::completion_queue(std::span<object* const> records)
    : state_{std::make_shared<state>(process::require())} {
  process& home = state_->home;
  for (const object* record : records) home.record_here(record);
  state_->watches = std::vector<state::watch>(records.size());
  const std::lock_guard held{home.lock()};
  for (std::size_t i = 0; i < records.size(); ++i) {
    state::watch& mine = state_->watches[i];
    mine.whose = state_.get();
    mine.index = i;
    retain(records[i]);
    mine.of = handle{records[i]};
    if (!home.owner().await(record_of(records[i]), mine)) state_->ready.push_back(i);
  }
  home.flush();
}

completion_queue::~completion_queue() {
  // Also when the job has ended: another thread may poll still, and tell whoever watches.
  const std::lock_guard held{state_->home.lock()};
  for (auto& mine : state_->watches) {
    if (mine.waits()) record_of(mine.of.get()).waiters.remove(mine);
  }
}

std::size_t completion_queue::next(const time_limit& limit) {
  if (state_->told == state_->watches.size()) return static_cast<std::size_t>(-1);
  const std::uint64_t deadline = deadline_of(limit);
  process& home = process::require();
  home.record_here(state_->watches.front().of.get());  // all are of one job
  if (task_run* run = suspendable_run()) {
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
      state_->list(ids);
    }
    run->wait({.objects = ids, .needed = 1, .list = last ? nullptr : state_.get()}, deadline,
              begin);
    const std::lock_guard held{home.lock()};
    state_->who = nullptr;
    if (state_->ready.empty()) run->throw_if_failed();
  } else {
    wait_on_thread(
        home, [&] { return !state_->ready.empty(); }, deadline);
  }
  const std::lock_guard held{home.lock()};
  if (state_->ready.empty()) throw_timed_out(1, 1);
  const std::size_t index = state_->ready.front();
  state_->ready.pop_front();
  ++state_->told;
  return index;
}

}  // namespace mobula::detail
