#include "core/scheduler.hpp"

#include <gmock/gmock.h>

#include "core/scheduler_fixture.hpp"

// Who has what of a node that is too small for all.

namespace mobula::core {
namespace {

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

/// The only cpu, which a task has lent while it waits, and another owner's runs on.
class LentCpus : public Scheduler {
 protected:
  LentCpus() {
    make(1);
    ask(driver, 1, cpus(1));
    parent = grant();
    lend(parent);
    ask(other_owner, 1, cpus(1));
    child = grant();
  }

  granted parent;
  granted child;
};

TEST_F(LentCpus, ServeOthersAndComeBackAheadOfNewLeases) {
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

TEST_F(LentCpus, AreRecalledAtOnceByAClaim) {
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

}  // namespace
}  // namespace mobula::core
