#include "core/deadlock_finder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/sent_messages.hpp"
#include "wire/codec.hpp"

namespace mobula::core {
namespace {

using wire::object_id;
using wire::process_id;
using wire::wait_kind;
using wire::wait_point;

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t after_ns = 1'000'000;
constexpr std::uint64_t patience_ns = 50'000'000;
const process_id here{0, 5};
const process_id other{0, 6};
const process_id driver{0, 1};
const wire::lease_id lease{process_id::scheduler_of(0), 1};

class quiet_board final : public task_board {
  void begun(const attempt&) override {}
  void suspended(const attempt&) override {}
  void resumed(const attempt&) override {}
  void ended(const attempt&) override {}
};

/// An actor in this process: its call, number 1, waits for an object of `other`, which is made by
/// another call of the same actor.
class DeadlockFinder : public testing::Test, deadlock_host {
 protected:
  DeadlockFinder() {
    wire::task_push creation;
    creation.task = {driver, 100};
    creation.lease = lease;
    creation.flags = wire::task_push::creates_actor;
    receive(driver, creation);
    executor_.finish(*executor_.next(), {});
    out_.clear();
  }
  template <class Message>
  void receive(process_id from, const Message& message) {
    const auto bytes = encoded(message);
    executor_.on_message(from, bytes);
  }
  void call(process_id from, std::uint64_t number) {
    wire::actor_call message;
    message.actor = {driver, 100};
    message.caller = {from, 1};
    message.number = number;
    message.call.task = {from, number};
    receive(from, message);
  }
  /// The first call runs, and waits; the inner one is in line.
  void wait_for_itself(bool limited = false) {
    call(driver, 1);
    outer_ = executor_.next();
    const object_id awaited[] = {inner_};
    executor_.suspend(*outer_, {.objects = awaited, .needed = 1, .limited = limited});
    call(other, 2);
    pass(0);
    pass(after_ns - 1);
  }
  void pass(std::uint64_t ns) {
    // Look by look, as a process does that sleeps until it is wanted.
    const std::uint64_t until = now_ + ns;
    while (finder_.next_deadline_ns() < until) {
      now_ = std::max(now_, finder_.next_deadline_ns());
      finder_.tick(now_);
    }
    finder_.tick(now_ = until);
  }
  /// The one question that is out.
  std::uint64_t asked() {
    process_id to;
    const auto query = out_.take<wire::wait_query>(&to);
    EXPECT_TRUE(query) << "nothing was asked";
    if (!query) return 0;
    EXPECT_EQ(to, other);
    EXPECT_EQ(query->about.kind, wait_kind::object);
    EXPECT_EQ(query->about.object, inner_);
    return query->token;
  }
  /// That the object is made by the inner call, which was pushed here.
  wire::wait_reply pushed_here(std::uint64_t token) const {
    wire::wait_reply said;
    said.token = token;
    said.needed = 1;
    said.on.push_back({.kind = wait_kind::attempt, .asked = here, .object = inner_});
    return said;
  }
  void answer(const wire::wait_reply& said, process_id from = other) {
    const auto bytes = encoded(said);
    finder_.on_message(from, bytes);
  }
  std::string name_of(wire::function_id) override { return "function"; }
  void fail(attempt& victim, std::string what) override {
    failed_.push_back(&victim);
    told_ = std::move(what);
    executor_.wake(victim);
  }

  const object_id inner_{other, 2};
  sent_messages out_;
  quiet_board board_;
  owner owner_{here, out_};
  executor executor_{here, owner_, board_, out_};
  deadlock_finder finder_{here,  owner_, executor_,
                          *this, out_,   {.after_ns = after_ns, .patience_ns = patience_ns}};
  attempt* outer_ = nullptr;
  std::vector<attempt*> failed_;
  std::string told_;
  std::uint64_t now_ = 1'000'000'000;
};

TEST_F(DeadlockFinder, SleepsWhileNothingWaits) {
  EXPECT_EQ(finder_.next_deadline_ns(), never);
  call(driver, 1);
  attempt& one = *executor_.next();
  pass(0);
  EXPECT_EQ(finder_.next_deadline_ns(), never);
  executor_.finish(one, {});
}

TEST_F(DeadlockFinder, AsksNothingBeforeAWaitIsOld) {
  wait_for_itself();
  EXPECT_EQ(out_.count<wire::wait_query>(), 0U);
  pass(1);
  EXPECT_EQ(out_.count<wire::wait_query>(), 1U);
}

TEST_F(DeadlockFinder, FailsTheWaitOnceAllHaveSaidTheSameTwice) {
  wait_for_itself();
  pass(1);
  answer(pushed_here(asked()));
  EXPECT_TRUE(failed_.empty()) << "said once";
  answer(pushed_here(asked()));
  EXPECT_EQ(failed_, std::vector{outer_});
  EXPECT_THAT(told_, testing::HasSubstr("can't begin before function"));
  EXPECT_EQ(finder_.found(), 1U);
  EXPECT_TRUE(finder_.idle());
  EXPECT_EQ(finder_.next_deadline_ns(), never);
}

TEST_F(DeadlockFinder, LeavesAWaitAloneThatAnswersDifferentlyTheSecondTime) {
  wait_for_itself();
  pass(1);
  answer(pushed_here(asked()));
  wire::wait_reply made;
  made.token = asked();
  answer(made);
  EXPECT_TRUE(failed_.empty());
  EXPECT_TRUE(finder_.idle());
}

TEST_F(DeadlockFinder, LeavesAnAttemptAloneThatWentOnMeanwhile) {
  wait_for_itself();
  pass(1);
  answer(pushed_here(asked()));
  const std::uint64_t second = asked();
  executor_.wake(*outer_);
  ASSERT_EQ(executor_.next(), outer_);
  const object_id awaited[] = {inner_};
  executor_.suspend(*outer_, {.objects = awaited, .needed = 1});
  answer(pushed_here(second));
  EXPECT_TRUE(failed_.empty()) << "it waits again, but not still";
}

TEST_F(DeadlockFinder, LooksAgainAsLongAfterwards) {
  wait_for_itself();
  pass(1);
  wire::wait_reply made;
  made.token = asked();
  answer(made);
  pass(after_ns - 1);
  EXPECT_EQ(out_.count<wire::wait_query>(), 0U);
  pass(1);
  EXPECT_EQ(out_.count<wire::wait_query>(), 1U);
}

TEST_F(DeadlockFinder, LeavesTheFailureToTheProcessWhereTheVictimIs) {
  call(other, 7);
  outer_ = executor_.next();
  const object_id far{other, 8};
  const object_id awaited[] = {far};
  executor_.suspend(*outer_, {.objects = awaited, .needed = 1});
  pass(0);
  pass(after_ns);
  // It is made by a task with a smaller id, which waits for ours.
  const auto first = out_.take<wire::wait_query>();
  ASSERT_TRUE(first);
  wire::wait_reply said;
  said.token = first->token;
  said.needed = 1;
  said.on.push_back({.kind = wait_kind::attempt, .asked = other, .object = {driver, 3}});
  answer(said);
  const auto second = out_.take<wire::wait_query>();
  ASSERT_TRUE(second);
  said.token = second->token;
  said.can_fail = true;
  said.on = {{.kind = wait_kind::attempt, .asked = here, .object = {other, 7}}};
  answer(said);
  EXPECT_TRUE(failed_.empty());
  EXPECT_EQ(out_.count<wire::wait_query>(), 0U) << "there is nothing to confirm here";
  EXPECT_TRUE(finder_.idle());
}

TEST_F(DeadlockFinder, DoesNotLookAtAWaitWithATimeLimit) {
  wait_for_itself(true);
  pass(10 * after_ns);
  EXPECT_EQ(out_.count<wire::wait_query>(), 0U);
}

TEST_F(DeadlockFinder, DropsWhatItWasFindingOutWhenAProcessEnds) {
  wait_for_itself();
  pass(1);
  const auto late = pushed_here(asked());
  finder_.process_ended(other);
  EXPECT_TRUE(finder_.idle());
  answer(late);
  EXPECT_TRUE(finder_.idle());
  EXPECT_EQ(out_.count<wire::wait_query>(), 0U);
}

TEST_F(DeadlockFinder, GivesUpWhenNoAnswerComesAndAsksAnewLater) {
  wait_for_itself();
  pass(1);
  const auto late = pushed_here(asked());
  pass(patience_ns - 1);
  EXPECT_FALSE(finder_.idle());
  EXPECT_EQ(out_.count<wire::wait_query>(), 0U);
  pass(after_ns);
  const auto again = pushed_here(asked());
  EXPECT_NE(again.token, late.token);
  answer(late);
  EXPECT_EQ(out_.count<wire::wait_query>(), 0U) << "an answer to the first question";
}

TEST_F(DeadlockFinder, TakesAnAnswerOnceAndFromWhomItAsked) {
  wait_for_itself();
  pass(1);
  const auto first = pushed_here(asked());
  answer(first, driver);
  EXPECT_EQ(out_.count<wire::wait_query>(), 0U);
  answer(first);
  answer(first);
  const auto second = pushed_here(asked());
  EXPECT_EQ(out_.count<wire::wait_query>(), 0U);
  answer(second);
  EXPECT_EQ(failed_.size(), 1U);
}

}  // namespace
}  // namespace mobula::core
