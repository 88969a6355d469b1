#include "core/scheduler.hpp"

#include <gmock/gmock.h>

#include "core/scheduler_fixture.hpp"

// When processes are started, used again, asked to end, and what their deaths cost.

namespace mobula::core {
namespace {

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

}  // namespace
}  // namespace mobula::core
