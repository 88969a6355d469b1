#include "core/scheduler.hpp"

#include <gmock/gmock.h>

#include "core/scheduler_fixture.hpp"

namespace mobula::core {
namespace {

TEST_F(Scheduler, GrantsWorkersUpToItsTotalAndTheRestWhenTheyComeBack) {
  make(2);
  ask(driver, 1, cpus(1), 3);
  EXPECT_EQ(out_.count<wire::lease_grant>(), 0U) << "their processes have not joined yet";
  const granted first = grant();
  const granted second = grant();
  EXPECT_EQ(first.request, 1U);
  EXPECT_NE(first.worker, second.worker);
  EXPECT_TRUE(nothing_granted());
  EXPECT_EQ(scheduler_->books().free().cpus, 0);
  give_back(first);
  EXPECT_EQ(grant().worker, first.worker);
  EXPECT_EQ(scheduler_->waiting_count(), 0U);
}

TEST_F(Scheduler, ReusesTheMostRecentlyUsedIdleProcess) {
  make(4);
  ask(driver, 1, cpus(1), 2);
  const granted first = grant();
  const granted second = grant();
  give_back(first);
  give_back(second);
  ask(driver, 2, cpus(1));
  EXPECT_EQ(grant().worker, second.worker);
  EXPECT_EQ(starter_.started.size(), 2U);
}

TEST_F(Scheduler, CountsFractionsExactly) {
  make(1);
  wire::resource_amounts tenth = cpus(0.1);
  ask(driver, 1, tenth, 11);
  std::vector<granted> grants;
  for (int i = 0; i < 10; ++i) grants.push_back(grant());
  EXPECT_TRUE(nothing_granted());
  EXPECT_EQ(scheduler_->books().free().cpus, 0);
  for (const granted& one : grants) give_back(one);
  give_back(grant());
  EXPECT_EQ(scheduler_->books().free(), scheduler_->books().total());
}

TEST_F(Scheduler, RefusesWhatNoNodeHasAndSaysWhatIsNearest) {
  wire::resource_amounts rich = cpus(4);
  rich.gpus = 2 * one_cpu;
  make({{"alpha", {cpus(8)}}, {"beta", {rich}}});
  wire::resource_amounts demand = cpus(1);
  demand.gpus = 3 * one_cpu;
  ask(driver, 5, demand, 2);
  const auto refusal = out_.take<wire::lease_refuse>();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->request, 5U);
  EXPECT_EQ(refusal->count, 2U);
  wire::reader in{refusal->error};
  const auto error = wire::decode_part<wire::error_value>(in);
  EXPECT_EQ(error.code, wire::error_code::infeasible);
  EXPECT_NE(error.what.find("{cpus: 1, gpus: 3}"), std::string::npos) << error.what;
  EXPECT_NE(error.what.find("beta) with {cpus: 4, gpus: 2}"), std::string::npos) << error.what;
  EXPECT_NE(error.what.find("process 1 on node 0"), std::string::npos) << error.what;
}

TEST_F(Scheduler, ServesOwnersInTurn) {
  make(1);
  ask(driver, 1, cpus(1), 100);
  const granted first = grant();
  ask(other_owner, 1, cpus(1), 100);
  give_back(first);
  const granted second = grant();
  give_back(second);
  const granted third = grant();
  EXPECT_NE(second.owner, third.owner);
}

TEST_F(Scheduler, LetsNobodyTakeWhatAnEarlierRequestLacks) {
  make(4);
  ask(driver, 1, cpus(1), 4);
  std::vector<granted> small;
  for (int i = 0; i < 4; ++i) small.push_back(grant());
  ask(other_owner, 2, cpus(3));
  ask(driver, 3, cpus(1));
  give_back(small[0]);
  give_back(small[1]);
  EXPECT_TRUE(nothing_granted()) << "the later small request must not starve the large one";
  give_back(small[2]);
  EXPECT_EQ(grant().request, 2U);
}

TEST_F(Scheduler, LetsOthersPassThatAskForSomethingElse) {
  wire::resource_amounts total = cpus(4);
  total.gpus = one_cpu;
  make({{"here", {total}}});
  wire::resource_amounts gpu;
  gpu.gpus = one_cpu;
  ask(driver, 1, gpu);
  grant();
  ask(driver, 2, gpu);
  ask(driver, 3, cpus(1));
  EXPECT_EQ(grant().request, 3U);
}

TEST_F(Scheduler, LentCpusServeOthersAndComeBackAheadOfNewLeases) {
  make(1);
  ask(driver, 1, cpus(1));
  const granted parent = grant();
  lend(parent);
  ask(other_owner, 1, cpus(1));
  const granted child = grant();
  EXPECT_NE(child.worker, parent.worker);
  ask(driver, 2, cpus(1));
  claim(parent);
  EXPECT_EQ(out_.count<wire::cpus_grant>(), 0U);
  give_back(child);
  EXPECT_EQ(out_.take<wire::cpus_grant>()->lease, parent.lease);
  EXPECT_TRUE(nothing_granted());
  give_back(parent);
  EXPECT_EQ(grant().request, 2U);
}

TEST_F(Scheduler, AClaimRecallsAtOnceWhatHoldsItsCpus) {
  make(1);
  ask(driver, 1, cpus(1));
  const granted parent = grant();
  lend(parent);
  ask(other_owner, 1, cpus(1));
  const granted child = grant();
  claim(parent);
  process_id to;
  const auto recall = out_.take<wire::lease_recall>(&to);
  ASSERT_TRUE(recall);
  EXPECT_EQ(recall->lease, child.lease);
  EXPECT_EQ(to, other_owner);
}

TEST_F(Scheduler, RecallsFromTheOwnerWithMostLeasesAndNeverFromActors) {
  make(4);
  wire::lease_request actor = request_of(other_owner, 9, cpus(1));
  actor.kind = lease_kind::actor;
  receive(other_owner, actor);
  grant();
  ask(driver, 1, cpus(1), 3);
  for (int i = 0; i < 3; ++i) grant();
  ask(other_owner, 2, cpus(1));
  EXPECT_EQ(out_.count<wire::lease_recall>(), 0U) << "not before they were held for a while";
  EXPECT_NE(scheduler_->next_deadline_ns(), never);
  pass_tenure();
  process_id to;
  ASSERT_TRUE(out_.take<wire::lease_recall>(&to));
  EXPECT_EQ(to, driver);
  EXPECT_EQ(out_.count<wire::lease_recall>(), 0U) << "one is enough for one that waits";
  scheduler_->tick(now_);
  EXPECT_EQ(out_.count<wire::lease_recall>(), 0U);
}

TEST_F(Scheduler, DoesNotRecallFromWhoHasNoMoreThanTheOneWhoWaits) {
  make(2);
  ask(driver, 1, cpus(1));
  grant();
  ask(other_owner, 1, cpus(1));
  grant();
  ask(driver, 2, cpus(1));
  ask(other_owner, 2, cpus(1));
  pass_tenure();
  EXPECT_EQ(out_.count<wire::lease_recall>(), 0U);
}

TEST_F(Scheduler, GoesOnTopOfABlockedProcessBeyondItsLimit) {
  make(1, {.workers = 2});
  ask(driver, 1, cpus(1));
  const granted first = grant();
  lend(first);
  ask({0, 2}, 1, cpus(1));
  const granted second = grant();
  EXPECT_NE(second.worker, first.worker);
  lend(second);
  ask({0, 3}, 1, cpus(1));
  const granted third = grant();
  EXPECT_TRUE(third.worker == first.worker || third.worker == second.worker);
  EXPECT_EQ(starter_.started.size(), 2U);
}

TEST_F(Scheduler, GoesOnTopOfNoProcessThatCanRunNothing) {
  make(1, {.workers = 1});
  ask(driver, 1, cpus(1));
  const granted first = grant();
  receive(first.worker, wire::cpus_lend{first.lease, false});
  ask({0, 2}, 1, cpus(1));
  const granted second = grant();
  EXPECT_NE(second.worker, first.worker);
  give_back(second);
  claim(first);
  EXPECT_EQ(out_.count<wire::cpus_grant>(), 1U);
  // What it lends by suspending counts as ever.
  lend(first);
  ask({0, 3}, 1, cpus(1), 2);
  lend(grant());
  EXPECT_EQ(grant().worker, first.worker);
}

TEST_F(Scheduler, PrefersAProcessMoreToWaitingWhereNothingIsBlocked) {
  make(1, {.workers = 2, .workers_max = 3});
  wire::resource_amounts quarter = cpus(0.25);
  ask(driver, 1, quarter, 4);
  for (int i = 0; i < 3; ++i) grant();
  EXPECT_TRUE(nothing_granted()) << "three processes are the most";
  EXPECT_EQ(starter_.started.size(), 3U);
  EXPECT_EQ(scheduler_->waiting_count(), 1U);
}

TEST_F(Scheduler, ALeaseThatMustBeAloneSharesItsProcessWithNobody) {
  make(1, {.workers = 1, .workers_max = 1});
  wire::lease_request alone = request_of(driver, 1, cpus(1));
  alone.alone = true;
  receive(driver, alone);
  const granted first = grant();
  lend(first);
  ask(other_owner, 1, cpus(1));
  EXPECT_TRUE(nothing_granted());
}

TEST_F(Scheduler, AnActorIsPlacedWhereItsDemandIsFreeAndHoldsLess) {
  make(1);
  ask_actor(driver, 1);
  grant();
  EXPECT_EQ(scheduler_->books().free().cpus, one_cpu);
  ask(driver, 2, cpus(1));
  grant();
  ask_actor(driver, 3);
  EXPECT_TRUE(nothing_granted()) << "no cpu is free to place it";
}

TEST_F(Scheduler, AnActorsProcessRanNothingBeforeAndRunsNothingAfter) {
  make(2);
  ask(driver, 1, cpus(1));
  const granted task = grant();
  give_back(task);
  ask_actor(driver, 2);
  const granted actor = grant();
  EXPECT_NE(actor.worker, task.worker);
  receive(actor.worker, wire::lease_over{actor.lease});
  process_id to;
  ASSERT_TRUE(out_.take<wire::worker_retire>(&to));
  EXPECT_EQ(to, actor.worker);
  ask(driver, 3, cpus(1));
  EXPECT_EQ(grant().worker, task.worker);
  scheduler_->worker_ended(actor.worker, "exited with status 0", {});
  EXPECT_EQ(scheduler_->worker_count(), 1U);
}

TEST_F(Scheduler, ActorsAreNotCountedAgainstTheLimitOfProcesses) {
  make(8, {.workers = 1, .workers_max = 1});
  for (std::uint64_t i = 0; i < 5; ++i) {
    ask_actor(driver, i);
    grant();
  }
  ask(driver, 9, cpus(1));
  grant();
}

TEST_F(Scheduler, AsksNoMoreIdleWorkersToEndThanItsLimit) {
  make(8, {.workers = 2, .workers_max = 8, .retiring_max = 1});
  ask(driver, 1, cpus(1), 6);
  std::vector<granted> all;
  for (int i = 0; i < 6; ++i) all.push_back(grant());
  for (const granted& one : all) give_back(one);
  process_id first;
  ASSERT_TRUE(out_.take<wire::worker_retire>(&first));
  EXPECT_EQ(out_.count<wire::worker_retire>(), 0U) << "the first owns what others hold";
  ask(driver, 2, cpus(1), 5);
  for (int i = 0; i < 5; ++i) EXPECT_NE(grant().worker, first);
  EXPECT_EQ(starter_.started.size(), 6U) << "idle ones are of use";
}

TEST_F(Scheduler, AsksTheNextIdleWorkerToEndWhenOneHasEnded) {
  make(8, {.workers = 2, .workers_max = 8, .retiring_max = 1});
  ask(driver, 1, cpus(1), 4);
  std::vector<granted> all;
  for (int i = 0; i < 4; ++i) all.push_back(grant());
  for (const granted& one : all) give_back(one);
  for (int i = 0; i < 2; ++i) {
    process_id ends;
    ASSERT_TRUE(out_.take<wire::worker_retire>(&ends));
    EXPECT_EQ(out_.count<wire::worker_retire>(), 0U);
    scheduler_->worker_ended(ends, "exited with status 0", {});
  }
  EXPECT_EQ(out_.count<wire::worker_retire>(), 0U) << "as many are left as may stay";
  EXPECT_EQ(scheduler_->worker_count(), 2U);
}

TEST_F(Scheduler, GoesOnAlthoughWorkersThatItAskedToEndAreThereForEver) {
  make(2, {.workers = 1, .workers_max = 2, .retiring_max = 4});
  for (std::uint64_t round = 1; round <= 10; ++round) {
    ask(driver, round, cpus(1), 2);
    const granted first = grant();
    const granted second = grant();
    ASSERT_TRUE(first.worker && second.worker) << round;
    give_back(first);
    give_back(second);
  }
  EXPECT_EQ(out_.count<wire::worker_retire>(), 4U);
  EXPECT_LE(starter_.started.size(), 6U);
}

TEST_F(Scheduler, AlwaysAsksTheProcessOfAnEndedActorToEnd) {
  make(2, {.retiring_max = 1});
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ask_actor(driver, i);
    const granted one = grant();
    receive(one.worker, wire::lease_over{one.lease});
  }
  EXPECT_EQ(out_.count<wire::worker_retire>(), 3U);
}

TEST_F(Scheduler, TellsTheOwnersOfADeadWorkerWhatHadBegunAndEverybodyThatItEnded) {
  make({{"here", {cpus(2)}}, {"there", {cpus(2)}}});
  ask(driver, 1, cpus(1));
  const granted lost = grant();
  wire::lease_lost::entry entry;
  entry.task = {driver, 77};
  entry.state = wire::begun_state::suspended;
  scheduler_->worker_ended(lost.worker, "killed by signal 9", {{lost.lease, entry}});
  const auto message = out_.take<wire::lease_lost>();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->lease, lost.lease);
  EXPECT_EQ(message->cause, "killed by signal 9");
  ASSERT_EQ(message->begun.size(), 1U);
  EXPECT_EQ(message->begun[0].task, entry.task);
  EXPECT_EQ(scheduler_->books().free(), scheduler_->books().total());
  EXPECT_EQ(scheduler_->next_deadline_ns(), 0U);
  scheduler_->tick(++now_);
  std::vector<process_id> told;
  process_id to;
  while (const auto news = out_.take<wire::process_ended>(&to)) {
    EXPECT_EQ(news->processes, std::vector{lost.worker});
    told.push_back(to);
  }
  EXPECT_EQ(told, (std::vector{driver, process_id::scheduler_of(1)}));
}

// Its word that the lease is over was the last thing that left it; the owner waits for the task's
// end.
TEST_F(Scheduler, TellsOfALeaseThatWasOverAtOnceBeforeItsOwnerHeardOfIt) {
  make(2);
  ask(driver, 1, cpus(1));
  const granted lost = grant();
  receive(lost.worker, wire::lease_over{lost.lease});
  wire::lease_lost::entry mine, guest;
  mine.task = {driver, 77};
  guest.task = {lost.worker, 5};
  scheduler_->worker_ended(lost.worker, "killed", {{lost.lease, guest}, {lost.lease, mine}});
  process_id told;
  const auto message = out_.take<wire::lease_lost>(&told);
  ASSERT_TRUE(message);
  EXPECT_EQ(told, driver);
  EXPECT_EQ(message->lease, lost.lease);
  ASSERT_EQ(message->begun.size(), 1U);
  EXPECT_EQ(message->begun[0].task, mine.task);
  EXPECT_FALSE(out_.take<wire::lease_lost>());
}

TEST_F(Scheduler, StartsAnotherProcessForALeaseWhoseOwnDiedBeforeItJoined) {
  make(1);
  ask(driver, 1, cpus(1));
  ASSERT_EQ(starter_.started.size(), 1U);
  scheduler_->worker_ended(starter_.started[0], "exited with status 1", {});
  joined_ = 1;
  ASSERT_EQ(starter_.started.size(), 2U);
  EXPECT_EQ(grant().worker, starter_.started[1]);
  EXPECT_EQ(out_.count<wire::process_ended>(), 0U);
}

TEST_F(Scheduler, RevokesTheLeasesOfAnOwnerThatEnded) {
  make(2);
  ask(driver, 1, cpus(1));
  const granted of_driver = grant();
  ask(of_driver.worker, 1, cpus(1), 2);
  const granted of_worker = grant();
  EXPECT_EQ(scheduler_->waiting_count(), 1U);
  out_.clear();
  scheduler_->worker_ended(of_driver.worker, "killed by signal 9", {});
  EXPECT_EQ(scheduler_->waiting_count(), 0U);
  process_id to;
  ASSERT_TRUE(out_.take<wire::lease_revoke>(&to));
  EXPECT_EQ(to, of_worker.worker);
  EXPECT_EQ(scheduler_->books().free().cpus, one_cpu) << "something of it may still run";
  receive(of_worker.worker, wire::lease_over{of_worker.lease});
  EXPECT_EQ(scheduler_->books().free(), scheduler_->books().total());
  ask(of_driver.worker, 2, cpus(1));
  EXPECT_TRUE(nothing_granted()) << "it has ended";
}

TEST_F(Scheduler, AnUpdateChangesWhatIsWanted) {
  make(1);
  ask(driver, 1, cpus(1), 5);
  const granted first = grant();
  receive(driver, wire::lease_update{driver, 1, 0});
  EXPECT_EQ(scheduler_->waiting_count(), 0U);
  give_back(first);
  EXPECT_TRUE(nothing_granted());
  receive(driver, wire::lease_update{driver, 1, 3});
  const auto answer = out_.take<wire::lease_queued>();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->count, 0U) << "nothing of it waits here: ask anew";
}

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

TEST_F(Scheduler, EndsEverythingOnShutdownAndWaitsForTheOtherNodes) {
  make({{"here", {cpus(2)}}, {"there", {cpus(2)}}});
  ask(driver, 1, cpus(1));
  const granted one = grant();
  receive(driver, wire::shutdown{7});
  EXPECT_TRUE(out_.take<wire::shutdown>());
  EXPECT_EQ(starter_.ended, std::vector{one.worker});
  EXPECT_FALSE(scheduler_->finished());
  scheduler_->worker_ended(one.worker, "killed", {});
  EXPECT_FALSE(scheduler_->finished());
  receive(process_id::scheduler_of(1), wire::shutdown_done{});
  EXPECT_TRUE(scheduler_->finished());
  EXPECT_EQ(scheduler_->exit_status(), 7);
  EXPECT_EQ(scheduler_->books().free(), scheduler_->books().total());
}

TEST_F(Scheduler, TheDriversEndIsTheJobsEnd) {
  make(1);
  ask(driver, 1, cpus(1));
  const granted one = grant();
  scheduler_->process_ended(driver);
  EXPECT_TRUE(scheduler_->shutting_down());
  EXPECT_NE(scheduler_->exit_status(), 0);
  EXPECT_EQ(starter_.ended, std::vector{one.worker});
  scheduler_->worker_ended(one.worker, "killed", {});
  EXPECT_TRUE(scheduler_->finished());
}

TEST_F(Scheduler, DropsWhatMakesNoSense) {
  make(1);
  wire::resource_amounts negative;
  negative.cpus = -one_cpu;
  ask(driver, 1, negative);
  receive(other_owner, request_of(driver, 1, cpus(1)));
  wire::lease_request more_held = request_of(driver, 1, cpus(0.5));
  more_held.held = cpus(1);
  receive(driver, more_held);
  scheduler_->on_message(driver, {});
  EXPECT_EQ(scheduler_->dropped(), 4U);
  EXPECT_TRUE(starter_.started.empty());
}

}  // namespace
}  // namespace mobula::core
