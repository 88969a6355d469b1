// Where every rank is a driver: how the job ends with several of them.

#include <gmock/gmock.h>

#include <vector>

#include "core/scheduler_fixture.hpp"

namespace mobula::core {
namespace {

TEST_F(Scheduler, WithSeveralDriversEndsOnceAllHaveAsked) {
  node_totals here{"here", {cpus(2)}};
  node_totals there{"there", {cpus(2)}};
  here.drivers = 2;
  there.drivers = 3;
  make({here, there, {"without drivers", {cpus(2)}}});
  ask({0, 2}, 1, cpus(1));
  const granted one = grant();
  EXPECT_EQ(one.owner, (process_id{0, 2}));
  EXPECT_GT(one.worker.incarnation(), 2U);  // the others are drivers
  receive(driver, wire::shutdown{});
  receive(driver, wire::shutdown{});
  receive({0, 2}, wire::shutdown{});
  receive(process_id{1, 2}, wire::shutdown{});  // it asks its own scheduler
  receive(process_id::scheduler_of(2), wire::shutdown{});
  EXPECT_FALSE(scheduler_->shutting_down());
  receive(process_id::scheduler_of(1), wire::shutdown{});
  EXPECT_TRUE(scheduler_->shutting_down());
  std::vector<process_id> told;
  for (process_id to; out_.take<wire::shutdown>(&to);) told.push_back(to);
  EXPECT_THAT(
      told, testing::UnorderedElementsAre(process_id::scheduler_of(1), process_id::scheduler_of(2),
                                          driver, (process_id{0, 2})));
}

TEST_F(Scheduler, OfAnotherNodeAsksTheFirstInTheNameOfItsDrivers) {
  node_totals there{"there", {cpus(2)}};
  there.drivers = 2;
  scheduler second{1, {{"here", {cpus(2)}}, there}, starter_, out_};
  second.driver_joined({1, 1});
  second.driver_joined({1, 2});
  const auto hears = [&](process_id from, const auto& message) {
    second.on_message(from, encoded(message));
  };
  hears({1, 2}, wire::shutdown{});
  EXPECT_FALSE(out_.take<wire::shutdown>());
  hears({1, 1}, wire::shutdown{4});
  process_id asked;
  const auto said = out_.take<wire::shutdown>(&asked);
  ASSERT_TRUE(said);
  EXPECT_EQ(asked, process_id::scheduler_of(0));
  EXPECT_EQ(said->exit_status, 4);
  EXPECT_FALSE(second.shutting_down());
  hears(process_id::scheduler_of(0), *said);
  EXPECT_TRUE(second.shutting_down());
  EXPECT_EQ(out_.count<wire::shutdown>(), 2U);
}

TEST_F(Scheduler, AnyDriversEndIsTheJobsEndAndSoIsThatOfItsNode) {
  node_totals here{"here", {cpus(1)}};
  node_totals there{"there", {cpus(1)}};
  here.drivers = there.drivers = 2;
  const std::vector<node_totals> nodes{here, there, {"without drivers", {cpus(1)}}};
  make(nodes);
  scheduler_->process_ended({1, 9});  // a worker
  scheduler_->process_ended(process_id::scheduler_of(2));
  EXPECT_FALSE(scheduler_->shutting_down());
  for (const process_id last :
       {process_id{0, 2}, process_id{1, 1}, process_id{1, 2}, process_id::scheduler_of(1)}) {
    make(nodes);
    scheduler_->process_ended(last);
    EXPECT_TRUE(scheduler_->shutting_down());
    EXPECT_NE(scheduler_->exit_status(), 0);
  }
}

TEST_F(Scheduler, TellsAllDriversOfItsNodeOfDeaths) {
  node_totals here{"here", {cpus(1)}};
  here.drivers = 3;
  make({here});
  ask(driver, 1, cpus(1));
  const granted one = grant();
  scheduler_->worker_ended(one.worker, "killed", {});
  std::vector<process_id> told;
  for (process_id to; out_.take<wire::process_ended>(&to);) told.push_back(to);
  EXPECT_THAT(told, testing::UnorderedElementsAre(driver, process_id{0, 2}, process_id{0, 3}));
}

// What it is told before is lost, and the scheduler would take it for ended.
TEST_F(Scheduler, TellsADriverOfNothingBeforeItHasJoined) {
  node_totals here{"here", {cpus(1)}};
  here.drivers = 2;
  scheduler one{0, {here}, starter_, out_};
  const process_id second{0, 2};
  const auto told_second = [&](const auto& message) {
    bool found = false;
    for (process_id to; out_.take<std::remove_cvref_t<decltype(message)>>(&to);)
      found = found || to == second;
    return found;
  };
  one.driver_joined(driver);
  one.process_ended({1, 7});
  EXPECT_FALSE(told_second(wire::process_ended{}));
  one.process_ended(driver);
  ASSERT_TRUE(one.shutting_down());
  EXPECT_FALSE(told_second(wire::shutdown{}));
  one.driver_joined(second);
  EXPECT_TRUE(told_second(wire::shutdown{}));
}

}  // namespace
}  // namespace mobula::core
