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
