#include <algorithm>

#include "core/scheduler.hpp"
#include "core/scheduler_fixture.hpp"

// Which cores leases get, and which process keeps them.

namespace mobula::core {
namespace {

class SchedulerOfCores : public Scheduler {
 protected:
  using numbers = std::vector<std::uint32_t>;
  using Scheduler::make;
  /// A node of so many cores that offers them all.
  void make_cores(std::uint32_t count, scheduler_limits limits = {}) {
    make({{"here", {cpus(count)}, {}, {std::vector<core_place>(count)}}}, limits);
  }
  const process_set& set_of(const granted& one) { return starter_.sets.at(one.worker); }
  numbers cores_of(const granted& one) {
    numbers all;
    for (const core_share& each : set_of(one).cores) all.push_back(each.number);
    return all;
  }
  std::vector<granted> grants(std::size_t count) {
    std::vector<granted> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(grant());
    return all;
  }
  void lend_all(const granted& one) {
    wire::cpus_lend said{one.lease};
    said.shares = true;
    receive(one.worker, said);
  }
  std::size_t retired() { return out_.count<wire::worker_retire>(); }
};

TEST_F(SchedulerOfCores, AProcessHasTheCoresOfItsLeaseForItsLife) {
  make_cores(4);
  ask(driver, 1, cpus(1), 2);
  ask(driver, 2, cpus(2));
  const auto all = grants(3);
  EXPECT_EQ(cores_of(all[0]), numbers{0});
  EXPECT_EQ(cores_of(all[1]), numbers{1});
  EXPECT_EQ(cores_of(all[2]), (numbers{2, 3}));
  EXPECT_EQ(set_of(all[2]).cpus, 2 * one_cpu);
  for (const granted& one : all) give_back(one);
  ask(driver, 3, cpus(2));
  EXPECT_EQ(grant().worker, all[2].worker) << "which has two of them";
  ask(driver, 4, cpus(1), 2);
  const auto again = grants(2);
  EXPECT_EQ(again[0].worker, all[1].worker) << "the most recently used one";
  EXPECT_EQ(again[1].worker, all[0].worker);
  EXPECT_EQ(starter_.started.size(), 3U);
}

TEST_F(SchedulerOfCores, AlternatingShapesStartNothingNewOnceBothAreThere) {
  make_cores(4);
  for (int i = 0; i < 10; ++i) {
    ask(driver, 1, cpus(4));
    const granted large = grant();
    EXPECT_EQ(cores_of(large), (numbers{0, 1, 2, 3}));
    give_back(large);
    ask(driver, 2, cpus(1), 4);
    const auto small = grants(4);
    numbers all;
    for (const granted& one : small) all.push_back(cores_of(one).at(0));
    std::ranges::sort(all);
    EXPECT_EQ(all, (numbers{0, 1, 2, 3}));
    for (const granted& one : small) give_back(one);
  }
  EXPECT_EQ(starter_.started.size(), 5U);
  EXPECT_EQ(retired(), 0U);
}

TEST_F(SchedulerOfCores, FractionsShareOneAndEachHasAProcess) {
  make_cores(2);
  ask(driver, 1, cpus(0.5), 3);
  const auto all = grants(3);
  EXPECT_EQ(cores_of(all[0]), numbers{0});
  EXPECT_EQ(cores_of(all[1]), numbers{0});
  EXPECT_EQ(cores_of(all[2]), numbers{1});
  EXPECT_EQ(starter_.started.size(), 3U);
  give_back(all[0]);
  give_back(all[1]);
  ask(driver, 2, cpus(1));
  EXPECT_EQ(cores_of(grant()), numbers{0}) << "which nobody has a part of";
}

TEST_F(SchedulerOfCores, WhoAsksForNoCpuRunsOnAny) {
  make_cores(3);
  ask(driver, 1, cpus(1), 2);
  grants(2);
  ask(driver, 2, cpus(0));
  const granted none = grant();
  EXPECT_EQ(cores_of(none), numbers{});
  ask_actor(driver, 3);
  const granted actor = grant();
  EXPECT_EQ(cores_of(actor), numbers{});
  EXPECT_NE(actor.worker, none.worker);
}

TEST_F(SchedulerOfCores, AnIdleMisfitMakesRoomAtTheLimit) {
  scheduler_limits limits;
  limits.workers = limits.workers_max = 2;
  make_cores(2, limits);
  ask(driver, 1, cpus(1), 2);
  const auto small = grants(2);
  for (const granted& one : small) give_back(one);
  ask(driver, 2, cpus(2));
  const granted large = grant();
  EXPECT_EQ(cores_of(large), (numbers{0, 1}));
  process_id gone;
  EXPECT_TRUE(out_.take<wire::worker_retire>(&gone));
  EXPECT_EQ(gone, small[0].worker) << "the one that has idled longest";
  EXPECT_EQ(retired(), 0U);
}

// It owns what others hold, so that it can't end: its cores must not keep the node from working.
TEST_F(SchedulerOfCores, WhereNoMisfitCanEndOneTakesTheLease) {
  scheduler_limits limits;
  limits.workers = limits.workers_max = 1;
  limits.retiring_max = 1;
  make_cores(2, limits);
  ask(driver, 1, cpus(2));
  give_back(grant());
  ask(driver, 2, cpus(1));
  const granted one = grant();  // the first retires
  EXPECT_EQ(cores_of(one), numbers{0});
  give_back(one);
  ask(driver, 3, cpus(2));
  EXPECT_EQ(grant().worker, one.worker) << "rather than never";
}

TEST_F(SchedulerOfCores, OneThatComesUpIsAwaitedByWhomItSuits) {
  make_cores(2);
  scheduler_->prestart(1);
  ASSERT_EQ(starter_.started.size(), 1U);
  ask(driver, 1, cpus(2));
  ask(driver, 2, cpus(0));
  EXPECT_EQ(starter_.started.size(), 3U);
  const auto first = grants(2);
  for (const granted& one : first) {
    EXPECT_NE(one.worker, starter_.started[0]);
    give_back(one);
  }
  ask(driver, 3, cpus(1));
  EXPECT_EQ(grant().worker, starter_.started[0]);
}

TEST_F(SchedulerOfCores, TheProcessesThatAreStartedAheadAreApart) {
  make_cores(2);
  scheduler_->prestart(2);
  ask(driver, 1, cpus(1), 2);
  const auto both = grants(2);
  EXPECT_NE(cores_of(both[0]), cores_of(both[1]));
  EXPECT_EQ(starter_.started.size(), 2U);
}

// Its own would come up later.
TEST_F(SchedulerOfCores, WhoAwaitsAProcessTakesAnotherThatIsAsGood) {
  make_cores(2);
  ask(driver, 1, cpus(1));
  const granted first = grant();
  ask(driver, 2, cpus(1));
  EXPECT_EQ(starter_.started.size(), 2U);
  give_back(first);
  ASSERT_EQ(out_.count<wire::lease_grant>(), 1U);
  const granted second = grant();
  EXPECT_EQ(second.worker, first.worker);
  EXPECT_EQ(cores_of(second), numbers{0});
  ask(driver, 3, cpus(1));
  EXPECT_EQ(cores_of(grant()), numbers{1}) << "the one that has come up meanwhile";
  EXPECT_EQ(starter_.started.size(), 2U);
}

TEST_F(SchedulerOfCores, WhatIsLentGoesToAnotherAndIsSharedIfItIsClaimed) {
  make_cores(2);
  ask(driver, 1, cpus(1), 2);
  const auto both = grants(2);
  lend(both[0]);
  ask(driver, 2, cpus(1));
  const granted third = grant();
  EXPECT_EQ(cores_of(third), cores_of(both[0]));
  EXPECT_NE(third.worker, both[0].worker);
  claim(both[0]);
  EXPECT_FALSE(out_.take<wire::cpus_grant>());
  // The other one ends: its cpu goes to who claimed, who shares its own core with the third.
  give_back(both[1]);
  EXPECT_TRUE(out_.take<wire::cpus_grant>());
  EXPECT_FALSE(scheduler_->books().cores_of(0).is_free({{0, 1}}));
  EXPECT_TRUE(scheduler_->books().cores_of(0).is_free({{1, one_cpu}}));
  give_back(both[0]);
  ask(driver, 3, cpus(1));
  EXPECT_EQ(grant().worker, both[1].worker) << "not where the third still runs";
}

TEST_F(SchedulerOfCores, OnTopOfOneThatWaitsALeaseHasItsCores) {
  scheduler_limits limits;
  limits.workers = 2;
  make_cores(2, limits);
  ask(driver, 1, cpus(1), 2);
  const auto both = grants(2);
  lend_all(both[1]);
  ask(driver, 2, cpus(1));
  const granted top = grant();
  EXPECT_EQ(top.worker, both[1].worker);
  EXPECT_FALSE(scheduler_->books().cores_of(0).is_free({{1, 1}}));
  give_back(top);
  EXPECT_TRUE(scheduler_->books().cores_of(0).is_free({{1, one_cpu}}));
}

TEST_F(SchedulerOfCores, ThatAreFewerThanCpusAreNotToldApart) {
  make({{"here", {cpus(4)}, {}, {std::vector<core_place>(2)}}});
  ask(driver, 1, cpus(2));
  const granted one = grant();
  EXPECT_EQ(cores_of(one), numbers{});
  EXPECT_EQ(set_of(one).cpus, 2 * one_cpu);
  give_back(one);
  ask(driver, 2, cpus(1));
  EXPECT_NE(grant().worker, one.worker) << "another number of cpus";
}

TEST_F(SchedulerOfCores, AreNextToTheGpuOfTheLease) {
  std::vector<core_place> places;
  for (std::uint32_t i = 0; i < 8; ++i) places.push_back({i / 4, i / 4, i / 4, 0, {i / 4}});
  wire::resource_amounts total = cpus(8);
  total.gpus = 2 * one_cpu;
  make({{"here", {total}, {}, {places}}});
  wire::resource_amounts demand = cpus(2);
  demand.gpus = one_cpu;
  ask(driver, 1, demand, 2);
  const auto both = grants(2);
  EXPECT_EQ(cores_of(both[0]), (numbers{0, 1}));
  EXPECT_EQ(cores_of(both[1]), (numbers{4, 5}));
  for (const granted& one : both) give_back(one);
  // The same GPU with other cpus: who sees it makes room.
  demand.cpus = 3 * one_cpu;
  ask(driver, 2, demand);
  EXPECT_EQ(cores_of(grant()), (numbers{0, 1, 2}));
  process_id gone;
  EXPECT_TRUE(out_.take<wire::worker_retire>(&gone));
  EXPECT_EQ(gone, both[0].worker);
  EXPECT_EQ(retired(), 0U);
}

TEST_F(SchedulerOfCores, AProcessThatDoesNotComeUpIsReplacedByOneWithTheSame) {
  make_cores(4);
  ask(driver, 1, cpus(3));
  ASSERT_EQ(starter_.started.size(), 1U);
  scheduler_->worker_ended(starter_.started[0], "killed by signal 9", {});
  ++joined_;
  ASSERT_EQ(starter_.started.size(), 2U);
  EXPECT_EQ(cores_of(grant()), (numbers{0, 1, 2}));
}

}  // namespace
}  // namespace mobula::core
