#include "core/lease_book.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

#include "core/owner.hpp"
#include "core/sent_messages.hpp"

// An owner's leases while nothing comes: a process that sleeps until the next deadline, and ticks
// then, must come to rest.

namespace mobula::core {
namespace {

using wire::lease_id;
using wire::process_id;

const process_id self{0, 1};
const process_id scheduler = process_id::scheduler_of(0);
const process_id worker{0, 2};
const process_id other_worker{0, 3};
const process_id far_worker{2, 1};
constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

class LeaseBook : public testing::Test {
 protected:
  ~LeaseBook() override {
    for (object* one : results_) one_.objects().drop(*one);
  }

  template <class Message>
  void receive(process_id from, const Message& message) {
    const auto bytes = encoded(message);
    one_.on_message(from, bytes);
    one_.tick(now_);
    one_.flush();
  }
  void submit(int count) {
    for (int i = 0; i < count; ++i) results_.push_back(&one_.submit({}, one_.shape_for({})));
    one_.flush();
    take_pushes();
  }
  void submit_with(double cpus) {
    demand_key key;
    key.demand.cpus = key.held.cpus =
        static_cast<std::int64_t>(cpus * static_cast<double>(wire::resource_amounts::unit));
    results_.push_back(&one_.submit({}, one_.shape_for(key)));
    one_.flush();
    take_pushes();
  }
  /// Tasks with an argument that is stored there.
  void submit_for_bytes_on(wire::node_id node, int count) {
    object& made = one_.promise();
    results_.push_back(&made);
    wire::value_view value;
    value.kind = wire::value_kind::stored;
    value.where.node = node;
    value.where.size_bytes = 100'000;
    one_.fulfil(made, value, {});
    const parameter given[] = {{0, &made}};
    task_spec spec;
    spec.refs = given;
    for (int i = 0; i < count; ++i) results_.push_back(&one_.submit(spec, one_.shape_for({})));
    one_.flush();
    take_pushes();
  }
  void take_pushes() {
    while (const auto push = out_.take<wire::task_push>())
      in_flight_.push_back({push->task, push->attempt, push->lease});
    if (const auto asked = out_.take<wire::lease_request>()) request_ = asked->request;
  }
  void grant(lease_id named, process_id to) {
    receive(scheduler, wire::lease_grant{request_, named, to});
    take_pushes();
  }
  /// The oldest of that lease has run.
  void complete_one_of(lease_id named) {
    const auto at = std::ranges::find(in_flight_, named, &pushed::lease);
    ASSERT_NE(at, in_flight_.end());
    const pushed done = *at;
    in_flight_.erase(at);
    wire::task_done message;
    message.task = done.task;
    message.attempt = done.attempt;
    message.lease = done.lease;
    const auto result = encoded_part(wire::value_view{});
    message.results = result;
    receive(named == lease ? worker : named == far_lease ? far_worker : other_worker, message);
    take_pushes();
  }
  std::size_t count_of(lease_id named) const {
    return static_cast<std::size_t>(std::ranges::count(in_flight_, named, &pushed::lease));
  }
  void complete_all_of(lease_id named) {
    while (count_of(named) != 0) complete_one_of(named);
  }
  /// A lease whose window is wide, since many short tasks have run, with nothing in flight.
  void warm_up() {
    submit(64);
    grant(lease, worker);
    complete_all_of(lease);
  }
  /// As a process does that has nothing else to do. @returns how often it ticked
  int ticks_until_rest() {
    constexpr int many = 1000;
    int ticks = 0;
    for (std::uint64_t next = one_.next_deadline_ns(); next != never && ticks < many;
         next = one_.next_deadline_ns()) {
      now_ = std::max(next, now_ + 1000);
      one_.tick(now_);
      one_.flush();
      take_pushes();
      ++ticks;
    }
    return ticks;
  }

  static constexpr int few = 8;
  const lease_id lease{scheduler, 7};
  const lease_id other_lease{scheduler, 8};
  const lease_id far_lease{process_id::scheduler_of(2), 7};

  struct pushed {
    wire::task_id task;
    std::uint32_t attempt;
    lease_id lease;
  };
  sent_messages out_;
  owner one_{self, out_};
  std::uint64_t now_ = 1'000'000'000;
  std::uint64_t request_ = 0;
  std::vector<pushed> in_flight_;
  std::vector<object*> results_;
};

TEST_F(LeaseBook, OfThoseAtHandATaskTakesTheOneNextToItsArguments) {
  submit(2);
  grant(lease, worker);
  receive(far_lease.granter, wire::lease_grant{request_, far_lease, far_worker});
  take_pushes();
  complete_all_of(lease);
  complete_all_of(far_lease);
  for (const auto& [node, expected] :
       {std::pair{2, far_lease}, {0, lease}, {2, far_lease}, {2, far_lease}, {0, lease}}) {
    submit_for_bytes_on(static_cast<wire::node_id>(node), 1);
    EXPECT_EQ(count_of(expected), 1U);
    complete_all_of(expected);
  }
  // Nowhere at hand: they are used all the same.
  submit_for_bytes_on(3, 1);
  EXPECT_EQ(in_flight_.size(), 1U);
}

TEST_F(LeaseBook, ThoseNextToTheArgumentsTakeTurns) {
  submit(64);
  grant(lease, worker);
  grant(other_lease, other_worker);
  for (int round = 0; round < 6; ++round) {  // windows become wide
    complete_all_of(other_lease);
    complete_all_of(lease);
    submit(64);
  }
  complete_all_of(other_lease);
  complete_all_of(lease);
  submit_for_bytes_on(self.node(), 8);
  EXPECT_EQ(count_of(lease), 4U);
  EXPECT_EQ(count_of(other_lease), 4U);
}

TEST_F(LeaseBook, GivesAnIdleLeaseBackAndRests) {
  warm_up();
  EXPECT_LT(ticks_until_rest(), few);
  EXPECT_EQ(out_.count<wire::lease_return>(), 1U);
  EXPECT_EQ(one_.leases_held(), 0U);
}

TEST_F(LeaseBook, GivesAnIdleLeaseBackSoonIfOtherTasksWaitForItsCpus) {
  const auto time_to_rest_of_one_with = [&](double cpus, lease_id named, process_id to) {
    submit_with(cpus);
    grant(named, to);
    complete_all_of(named);
    submit_with(2);
    const std::uint64_t idle_since = now_;
    ticks_until_rest();
    EXPECT_EQ(out_.count<wire::lease_return>(), 1U);
    out_.clear();
    return now_ - idle_since;
  };
  EXPECT_LT(time_to_rest_of_one_with(1, lease, worker), 1'000'000U);
  // What holds no cpus is of no use to them.
  EXPECT_GE(time_to_rest_of_one_with(0, other_lease, other_worker), 10'000'000U);
}

TEST_F(LeaseBook, RestsWhileTasksWaitBehindALongOneUntilSomebodyIsIdle) {
  warm_up();
  submit(500);  // the first is long; more than a window, so a request waits
  ASSERT_GT(count_of(lease), 1U);
  EXPECT_LT(ticks_until_rest(), few);
  EXPECT_EQ(out_.count<wire::task_reclaim>(), 0U) << "nobody is idle";
  grant(other_lease, other_worker);
  complete_all_of(other_lease);
  EXPECT_LT(ticks_until_rest(), few);
  EXPECT_EQ(out_.count<wire::task_reclaim>(), 1U);
}

TEST_F(LeaseBook, RestsAfterAReclaimThatBroughtNothing) {
  warm_up();
  submit(2);
  EXPECT_LT(ticks_until_rest(), few);
  const auto asked = out_.take<wire::task_reclaim>();
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->count, 1U);
  // Both have begun, the second on top of the first.
  wire::task_return nothing;
  nothing.lease = lease;
  receive(worker, nothing);
  EXPECT_LT(ticks_until_rest(), few);
  EXPECT_EQ(out_.count<wire::task_reclaim>(), 0U);
}

TEST_F(LeaseBook, RestsWhileAnIdleLeaseWaitsForTheAnswerToItsReclaim) {
  warm_up();
  submit(2);
  EXPECT_LT(ticks_until_rest(), few);
  ASSERT_EQ(out_.count<wire::task_reclaim>(), 1U);
  complete_all_of(lease);
  submit(3);
  EXPECT_TRUE(in_flight_.empty()) << "the answer may bring tasks back that go first";
  EXPECT_LT(ticks_until_rest(), few);
  wire::task_return nothing;
  nothing.lease = lease;
  receive(worker, nothing);
  take_pushes();
  EXPECT_FALSE(in_flight_.empty());
}

// A thread that waits keeps the worker from running anything, on whichever lease.
TEST_F(LeaseBook, AWorkerThatTakesNothingHasItsLeaseBack) {
  submit(1);
  grant(lease, worker);
  ASSERT_EQ(count_of(lease), 1U);
  wire::task_return back;
  back.reason = wire::return_reason::blocked;
  back.lease = lease;
  back.tasks.push_back({in_flight_[0].task, in_flight_[0].attempt});
  in_flight_.clear();
  receive(worker, back);
  EXPECT_EQ(out_.count<wire::lease_return>(), 1U);
  take_pushes();
  grant(other_lease, other_worker);
  EXPECT_EQ(count_of(other_lease), 1U) << "the task is asked for anew";
  complete_all_of(other_lease);
}

// Whoever gives tasks back, and in which order: what was submitted first is pushed first.
TEST_F(LeaseBook, TasksThatComeBackKeepTheirOrder) {
  warm_up();
  submit(6);
  ASSERT_EQ(count_of(lease), 6U);
  EXPECT_LT(ticks_until_rest(), few);
  ASSERT_EQ(out_.count<wire::task_reclaim>(), 1U);
  const std::vector<pushed> all = std::exchange(in_flight_, {});
  in_flight_.push_back(all[0]);
  const auto give_back = [&](wire::return_reason reason, std::initializer_list<int> which) {
    wire::task_return back;
    back.reason = reason;
    back.lease = lease;
    for (const int i : which) {
      const pushed& one = all[static_cast<std::size_t>(i)];
      back.tasks.push_back({one.task, one.attempt});
    }
    receive(worker, back);
    take_pushes();
  };
  give_back(wire::return_reason::blocked, {1, 2});
  give_back(wire::return_reason::reclaimed, {5, 4, 3});
  ASSERT_EQ(count_of(lease), 1U);
  grant(other_lease, other_worker);
  for (std::size_t i = 1; i < all.size(); ++i) {
    const auto next = std::ranges::find(in_flight_, other_lease, &pushed::lease);
    ASSERT_NE(next, in_flight_.end());
    EXPECT_EQ(next->task, all[i].task) << i;
    complete_one_of(other_lease);
  }
}

// Others that it let in run on in its slot: who ends it then is their worker.
TEST_F(LeaseBook, ALeaseThatIsOverIsNotGivenBack) {
  submit(1);
  grant(lease, worker);
  receive(scheduler, wire::lease_recall{lease});
  wire::task_return news;
  news.reason = wire::return_reason::revoked;
  news.lease = lease;
  receive(worker, news);
  EXPECT_EQ(one_.leases_held(), 1U);
  submit(1);
  EXPECT_EQ(count_of(lease), 1U) << "nothing more is pushed there";
  complete_all_of(lease);
  EXPECT_EQ(one_.leases_held(), 0U);
  EXPECT_EQ(out_.count<wire::lease_return>(), 0U);
}

}  // namespace
}  // namespace mobula::core
