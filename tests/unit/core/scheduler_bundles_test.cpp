#include <gtest/gtest.h>

#include <cstring>

#include "core/scheduler_fixture.hpp"
#include "wire/group_messages.hpp"

// Leases in a bundle of the only node, which knows all groups too: what it sends itself arrives.

namespace mobula::core {
namespace {

const wire::group_id group{driver, 1};

class SchedulerBundles : public Scheduler {
 protected:
  void make_group(double bundle_cpus) {
    wire::group_create asked{group, {driver, 9}, wire::group_strategy::pack, {}};
    asked.bundles.push_back(cpus(bundle_cpus));
    receive(driver, asked);
    deliver();
    EXPECT_TRUE(out_.take<wire::group_ready>());
  }
  void remove_group() {
    receive(driver, wire::group_remove{1, group});
    deliver();
    EXPECT_TRUE(out_.take<wire::group_removed>()->was_there);
  }
  /// Any bundle.
  void ask_in_group(process_id owner, std::uint64_t number, double count) {
    wire::lease_request request = request_of(owner, number, cpus(count));
    request.where.how = wire::placement_kind::group;
    request.where.group = group;
    receive(owner, request);
    deliver();
  }
  /// What is for the scheduler itself.
  void deliver() {
    const process_id self = process_id::scheduler_of(0);
    sent_messages rest;
    while (const auto one = out_.take_first()) {
      if (one->to == self) {
        scheduler_->on_message(self, one->bytes);
      } else {
        std::memcpy(rest.begin(one->to, one->bytes.size()), one->bytes.data(), one->bytes.size());
      }
    }
    out_ = std::move(rest);
  }
};

TEST_F(SchedulerBundles, LeaveTheRestToOthers) {
  make(2);
  make_group(1);
  ask(driver, 1, cpus(1));
  grant();
  ask(driver, 2, cpus(1));
  EXPECT_TRUE(nothing_granted());
  ask_in_group(driver, 3, 1);
  EXPECT_EQ(grant().request, 3U);
}

TEST_F(SchedulerBundles, ARequestInsideTakesWhatATaskThereLends) {
  make(1);
  make_group(1);
  ask_in_group(driver, 1, 1);
  const granted outer = grant();
  ask_in_group(outer.worker, 2, 0.5);
  EXPECT_TRUE(nothing_granted());
  lend(outer);
  EXPECT_EQ(grant().request, 2U);
}

TEST_F(SchedulerBundles, OwnersInsideTakeTurns) {
  make(1);
  make_group(1);
  ask_in_group(driver, 1, 1);
  const granted first = grant();
  ask_in_group(driver, 2, 1);
  ask_in_group(other_owner, 3, 1);
  pass_tenure();
  EXPECT_EQ(out_.take<wire::lease_recall>()->lease, first.lease);
  give_back(first);
  const granted second = grant();
  pass_tenure();
  out_.clear();
  give_back(second);
  const granted third = grant();
  EXPECT_NE(second.owner, third.owner);
}

TEST_F(SchedulerBundles, OneThatGoesEndsItsProcessesAndIsFreeThen) {
  make(1);
  make_group(1);
  ask_in_group(driver, 1, 1);
  const granted inside = grant();
  ask_in_group(driver, 2, 1);
  remove_group();
  EXPECT_TRUE(out_.take<wire::lease_refuse>());
  ASSERT_EQ(starter_.ended.size(), 1U);
  EXPECT_EQ(starter_.ended[0], inside.worker);
  EXPECT_EQ(scheduler_->books().free(), cpus(0));
  scheduler_->worker_ended(inside.worker, "killed by signal 9", {});
  EXPECT_EQ(out_.take<wire::lease_lost>()->cause, "its placement group was removed");
  EXPECT_EQ(scheduler_->books().free(), cpus(1));
  EXPECT_EQ(scheduler_->lease_count(), 0U);
}

// Its owner gives its lease back before it is gone.
TEST_F(SchedulerBundles, AProcessThatIsBeingEndedIsGivenToNobody) {
  make(1);
  make_group(1);
  ask_in_group(driver, 1, 1);
  const granted inside = grant();
  remove_group();
  give_back(inside);
  deliver();
  ask(driver, 2, cpus(1));
  EXPECT_NE(grant().worker, inside.worker);
}

// It would take along what that had made.
TEST_F(SchedulerBundles, AProcessThatRanOthersRunsNothingInside) {
  make(2);
  ask(driver, 1, cpus(1));
  const granted outside = grant();
  give_back(outside);
  make_group(1);
  ask_in_group(driver, 2, 1);
  const granted inside = grant();
  EXPECT_NE(inside.worker, outside.worker);
  give_back(inside);
  ask_in_group(driver, 3, 1);
  EXPECT_EQ(grant().worker, inside.worker);
}

}  // namespace
}  // namespace mobula::core
