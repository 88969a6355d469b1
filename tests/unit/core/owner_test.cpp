#include "core/owner.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "core/errors.hpp"
#include "core/sent_messages.hpp"

namespace mobula::core {
namespace {

using wire::process_id;

const process_id self{0, 1};
const process_id scheduler = process_id::scheduler_of(0);
const process_id worker{0, 2};
const process_id other{0, 3};

class Owner : public testing::Test {
 protected:
  template <class Message>
  void receive(process_id from, const Message& message) {
    const auto bytes = encoded(message);
    one.on_message(from, bytes);
  }
  shape& actors() {
    demand_key key;
    key.kind = wire::lease_kind::actor;
    key.demand.cpus = key.held.cpus = wire::resource_amounts::unit;
    return one.shape_for(key);
  }

  sent_messages out;
  owner one{self, out};
};

// The worker could not get an argument of the constructor. Its lease goes back with the creation's
// failure, while the message that told of it is still being read: a matter for ASan.
TEST_F(Owner, FailsAnActorWhoseArgumentIsLostAndReturnsItsLeaseOnce) {
  object& handle = one.create_actor({}, actors());
  one.flush();
  const auto asked = out.take<wire::lease_request>();
  ASSERT_TRUE(asked);
  const wire::lease_id lease{scheduler, 7};
  receive(scheduler, wire::lease_grant{asked->request, lease, worker});
  one.flush();
  const auto push = out.take<wire::task_push>();
  ASSERT_TRUE(push);
  wire::task_return back;
  back.reason = wire::return_reason::argument_missing;
  back.lease = lease;
  back.tasks.push_back({push->task, push->attempt});
  const auto why = encoded_part(make_error(wire::error_code::object_lost, worker, "lost"));
  back.missing.error = why;
  receive(worker, back);
  one.flush();
  EXPECT_EQ(handle.state.load(), object_state::failed);
  EXPECT_EQ(out.count<wire::lease_return>(), 1U);
  EXPECT_EQ(one.leases_held(), 0U);
  one.objects().drop(handle);
  EXPECT_EQ(one.objects().owned(), 0U);
}

// The task's count on its argument is the last one, and the argument's failure ends the task.
TEST_F(Owner, LetsGoOfABorrowedArgumentThatFailsWhileItIsToldOf) {
  const wire::object_id id{other, 5};
  object& argument = one.objects().adopt(id);
  const parameter given[] = {{0, &argument}};
  task_spec spec;
  spec.refs = given;
  object& result = one.submit(spec, one.shape_for({}));
  one.objects().drop(argument);
  const auto error =
      encoded_part(make_error(wire::error_code::object_lost, other, "lost for the test"));
  wire::object_ready ready;
  ready.object = id;
  ready.value.kind = wire::value_kind::failed;
  ready.value.bytes = error;
  receive(other, ready);
  EXPECT_EQ(result.state.load(), object_state::failed);
  EXPECT_EQ(one.objects().borrowed(), 0U);
  one.objects().drop(result);
  EXPECT_EQ(one.objects().owned(), 0U);
}

wire::error_value error_of(const object& failed) {
  wire::reader from{failed.bytes()};
  return wire::decode_part<wire::error_value>(from);
}

// ---- arguments that a worker can't get

class OwnerOfAStoredArgument : public Owner {
 protected:
  OwnerOfAStoredArgument() {
    argument_ = &one.promise();
    wire::value_view value;
    value.kind = wire::value_kind::stored;
    value.where = first_;
    one.fulfil(*argument_, value, {});
  }
  ~OwnerOfAStoredArgument() override { one.objects().drop(*argument_); }

  static wire::location on_node(wire::node_id node) {
    wire::location where;
    where.node = node;
    where.size_bytes = 100'000;
    return where;
  }
  struct pushed {
    wire::task_id task;
    std::uint32_t attempt = 0;
    wire::lease_id lease;
  };
  object& submit(shape& demand) {
    const parameter given[] = {{0, argument_}};
    task_spec spec;
    spec.refs = given;
    object& result = demand.key.kind == wire::lease_kind::actor ? one.create_actor(spec, demand)
                                                                : one.submit(spec, demand);
    one.flush();
    const auto asked = out.take<wire::lease_request>();
    EXPECT_TRUE(asked);
    receive(scheduler, wire::lease_grant{asked->request, {scheduler, 7}, worker});
    one.flush();
    return result;
  }
  pushed take_push() {
    const auto push = out.take<wire::task_push>();
    if (!push) return {};
    return {push->task, push->attempt, push->lease};
  }
  void give_back(const pushed& what, wire::error_code code, const char* why) {
    wire::task_return back;
    back.reason = wire::return_reason::argument_missing;
    back.lease = what.lease;
    back.tasks.push_back({what.task, what.attempt});
    const auto error = encoded_part(make_error(code, scheduler, why));
    back.missing = {argument_->id, error};
    receive(worker, back);
    one.flush();
  }
  const wire::location first_ = on_node(1);
  object* argument_ = nullptr;
};

TEST_F(OwnerOfAStoredArgument, FailsTheTaskWithTheErrorOfTheFetch) {
  object& result = submit(one.shape_for({}));
  give_back(take_push(), wire::error_code::store_full, "node 4 has no room for 3 bytes");
  ASSERT_EQ(result.state.load(), object_state::failed);
  EXPECT_EQ(error_of(result).code, wire::error_code::store_full);
  EXPECT_EQ(error_of(result).what, "node 4 has no room for 3 bytes");
  one.objects().drop(result);
}

TEST_F(OwnerOfAStoredArgument, FailsTheActorAndGivesItsLeaseBack) {
  object& handle = submit(actors());
  give_back(take_push(), wire::error_code::object_lost, "node 1 has ended");
  EXPECT_EQ(error_of(handle).what, "node 1 has ended");
  EXPECT_EQ(out.count<wire::lease_return>(), 1U);
  one.objects().drop(handle);
}

// ---- deaths

TEST_F(Owner, FailsARefToWhatAnEndedProcessOwnedAsItComes) {
  one.on_process_ended(other);
  object& late = one.objects().adopt({other, 9});
  ASSERT_EQ(late.state.load(), object_state::failed);
  EXPECT_EQ(error_of(late).code, wire::error_code::owner_died);
  one.objects().drop(late);
  EXPECT_EQ(one.objects().borrowed(), 0U);
}

TEST_F(Owner, DoesNotCountABorrowerThatHasEnded) {
  object& mine = one.promise();
  one.on_process_ended(other);
  receive(worker, wire::borrow_add{mine.id, other, 1});
  EXPECT_TRUE(out.take<wire::borrow_ack>());
  one.objects().drop(mine);
  EXPECT_EQ(one.objects().owned(), 0U);
}

TEST_F(Owner, GivesTheMemoryOfAnOldAttemptsResultsBack) {
  object& result = one.submit({}, one.shape_for({}));
  one.flush();
  const auto asked = out.take<wire::lease_request>();
  ASSERT_TRUE(asked);
  const wire::lease_id lease{scheduler, 3};
  receive(scheduler, wire::lease_grant{asked->request, lease, worker});
  one.flush();
  const auto push = out.take<wire::task_push>();
  ASSERT_TRUE(push);
  wire::task_done done;
  done.task = push->task;
  done.attempt = push->attempt;
  done.lease = lease;
  wire::value_view value;
  value.kind = wire::value_kind::stored;
  value.where.extent = 4;
  value.where.size_bytes = 100'000;
  const auto results = encoded_part(value);
  done.results = results;
  // It had not begun, says the dead worker's board, so another attempt is made.
  receive(scheduler, wire::lease_lost{lease, worker, "killed by signal 9", {}});
  receive(worker, done);
  one.flush();
  EXPECT_EQ(result.state.load(), object_state::pending);
  process_id to;
  const auto freed = out.take<wire::store_free>(&to);
  ASSERT_TRUE(freed);
  EXPECT_EQ(to, scheduler);
  EXPECT_EQ(freed->object, result.id);
  EXPECT_EQ(freed->where, value.where);
}

TEST_F(Owner, TakesTheEndOfASchedulerForThatOfItsNode) {
  const process_id far_scheduler = process_id::scheduler_of(1);
  const process_id far_worker{1, 4};
  object& borrowed = one.objects().adopt({{1, 5}, 1});
  object& running = one.submit({}, one.shape_for({}));
  one.flush();
  const auto first = out.take<wire::lease_request>();
  ASSERT_TRUE(first);
  receive(far_scheduler, wire::lease_grant{first->request, {far_scheduler, 1}, far_worker});
  one.flush();
  ASSERT_TRUE(out.take<wire::task_push>());
  demand_key large;
  large.demand.cpus = large.held.cpus = 8 * wire::resource_amounts::unit;
  object& waiting = one.submit({}, one.shape_for(large));
  one.flush();
  const auto second = out.take<wire::lease_request>();
  ASSERT_TRUE(second);
  receive(far_scheduler, wire::lease_queued{second->request, 1});

  one.on_process_ended(far_scheduler);
  one.flush();
  ASSERT_EQ(borrowed.state.load(), object_state::failed);
  EXPECT_EQ(error_of(borrowed).code, wire::error_code::owner_died);
  ASSERT_EQ(running.state.load(), object_state::failed);
  EXPECT_EQ(error_of(running).code, wire::error_code::worker_died);
  EXPECT_EQ(waiting.state.load(), object_state::pending);
  process_id to;
  const auto again = out.take<wire::lease_request>(&to);
  ASSERT_TRUE(again) << "what waited there is asked for anew";
  EXPECT_EQ(to, scheduler);
  EXPECT_NE(again->request, second->request);
  EXPECT_EQ(one.leases_held(), 0U);
}

}  // namespace
}  // namespace mobula::core
