#include "core/object_table.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "core/errors.hpp"
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

// ---- what completions report

TEST_F(ObjectTable, ReportsARefOnceAndThenAsksItsOwner) {
  object& theirs = table.adopt({other, 9});
  EXPECT_TRUE(table.must_report(theirs));
  EXPECT_TRUE(out.empty()) << "the submitter passes it on";
  EXPECT_TRUE(table.must_report(theirs)) << "the first report may be on its way still";
  process_id to;
  const auto asked = out.take<wire::borrow_add>(&to);
  ASSERT_TRUE(asked);
  EXPECT_EQ(to, other);
  EXPECT_EQ(asked->borrower, self);
  EXPECT_TRUE(table.must_report(theirs)) << "there is no answer yet";
  EXPECT_TRUE(out.empty()) << "one question is enough";
  receive(other, wire::borrow_ack{theirs.id, asked->token, false});
  EXPECT_FALSE(table.must_report(theirs));
  // Three reports and the question were counted there.
  table.drop(theirs);
  table.flush();
  const auto release = out.take<wire::borrow_release>();
  ASSERT_TRUE(release);
  EXPECT_EQ(wire::id_list{release->objects}.size(), 4U);
}

TEST_F(ObjectTable, ReportsNothingOfItsOwn) {
  object& mine = owned();
  EXPECT_FALSE(table.must_report(mine));
  table.drop(mine);
}

TEST_F(ObjectTable, FailsARefWhoseOwnerHasFreedItBeforeItHeardOfUs) {
  object& theirs = table.adopt({other, 9});
  // The submitter died with the first report, and so nobody held the object for us.
  table.must_report(theirs);
  table.on_process_ended(idle_worker);
  EXPECT_TRUE(table.must_report(theirs));
  const auto asked = out.take<wire::borrow_add>();
  ASSERT_TRUE(asked);
  receive(other, wire::borrow_ack{theirs.id, asked->token, true});
  EXPECT_EQ(theirs.state.load(), object_state::failed);
  EXPECT_TRUE(table.must_report(theirs)) << "the owner does not count us";
  table.drop(theirs);
}

// Our process borrows from `theirs`; a submitter dies with the report that it was to pass on.
TEST_F(ObjectTable, IsCountedByTheOwnerThoughASubmitterDiesWithItsReport) {
  sent_messages out_of_owner;
  object_table owner{other, out_of_owner};
  object& object_there = owner.make(1);
  owner.hold(object_there);
  object& borrowed = table.adopt(object_there.id);
  ASSERT_TRUE(table.must_report(borrowed));
  owner.on_process_ended(idle_worker);
  table.on_process_ended(idle_worker);
  // Comes again with a task of the owner's, which counts us itself.
  ASSERT_TRUE(table.must_report(borrowed));
  owner.share(object_there, self);
  owner.drop(object_there);
  EXPECT_EQ(owner.owned(), 1U);
  const auto asked = out.take_first();
  ASSERT_TRUE(asked);
  owner.on_message(self, asked->bytes);
  const auto answer = out_of_owner.take_first();
  ASSERT_TRUE(answer);
  table.on_message(other, answer->bytes);
  EXPECT_FALSE(table.must_report(borrowed));
  EXPECT_EQ(owner.owned(), 1U);
  table.drop(borrowed);
  table.flush();
  const auto release = out.take_first();
  ASSERT_TRUE(release);
  owner.on_message(self, release->bytes);
  EXPECT_EQ(owner.owned(), 0U);
}

TEST_F(ObjectTable, ReportsNothingToAnOwnerThatHasEnded) {
  object& theirs = table.adopt({other, 9});
  object& reported = table.adopt({other, 10});
  table.must_report(reported);
  table.on_process_ended(other);
  EXPECT_FALSE(table.must_report(theirs));
  EXPECT_FALSE(table.must_report(reported));
  table.drop(theirs);
  table.drop(reported);
  table.flush();
  EXPECT_TRUE(out.empty()) << "nobody is left to be asked or told";
}

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

// ---- where an object's copies are, and which a node that is short of memory may drop

class ObjectTableCopies : public ObjectTable {
 protected:
  /// Ours, stored on node 1.
  object& stored() {
    object& one = owned();
    wire::value_view value;
    value.kind = wire::value_kind::stored;
    value.where = first;
    table.set(one, value);
    return one;
  }
  /// A node could not have it from there. @returns where it is told to look
  wire::location ask_where_else(const object& one, const wire::location& failed) {
    const process_id reader = process_id::scheduler_of(7);
    receive(reader, wire::object_subscribe{one.id, failed});
    process_id to;
    const auto answer = out.take<wire::object_ready>(&to);
    EXPECT_EQ(to, reader);
    return answer ? answer->value.where : wire::location{};
  }
  void offer(const object& one, const wire::location& where) {
    receive(process_id::scheduler_of(where.node), wire::store_offer{one.id, where});
  }
  const wire::location first{1, 0, 1, 0, 1, 64, 100};
  const wire::location second{2, 0, 1, 0, 7, 0, 100};
  const wire::location third{3, 0, 1, 0, 9, 0, 100};
};

TEST_F(ObjectTableCopies, ACopyOfSeveralMayGo) {
  object& one = stored();
  receive(process_id::scheduler_of(2), wire::replica_add{one.id, second});
  offer(one, second);
  process_id to;
  const auto answer = out.take<wire::store_free>(&to);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->where, second);
  EXPECT_EQ(to, process_id::scheduler_of(2));
  EXPECT_TRUE(one.extras->copies.empty());
  EXPECT_EQ(one.where(), first);
  table.drop(one);
  EXPECT_EQ(out.count<wire::store_free>(), 1U) << "it is freed once everywhere";
}

// Its disk may be broken: the copy that took its place is all that there is.
TEST_F(ObjectTableCopies, ACopyThatCouldNotBeHadKeepsNoOtherFromBeingTheLast) {
  object& one = stored();
  receive(process_id::scheduler_of(2), wire::replica_add{one.id, second});
  EXPECT_EQ(ask_where_else(one, first), second);
  offer(one, second);
  EXPECT_TRUE(out.take<wire::store_keep>());
  EXPECT_EQ(one.where(), second);

  receive(process_id::scheduler_of(3), wire::replica_add{one.id, third});
  offer(one, second);
  EXPECT_TRUE(out.take<wire::store_free>()) << "there is a third";
  EXPECT_EQ(one.where(), third);
  offer(one, third);
  EXPECT_TRUE(out.take<wire::store_keep>());
  offer(one, first);
  EXPECT_TRUE(out.take<wire::store_free>());
  EXPECT_TRUE(one.extras->copies.empty());
  offer(one, third);
  EXPECT_TRUE(out.take<wire::store_keep>());
  out.clear();
  table.drop(one);
  EXPECT_EQ(out.count<wire::store_free>(), 1U);
}

TEST_F(ObjectTableCopies, WhereAllCopiesAreInDoubtANewOneIsReadAndKept) {
  object& one = stored();
  receive(process_id::scheduler_of(2), wire::replica_add{one.id, second});
  EXPECT_EQ(ask_where_else(one, first), second);
  EXPECT_EQ(ask_where_else(one, second), first);
  offer(one, second);
  EXPECT_TRUE(out.take<wire::store_keep>()) << "who offers it could read it";
  receive(process_id::scheduler_of(3), wire::replica_add{one.id, third});
  EXPECT_EQ(one.where(), third);
  offer(one, second);
  EXPECT_TRUE(out.take<wire::store_free>());
  offer(one, first);
  EXPECT_TRUE(out.take<wire::store_free>());
  offer(one, third);
  EXPECT_TRUE(out.take<wire::store_keep>());
  table.drop(one);
}

TEST_F(ObjectTableCopies, OneAfterTheOtherIsNamedToWhoCanNotHaveIt) {
  object& one = stored();
  EXPECT_EQ(ask_where_else(one, first), first) << "there is no other";
  receive(process_id::scheduler_of(2), wire::replica_add{one.id, second});
  receive(process_id::scheduler_of(3), wire::replica_add{one.id, third});
  EXPECT_EQ(ask_where_else(one, {}), second) << "nothing was said of that one";
  EXPECT_EQ(ask_where_else(one, first), second) << "it is not the one that is named now";
  EXPECT_EQ(ask_where_else(one, second), third);
  EXPECT_EQ(ask_where_else(one, third), first);
  EXPECT_EQ(ask_where_else(one, first), second);
  table.drop(one);
}

TEST_F(ObjectTableCopies, OneThatFailedWhenThereWasNoOtherIsInDoubtAllTheSame) {
  object& one = stored();
  EXPECT_EQ(ask_where_else(one, first), first);
  receive(process_id::scheduler_of(2), wire::replica_add{one.id, second});
  EXPECT_EQ(one.where(), second);
  offer(one, second);
  EXPECT_TRUE(out.take<wire::store_keep>());
  table.drop(one);
}

TEST_F(ObjectTableCopies, OneThatIsHeardOfAfterTheFirstsNodeHasEndedIsTheLast) {
  object& one = stored();
  table.on_process_ended(process_id::scheduler_of(1));
  receive(process_id::scheduler_of(2), wire::replica_add{one.id, second});
  EXPECT_EQ(one.where(), second);
  offer(one, second);
  EXPECT_TRUE(out.take<wire::store_keep>());
  table.drop(one);
}

TEST_F(ObjectTableCopies, WhatWasFreedIsNowhere) {
  object& one = stored();
  const object_id id = one.id;
  table.drop(one);
  receive(process_id::scheduler_of(7), wire::object_subscribe{id, first});
  const auto answer = out.take<wire::object_ready>();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->value.kind, wire::value_kind::failed);
}

TEST_F(ObjectTableCopies, TheEndOfANodeTakesItsDoubtsAlong) {
  object& one = stored();
  receive(process_id::scheduler_of(2), wire::replica_add{one.id, second});
  receive(process_id::scheduler_of(3), wire::replica_add{one.id, third});
  EXPECT_EQ(ask_where_else(one, first), second);
  table.on_process_ended(process_id::scheduler_of(1));
  EXPECT_EQ(one.where(), second);
  offer(one, second);
  EXPECT_TRUE(out.take<wire::store_free>());
  EXPECT_EQ(one.where(), third);
  table.drop(one);
}

TEST_F(ObjectTableCopies, TheLastCopyIsKept) {
  object& one = stored();
  receive(process_id::scheduler_of(2), wire::replica_add{one.id, second});
  table.on_process_ended(process_id::scheduler_of(1));
  EXPECT_EQ(one.where(), second);
  offer(one, second);
  EXPECT_TRUE(out.take<wire::store_keep>());
  EXPECT_EQ(one.where(), second);
  table.drop(one);
}

TEST_F(ObjectTableCopies, OfAnObjectThatIsNoMoreNothingIsKept) {
  object& one = stored();
  const object_id id = one.id;
  table.drop(one);
  out.clear();
  receive(process_id::scheduler_of(2), wire::store_offer{id, second});
  EXPECT_TRUE(out.take<wire::store_free>());
}

// ---- after the job's end, when counts are lowered by who can't call `drop`

TEST_F(ObjectTable, FreesWhatHasLostItsCountsOtherwise) {
  object& kept = owned();
  object& gone = owned();
  object& inside = owned();
  table.set(gone, {});
  gone.more().contains.push_back(&inside);  // its count
  object& many = table.make(3);
  for (std::uint32_t i = 0; i < 3; ++i) table.hold(table.result(many, i));
  object& theirs = table.adopt({other, 9});
  for (object* one : {&gone, &many, &table.result(many, 2), &theirs}) --one->counts;
  table.free_uncounted();
  EXPECT_EQ(table.owned(), 3U);  // one of the siblings, for which the first keeps its slot
  EXPECT_EQ(table.borrowed(), 0U);
  EXPECT_EQ(table.find(kept.id), &kept);
  --table.result(many, 1).counts;
  --kept.counts;
  table.free_uncounted();
  EXPECT_EQ(table.owned(), 0U);
}

TEST_F(ObjectTable, SaysInEachRecordOfWhichJobItIs) {
  object_table third{self, out, 3};
  EXPECT_EQ(owned().job, 0U);
  object& first = third.make(2);
  EXPECT_EQ(first.job, 3U);
  EXPECT_EQ(third.result(first, 1).job, 3U);
  object& theirs = third.adopt({other, 9});
  EXPECT_EQ(theirs.job, 3U);
  third.drop(theirs);
}

}  // namespace
}  // namespace mobula::core
