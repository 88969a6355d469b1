#include "core/object_table.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "core/sent_messages.hpp"

namespace mobula::core {
namespace {

using wire::object_id;
using wire::process_id;

const process_id self{0, 1};
const process_id other{0, 3};
const process_id idle_worker{0, 4};

class ObjectTable : public testing::Test {
 protected:
  template <class Message>
  void receive(process_id from, const Message& message) {
    const auto bytes = encoded(message);
    table.on_message(from, bytes);
  }
  object& owned() {
    object& one = table.make(1);
    table.hold(one);
    return one;
  }

  sent_messages out;
  object_table table{self, out};
};

// ---- deaths

TEST_F(ObjectTable, LooksAtNoObjectForTheEndOfAProcessThatIsInvolvedInNone) {
  object& mine = owned();
  object& theirs = table.adopt({other, 9});
  for (std::uint32_t i = 0; i < 100; ++i) table.on_process_ended({0, 10 + i});
  EXPECT_EQ(table.searches(), 0U);
  EXPECT_FALSE(theirs.ready());
  table.drop(mine);
  table.drop(theirs);
}

TEST_F(ObjectTable, LooksAtNoObjectForOneThatHasLetGoOfAllItBorrowed) {
  object& mine = owned();
  receive(idle_worker, wire::borrow_add{mine.id, idle_worker, 1});
  const object_id ids[] = {mine.id};
  receive(idle_worker, wire::borrow_release{std::as_bytes(std::span{ids})});
  object& theirs = table.adopt({idle_worker, 9});
  table.register_through(theirs, mine);
  table.drop(theirs);
  receive(idle_worker, wire::borrow_ack{{idle_worker, 9}, 1, false});
  table.on_process_ended(idle_worker);
  EXPECT_EQ(table.searches(), 0U);
  table.drop(mine);
  EXPECT_EQ(table.owned(), 0U);
}

TEST_F(ObjectTable, ForgetsABorrowerThatEnds) {
  object& mine = owned();
  receive(other, wire::borrow_add{mine.id, other, 1});
  receive(other, wire::borrow_add{mine.id, other, 2});
  table.drop(mine);
  ASSERT_EQ(table.owned(), 1U);
  table.on_process_ended(other);
  EXPECT_EQ(table.owned(), 0U);
}

// The add that this release undoes is lost with who was to send it.
TEST_F(ObjectTable, ForgetsAReleaseThatNoAddHasComeFor) {
  object& mine = owned();
  const object_id ids[] = {mine.id};
  receive(other, wire::borrow_release{std::as_bytes(std::span{ids})});
  table.drop(mine);
  ASSERT_EQ(table.owned(), 0U);
  table.on_process_ended(other);
  EXPECT_EQ(table.searches(), 0U);
}

TEST_F(ObjectTable, FailsWhatAnEndedProcessOwned) {
  object& theirs = table.adopt({other, 9});
  table.on_process_ended(other);
  EXPECT_EQ(theirs.state.load(), object_state::failed);
  table.drop(theirs);
  EXPECT_EQ(table.borrowed(), 0U);
}

TEST_F(ObjectTable, LetsGoOfWhatItHeldForAnAnswerThatNeverComes) {
  object& container = owned();
  table.share_through({other, 9}, idle_worker, std::vector{&container});
  table.drop(container);
  ASSERT_EQ(table.owned(), 1U);
  table.on_process_ended(other);
  EXPECT_EQ(table.acknowledgements_awaited(), 0U);
  EXPECT_EQ(table.owned(), 0U);
}

TEST_F(ObjectTable, TakesTheEndOfASchedulerForThatOfItsNodesProcesses) {
  const process_id far{1, 5};
  object& mine = owned();
  receive(far, wire::borrow_add{mine.id, far, 1});
  table.drop(mine);
  object& theirs = table.adopt({far, 9});
  table.on_process_ended(process_id::scheduler_of(1));
  EXPECT_EQ(table.owned(), 0U);
  EXPECT_EQ(theirs.state.load(), object_state::failed);
  table.drop(theirs);
}

}  // namespace
}  // namespace mobula::core
