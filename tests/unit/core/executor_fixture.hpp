#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "core/executor.hpp"
#include "core/sent_messages.hpp"

// An executor of a process, with all that it talks to played by the test.

namespace mobula::core {

using wire::lease_id;
using wire::object_id;
using wire::process_id;
using wire::return_reason;
using wire::task_id;

inline const process_id here{0, 5};
inline const process_id driver{0, 1};
inline const process_id scheduler_here = process_id::scheduler_of(0);
inline const lease_id first_lease{scheduler_here, 1};
inline const lease_id second_lease{scheduler_here, 2};
inline constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

inline task_id task(std::uint64_t sequence, process_id owner = driver) { return {owner, sequence}; }
inline object_id result(std::uint64_t sequence, process_id owner = driver) {
  return {owner, sequence, 0};
}

/// An owner in which tests say what it would push here.
class scripted_source final : public run_here_source {
 public:
  reply run_here(object_id awaited, lease_id lease, std::uint64_t) override {
    ++asked;
    last_lease = lease;
    const auto at = replies.find(awaited);
    return at == replies.end() ? reply{} : at->second;
  }
  std::map<object_id, reply> replies;
  lease_id last_lease;
  int asked = 0;
};

/// A board that checks that slots are distinct.
class recording_board final : public task_board {
 public:
  void begun(const attempt& one) override {
    EXPECT_TRUE(slots.insert(one.slot).second);
    ++running;
  }
  void suspended(const attempt& one) override {
    EXPECT_TRUE(slots.contains(one.slot));
    --running;
  }
  void resumed(const attempt& one) override {
    EXPECT_TRUE(slots.contains(one.slot));
    ++running;
  }
  void ended(const attempt& one) override {
    EXPECT_EQ(slots.erase(one.slot), 1U);
    --running;
  }
  std::set<std::uint32_t> slots;
  int running = 0;
};

class Executor : public testing::Test {
 protected:
  template <class Message>
  void receive(const Message& message, process_id from = driver) {
    const auto bytes = encoded(message);
    executor_.on_message(from, bytes);
  }
  static wire::task_push push_of(task_id id, lease_id lease) {
    wire::task_push push;
    push.task = id;
    push.lease = lease;
    return push;
  }
  void push(task_id id, lease_id lease = first_lease, process_id from = driver) {
    receive(push_of(id, lease), from);
  }
  attempt& begin(task_id expected) {
    attempt* one = executor_.next();
    if (!one) {
      ADD_FAILURE() << "nothing to run, expected task " << expected.sequence();
      std::abort();
    }
    EXPECT_EQ(one->push.task, expected);
    return *one;
  }
  void suspend(attempt& one, std::vector<object_id> awaited, bool any = false) {
    executor_.suspend(one, {awaited, any ? 1 : awaited.size()});
  }
  /// Task 1, which waits for task 7 of its own process: that is being pushed to its slot.
  attempt& await_guest() {
    push(task(1));
    attempt& parent = begin(task(1));
    source_.replies[result(7, here)] = {run_here_source::answer::pushed, task(7, here)};
    suspend(parent, {result(7, here)});
    EXPECT_EQ(executor_.next(), nullptr);
    return parent;
  }
  void finish(attempt& one) { executor_.finish(one, {}); }
  std::vector<task_id> returned(return_reason reason) {
    const auto answer = out_.take<wire::task_return>();
    EXPECT_TRUE(answer);
    if (!answer) return {};
    EXPECT_EQ(answer->reason, reason);
    std::vector<task_id> tasks;
    for (const auto& one : answer->tasks) tasks.push_back(one.task);
    return tasks;
  }
  /// Lets the grace time of blocked leases pass.
  void pass_grace() {
    executor_.tick(now_);
    now_ += 60'000;
    executor_.tick(now_);
  }
  const object_id actor = result(100);
  attempt& create_actor(std::uint32_t concurrency = 1, std::uint16_t more_flags = 0) {
    auto creation = push_of(task(100), first_lease);
    creation.flags = static_cast<std::uint16_t>(wire::task_push::creates_actor | more_flags);
    creation.max_concurrency = concurrency;
    receive(creation);
    return begin(task(100));
  }
  void call(std::uint64_t number, std::uint64_t caller = 1, process_id from = driver,
            const wire::task_push& like = {}) {
    wire::actor_call message;
    message.actor = actor;
    message.caller = {from, caller};
    message.number = number;
    message.call = like;
    message.call.task = task(1000 + number, from);
    message.call.lease = first_lease;
    receive(message, from);
  }

  sent_messages out_;
  scripted_source source_;
  recording_board board_;
  executor executor_{here, source_, board_, out_, {.lend_after_ns = 50'000, .suspended_max = 4}};
  std::uint64_t now_ = 1'000'000;
};

}  // namespace mobula::core
