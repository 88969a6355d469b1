#include "core/directory.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/memory_block_store.hpp"
#include "core/sent_messages.hpp"

namespace mobula::core {
namespace {

using wire::location;
using wire::object_id;
using wire::process_id;

constexpr process_id other_node = process_id::scheduler_of(2);
constexpr process_id third_node = process_id::scheduler_of(3);
constexpr process_id worker{1, 2};
constexpr process_id second_worker{1, 3};
constexpr process_id owner{0, 1};

/// The directory of node 1 of 4; parts of 100 bytes, 3 of an object at once, 5 from a node, 7 in
/// all.
class Directory : public testing::Test {
 protected:
  Directory() : tested{1, 4, memory, out, {{100, 3, 5, 7}}} {}

  template <class Message>
  void say(process_id from, const Message& message) {
    ASSERT_TRUE(tested.on_message(from, encoded(message)));
  }
  location ask_room(process_id maker, std::uint64_t size, std::uint64_t slab = 0) {
    say(maker, wire::store_allocate{9, size, slab});
    process_id to;
    const auto grant = out.take<wire::store_grant>(&to);
    EXPECT_TRUE(grant && grant->error.empty());
    EXPECT_EQ(to, maker);
    EXPECT_EQ(grant->token, 9U);
    return grant->where;
  }
  location make(process_id maker, object_id of, std::uint64_t size) {
    const location where = ask_room(maker, size);
    say(maker, wire::store_made{of, where});
    return where;
  }
  static location part_of(const location& slab, std::uint64_t offset, std::uint64_t size) {
    location part = slab;
    part.offset += offset;
    part.size_bytes = size;
    return part;
  }
  void write(const location& where, std::string_view text) {
    std::memcpy(memory.bytes(where)->data(), text.data(), text.size());
  }
  std::string text_at(const location& where) {
    const auto bytes = *memory.bytes(where);
    return std::string{wire::as_text(bytes)};
  }
  wire::error_code code_of(wire::blob error) {
    wire::reader from{error};
    return wire::decode_part<wire::error_value>(from).code;
  }
  /// Answers one request for a part with that stretch of `value`. False if none was asked for.
  bool serve(const std::string& value, process_id* holder = nullptr) {
    process_id to;
    const auto read = out.take<wire::store_read>(&to);
    if (!read) return false;
    if (holder) *holder = to;
    wire::store_part part;
    part.token = read->token;
    part.offset = read->offset;
    const std::string piece = value.substr(read->offset, read->size_bytes);
    part.bytes = wire::as_blob(piece);
    say(to, part);
    return true;
  }
  void expect_empty() {
    EXPECT_EQ(tested.copies(), 0U);
    EXPECT_EQ(tested.fetches(), 0U);
    EXPECT_EQ(tested.bytes_in_use(), 0U);
    EXPECT_EQ(tested.parts_in_flight(), 0U);
    EXPECT_EQ(memory.blocks(), 0U);
  }
  location far(std::uint64_t size, wire::node_id node = 2) { return {node, 0, 1, 8, 3, 640, size}; }

  memory_block_store memory{1, 10'000};
  sent_messages out;
  directory tested;
  const object_id object{owner, 77};
};

TEST_F(Directory, GivesRoomAndFreesIt) {
  const location where = make(worker, object, 500);
  EXPECT_EQ(where.size_bytes, 500U);
  EXPECT_EQ(tested.bytes_in_use(), 500U);
  say(worker, wire::store_sealed{object, where});
  say(owner, wire::store_free{object, where});
  expect_empty();
  say(owner, wire::store_free{object, where});  // a second one finds nothing
  EXPECT_TRUE(out.empty());
}

TEST_F(Directory, AFullStoreAnswersWithItsError) {
  say(worker, wire::store_allocate{1, 20'000, 0});
  const auto grant = out.take<wire::store_grant>();
  ASSERT_TRUE(grant);
  EXPECT_EQ(code_of(grant->error), wire::error_code::store_full);
  expect_empty();
}

TEST_F(Directory, BringsAnObjectOnceHoweverManyAsk) {
  std::string value(950, 'a');
  value.replace(400, 3, "xyz");
  say(worker, wire::store_fetch{1, object, far(950)});
  say(second_worker, wire::store_fetch{2, object, far(950)});
  say(worker, wire::store_fetch{3, object, far(950)});
  int parts = 0;
  while (serve(value)) ++parts;
  EXPECT_EQ(parts, 10);
  process_id to;
  const auto added = out.take<wire::replica_add>(&to);
  ASSERT_TRUE(added);
  EXPECT_EQ(to, owner);
  const location here = added->where;
  EXPECT_EQ(text_at(here), value);
  for (const std::uint64_t token : {1, 2, 3}) {
    const auto answer = out.take<wire::store_fetched>(&to);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->token, token);
    EXPECT_EQ(answer->where, here);
    EXPECT_TRUE(answer->error.empty());
    EXPECT_EQ(to, token == 2 ? second_worker : worker);
  }
  // Later askers get the replica, whatever location they were told.
  say(second_worker, wire::store_fetch{4, object, far(950, 3)});
  EXPECT_EQ(out.take<wire::store_fetched>()->where, here);
  EXPECT_TRUE(out.empty());
  say(owner, wire::store_free{object, here});
  expect_empty();
}

TEST_F(Directory, AnswersAtOnceForACopyThatIsHere) {
  const location where = make(worker, object, 500);
  say(second_worker, wire::store_fetch{1, object, where});
  EXPECT_EQ(out.take<wire::store_fetched>()->where, where);
  EXPECT_TRUE(out.empty());
}

TEST_F(Directory, AnEmptyObjectIsFetchedToo) {
  say(worker, wire::store_fetch{1, object, far(0)});
  EXPECT_TRUE(serve(""));
  EXPECT_TRUE(out.take<wire::replica_add>());
  EXPECT_TRUE(out.take<wire::store_fetched>()->error.empty());
}

TEST_F(Directory, AsksForABoundedNumberOfPartsAtOnce) {
  for (std::uint64_t i = 0; i < 4; ++i)
    say(worker, wire::store_fetch{i, {owner, i}, far(1000, i < 3 ? 2 : 3)});
  // Five from node 2, then two of the third node's, then all seven are on their way.
  EXPECT_EQ(out.count<wire::store_read>(), 7U);
  EXPECT_EQ(tested.parts_in_flight(), 7U);
  const std::string value(1000, 'v');
  int served = 0;
  while (serve(value)) {
    ++served;
    EXPECT_LE(tested.parts_in_flight(), 7U);
  }
  EXPECT_EQ(served, 40);
  EXPECT_EQ(out.count<wire::store_fetched>(), 4U);
  EXPECT_EQ(tested.parts_in_flight(), 0U);
  EXPECT_EQ(tested.fetches(), 0U);
}

TEST_F(Directory, ServesAPartOfWhatItHoldsAndNothingElse) {
  const location where = make(worker, object, 250);
  write(where, std::string(100, 'a') + std::string(100, 'b') + std::string(50, 'c'));
  say(other_node, wire::store_read{5, object, where, 200, 50});
  process_id to;
  auto part = out.take<wire::store_part>(&to);
  ASSERT_TRUE(part);
  EXPECT_EQ(to, other_node);
  EXPECT_FALSE(part->gone);
  EXPECT_EQ(part->token, 5U);
  EXPECT_EQ(part->offset, 200U);
  EXPECT_EQ(wire::as_text(part->bytes), std::string(50, 'c'));

  std::vector<wire::store_read> garbage(9, {6, object, where, 0, 50});
  garbage[0].where.node = 2;
  garbage[1].where.incarnation += 1;
  garbage[2].where.extent += 1;
  garbage[3].where.generation += 1;
  garbage[4].where.offset += 64;
  garbage[5].where.size_bytes = ~std::uint64_t{0};
  garbage[6].offset = 201;
  garbage[7].offset = ~std::uint64_t{0};
  garbage[8].object = {owner, 78};
  for (const auto& read : garbage) {
    say(other_node, read);
    part = out.take<wire::store_part>();
    ASSERT_TRUE(part);
    EXPECT_TRUE(part->gone);
    EXPECT_TRUE(part->bytes.empty());
  }
  say(other_node, wire::store_read{6, object, where, 0, 101});  // more than a part
  EXPECT_TRUE(out.take<wire::store_part>()->gone);
}

TEST_F(Directory, AFreeDuringARemoteReadIsSeenThoughTheBlockIsUsedAgainAtOnce) {
  const location where = make(worker, object, 250);
  say(other_node, wire::store_read{5, object, where, 0, 100});
  EXPECT_FALSE(out.take<wire::store_part>()->gone);
  say(owner, wire::store_free{object, where});
  const object_id next{owner, 78};
  const location again = make(worker, next, 250);
  ASSERT_EQ(again.offset, where.offset);
  say(other_node, wire::store_read{6, object, where, 100, 100});
  EXPECT_TRUE(out.take<wire::store_part>()->gone);
}

TEST_F(Directory, AHolderThatHasItNoMoreIsObjectLostToAllWhoWait) {
  say(worker, wire::store_fetch{1, object, far(250)});
  say(second_worker, wire::store_fetch{2, object, far(250)});
  const auto read = *out.take<wire::store_read>();
  say(third_node, wire::store_part{read.token, read.offset, true, {}});  // nobody asked that one
  EXPECT_EQ(tested.fetches(), 1U);
  say(other_node, wire::store_part{read.token, read.offset, true, {}});
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(code_of(out.take<wire::store_fetched>()->error), wire::error_code::object_lost);
  expect_empty();
  say(other_node, wire::store_part{read.token, 100, false, wire::as_blob("late")});
  expect_empty();
}

TEST_F(Directory, IfTheHolderDiesMidwayTheNextOneServesTheRest) {
  std::string value(1000, 'a');
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>('a' + i / 100);
  say(worker, wire::store_fetch{1, object, far(1000, 2)});
  say(second_worker, wire::store_fetch{2, object, far(1000, 3)});
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(serve(value));
  out.clear();  // what is under way to node 2 will never be answered
  tested.on_process_ended(other_node);
  process_id holder;
  int served = 0;
  while (serve(value, &holder)) {
    EXPECT_EQ(holder, third_node);
    ++served;
  }
  EXPECT_EQ(served, 6);
  const auto answer = out.take<wire::store_fetched>();
  ASSERT_TRUE(answer && answer->error.empty());
  EXPECT_EQ(text_at(answer->where), value);
}

TEST_F(Directory, APartThatWasNotAskedForFailsItsSource) {
  say(worker, wire::store_fetch{1, object, far(250)});
  const auto read = *out.take<wire::store_read>();
  say(other_node, wire::store_part{read.token, read.offset, false, wire::as_blob("short")});
  EXPECT_EQ(code_of(out.take<wire::store_fetched>()->error), wire::error_code::object_lost);
  out.clear();
  expect_empty();
}

TEST_F(Directory, ALocationOnANodeThatEndedOrNeverWasIsLostAtOnce) {
  tested.on_process_ended(other_node);
  for (const wire::node_id node : {wire::node_id{2}, wire::node_id{4}, wire::node_id{65535}}) {
    say(worker, wire::store_fetch{1, object, far(250, node)});
    EXPECT_EQ(code_of(out.take<wire::store_fetched>()->error), wire::error_code::object_lost);
  }
  say(worker, wire::store_fetch{1, object, {1, 0, 1, 8, 3, 640, 250}});  // here, but it is not
  EXPECT_EQ(code_of(out.take<wire::store_fetched>()->error), wire::error_code::object_lost);
  expect_empty();
}

TEST_F(Directory, AFetchWithoutRoomIsStoreFull) {
  say(worker, wire::store_fetch{1, object, far(std::uint64_t{1} << 60)});
  EXPECT_EQ(code_of(out.take<wire::store_fetched>()->error), wire::error_code::store_full);
  expect_empty();
}

TEST_F(Directory, AFetchNobodyWaitsForAnyMoreEnds) {
  say(worker, wire::store_fetch{1, object, far(250)});
  say(second_worker, wire::store_fetch{2, object, far(250)});
  tested.on_process_ended(worker);
  EXPECT_EQ(tested.fetches(), 1U);
  tested.on_process_ended(second_worker);
  expect_empty();
}

TEST_F(Directory, WhatAnEndedProcessOwnedGoes) {
  const object_id mine{worker, 5};
  const location where = make(worker, mine, 100);
  say(second_worker, wire::store_fetch{1, {worker, 6}, far(250)});
  tested.on_process_ended(worker);
  EXPECT_EQ(code_of(out.take<wire::store_fetched>()->error), wire::error_code::owner_died);
  EXPECT_FALSE(memory.bytes(where));
  say(second_worker, wire::store_fetch{2, mine, where});
  EXPECT_EQ(code_of(out.take<wire::store_fetched>()->error), wire::error_code::owner_died);
  out.clear();
  expect_empty();
}

TEST_F(Directory, WhatTheProcessesOfAnEndedNodeOwnedGoes) {
  const location where = make(worker, {{2, 9}, 5}, 100);
  say(worker, wire::store_sealed{{{2, 9}, 5}, where});
  tested.on_process_ended(other_node);
  expect_empty();
}

TEST_F(Directory, AMakerThatDiesBeforeItsOwnerHeardLeavesNothing) {
  const location where = make(worker, object, 100);
  tested.on_process_ended(worker);
  process_id to;
  const auto question = out.take<wire::store_orphan>(&to);
  ASSERT_TRUE(question);
  EXPECT_EQ(to, owner);
  EXPECT_EQ(question->object, object);
  EXPECT_EQ(question->where, where);
  say(owner, wire::store_free{object, where});  // it never heard of it
  expect_empty();
}

TEST_F(Directory, AMakerThatDiesAfterItsOwnerHeardLeavesTheObject) {
  const location where = make(worker, object, 100);
  const location sealed = make(worker, {owner, 78}, 100);
  say(worker, wire::store_sealed{{owner, 78}, sealed});
  tested.on_process_ended(worker);
  EXPECT_EQ(out.count<wire::store_orphan>(), 1U);  // the sealed one is no question
  EXPECT_TRUE(memory.bytes(where));                // no answer: the owner knows it
  EXPECT_EQ(tested.copies(), 2U);
  tested.on_process_ended(owner);
  out.clear();
  expect_empty();
}

TEST_F(Directory, MemoryThatAMakerMayBeWritingIsNotReusedWhenTheOwnerDies) {
  const location where = ask_room(worker, 100);
  const location second = ask_room(second_worker, 100);
  tested.on_process_ended(owner);
  EXPECT_TRUE(memory.bytes(where));
  say(worker, wire::store_made{object, where});  // for an owner that is no more
  EXPECT_FALSE(memory.bytes(where));
  EXPECT_TRUE(memory.bytes(second));
  tested.on_process_ended(second_worker);
  EXPECT_TRUE(out.empty());
  expect_empty();
}

TEST_F(Directory, ARoomThatWasNotUsedComesBack) {
  const location where = ask_room(worker, 100);
  say(second_worker, wire::store_return{where});  // not its
  EXPECT_TRUE(memory.bytes(where));
  say(worker, wire::store_return{where});
  expect_empty();
}

TEST_F(Directory, OfASlabsMemoryItsHolderHearsWhenItIsFree) {
  const location slab = ask_room(worker, 100, 150);
  ASSERT_EQ(slab.size_bytes, 150U);
  const location first = part_of(slab, 0, 64);
  const location second = part_of(slab, 64, 70);
  say(worker, wire::store_made{object, first});
  say(worker, wire::store_made{{owner, 78}, second});
  EXPECT_EQ(tested.bytes_in_use(), 150U);
  say(worker, wire::store_return{slab});  // something lies in it
  say(owner, wire::store_free{object, first});
  process_id to;
  const auto freed = out.take<wire::store_freed>(&to);
  ASSERT_TRUE(freed);
  EXPECT_EQ(to, worker);
  EXPECT_EQ(freed->where, first);
  say(worker, wire::store_made{{owner, 79}, first});
  say(owner, wire::store_free{{owner, 79}, first});
  say(owner, wire::store_free{{owner, 78}, second});
  EXPECT_EQ(out.count<wire::store_freed>(), 2U);
  out.clear();
  say(worker, wire::store_return{slab});
  expect_empty();
}

TEST_F(Directory, ASlabOfADeadProcessStaysForWhatLiesInIt) {
  const location slab = ask_room(worker, 100, 150);
  const location first = part_of(slab, 0, 64);
  say(worker, wire::store_made{object, first});
  say(worker, wire::store_sealed{object, first});
  tested.on_process_ended(worker);
  EXPECT_TRUE(out.empty());
  EXPECT_TRUE(memory.bytes(slab));
  say(owner, wire::store_free{object, first});
  EXPECT_TRUE(out.empty());
  expect_empty();
}

TEST_F(Directory, NobodyMakesAnythingInTheRoomOfAnother) {
  const location room = ask_room(worker, 100);
  say(second_worker, wire::store_made{object, room});
  EXPECT_EQ(tested.copies(), 0U);
  say(worker, wire::store_made{object, room});
  say(worker, wire::store_made{{owner, 78}, room});  // it is for one
  EXPECT_EQ(tested.copies(), 1U);
}

TEST_F(Directory, WhatOvertakesTheWordOfItsMakerWaitsForIt) {
  const location room = ask_room(worker, 100);
  write(room, "payload");
  say(second_worker, wire::store_fetch{4, object, room});
  say(other_node, wire::store_read{5, object, room, 0, 7});
  process_id to;
  const auto first = out.take<wire::store_query>(&to);
  const auto second = out.take<wire::store_query>();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(to, worker);
  EXPECT_FALSE(first->give_back);
  EXPECT_TRUE(out.empty());
  say(worker, wire::store_made{object, room});
  say(worker, wire::store_reply{first->token});
  EXPECT_EQ(out.take<wire::store_fetched>()->where, room);
  say(worker, wire::store_reply{second->token});
  EXPECT_EQ(wire::as_text(out.take<wire::store_part>()->bytes), "payload");
  say(owner, wire::store_free{object, room});
  expect_empty();
}

TEST_F(Directory, AFreeThatOvertakesTheWordOfItsMakerIsNotLost) {
  const location slab = ask_room(worker, 100, 150);
  const location block = part_of(slab, 0, 64);
  say(owner, wire::store_free{object, block});
  const auto query = out.take<wire::store_query>();
  ASSERT_TRUE(query);
  say(worker, wire::store_made{object, block});
  say(worker, wire::store_reply{query->token});
  EXPECT_EQ(out.take<wire::store_freed>()->where, block);
  EXPECT_EQ(tested.copies(), 0U);
}

TEST_F(Directory, WhatWaitsForTheWordOfAMakerIsAnsweredWhenThatEnds) {
  const location room = ask_room(worker, 100);
  say(second_worker, wire::store_fetch{4, object, room});
  out.clear();
  tested.on_process_ended(worker);
  EXPECT_EQ(code_of(out.take<wire::store_fetched>()->error), wire::error_code::object_lost);
  expect_empty();
}

TEST_F(Directory, WhoFindsNoRoomWaitsForWhatOthersGiveBack) {
  const location slab = ask_room(worker, 100, 150);
  const location large = ask_room(second_worker, 9'840);
  ASSERT_EQ(large.size_bytes, 9'840U);
  say(second_worker, wire::store_allocate{7, 140, 0});
  process_id to;
  const auto query = out.take<wire::store_query>(&to);
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->give_back);
  EXPECT_EQ(to, worker);
  EXPECT_TRUE(out.empty());
  say(worker, wire::store_return{slab});
  say(worker, wire::store_reply{query->token});
  EXPECT_TRUE(out.take<wire::store_grant>()->error.empty());
}

TEST_F(Directory, WhoFindsNoRoomHearsSoWhenNobodyHasAnyToGive) {
  ask_room(worker, 100, 150);
  ask_room(second_worker, 9'850);
  say(second_worker, wire::store_allocate{7, 140, 0});
  ASSERT_TRUE(out.take<wire::store_query>());
  tested.on_process_ended(worker);  // instead of an answer; what it held is free then
  EXPECT_TRUE(out.take<wire::store_grant>()->error.empty());
  say(second_worker, wire::store_allocate{8, 140, 0});
  EXPECT_EQ(code_of(out.take<wire::store_grant>()->error), wire::error_code::store_full);
}

TEST_F(Directory, OnlyTheMakerSeals) {
  const location where = make(worker, object, 100);
  say(second_worker, wire::store_sealed{object, where});
  tested.on_process_ended(worker);
  EXPECT_EQ(out.count<wire::store_orphan>(), 1U);
}

TEST_F(Directory, DropsWhatItCantDecodeAndLeavesOthersMessagesAlone) {
  auto cut = encoded(wire::store_fetch{1, object, far(250)});
  cut.pop_back();
  EXPECT_TRUE(tested.on_message(worker, cut));
  EXPECT_TRUE(tested.on_message({2, 5}, encoded(wire::store_allocate{1, 100, 0})));
  EXPECT_FALSE(tested.on_message(worker, encoded(wire::borrow_add{})));
  EXPECT_FALSE(tested.on_message(worker, {}));
  EXPECT_TRUE(out.empty());
  expect_empty();
}

}  // namespace
}  // namespace mobula::core
