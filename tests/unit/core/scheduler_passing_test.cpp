#include "core/scheduler.hpp"

#include <gmock/gmock.h>

#include "core/scheduler_fixture.hpp"

// What waits here and has room elsewhere: what nodes tell each other, and where requests go.

namespace mobula::core {
namespace {

TEST_F(Scheduler, PacksUntilHalfFullThenSpreads) {
  make({{"here", {cpus(4)}}, {"there", {cpus(4)}}});
  ask(driver, 1, cpus(1), 4);
  grant();
  grant();
  EXPECT_TRUE(nothing_granted());
  process_id to;
  const auto passed = out_.take<wire::lease_request>(&to);
  ASSERT_TRUE(passed);
  EXPECT_EQ(to, process_id::scheduler_of(1));
  EXPECT_EQ(passed->count, 2U);
  EXPECT_EQ(passed->hops, 1U);
  EXPECT_EQ(passed->visited, std::vector<wire::node_id>{0});
  EXPECT_EQ(out_.count<wire::free_amounts>(), 1U);
}

TEST_F(Scheduler, SendsARequestWhereItsArgumentsLie) {
  make({{"here", {cpus(4)}}, {"a", {cpus(4)}}, {"b", {cpus(4)}}});
  wire::lease_request request = request_of(driver, 1, cpus(1));
  request.preferred = 2;
  receive(driver, request);
  process_id to;
  ASSERT_TRUE(out_.take<wire::lease_request>(&to));
  EXPECT_EQ(to, process_id::scheduler_of(2));
}

TEST_F(Scheduler, WhatFindsNoRoomWhereItsArgumentsLieMayComeBack) {
  make({{"here", {cpus(1)}}, {"there", {cpus(1)}}});
  auto request = request_of(driver, 1, cpus(1), 2);
  request.preferred = 1;
  receive(driver, request);
  const auto passed = out_.take<wire::lease_request>();
  ASSERT_TRUE(passed);
  EXPECT_TRUE(passed->visited.empty());
}

// An owner asks anew when it hears that a node has ended. Whom its request is passed on to may not
// have heard, and would pass it on to the dead.
TEST_F(Scheduler, TellsOfDeadNodesWhomItPassesARequestOnTo) {
  make({{"here", {cpus(1)}}, {"a", {cpus(4)}}, {"b", {cpus(4)}}});
  scheduler_->process_ended(process_id::scheduler_of(1));
  out_.clear();
  ask(driver, 1, cpus(2));
  process_id to;
  const auto news = out_.take<wire::process_ended>(&to);
  ASSERT_TRUE(news);
  EXPECT_EQ(to, process_id::scheduler_of(2));
  EXPECT_EQ(news->processes, std::vector{process_id::scheduler_of(1)});
  ASSERT_TRUE(out_.take<wire::lease_request>(&to));
  EXPECT_EQ(to, process_id::scheduler_of(2));
  // Once.
  ask(driver, 2, cpus(2));
  ASSERT_TRUE(out_.take<wire::lease_request>());
  EXPECT_FALSE(out_.take<wire::process_ended>());
}

TEST_F(Scheduler, HearsOfADeadNodeFromOneAndTellsAll) {
  make({{"here", {cpus(1)}}, {"a", {cpus(1)}}, {"b", {cpus(1)}}, {"c", {cpus(1)}}});
  out_.clear();
  receive(process_id::scheduler_of(1), wire::process_ended{{process_id::scheduler_of(2)}});
  scheduler_->tick(now_);
  std::vector<process_id> told;
  for (process_id to; out_.take<wire::process_ended>(&to);) told.push_back(to);
  EXPECT_THAT(told, testing::UnorderedElementsAre(driver, process_id::scheduler_of(1),
                                                  process_id::scheduler_of(3)));
}

// Its own link may be all that has broken.
TEST_F(Scheduler, LeavesItToTheDriversToDeclareANodeDead) {
  scheduler second{1, {{"a", {cpus(1)}}, {"b", {cpus(1)}}, {"c", {cpus(1)}}}, starter_, out_};
  second.process_ended(process_id::scheduler_of(2));
  process_id to;
  const auto report = out_.take<wire::process_ended>(&to);
  ASSERT_TRUE(report);
  EXPECT_EQ(to, process_id::scheduler_of(0));
  EXPECT_EQ(report->processes, std::vector{process_id::scheduler_of(2)});
  second.tick(now_);
  EXPECT_TRUE(out_.empty());
  EXPECT_TRUE(second.peers()[2].alive);
  second.on_message(process_id::scheduler_of(0), encoded(*report));
  EXPECT_FALSE(second.peers()[2].alive);
}

TEST_F(Scheduler, TellsANodeWhereSomethingWaitsWhatIsFreeHere) {
  make({{"here", {cpus(1)}}, {"there", {cpus(1)}}});
  wire::free_amounts news;
  news.node = 1;
  news.waiting = 1;
  receive(process_id::scheduler_of(1), news);
  const auto answer = out_.take<wire::free_amounts>();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->free, cpus(1));
  // Nothing waits here: no answer to the answer.
  news.waiting = 0;
  receive(process_id::scheduler_of(1), news);
  EXPECT_TRUE(out_.empty());
}

TEST_F(Scheduler, WhatActorsLeaveNoRoomForHoldsUpNobody) {
  make(4);
  wire::lease_request actor = request_of(driver, 1, cpus(2));
  actor.kind = lease_kind::actor;
  receive(driver, actor);
  const granted lives = grant();
  ask(driver, 2, cpus(3));
  EXPECT_TRUE(nothing_granted());
  ask(driver, 3, cpus(1), 2);
  EXPECT_EQ(grant().request, 3U);
  EXPECT_EQ(grant().request, 3U);
  EXPECT_EQ(out_.count<wire::lease_recall>(), 0U);
  // Once the actor has gone it is the turn of the one that waits.
  receive(lives.worker, wire::lease_over{lives.lease});
  ask(driver, 4, cpus(1), 2);
  EXPECT_TRUE(nothing_granted());
}

TEST_F(Scheduler, OffersWhatWaitsToANodeThatWaitsForSomethingElse) {
  wire::resource_amounts there = cpus(1);
  there.gpus = one_cpu;
  make({{"here", {cpus(1)}}, {"there", {there}}});
  wire::free_amounts news;
  news.node = 1;
  news.waiting = 1;
  news.lacking = cpus_bit | gpus_bit;
  receive(process_id::scheduler_of(1), news);
  ask(driver, 1, cpus(1), 2);
  grant();
  EXPECT_EQ(scheduler_->waiting_count(), 1U);
  news.free = cpus(1);
  receive(process_id::scheduler_of(1), news);
  EXPECT_EQ(scheduler_->waiting_count(), 1U) << "its cpus are claimed by what waits there";
  news.lacking = gpus_bit;
  receive(process_id::scheduler_of(1), news);
  EXPECT_EQ(scheduler_->waiting_count(), 0U);
  EXPECT_TRUE(out_.take<wire::lease_request>());
}

TEST_F(Scheduler, WhatWaitsIsToldAgainAtGrowingIntervals) {
  make({{"here", {cpus(1)}}, {"there", {cpus(1)}}});
  ask(driver, 1, cpus(1), 3);
  std::size_t told = 0;
  std::uint64_t ticks = 0;
  constexpr std::uint64_t minute_ns = 60'000'000'000;
  for (std::uint64_t now = 0; now < minute_ns; ++ticks) {
    scheduler_->tick(now);
    told += out_.count<wire::free_amounts>();
    out_.clear();
    ASSERT_NE(scheduler_->next_deadline_ns(), std::numeric_limits<std::uint64_t>::max());
    now = std::max(now + 1, scheduler_->next_deadline_ns());
  }
  EXPECT_GE(told, 60U);
  EXPECT_LE(told, 80U);
  EXPECT_LE(ticks, 200U);
  receive(driver, wire::lease_update{driver, 1, 0});
  scheduler_->tick(2 * minute_ns);
  scheduler_->tick(3 * minute_ns);
  EXPECT_EQ(scheduler_->next_deadline_ns(), std::numeric_limits<std::uint64_t>::max());
}

TEST_F(Scheduler, ARequestWithoutRoomAnywhereWaitsWhereItFitsSoonest) {
  make({{"here", {cpus(1)}}, {"there", {cpus(8)}}});
  wire::free_amounts full;
  full.node = 1;
  full.waiting = 1;
  receive(process_id::scheduler_of(1), full);
  ask(driver, 1, cpus(1));
  grant();
  ask(driver, 2, cpus(1));
  process_id to;
  const auto passed = out_.take<wire::lease_request>(&to);
  ASSERT_TRUE(passed);
  EXPECT_EQ(to, process_id::scheduler_of(1));
  EXPECT_EQ(passed->hops, 3U);
  EXPECT_EQ(scheduler_->waiting_count(), 0U);
}

// Who holds the gpu may wait for the one that only needs a cpu.
TEST_F(Scheduler, LeavesCpusToOthersWhileWhatIsAheadLacksAGpu) {
  wire::resource_amounts each = cpus(1);
  each.gpus = one_cpu;
  make({{"here", {each}}});
  ask(driver, 1, each);
  const granted holder = grant();
  ask(driver, 2, each);
  lend(holder);
  ask(driver, 3, cpus(1));
  const granted child = grant();
  EXPECT_EQ(child.request, 3U);
  // Once its gpu is free, nobody takes that or the next cpu before it.
  give_back(holder);
  ask(driver, 4, cpus(1));
  wire::resource_amounts gpu_alone;
  gpu_alone.gpus = one_cpu;
  ask(driver, 5, gpu_alone);
  EXPECT_TRUE(nothing_granted());
  give_back(child);
  EXPECT_EQ(grant().request, 2U);
}

TEST_F(Scheduler, KeepsARequestAfterItsLastHopAndTellsTheOwner) {
  make({{"here", {cpus(1)}}, {"there", {cpus(1)}}});
  ask(driver, 1, cpus(1));
  grant();
  wire::lease_request passed = request_of({1, 5}, 7, cpus(1), 2);
  passed.hops = 3;
  passed.visited = {1};
  receive(process_id::scheduler_of(1), passed);
  process_id to;
  const auto queued = out_.take<wire::lease_queued>(&to);
  ASSERT_TRUE(queued);
  EXPECT_EQ(to, (process_id{1, 5}));
  EXPECT_EQ(queued->request, 7U);
  EXPECT_EQ(queued->count, 2U);
}

TEST_F(Scheduler, SendsWhatWaitsToANodeThatSaysItHasRoom) {
  make({{"here", {cpus(1)}}, {"there", {cpus(1)}}});
  wire::free_amounts news;
  news.node = 1;
  news.waiting = 5;
  receive(process_id::scheduler_of(1), news);
  ask(driver, 1, cpus(1), 2);
  grant();
  EXPECT_EQ(scheduler_->waiting_count(), 1U);
  news.waiting = 0;
  news.free = cpus(1);
  receive(process_id::scheduler_of(1), news);
  EXPECT_EQ(scheduler_->waiting_count(), 0U);
  EXPECT_EQ(out_.count<wire::lease_request>(), 1U);
}

TEST_F(Scheduler, TellsOthersWhatIsFreeAfterAWhileAndThenIsQuiet) {
  make({{"here", {cpus(2)}}, {"there", {cpus(2)}}});
  EXPECT_EQ(scheduler_->next_deadline_ns(), never);
  ask(driver, 1, cpus(1));
  give_back(grant());
  EXPECT_NE(scheduler_->next_deadline_ns(), never);
  pass_tenure();
  EXPECT_EQ(out_.count<wire::free_amounts>(), 1U);
  EXPECT_EQ(scheduler_->next_deadline_ns(), never);
}

TEST_F(Scheduler, TellsOthersOfLentCpusAndOfThoseThatAreTakenBack) {
  make({{"here", {cpus(1)}}, {"there", {cpus(1)}}});
  ask(driver, 1, cpus(1));
  const granted parent = grant();
  pass_tenure();
  ASSERT_TRUE(out_.take<wire::free_amounts>());
  lend(parent);
  pass_tenure();
  EXPECT_EQ(out_.count<wire::free_amounts>(), 1U);
  claim(parent);
  pass_tenure();
  EXPECT_EQ(out_.count<wire::free_amounts>(), 2U);
}

TEST_F(Scheduler, AnswersWhatAllNodesHaveOnceAllHaveSaidOrDied) {
  make({{"a", {cpus(2)}}, {"b", {cpus(4)}}, {"c", {cpus(8)}}});
  receive(driver, wire::nodes_query{42});
  process_id to;
  const auto query = out_.take<wire::nodes_query>(&to);
  ASSERT_TRUE(query);
  EXPECT_EQ(out_.count<wire::nodes_query>(), 1U);
  wire::nodes_reply answer;
  answer.token = query->token;
  answer.nodes.emplace_back();
  answer.nodes[0].node = to.node();
  answer.nodes[0].free = cpus(3);
  receive(to, answer);
  EXPECT_EQ(out_.count<wire::nodes_reply>(), 0U);
  scheduler_->process_ended(process_id::scheduler_of(to.node() == 1 ? 2 : 1));
  const auto all = out_.take<wire::nodes_reply>(&to);
  ASSERT_TRUE(all);
  EXPECT_EQ(to, driver);
  EXPECT_EQ(all->token, 42U);
  ASSERT_EQ(all->nodes.size(), 3U);
  EXPECT_EQ(all->nodes[0].host, "a");
  EXPECT_EQ(all->nodes[0].free, cpus(2));
  EXPECT_NE(all->nodes[1].alive, all->nodes[2].alive);
}

}  // namespace
}  // namespace mobula::core
