#include "core/directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "core/errors.hpp"
#include "core/memory_block_store.hpp"
#include "core/sent_messages.hpp"
#include "core/told_pins.hpp"

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

/// Nothing but empty objects comes whole; parts of 100 bytes, 3 of an object at once, 5 from a
/// node, 7 in all.
const directory::limits small_limits{{0, 100, 100, 3, 500, 700}, {}, {}};

/// The directory of node 1 of 4, without RMA.
class Directory : public testing::Test {
 protected:
  Directory() : tested{1, 4, {memory, out}, small_limits} {}

  template <class Message>
  void say(process_id from, const Message& message) {
    ASSERT_TRUE(tested.on_message(from, encoded(message)));
    tested.flush();
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
  void answer(process_id holder, std::uint64_t token, wire::pin_answer how) {
    wire::store_pinned answer;
    answer.token = token;
    answer.answer = how;
    say(holder, answer);
  }
  /// Answers questions for an object with a pin, and one request for a part with that stretch of
  /// `value`. False if none was asked for.
  bool serve(const std::string& value, process_id* holder = nullptr) {
    process_id to;
    while (const auto question = out.take<wire::store_pin>(&to))
      answer(to, question->token,
             value.empty() ? wire::pin_answer::whole : wire::pin_answer::by_messages);
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
    EXPECT_EQ(tested.bytes_in_flight(), 0U);
    EXPECT_EQ(tested.pins(), 0U);
    EXPECT_EQ(memory.blocks(), 0U);
  }
  /// Pins an object that is here for a node.
  void pin(process_id reader, std::uint64_t token, object_id of, const location& where) {
    say(reader, wire::store_pin{token, of, where, wire::pin_way::insisting, 1});
    EXPECT_EQ(out.take<wire::store_pinned>()->answer, wire::pin_answer::by_messages);
  }
  /// The object's owner, who was asked where else it is, names that place.
  void tell_where(const location& place, const location& failed) {
    process_id to;
    const auto question = out.take<wire::object_subscribe>(&to);
    ASSERT_TRUE(question);
    EXPECT_EQ(to, owner);
    EXPECT_EQ(question->failed, failed);
    wire::object_ready answer;
    answer.object = object;
    answer.value.kind = wire::value_kind::stored;
    answer.value.where = place;
    say(owner, answer);
  }
  void expect_lost() {
    const auto answer = out.take<wire::store_fetched>();
    ASSERT_TRUE(answer);
    EXPECT_EQ(code_of(answer->error), wire::error_code::object_lost);
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
  tested.flush();
  EXPECT_EQ(out.take<wire::store_unpin>(&to)->tokens.size(), 1U);
  EXPECT_EQ(to, other_node);
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
  EXPECT_FALSE(serve(""));
  EXPECT_TRUE(out.take<wire::replica_add>());
  EXPECT_TRUE(out.take<wire::store_fetched>()->error.empty());
}

TEST_F(Directory, AsksForABoundedNumberOfPartsAtOnce) {
  for (std::uint64_t i = 0; i < 4; ++i)
    say(worker, wire::store_fetch{i, {owner, i}, far(1000, i < 3 ? 2 : 3)});
  process_id to;
  while (const auto question = out.take<wire::store_pin>(&to))
    answer(to, question->token, wire::pin_answer::by_messages);
  // Five from node 2, then two of the third node's, then all seven are on their way.
  EXPECT_EQ(out.count<wire::store_read>(), 7U);
  EXPECT_EQ(tested.bytes_in_flight(), 700U);
  const std::string value(1000, 'v');
  int served = 0;
  while (serve(value)) {
    ++served;
    EXPECT_LE(tested.bytes_in_flight(), 700U);
  }
  EXPECT_EQ(served, 40);
  EXPECT_EQ(out.count<wire::store_fetched>(), 4U);
  EXPECT_EQ(tested.bytes_in_flight(), 0U);
  EXPECT_EQ(tested.fetches(), 0U);
}

TEST_F(Directory, BringsFirstWhatIsMostUrgent) {
  using wire::fetch_urgency;
  const auto fetch = [&](std::uint64_t sequence, fetch_urgency urgency) {
    say(worker, wire::store_fetch{sequence, {owner, sequence}, far(1000), urgency});
    if (const auto question = out.take<wire::store_pin>())
      answer(other_node, question->token, wire::pin_answer::by_messages);
  };
  fetch(1, fetch_urgency::prefetch);
  fetch(2, fetch_urgency::prefetch);  // five parts are under way: all that a node may have
  fetch(3, fetch_urgency::prefetch);
  fetch(4, fetch_urgency::get);
  fetch(5, fetch_urgency::argument);
  fetch(3, fetch_urgency::argument);  // somebody else wants it sooner
  std::vector<std::uint64_t> order;
  for (int i = 0; i < 50; ++i) {
    serve(std::string(1000, 'v'));
    while (const auto done = out.take<wire::store_fetched>())
      if (order.empty() || order.back() != done->token) order.push_back(done->token);
  }
  EXPECT_THAT(order, testing::ElementsAre(5, 3, 4, 1, 2));
  EXPECT_EQ(tested.fetches(), 0U);
}

TEST_F(Directory, PinsWhatItHoldsAndNothingElse) {
  const location where = make(worker, object, 250);
  std::vector<location> garbage(6, where);
  garbage[0].node = 2;
  garbage[1].incarnation += 1;
  garbage[2].extent += 1;
  garbage[3].generation += 1;
  garbage[4].offset += 64;
  garbage[5].size_bytes = ~std::uint64_t{0};
  process_id to;
  for (const location& wrong : garbage) {
    say(other_node, wire::store_pin{6, object, wrong, wire::pin_way::located, 1});
    const auto answer = out.take<wire::store_pinned>(&to);
    ASSERT_TRUE(answer);
    EXPECT_EQ(to, other_node);
    EXPECT_EQ(answer->token, 6U);
    EXPECT_EQ(answer->answer, wire::pin_answer::gone);
  }
  say(other_node, wire::store_pin{6, {owner, 78}, where, wire::pin_way::located, 1});
  EXPECT_EQ(out.take<wire::store_pinned>()->answer, wire::pin_answer::gone);
  say(other_node, wire::store_pin{6, {owner, 78}, where, wire::pin_way::referred, 2});
  EXPECT_EQ(out.take<wire::store_pinned>()->answer, wire::pin_answer::gone);
  // No process but a scheduler of another node has anything to pin.
  say({2, 5}, wire::store_pin{6, object, where, wire::pin_way::located, 1});
  say(worker, wire::store_pin{6, object, where, wire::pin_way::located, 1});
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(tested.pins(), 0U);
}

TEST_F(Directory, ServesAPartOfWhatIsPinnedAndNothingElse) {
  const location where = make(worker, object, 250);
  write(where, std::string(100, 'a') + std::string(100, 'b') + std::string(50, 'c'));
  pin(other_node, 5, object, where);
  say(other_node, wire::store_read{5, 200, 50});
  process_id to;
  const auto part = out.take<wire::store_part>(&to);
  ASSERT_TRUE(part);
  EXPECT_EQ(to, other_node);
  EXPECT_FALSE(part->gone);
  EXPECT_EQ(part->token, 5U);
  EXPECT_EQ(part->offset, 200U);
  EXPECT_EQ(wire::as_text(part->bytes), std::string(50, 'c'));

  const auto expect_none = [&](process_id reader, const wire::store_read& read) {
    say(reader, read);
    const auto none = out.take<wire::store_part>();
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->gone);
    EXPECT_TRUE(none->bytes.empty());
  };
  expect_none(other_node, {6, 0, 50});
  expect_none(third_node, {5, 0, 50});
  expect_none(other_node, {5, 201, 50});
  expect_none(other_node, {5, ~std::uint64_t{0}, 50});
  expect_none(other_node, {5, 0, 101});  // more than a part
  say(other_node, wire::store_unpin{{5}});
  expect_none(other_node, {5, 0, 50});
}

TEST_F(Directory, SendsASmallObjectWholeAndWithoutAPin) {
  directory generous{1, 4, {memory, out}, {{250, 300, 300, 3, 500, 700}, {}, {}}};
  generous.on_message(worker, encoded(wire::store_allocate{9, 250, 0}));
  const location where = out.take<wire::store_grant>()->where;
  generous.on_message(worker, encoded(wire::store_made{object, where}));
  write(where, std::string(250, 's'));
  generous.on_message(other_node,
                      encoded(wire::store_pin{5, object, where, wire::pin_way::located, 1}));
  const auto answer = out.take<wire::store_pinned>();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->answer, wire::pin_answer::whole);
  EXPECT_EQ(wire::as_text(answer->bytes), std::string(250, 's'));
  EXPECT_EQ(generous.pins(), 0U);
}

TEST_F(Directory, AFreedBlockStaysUntilItsLastPinIsBack) {
  const location where = make(worker, object, 250);
  write(where, std::string(250, 'p'));
  pin(other_node, 5, object, where);
  pin(third_node, 5, object, where);
  say(owner, wire::store_free{object, where});
  EXPECT_EQ(tested.copies(), 0U);
  EXPECT_EQ(tested.bytes_in_use(), 250U);
  // Gone for everybody else, there for who has pinned it.
  say(process_id::scheduler_of(0), wire::store_pin{7, object, where, wire::pin_way::located, 1});
  EXPECT_EQ(out.take<wire::store_pinned>()->answer, wire::pin_answer::gone);
  EXPECT_NE(make(worker, {owner, 78}, 250).offset, where.offset);
  say(other_node, wire::store_read{5, 100, 100});
  EXPECT_EQ(wire::as_text(out.take<wire::store_part>()->bytes), std::string(100, 'p'));
  say(other_node, wire::store_unpin{{5, 6}});
  EXPECT_TRUE(memory.bytes(where));
  tested.on_process_ended(third_node);
  EXPECT_FALSE(memory.bytes(where));
  EXPECT_EQ(tested.pins(), 0U);
}

TEST_F(Directory, AHolderThatHasItNoMoreIsObjectLostToAllWhoWait) {
  say(worker, wire::store_fetch{1, object, far(250)});
  say(second_worker, wire::store_fetch{2, object, far(250)});
  const auto question = *out.take<wire::store_pin>();
  answer(third_node, question.token, wire::pin_answer::gone);  // nobody asked that one
  EXPECT_EQ(tested.fetches(), 1U);
  answer(other_node, question.token, wire::pin_answer::gone);
  EXPECT_FALSE(out.take<wire::store_fetched>()) << "its owner may know another copy";
  for (int i = 0; i < 2; ++i) tell_where(far(250), far(250));
  for (int i = 0; i < 2; ++i) expect_lost();
  expect_empty();
  say(other_node, wire::store_part{question.token, 100, false, wire::as_blob("late")});
  expect_empty();
  // A pin that comes late goes back.
  answer(other_node, question.token, wire::pin_answer::by_messages);
  tested.flush();
  EXPECT_THAT(out.take<wire::store_unpin>()->tokens, testing::ElementsAre(question.token));
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
  answer(other_node, out.take<wire::store_pin>()->token, wire::pin_answer::by_messages);
  const auto read = *out.take<wire::store_read>();
  say(other_node, wire::store_part{read.token, read.offset, false, wire::as_blob("short")});
  tell_where(far(250), far(250));
  expect_lost();
  out.clear();
  expect_empty();
}

TEST_F(Directory, WhatIsNotWhereItWasSaidToBeIsLookedForWhereItsOwnerSays) {
  tested.on_process_ended(other_node);
  for (const wire::node_id node : {wire::node_id{2}, wire::node_id{4}, wire::node_id{65535}}) {
    say(worker, wire::store_fetch{1, object, far(250, node)});
    tell_where(far(250, node), far(250, node));
    expect_lost();
  }
  const location not_here{1, 0, 1, 8, 3, 640, 250};
  say(worker, wire::store_fetch{1, object, not_here});
  tell_where(not_here, not_here);
  expect_lost();
  const std::string value(250, 'v');
  say(worker, wire::store_fetch{1, object, not_here});
  tell_where(far(250, 3), not_here);
  while (serve(value)) {
  }
  const auto answer = out.take<wire::store_fetched>();
  ASSERT_TRUE(answer && answer->error.empty());
  EXPECT_EQ(text_at(answer->where), value);
}

TEST_F(Directory, AnOwnerThatNamesOnePlaceAfterTheOtherIsNotFollowedForEver) {
  say(worker, wire::store_fetch{1, object, far(250, 2)});
  int questions = 0;
  while (out.count<wire::store_fetched>() == 0) {
    process_id asked;
    const auto question = out.take<wire::store_pin>(&asked);
    ASSERT_TRUE(question);
    answer(asked, question->token, wire::pin_answer::gone);
    if (out.count<wire::object_subscribe>() == 0) continue;
    tell_where(far(250, asked.node() == 2 ? 3 : 2), far(250, asked.node()));
    ASSERT_LT(++questions, 20);
  }
  expect_lost();
  expect_empty();
}

TEST_F(Directory, WhatItsOwnerHasFreedOrWhoseOwnerEndsIsToldToWhoLooksForIt) {
  say(worker, wire::store_fetch{1, object, far(250)});
  answer(other_node, out.take<wire::store_pin>()->token, wire::pin_answer::gone);
  ASSERT_TRUE(out.take<wire::object_subscribe>());
  const auto freed =
      core::encoded(make_error(wire::error_code::object_lost, owner, "it was freed"));
  wire::object_ready told;
  told.object = object;
  told.value.kind = wire::value_kind::failed;
  told.value.bytes = freed;
  say(second_worker, told);  // that one is not its owner
  EXPECT_FALSE(out.take<wire::store_fetched>());
  say(owner, told);
  const auto refusal = out.take<wire::store_fetched>();
  ASSERT_TRUE(refusal);
  EXPECT_TRUE(std::ranges::equal(refusal->error, freed));

  say(worker, wire::store_fetch{2, object, far(250)});
  answer(other_node, out.take<wire::store_pin>()->token, wire::pin_answer::gone);
  tested.on_process_ended(owner);
  EXPECT_EQ(code_of(out.take<wire::store_fetched>()->error), wire::error_code::owner_died);
  expect_empty();
}

TEST_F(Directory, WhoEndsWhileAnOwnerIsAskedForItTakesNobodysAnswer) {
  for (const process_id who : {worker, second_worker}) {
    say(who, wire::store_fetch{1, object, far(250)});
    answer(other_node, out.take<wire::store_pin>()->token, wire::pin_answer::gone);
  }
  tested.on_process_ended(worker);
  tell_where(far(250), far(250));
  EXPECT_EQ(out.count<wire::store_fetched>(), 0U);
  tell_where(far(250), far(250));
  process_id to;
  EXPECT_TRUE(out.take<wire::store_fetched>(&to));
  EXPECT_EQ(to, second_worker);
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
  say(other_node, wire::store_pin{5, object, room, wire::pin_way::located, 1});
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
  EXPECT_EQ(out.take<wire::store_pinned>()->answer, wire::pin_answer::by_messages);
  say(other_node, wire::store_read{5, 0, 7});
  EXPECT_EQ(wire::as_text(out.take<wire::store_part>()->bytes), "payload");
  say(other_node, wire::store_unpin{{5}});
  say(owner, wire::store_free{object, room});
  expect_empty();
}

TEST_F(Directory, ANodeThatEndsWhileItsQuestionWaitsPinsNothing) {
  const location room = ask_room(worker, 100);
  say(other_node, wire::store_pin{5, object, room, wire::pin_way::located, 1});
  const auto query = out.take<wire::store_query>();
  ASSERT_TRUE(query);
  tested.on_process_ended(other_node);
  say(worker, wire::store_made{object, room});
  say(worker, wire::store_reply{query->token});
  EXPECT_EQ(tested.pins(), 0U);
  say(owner, wire::store_free{object, room});
  expect_empty();
}

TEST_F(Directory, ThePlaceInASlabOfAFreedObjectIsItsHoldersWhenTheLastPinIsBack) {
  const location slab = ask_room(worker, 100, 150);
  const location block = part_of(slab, 0, 64);
  say(worker, wire::store_made{object, block});
  pin(other_node, 5, object, block);
  say(owner, wire::store_free{object, block});
  EXPECT_FALSE(out.take<wire::store_freed>());
  say(other_node, wire::store_unpin{{5}});
  EXPECT_EQ(out.take<wire::store_freed>()->where, block);
  EXPECT_EQ(tested.bytes_in_use(), slab.size_bytes);
}

TEST_F(Directory, WhatAnEndedOwnerLeavesStaysForThoseWhoReadIt) {
  told_pins pins{worker};
  directory watched{1, 4, {memory, out, nullptr, &pins}, small_limits};
  const auto make_in = [&](object_id of) {
    watched.on_message(worker, encoded(wire::store_allocate{9, 100, 0}));
    const location where = out.take<wire::store_grant>()->where;
    watched.on_message(worker, encoded(wire::store_made{of, where}));
    watched.on_message(worker, encoded(wire::store_sealed{of, where}));
    return where;
  };
  const location read = make_in({owner, 77});
  const location unread = make_in({owner, 78});
  pins.now = {read};
  watched.on_process_ended(owner);
  EXPECT_EQ(watched.copies(), 0U);
  EXPECT_TRUE(memory.bytes(read));
  EXPECT_FALSE(memory.bytes(unread));
  EXPECT_EQ(watched.bytes_in_use(), 100U);
  pins.now = {};
  // It goes when memory is wanted.
  watched.on_message(worker, encoded(wire::store_allocate{9, 100, 0}));
  EXPECT_FALSE(memory.bytes(read));
  watched.on_message(worker, encoded(wire::store_return{out.take<wire::store_grant>()->where}));
  EXPECT_EQ(watched.bytes_in_use(), 0U);
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
  tell_where(room, room);
  expect_lost();
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
  tested.flush();
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

TEST_F(Directory, MemoryIsTakenNextToWhoWantsIt) {
  say(worker, wire::store_allocate{1, 500, 0, 3});
  EXPECT_EQ(memory.wanted_near, 3U);
  say(worker, wire::store_allocate{2, 500, 100, 4});
  EXPECT_EQ(memory.wanted_near, 4U);
  wire::store_fetch wanted{3, object, far(950)};
  wanted.numa_node = 5;
  say(worker, wanted);
  EXPECT_EQ(memory.wanted_near, 5U);
}

}  // namespace
}  // namespace mobula::core
