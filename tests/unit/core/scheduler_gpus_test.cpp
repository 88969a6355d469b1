#include "core/scheduler.hpp"

#include "core/scheduler_fixture.hpp"

// Which GPUs leases get, and which process sees them.

namespace mobula::core {
namespace {

class SchedulerOfGpus : public Scheduler {
 protected:
  static wire::resource_amounts gpus(double count, double cpu_count = 1) {
    wire::resource_amounts amounts = cpus(cpu_count);
    amounts.gpus = static_cast<std::int64_t>(count * one_cpu);
    return amounts;
  }
  device_set devices_of(const granted& one) { return starter_.sets.at(one.worker).devices; }
  std::vector<std::uint32_t> numbers_of(const granted& one) {
    std::vector<std::uint32_t> all;
    for (const device_share& each : devices_of(one)) all.push_back(each.number);
    return all;
  }
  using numbers = std::vector<std::uint32_t>;
};

TEST_F(SchedulerOfGpus, AProcessSeesTheDevicesOfItsLeaseAndNoOthers) {
  make({{"here", {gpus(3, 8)}}});
  ask(driver, 1, cpus(1));
  EXPECT_EQ(numbers_of(grant()), numbers{});
  ask(driver, 2, gpus(2));
  EXPECT_EQ(numbers_of(grant()), (numbers{0, 1}));
  ask(driver, 3, gpus(0.5), 2);
  const granted one = grant();
  const granted other = grant();
  EXPECT_EQ(numbers_of(one), numbers{2});
  EXPECT_EQ(numbers_of(other), numbers{2});
  EXPECT_NE(one.worker, other.worker);
  ask(driver, 4, gpus(0.5));
  EXPECT_TRUE(nothing_granted());
  give_back(one);
  EXPECT_EQ(grant().worker, one.worker) << "which sees the right one already";
}

TEST_F(SchedulerOfGpus, AnIdleProcessWithOtherDevicesMakesRoom) {
  make({{"here", {gpus(2, 8)}}});
  ask(driver, 1, gpus(1));
  const granted small = grant();
  give_back(small);
  ask(driver, 2, gpus(2));
  const granted large = grant();
  EXPECT_EQ(numbers_of(large), (numbers{0, 1}));
  process_id retired;
  EXPECT_TRUE(out_.take<wire::worker_retire>(&retired));
  EXPECT_EQ(retired, small.worker);
}

TEST_F(SchedulerOfGpus, WhoAsksForNoneIsGivenNoProcessThatSeesSome) {
  make({{"here", {gpus(2, 2)}}});
  ask(driver, 1, gpus(1));
  const granted first = grant();
  give_back(first);
  ask(driver, 2, cpus(1), 2);
  const granted plain = grant();
  for (const granted& one : {plain, grant()}) EXPECT_EQ(numbers_of(one), numbers{});
  give_back(plain);
  ask(driver, 3, gpus(1));
  EXPECT_EQ(grant().worker, first.worker);
}

TEST_F(SchedulerOfGpus, WhatIsFreeInPiecesIsNoDevice) {
  make({{"here", {gpus(2, 8)}}});
  ask(driver, 1, gpus(0.75), 2);
  const granted one = grant();
  const granted other = grant();
  EXPECT_NE(numbers_of(one), numbers_of(other));
  ask(driver, 2, gpus(0.5));
  EXPECT_TRUE(nothing_granted()) << "a quarter is free of each";
  ask(driver, 3, gpus(0.25));
  EXPECT_TRUE(nothing_granted()) << "who came first is not starved";
  give_back(one);
  EXPECT_EQ(grant().request, 2U);
  EXPECT_EQ(grant().request, 3U);
}

// By amount there is enough, so that nobody would be asked to give anything back.
TEST_F(SchedulerOfGpus, WhoHoldsThePiecesIsAskedForThem) {
  make({{"here", {gpus(2, 8)}}});
  ask(driver, 1, gpus(0.75), 2);
  const granted one = grant();
  const granted other = grant();
  pass_tenure();
  ask(other_owner, 2, gpus(0.5));
  EXPECT_TRUE(nothing_granted());
  pass_tenure();
  process_id asked;
  const auto recall = out_.take<wire::lease_recall>(&asked);
  ASSERT_TRUE(recall);
  EXPECT_EQ(asked, driver);
  give_back(recall->lease == one.lease ? one : other);
  EXPECT_EQ(grant().owner, other_owner);
}

TEST_F(SchedulerOfGpus, ManyThatSeeSomeKeepNobodyFromAPlainProcess) {
  scheduler_limits limits;
  limits.workers = 2;
  limits.workers_max = 4;
  make({{"here", {gpus(4, 8)}}}, limits);
  ask(driver, 1, gpus(1), 4);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(numbers_of(grant()).size(), 1U);
  ask(driver, 2, cpus(1));
  EXPECT_EQ(numbers_of(grant()), numbers{});
}

TEST_F(SchedulerOfGpus, AnotherNodeHearsWhatIsFreeInPieces) {
  make({{"here", {gpus(2, 8)}}, {"there", {gpus(2, 8)}}});
  wire::lease_request both = request_of(driver, 1, gpus(0.75), 2);
  both.preferred = 0;
  receive(driver, both);
  grant();
  grant();
  // From the other node comes a request that fits into the sum alone: it may not go back there.
  wire::free_amounts news;
  news.node = 1;
  news.free = gpus(0.8, 8);
  news.gpu_part = one_cpu * 4 / 10;
  receive(process_id::scheduler_of(1), news);
  out_.clear();
  ask(driver, 2, gpus(0.5));
  EXPECT_TRUE(nothing_granted());
  EXPECT_EQ(out_.count<wire::lease_request>(), 0U) << "there is no such piece there";
  news.gpu_part = one_cpu / 2;
  receive(process_id::scheduler_of(1), news);
  EXPECT_EQ(out_.count<wire::lease_request>(), 1U);
}

TEST_F(SchedulerOfGpus, AnActorKeepsItsDevicesUntilItEnds) {
  make({{"here", {gpus(1, 2)}}});
  wire::lease_request request = request_of(driver, 1, gpus(1));
  request.kind = lease_kind::actor;
  request.held.cpus = 0;
  receive(driver, request);
  const granted actor = grant();
  EXPECT_EQ(numbers_of(actor), numbers{0});
  ask(driver, 2, gpus(1));
  EXPECT_TRUE(nothing_granted());
  give_back(actor);
  EXPECT_EQ(numbers_of(grant()), numbers{0});
}

TEST_F(SchedulerOfGpus, AProcessThatDoesNotComeUpIsReplacedByOneThatSeesTheSame) {
  make({{"here", {gpus(2, 8)}}});
  ask(driver, 1, gpus(2));
  ASSERT_EQ(starter_.started.size(), 1U);
  scheduler_->worker_ended(starter_.started[0], "killed by signal 9", {});
  ++joined_;
  ASSERT_EQ(starter_.started.size(), 2U);
  EXPECT_EQ(numbers_of(grant()), (numbers{0, 1}));
}

TEST_F(SchedulerOfGpus, WhatNoDevicesEverMakeUpIsInfeasibleInWords) {
  const std::vector<device> instances{{true, true}, {true, true}, {false, false}};
  make({{"here", {gpus(3, 8)}, {instances}}});
  ask(driver, 1, gpus(2));
  const auto refused = out_.take<wire::lease_refuse>();
  ASSERT_TRUE(refused);
  wire::reader from{refused->error};
  const auto error = wire::decode_part<wire::error_value>(from);
  EXPECT_EQ(error.code, wire::error_code::infeasible);
  EXPECT_NE(std::string{error.what}.find("MIG"), std::string::npos) << error.what;
  ask(driver, 2, gpus(1), 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(devices_of(grant()).size(), 1U);
}

}  // namespace
}  // namespace mobula::core
