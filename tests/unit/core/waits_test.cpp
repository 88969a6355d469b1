// What an owner, an executor and a scheduler say when they are asked what somebody waits for.

#include "core/waits.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "core/executor.hpp"
#include "core/owner.hpp"
#include "core/scheduler.hpp"
#include "core/sent_messages.hpp"
#include "wire/codec.hpp"

namespace mobula::core {
namespace {

using wire::lease_id;
using wire::object_id;
using wire::process_id;
using wire::wait_kind;
using wire::wait_point;
using wire::wait_reply;

const process_id driver{0, 1};
const process_id here{0, 2};
const process_id other{0, 3};
const process_id scheduler_here = process_id::scheduler_of(0);

wait_point object_point(object_id id) {
  return {.kind = wait_kind::object, .asked = id.owner(), .object = id};
}

void expect_free(const wait_reply& said) {
  EXPECT_EQ(said.needed, 0U);
  EXPECT_TRUE(said.on.empty());
}

// ---- owners

class OwnerWaits : public testing::Test {
 protected:
  template <class Message>
  void receive(process_id from, const Message& message) {
    const auto bytes = encoded(message);
    one_.on_message(from, bytes);
    one_.flush();
  }
  wait_reply ask(const object& about) {
    one_.flush();
    return answer_wait(one_, nullptr, object_point(about.id));
  }
  object& submit(std::vector<parameter> given = {}) {
    task_spec spec;
    spec.refs = given;
    return one_.submit(spec, one_.shape_for({}));
  }
  object& call(object& actor, std::vector<parameter> given = {}) {
    task_spec spec;
    spec.refs = given;
    return one_.call_actor(actor, {driver, 2}, spec);
  }
  /// An actor that lives in `other`.
  object& actor() {
    object& handle = one_.objects().adopt({other, 50});
    return handle;
  }
  void actor_is_known() {
    struct {
      process_id home = other;
      std::uint32_t incarnation = 0;
    } const address;
    std::vector<std::byte> bytes(sizeof address.home + sizeof address.incarnation);
    wire::writer room{bytes.data()};
    room.number(address.home);
    room.number(address.incarnation);
    wire::object_ready ready;
    ready.object = {other, 50};
    ready.value.bytes = bytes;
    receive(other, ready);
  }

  sent_messages out_;
  owner one_{driver, out_};
};

TEST_F(OwnerWaits, ATaskWaitsForItsMissingArguments) {
  object& late = one_.objects().adopt({other, 7});
  object& there = one_.put({}, {});
  const auto said = ask(submit({{0, &late}, {1, &there}}));
  EXPECT_EQ(said.needed, 1U);
  ASSERT_EQ(said.on.size(), 1U);
  EXPECT_EQ(said.on[0], object_point(late.id));
}

TEST_F(OwnerWaits, AReadyTaskWaitsForALeaseWhereItsRequestIs) {
  object& made = submit();
  auto said = ask(made);
  ASSERT_EQ(said.on.size(), 1U);
  EXPECT_EQ(said.on[0].kind, wait_kind::request);
  EXPECT_EQ(said.on[0].asked, scheduler_here);
  EXPECT_EQ(said.on[0].by, driver);
  const auto asked = out_.take<wire::lease_request>();
  ASSERT_TRUE(asked);
  EXPECT_EQ(said.on[0].number, asked->request);
  receive(process_id::scheduler_of(3), wire::lease_queued{asked->request, 1});
  EXPECT_EQ(ask(made).on[0].asked, process_id::scheduler_of(3));
}

TEST_F(OwnerWaits, ACreationWaitsForALeaseWhereItsRequestIs) {
  demand_key key;
  key.kind = wire::lease_kind::actor;
  object& handle = one_.create_actor({}, one_.shape_for(key));
  EXPECT_EQ(ask(handle).on.at(0).asked, scheduler_here);
  const auto asked = out_.take<wire::lease_request>();
  ASSERT_TRUE(asked);
  receive(process_id::scheduler_of(3), wire::lease_queued{asked->request, 1});
  const auto said = ask(handle);
  EXPECT_EQ(said.on.at(0).asked, process_id::scheduler_of(3));
  EXPECT_EQ(said.on.at(0).number, asked->request);
  EXPECT_EQ(out_.count<wire::lease_update>(), 0U) << "it is still wanted";
}

TEST_F(OwnerWaits, APushedTaskWaitsForItsAttempt) {
  object& made = submit();
  one_.flush();
  const auto asked = out_.take<wire::lease_request>();
  ASSERT_TRUE(asked);
  receive(scheduler_here, wire::lease_grant{asked->request, {scheduler_here, 1}, here});
  auto said = ask(made);
  ASSERT_EQ(said.on.size(), 1U);
  EXPECT_EQ(said.on[0].kind, wait_kind::attempt);
  EXPECT_EQ(said.on[0].asked, here);
  EXPECT_EQ(said.on[0].attempt, 0U);
  const std::uint64_t stamp = said.stamp;
  wire::task_return back;
  back.lease = {scheduler_here, 1};
  back.tasks.push_back({wire::maker_of(made.id), 0});
  receive(here, back);
  EXPECT_NE(ask(made).stamp, stamp) << "another attempt";
}

TEST_F(OwnerWaits, ACallWaitsForItsActorToBeMade) {
  object& handle = actor();
  object& made = call(handle);
  const auto said = ask(made);
  ASSERT_EQ(said.on.size(), 1U);
  EXPECT_EQ(said.on[0], object_point(handle.id));
  actor_is_known();
  EXPECT_NE(ask(made).on.at(0), object_point(handle.id));
}

TEST_F(OwnerWaits, ACallWaitsForTheArgumentsOfTheOneBeforeIt) {
  object& handle = actor();
  object& late = one_.objects().adopt({other, 7});
  call(handle, {{0, &late}});
  object& behind = call(handle);
  actor_is_known();
  const auto said = ask(behind);
  ASSERT_EQ(said.on.size(), 1U);
  EXPECT_EQ(said.on[0], object_point(late.id));
}

TEST_F(OwnerWaits, ASentCallWaitsForItsAttempt) {
  object& handle = actor();
  object& made = call(handle);
  actor_is_known();
  const auto said = ask(made);
  ASSERT_EQ(said.on.size(), 1U);
  EXPECT_EQ(said.on[0].kind, wait_kind::attempt);
  EXPECT_EQ(said.on[0].asked, other);
  EXPECT_EQ(said.actor, handle.id);
}

TEST_F(OwnerWaits, WhatIsMadeOrUnknownOrAPromiseWaitsForNobody) {
  expect_free(ask(one_.put({}, {})));
  expect_free(ask(one_.promise()));
  expect_free(answer_wait(one_, nullptr, object_point({driver, 999})));
}

// ---- executors

class quiet_board final : public task_board {
  void begun(const attempt&) override {}
  void suspended(const attempt&) override {}
  void resumed(const attempt&) override {}
  void ended(const attempt&) override {}
};

class ExecutorWaits : public testing::Test {
 protected:
  template <class Message>
  void receive(const Message& message) {
    const auto bytes = encoded(message);
    executor_.on_message(driver, bytes);
  }
  void create(std::uint32_t concurrency) {
    wire::task_push creation;
    creation.task = {driver, 100};
    creation.lease = lease_;
    creation.flags = wire::task_push::creates_actor;
    creation.max_concurrency = concurrency;
    receive(creation);
    executor_.finish(*executor_.next(), {});
  }
  void call(std::uint64_t number) {
    wire::actor_call message;
    message.actor = {driver, 100};
    message.caller = {driver, 1};
    message.number = number;
    message.call.task = {driver, number};
    receive(message);
  }
  wait_reply ask(std::uint64_t task) {
    return answer_wait(owner_, &executor_,
                       {.kind = wait_kind::attempt, .asked = here, .object = {driver, task}});
  }
  wait_reply ask_lease() {
    return answer_wait(
        owner_, &executor_,
        {.kind = wait_kind::lease, .asked = here, .by = lease_.granter, .number = lease_.number});
  }

  const lease_id lease_{scheduler_here, 4};
  sent_messages out_;
  quiet_board board_;
  owner owner_{here, out_};
  executor executor_{here, owner_, board_, out_};
};

TEST_F(ExecutorWaits, ASuspendedAttemptWaitsForWhatIsNotReady) {
  create(1);
  call(1);
  attempt& one = *executor_.next();
  expect_free(ask(1));
  const object_id there = owner_.put({}, {}).id;
  const object_id awaited[] = {{other, 1}, there, {other, 2}};
  executor_.suspend(one, {.objects = awaited, .needed = 2});
  const auto said = ask(1);
  EXPECT_TRUE(said.can_fail);
  EXPECT_EQ(said.on, (std::vector{object_point(awaited[0]), object_point(awaited[2])}));
  EXPECT_EQ(said.needed, 1U) << "one of the two is there";
  executor_.wake(one);
  expect_free(ask(1));
}

TEST_F(ExecutorWaits, AnAttemptThatWaitsAgainSaysSo) {
  create(1);
  call(1);
  attempt& one = *executor_.next();
  const object_id awaited[] = {{other, 1}};
  executor_.suspend(one, {awaited, 1});
  const auto stamp = ask(1).stamp;
  executor_.wake(one);
  EXPECT_EQ(executor_.next(), &one);
  executor_.suspend(one, {awaited, 1});
  EXPECT_NE(ask(1).stamp, stamp);
}

TEST_F(ExecutorWaits, AWaitMayBeListedOnlyWhenAsked) {
  struct : awaited_list {
    void list(std::vector<object_id>& into) const override { into.push_back({other, 3}); }
  } const list;
  create(1);
  call(1);
  executor_.suspend(*executor_.next(), {.needed = 1, .list = &list});
  EXPECT_EQ(ask(1).on, std::vector{object_point({other, 3})});
}

TEST_F(ExecutorWaits, AWaitWithATimeLimitEndsByItself) {
  create(1);
  call(1);
  const object_id awaited[] = {{other, 1}};
  executor_.suspend(*executor_.next(), {.objects = awaited, .needed = 1, .limited = true});
  expect_free(ask(1));
}

TEST_F(ExecutorWaits, ACallInLineWaitsForAnyOfThoseThatHaveBegun) {
  create(2);
  const object_id awaited[] = {{other, 1}};
  for (std::uint64_t number = 1; number <= 3; ++number) call(number);
  executor_.suspend(*executor_.next(), {awaited, 1});
  expect_free(ask(2));
  executor_.suspend(*executor_.next(), {awaited, 1});
  const auto said = ask(3);
  EXPECT_FALSE(said.can_fail);
  EXPECT_EQ(said.concurrency, 2U);
  EXPECT_EQ(said.needed, 1U);
  EXPECT_EQ(said.on.size(), 2U);
  expect_free(ask(4));
}

TEST_F(ExecutorWaits, ALeaseEndsWithAllThatHasBegunInIt) {
  expect_free(ask_lease());
  create(2);
  expect_free(ask_lease());
  const object_id awaited[] = {{other, 1}};
  for (std::uint64_t number = 1; number <= 2; ++number) call(number);
  executor_.suspend(*executor_.next(), {awaited, 1});
  ASSERT_TRUE(executor_.next());
  const auto said = ask_lease();
  EXPECT_EQ(said.on.size(), 2U);
  EXPECT_EQ(said.needed, 2U);
}

TEST_F(ExecutorWaits, WhoWaitsForSomeOfTooManyToNameCountsAsAbleToGoOn) {
  std::vector<object_id> many;
  for (std::uint64_t i = 0; i <= wire::wait_points_max; ++i) many.push_back({other, i});
  create(2);
  call(1);
  call(2);
  executor_.suspend(*executor_.next(), {many, 1});
  executor_.suspend(*executor_.next(), {many, many.size()});
  EXPECT_EQ(ask(1).needed, 0U);
  EXPECT_EQ(ask(2).needed, wire::wait_points_max);
  EXPECT_EQ(ask(2).on.size(), wire::wait_points_max);
}

// ---- schedulers

wire::resource_amounts gpus(double count) {
  wire::resource_amounts amounts;
  amounts.cpus = wire::resource_amounts::unit / 10;
  amounts.gpus = static_cast<std::int64_t>(count * wire::resource_amounts::unit);
  return amounts;
}

class SchedulerWaits : public testing::Test, worker_starter {
 protected:
  void make(std::size_t nodes) {
    wire::resource_amounts each = gpus(2);
    each.cpus = wire::resource_amounts::unit;
    one_ = std::make_unique<scheduler>(wire::node_id{0},
                                       std::vector<node_totals>(nodes, {"host", {each}}),
                                       static_cast<worker_starter&>(*this), out_);
    one_->tick(1'000'000'000);
  }
  template <class Message>
  void receive(process_id from, const Message& message) {
    const auto bytes = encoded(message);
    one_->on_message(from, bytes);
  }
  void request(std::uint64_t number, const wire::resource_amounts& demand) {
    wire::lease_request asked;
    asked.owner = driver;
    asked.request = number;
    asked.demand = asked.held = demand;
    asked.hops = 3;  // it stays
    receive(driver, asked);
  }
  wait_reply ask(std::uint64_t number, const wire::resource_amounts& demand,
                 wait_kind kind = wait_kind::request) {
    receive(here, wire::wait_query{7,
                                   {.kind = kind,
                                    .asked = scheduler_here,
                                    .by = driver,
                                    .number = number,
                                    .demand = demand}});
    process_id to;
    const auto said = out_.take<wire::wait_reply>(&to);
    EXPECT_TRUE(said);
    EXPECT_EQ(to, here);
    EXPECT_EQ(said->token, 7U);
    return *said;
  }
  void start_worker(process_id process, const process_set&) override { one_started_ = process; }
  void end_worker(process_id) override {}
  void join() { one_->worker_joined(one_started_); }

  sent_messages out_;
  process_id one_started_;
  std::unique_ptr<scheduler> one_;
};

TEST_F(SchedulerWaits, ARequestWaitsForWhoHoldsWhatItLacks) {
  make(1);
  request(1, gpus(2));
  request(2, gpus(1));
  EXPECT_EQ(ask(2, gpus(1)).needed, 0U) << "its holder has no process yet";
  join();
  const auto grant = out_.take<wire::lease_grant>();
  ASSERT_TRUE(grant);
  const auto said = ask(2, gpus(1));
  EXPECT_EQ(said.needed, 1U);
  ASSERT_EQ(said.on.size(), 1U);
  EXPECT_EQ(said.on[0].kind, wait_kind::lease);
  EXPECT_EQ(said.on[0].asked, grant->worker);
  EXPECT_EQ(said.on[0].number, grant->lease.number);
}

TEST_F(SchedulerWaits, ARequestThatLacksCpusAloneWaitsForNobody) {
  make(1);
  wire::resource_amounts all_cpus;
  all_cpus.cpus = wire::resource_amounts::unit;
  request(1, all_cpus);
  join();
  request(3, all_cpus);
  expect_free(ask(3, all_cpus));
}

TEST_F(SchedulerWaits, ARequestWaitsForOneAheadThatLacksTheSame) {
  make(1);
  request(1, gpus(1));
  join();
  request(2, gpus(2));
  request(3, gpus(1));
  const auto said = ask(3, gpus(1));
  ASSERT_EQ(said.on.size(), 1U);
  EXPECT_EQ(said.on[0].kind, wait_kind::request);
  EXPECT_EQ(said.on[0].number, 2U);
  EXPECT_EQ(said.on[0].demand, gpus(2));
}

TEST_F(SchedulerWaits, ARequestThatDoesNotWaitHereWaitsForNobody) {
  make(1);
  request(1, gpus(2));
  join();
  expect_free(ask(2, gpus(1)));
}

TEST_F(SchedulerWaits, ARequestMayBeMetByOtherNodesToo) {
  make(3);
  request(1, gpus(2));
  join();
  request(2, gpus(1));
  const auto said = ask(2, gpus(1));
  EXPECT_EQ(said.needed, 1U);
  ASSERT_EQ(said.on.size(), 3U);
  for (const std::size_t node : {1U, 2U}) {
    EXPECT_EQ(said.on[node].kind, wait_kind::room);
    EXPECT_EQ(said.on[node].asked, process_id::scheduler_of(static_cast<wire::node_id>(node)));
    EXPECT_EQ(said.on[node].demand, gpus(1));
  }
  EXPECT_EQ(ask(2, gpus(1), wait_kind::room).on.size(), 1U) << "of this node alone";
}

}  // namespace
}  // namespace mobula::core
