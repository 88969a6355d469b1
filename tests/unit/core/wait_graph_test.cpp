#include "core/wait_graph.hpp"

#include <gtest/gtest.h>

#include "core/deadlock_text.hpp"

namespace mobula::core {
namespace {

using wire::process_id;
using wire::wait_kind;
using wire::wait_point;
using wire::wait_reply;
using index = wait_graph::index;

const process_id driver{0, 1};

wait_point attempt(std::uint64_t task, std::uint32_t where = 2) {
  return {.kind = wait_kind::attempt, .asked = {0, where}, .object = {driver, task}};
}

/// Waits for `needed` of these: all of them by default.
wait_reply waits(std::vector<wait_point> on, std::size_t needed = 0) {
  wait_reply said;
  said.needed = static_cast<std::uint32_t>(needed == 0 ? on.size() : needed);
  said.can_fail = true;
  said.on = std::move(on);
  return said;
}

class WaitGraph : public testing::Test {
 protected:
  void say(const wait_point& of, wait_reply said) {
    graph_.answer(*graph_.add(of), std::move(said));
  }
  std::vector<std::uint64_t> victims() const {
    std::vector<std::uint64_t> found;
    for (const auto& knot : graph_.knots())
      found.push_back(graph_[knot.victim].point.object.sequence());
    return found;
  }
  bool confirmed(const std::vector<wait_reply>& again) const {
    return graph_.confirmed(graph_.knots().at(0).members, again);
  }

  wait_graph graph_{10'000};
};

TEST_F(WaitGraph, HasAKnotWhereTwoWaitForEachOther) {
  say(attempt(2), waits({attempt(1)}));
  say(attempt(1), waits({attempt(2)}));
  EXPECT_EQ(victims(), std::vector<std::uint64_t>{1});
}

TEST_F(WaitGraph, HasNoneWhereTheLastOneRuns) {
  say(attempt(1), waits({attempt(2)}));
  say(attempt(2), waits({attempt(3)}));
  say(attempt(3), {});
  EXPECT_TRUE(victims().empty());
}

TEST_F(WaitGraph, TakesWhatNobodySpokeOfForAbleToGoOn) {
  say(attempt(1), waits({attempt(2), attempt(3)}, 1));
  say(attempt(2), waits({attempt(1)}));
  EXPECT_TRUE(victims().empty()) << "3 has not been asked";
  say(attempt(3), waits({attempt(1)}));
  EXPECT_EQ(victims(), std::vector<std::uint64_t>{1});
}

TEST_F(WaitGraph, TakesWhatItHasNoRoomForForAbleToGoOn) {
  wait_graph small{2};
  const index first = *small.add(attempt(1));
  const auto fresh = small.answer(first, waits({attempt(2), attempt(3)}, 1));
  ASSERT_EQ(fresh.size(), 1U);
  small.answer(fresh[0], waits({attempt(1)}));
  EXPECT_TRUE(small.knots().empty());
}

TEST_F(WaitGraph, HoldsUpOneThatNeedsAllByOneAndOneThatNeedsSomeByTheRest) {
  say(attempt(1), waits({attempt(2), attempt(3), attempt(4)}, 2));
  say(attempt(2), waits({attempt(1)}));
  say(attempt(3), {});
  say(attempt(4), {});
  EXPECT_TRUE(victims().empty()) << "two of three can go on";
  say(attempt(4), waits({attempt(1)}));
  EXPECT_EQ(victims().size(), 1U) << "one of three can go on";
}

TEST_F(WaitGraph, LeavesThoseAloneThatOnlyWaitForAKnot) {
  say(attempt(1), waits({attempt(2)}));
  say(attempt(2), waits({attempt(3)}));
  say(attempt(3), waits({attempt(2)}));
  EXPECT_EQ(victims(), std::vector<std::uint64_t>{2}) << "1 gets its value once 2 has failed";
}

TEST_F(WaitGraph, UndoesTheKnotsFirstForWhichOthersWait) {
  say(attempt(1), waits({attempt(2)}));
  say(attempt(2), waits({attempt(1), attempt(3)}));
  say(attempt(3), waits({attempt(4)}));
  say(attempt(4), waits({attempt(3)}));
  EXPECT_EQ(victims(), std::vector<std::uint64_t>{3});
}

TEST_F(WaitGraph, ChoosesAmongThoseThatHaveBegun) {
  say(attempt(1), waits({attempt(2)}));
  say(attempt(2), waits({attempt(1)}));
  wait_reply queued = waits({attempt(2)});
  queued.can_fail = false;
  say(attempt(1), queued);
  EXPECT_EQ(victims(), std::vector<std::uint64_t>{2});
}

TEST_F(WaitGraph, ConfirmsAKnotWhoseMembersSayTheSameAgain) {
  const auto one = waits({attempt(1)});
  say(attempt(1), one);
  EXPECT_TRUE(confirmed({one}));
}

TEST_F(WaitGraph, ConfirmsNoneWhoseMemberWentOnAndWaitsAnew) {
  auto one = waits({attempt(1)});
  say(attempt(1), one);
  ++one.stamp;
  EXPECT_FALSE(confirmed({one}));
}

TEST_F(WaitGraph, ConfirmsNoneWhereAnotherWayHasOpened) {
  say(attempt(1), waits({attempt(1), attempt(2)}, 1));
  say(attempt(2), waits({attempt(1)}));
  const auto members = graph_.knots().at(0).members;
  ASSERT_EQ(members.size(), 2U);
  std::vector<wait_reply> again;
  for (const index member : members) again.push_back(*graph_[member].said);
  EXPECT_TRUE(confirmed(again));
  for (auto& one : again) one.on.push_back(attempt(3));
  EXPECT_FALSE(confirmed(again)) << "what it did not wait for then";
  for (std::size_t i = 0; i < members.size(); ++i)
    again[i] = graph_[members[i]].point == attempt(2) ? wait_reply{} : *graph_[members[i]].said;
  EXPECT_FALSE(confirmed(again)) << "2 goes on";
}

TEST_F(WaitGraph, GoesThroughALongChainAsThroughAShortOne) {
  constexpr std::uint64_t length = 9'000;
  for (std::uint64_t i = 0; i < length; ++i)
    say(attempt(100 + i), waits({attempt(100 + (i + 1) % length)}));
  EXPECT_EQ(victims(), std::vector<std::uint64_t>{100});
  EXPECT_EQ(graph_.cycle(*graph_.add(attempt(100))).size(), length);
}

// ---- what people are told

std::string told(const wait_graph& graph) {
  const auto cycle = graph.cycle(graph.knots().at(0).victim);
  return deadlock_text(graph, cycle, [](wire::function_id id) {
    return id.offset == 0 ? std::string{} : "f" + std::to_string(id.offset);
  });
}

TEST(DeadlockText, NamesEachStepOfACycleOfCalls) {
  wait_graph graph{100};
  const wait_point call = attempt(1, 2);
  const wait_point inner_object{.asked = {0, 2}, .object = {{0, 2}, 7}};
  const wait_point inner{
      .kind = wait_kind::attempt, .asked = {0, 2}, .object = inner_object.object};
  wait_reply outer = waits({inner_object});
  outer.function.offset = 1;
  outer.actor = {driver, 50};
  graph.answer(*graph.add(call), outer);
  wait_reply made = waits({inner});
  made.can_fail = false;
  made.function.offset = 2;
  made.actor = outer.actor;
  graph.answer(*graph.add(inner_object), made);
  wait_reply queued = waits({call}, 1);
  queued.can_fail = false;
  queued.concurrency = 1;
  queued.function.offset = 2;
  graph.answer(*graph.add(inner), queued);
  EXPECT_EQ(told(graph),
            "deadlock: f1 (a call of the actor in process 2 of node 0) waits for f2 (a call of the "
            "actor in process 2 of node 0), which can't begin before f1 (a call of the actor in "
            "process 2 of node 0) ends: 1 of that actor's calls may run at once. Don't wait in a "
            "call for another call of the same actor, also not by way of others; or give the actor "
            "a larger max_concurrency.");
}

TEST(DeadlockText, OfALongCycleIsReadable) {
  constexpr std::uint64_t length = 9'000;
  wait_graph graph{length};
  for (std::uint64_t i = 0; i < length; ++i)
    graph.answer(*graph.add(attempt(100 + i)), waits({attempt(100 + (i + 1) % length)}));
  const std::string text = told(graph);
  EXPECT_LT(text.size(), 4096U);
  EXPECT_NE(text.find("through 8936 more steps back to the first."), std::string::npos) << text;
}

TEST(DeadlockText, NamesWhatIsHeldAndByWhom) {
  wait_graph graph{100};
  const wait_point holder = attempt(1, 2);
  const wait_point object{.asked = {0, 2}, .object = {{0, 2}, 7}};
  wait_point request{.kind = wait_kind::request, .asked = process_id::scheduler_of(0)};
  request.demand.gpus = wire::resource_amounts::unit;
  const wait_point lease{.kind = wait_kind::lease, .asked = {0, 2}, .number = 3};
  wait_reply waiting = waits({object});
  waiting.name = "holder";
  graph.answer(*graph.add(holder), waiting);
  const auto plainly = [](std::vector<wait_point> on) {
    wait_reply said = waits(std::move(on));
    said.can_fail = false;
    return said;
  };
  graph.answer(*graph.add(object), plainly({request}));
  graph.answer(*graph.add(request), plainly({lease}));
  graph.answer(*graph.add(lease), plainly({holder}));
  EXPECT_EQ(
      told(graph),
      "deadlock: holder (in process 2 of node 0) waits for a task, which needs {cpus: 0, gpus: 1}, "
      "held by holder (in process 2 of node 0). Don't hold a resource while waiting for what "
      "needs it: ask for less, let it go before, or let the nodes offer more.");
}

}  // namespace
}  // namespace mobula::core
