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

}  // namespace
}  // namespace mobula::core
