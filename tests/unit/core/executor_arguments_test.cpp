// Stored arguments of tasks and calls: brought here, and pinned while their task runs.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "core/executor_fixture.hpp"

namespace mobula::core {
namespace {

using wire::process_id;
using wire::return_reason;

class ExecutorArguments : public Executor {
 protected:
  /// A push with one stored argument that lies on that node.
  void push_with_argument(task_id id, wire::node_id node) {
    wire::task_push push = push_of(id, first_lease);
    fill(push, node);
    receive(push);
  }
  void fill(wire::task_push& push, wire::node_id node) {
    wire::resolved_argument argument;
    argument.object = result(500);
    argument.value.kind = wire::value_kind::stored;
    argument.value.where.node = node;
    argument_ = encoded_part(argument);
    push.resolved_count = 1;
    push.resolved = argument_;
  }
  std::vector<std::byte> argument_;
};

TEST_F(ExecutorArguments, AreBroughtHereBeforeTheirTaskBegins) {
  push_with_argument(task(1), 3);
  push(task(2));
  finish(begin(task(2)));
  EXPECT_EQ(executor_.next(), nullptr);
  const auto asked = out_.take<wire::store_fetch>();
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->object, result(500));
  EXPECT_TRUE(executor::is_fetch_token(asked->token));
  wire::store_fetched answer;
  answer.token = asked->token;
  answer.place.offset = 4096;
  receive(answer, scheduler_here);
  attempt& one = begin(task(1));
  EXPECT_EQ(one.stored.at(0).place.offset, 4096U);
  finish(one);
  EXPECT_TRUE(executor_.idle());
}

TEST_F(ExecutorArguments, OfTasksBehindOthersComeInTheirTimeUntilNothingElseIsLeft) {
  push(task(1));
  attempt& first = begin(task(1));
  push_with_argument(task(2), 3);
  const auto ahead = out_.take<wire::store_fetch>();
  ASSERT_TRUE(ahead);
  EXPECT_EQ(ahead->urgency, wire::fetch_urgency::prefetch);
  finish(first);
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_EQ(executor_.next(), nullptr);
  const auto urgent = out_.take<wire::store_fetch>();
  ASSERT_TRUE(urgent);
  EXPECT_EQ(urgent->urgency, wire::fetch_urgency::argument);
  EXPECT_EQ(urgent->token, ahead->token);
  EXPECT_EQ(out_.count<wire::store_fetch>(), 0U) << "once is enough";
  for (int i = 0; i < 2; ++i) {
    wire::store_fetched answer;
    answer.token = urgent->token;
    receive(answer, scheduler_here);
  }
  finish(begin(task(2)));
  EXPECT_TRUE(executor_.idle());
}

TEST_F(ExecutorArguments, ThatLieHereAreNotFetched) {
  push_with_argument(task(1), 0);
  EXPECT_TRUE(out_.empty());
  begin(task(1));
}

TEST_F(ExecutorArguments, ThatCannotBeHadSendTheTaskBack) {
  push_with_argument(task(1), 3);
  wire::store_fetched answer;
  answer.token = out_.take<wire::store_fetch>()->token;
  const auto why = encoded_part(wire::error_value{});
  answer.error = why;
  receive(answer, scheduler_here);
  const auto back = out_.take<wire::task_return>();
  ASSERT_TRUE(back && back->tasks.size() == 1);
  EXPECT_EQ(back->reason, return_reason::argument_missing);
  EXPECT_EQ(back->tasks[0].task, task(1));
  EXPECT_EQ(back->missing.object, result(500));
  EXPECT_TRUE(std::ranges::equal(back->missing.error, why));
  EXPECT_TRUE(executor_.idle());
  receive(answer, scheduler_here);
  EXPECT_TRUE(out_.empty());
}

TEST_F(ExecutorArguments, OfACallHoldBackLaterCallsOfItsCallerOnly) {
  finish(create_actor());
  wire::task_push like;
  fill(like, 3);
  call(0, 1, driver, like);
  call(1, 1);
  call(2, 2);
  finish(begin(task(1002)));
  EXPECT_EQ(executor_.next(), nullptr);
  wire::store_fetched answer;
  answer.token = out_.take<wire::store_fetch>()->token;
  receive(answer, scheduler_here);
  finish(begin(task(1000)));
  finish(begin(task(1001)));
}

TEST_F(ExecutorArguments, OfACallThatCannotBeHadFailItAndLetTheNextGoOn) {
  finish(create_actor());
  out_.clear();
  wire::task_push like;
  fill(like, 3);
  call(0, 1, driver, like);
  call(1, 1);
  wire::store_fetched answer;
  answer.token = out_.take<wire::store_fetch>()->token;
  const auto why = encoded_part(wire::error_value{});
  answer.error = why;
  receive(answer, scheduler_here);
  const auto failed = out_.take<wire::task_done>();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->task, task(1000));
  EXPECT_EQ(failed->status, wire::task_status::failed);
  finish(begin(task(1001)));
  EXPECT_TRUE(executor_.idle());
}

/// Pins of a node whose blocks have been moved so often as the test says.
struct counted_pins final : argument_pins {
  answer pin(const wire::location& place, std::uint64_t as_of) override {
    if (pinned.size() == room) return {std::nullopt, true};
    if (as_of != moves) return {};
    pinned[++last] = place.offset;
    return {last, false};
  }
  void unpin(std::uint32_t one) override { EXPECT_EQ(pinned.erase(one), 1U); }
  wire::numa_node numa_node() const override { return 2; }
  std::map<std::uint32_t, std::uint64_t> pinned;  // offsets
  std::uint32_t last = 0;
  std::uint64_t moves = 0;
  std::size_t room = 10;
};

class ExecutorPins : public Executor {
 protected:
  ~ExecutorPins() override { EXPECT_TRUE(pins.pinned.empty()); }
  /// With two stored arguments of this node, of results 500 and 501.
  wire::task_push push_of_two(task_id id) {
    wire::task_push push = push_of(id, first_lease);
    arguments_.clear();
    for (std::uint32_t i = 0; i < 2; ++i) {
      wire::resolved_argument argument;
      argument.object = result(500 + i);
      argument.parameter = i;
      argument.value.kind = wire::value_kind::stored;
      argument.value.where.offset = 64 * (i + 1);
      const auto bytes = encoded_part(argument);
      arguments_.insert(arguments_.end(), bytes.begin(), bytes.end());
    }
    push.resolved_count = 2;
    push.resolved = arguments_;
    return push;
  }
  /// It is here, at that place, as of then.
  void answer_one(const wire::store_fetch& asked, std::uint64_t offset, std::uint64_t as_of) {
    wire::store_fetched here;
    here.token = asked.token;
    here.where = asked.from;
    here.place.offset = offset;
    here.as_of = as_of;
    tested.on_message(process_id::scheduler_of(0), encoded(here));
  }
  /// Answers what is asked for: it is here, at these places.
  void answer(std::vector<std::uint64_t> offsets) {
    for (const std::uint64_t offset : offsets) {
      const auto asked = out_.take<wire::store_fetch>();
      ASSERT_TRUE(asked);
      answer_one(*asked, offset, pins.moves);
    }
    EXPECT_EQ(out_.count<wire::store_fetch>(), 0U);
  }
  void say(const wire::task_push& push) { tested.on_message(driver, encoded(push)); }

  counted_pins pins;
  executor tested{here, source_, board_, out_, {}, &pins};

 private:
  std::vector<std::byte> arguments_;
};

TEST_F(ExecutorPins, LastFromTheBeginOfTheTaskToItsEnd) {
  say(push_of_two(task(1)));
  EXPECT_TRUE(pins.pinned.empty()) << "what waits for its turn holds nothing up";
  attempt* const one = tested.next();
  ASSERT_TRUE(one);
  EXPECT_EQ(pins.pinned.size(), 2U);
  tested.finish(*one, {});
  EXPECT_TRUE(pins.pinned.empty());
}

TEST_F(ExecutorPins, WhatWasMovedIsBroughtBackTogetherAndPinnedAsItComes) {
  say(push_of_two(task(1)));
  say(push_of(task(2), first_lease));
  pins.moves = 3;
  EXPECT_FALSE(tested.next()) << "the next in its lease waits behind it";
  EXPECT_EQ(out_.count<wire::store_fetch>(), 2U);
  const auto first = out_.take<wire::store_fetch>();
  EXPECT_EQ(first->numa_node, 2U) << "next to who reads it";
  answer_one(*first, 640, 3);
  EXPECT_EQ(pins.pinned.size(), 1U);
  EXPECT_FALSE(tested.next());
  pins.moves = 4;  // the first is pinned and stays; the second can't be known to
  answer({128});
  attempt* const one = tested.next();
  ASSERT_TRUE(one);
  EXPECT_EQ(one->push.task, task(1));
  EXPECT_EQ(one->stored[0].place.offset, 640U);
  EXPECT_EQ(one->stored[1].place.offset, 128U);
  tested.finish(*one, {});
  attempt* const other = tested.next();
  ASSERT_TRUE(other);
  tested.finish(*other, {});
}

TEST_F(ExecutorPins, WhatWasMovedAgainMeanwhileIsAskedForAgain) {
  say(push_of_two(task(1)));
  pins.moves = 1;
  EXPECT_FALSE(tested.next());
  for (int i = 0; i < 2; ++i) {
    answer_one(out_.take<wire::store_fetch>().value(), 0, 0);
  }
  EXPECT_FALSE(tested.next());
  answer({64, 128});
  attempt* const one = tested.next();
  ASSERT_TRUE(one);
  tested.finish(*one, {});
}

// The parent waits for both, and has lent its cpus while the first one's arguments were brought
// back.
TEST_F(ExecutorPins, WhoIsBehindOneWhoseArgumentsAreLostGoesOn) {
  say(push_of(task(1), first_lease));
  attempt* const parent = tested.next();
  ASSERT_TRUE(parent);
  say(push_of_two(task(2)));
  say(push_of(task(3), first_lease));
  const std::vector<object_id> awaited{result(2), result(3)};
  tested.suspend(*parent, {awaited, awaited.size()});
  pins.moves = 3;
  EXPECT_FALSE(tested.next());
  tested.tick(now_);
  tested.tick(now_ += 60'000);
  ASSERT_TRUE(out_.take<wire::cpus_lend>());
  wire::store_fetched lost;
  lost.token = out_.take<wire::store_fetch>().value().token;
  const auto why = encoded_part(wire::error_value{});
  lost.error = why;
  tested.on_message(process_id::scheduler_of(0), encoded(lost));
  EXPECT_TRUE(out_.take<wire::task_return>());
  ASSERT_TRUE(out_.take<wire::cpus_claim>());
  tested.on_message(process_id::scheduler_of(0), encoded(wire::cpus_grant{first_lease}));
  attempt* const other = tested.next();
  ASSERT_TRUE(other);
  EXPECT_EQ(other->push.task, task(3));
  tested.finish(*other, {});
  tested.wake(*parent);
  ASSERT_EQ(tested.next(), parent);
  tested.finish(*parent, {});
}

TEST_F(ExecutorPins, ATaskThatIsTakenBackHoldsNothing) {
  say(push_of_two(task(1)));
  pins.moves = 1;
  EXPECT_FALSE(tested.next());
  answer_one(out_.take<wire::store_fetch>().value(), 0, 1);
  EXPECT_EQ(pins.pinned.size(), 1U);
  tested.on_message(driver, encoded(wire::task_reclaim{first_lease, 1}));
  EXPECT_TRUE(pins.pinned.empty());
  EXPECT_TRUE(tested.idle());
  // And the lease begins others.
  say(push_of(task(2), first_lease));
  attempt* const one = tested.next();
  ASSERT_TRUE(one);
  tested.finish(*one, {});
}

TEST_F(ExecutorPins, ACallKeepsItsTurnWhileItsArgumentsAreBroughtBack) {
  wire::task_push creation = push_of(task(100), first_lease);
  creation.flags = wire::task_push::creates_actor;
  say(creation);
  tested.finish(*tested.next(), {});
  for (std::uint64_t number = 0; number < 2; ++number) {
    wire::actor_call message;
    message.actor = actor;
    message.caller = {driver, 1};
    message.number = number;
    if (number == 0) message.call = push_of_two(task(1000));
    message.call.task = task(1000 + number);
    message.call.lease = first_lease;
    tested.on_message(driver, encoded(message));
  }
  pins.moves = 1;
  EXPECT_FALSE(tested.next());
  EXPECT_FALSE(tested.next());
  answer({64, 128});
  for (std::uint64_t number = 0; number < 2; ++number) {
    attempt* const one = tested.next();
    ASSERT_TRUE(one);
    EXPECT_EQ(one->push.task, task(1000 + number));
    tested.finish(*one, {});
  }
}

TEST_F(ExecutorPins, ATaskForWhoseArgumentsNoPinIsLeftFailsInWords) {
  pins.room = 1;
  say(push_of_two(task(1)));
  EXPECT_FALSE(tested.next());
  const auto failed = out_.take<wire::task_done>();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->status, wire::task_status::failed);
  EXPECT_NE(wire::as_text(failed->results).find("let go of views"), std::string_view::npos);
  EXPECT_TRUE(tested.idle());
}

}  // namespace
}  // namespace mobula::core
