// What leaves a node's memory when that ends, and how it comes back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/directory.hpp"
#include "core/memory_block_store.hpp"
#include "core/memory_disk.hpp"
#include "core/sent_messages.hpp"
#include "core/told_pins.hpp"

namespace mobula::core {
namespace {

using testing::HasSubstr;
using wire::location;
using wire::object_id;
using wire::process_id;

constexpr process_id other_node = process_id::scheduler_of(2);
constexpr process_id worker{1, 2};
constexpr process_id reader{1, 3};
constexpr process_id second_worker{1, 4};
constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
constexpr process_id owner{0, 1};

/// The directory of node 1 of 4, whose memory takes ten objects of 100 bytes and whose disk twenty.
class DirectorySpilling : public testing::Test {
 protected:
  DirectorySpilling()
      : tested{1,
               4,
               {memory, out, nullptr, &pins, &disk},
               // One object goes at a time.
               {{0, 50, 50, 3, 500, 700}, {1'000, 5'000, 10}, {10, 5, 50}}} {
    pass(100);
  }

  void pass(std::uint64_t ns) {
    now += ns;
    tested.tick(now);
    tested.flush();
  }
  template <class Message>
  void say(process_id from, const Message& message) {
    ASSERT_TRUE(tested.on_message(from, encoded(message)));
    tested.flush();
  }
  static object_id object(std::uint64_t number) { return {owner, number}; }
  static std::string value_of(std::uint64_t number) {
    return std::string(100, static_cast<char>('a' + number));
  }
  void ask_room(std::uint64_t size = 100) { say(worker, wire::store_allocate{9, size, 0}); }
  std::optional<location> granted() {
    const auto grant = out.take<wire::store_grant>();
    if (!grant || !grant->error.empty()) return std::nullopt;
    return grant->where;
  }
  /// Object `number`, sealed, in the room.
  location make_in(const location& where, std::uint64_t number) {
    const std::string value = value_of(number);
    std::memcpy(memory.bytes(where)->data(), value.data(), value.size());
    say(worker, wire::store_made{object(number), where});
    say(worker, wire::store_sealed{object(number), where});
    names[number] = where;
    return where;
  }
  location make(std::uint64_t number) {
    ask_room();
    return make_in(granted().value(), number);
  }
  /// Ten, a nanosecond apart, long enough ago to go.
  void fill() {
    for (std::uint64_t i = 0; i < 10; ++i) {
      make(i);
      pass(1);
    }
    pass(100);
  }
  void end_on_disk(bool succeeds = true) {
    ASSERT_NE(disk.begun(), 0U);
    tested.on_disk(disk.finish(0, succeeds), succeeds ? "" : "the disk is broken");
    tested.flush();
  }
  void ask(std::uint64_t number, process_id who = reader) {
    say(who, wire::store_fetch{number, object(number), names.at(number)});
  }
  std::string text_at(const location& place) {
    const auto bytes = memory.bytes(place);
    return bytes ? std::string{wire::as_text(*bytes)} : std::string{"no block"};
  }
  wire::error_value error_of(wire::blob bytes) {
    wire::reader from{bytes};
    return wire::decode_part<wire::error_value>(from);
  }
  /// All are freed, and nothing is left.
  void expect_empty_after_frees() {
    for (const auto& [number, name] : names) say(owner, wire::store_free{object(number), name});
    EXPECT_EQ(tested.copies(), 0U);
    EXPECT_EQ(tested.bytes_on_disk(), 0U);
    EXPECT_EQ(disk.ranges(), 0U);
  }

  /// Object 50, which node 2 has `there`, comes here.
  location bring_replica() {
    say(reader, wire::store_fetch{4, object(50), there});
    wire::store_pinned whole;
    whole.token = out.take<wire::store_pin>().value().token;
    whole.answer = wire::pin_answer::whole;
    const std::string value = value_of(10);
    whole.bytes = wire::as_blob(value);
    say(other_node, whole);
    return out.take<wire::replica_add>().value().where;
  }
  /// Room is wanted, the replica is offered, and its owner has no other copy.
  void keep_on_disk(const location& replica) {
    pass(100);
    ask_room();
    ASSERT_TRUE(out.take<wire::store_offer>());
    say(owner, wire::store_keep{object(50), replica});
    pass(20);
    end_on_disk();
  }

  const location there{2, 0, 1, 8, 3, 640, 100};
  memory_block_store memory{1, 1'000};
  memory_disk disk{2'000};
  told_pins pins{reader};
  sent_messages out;
  std::uint64_t now = 0;
  std::map<std::uint64_t, location> names;
  directory tested;
};

TEST_F(DirectorySpilling, TheLeastRecentlyUsedLeavesAndItsMemoryIsUsedAgain) {
  fill();
  ask(0);  // used now
  out.clear();
  pass(100);
  ask_room();
  EXPECT_FALSE(granted());
  EXPECT_EQ(disk.begun(), 1U);
  end_on_disk();
  EXPECT_EQ(granted()->offset, names.at(1).offset) << "0 was used after 1";
  EXPECT_EQ(tested.bytes_on_disk(), 100U);
}

TEST_F(DirectorySpilling, WhatCameBackKeepsItsNameAtAnotherPlace) {
  fill();
  ask_room();
  end_on_disk();
  const location room = *granted();
  ask(0);
  EXPECT_EQ(out.count<wire::store_fetched>(), 0U);
  end_on_disk();  // 1 leaves for it
  end_on_disk();  // it comes
  const auto answer = out.take<wire::store_fetched>();
  ASSERT_TRUE(answer && answer->error.empty());
  EXPECT_EQ(answer->where, names.at(0));
  EXPECT_NE(answer->place.offset, room.offset);
  EXPECT_EQ(answer->as_of, pins.looks());
  EXPECT_EQ(text_at(answer->place), value_of(0));
  say(worker, wire::store_return{room});
  expect_empty_after_frees();
  EXPECT_EQ(tested.bytes_in_use(), 0U);
}

TEST_F(DirectorySpilling, WhatWasWrittenOnceLeavesAtOnceTheNextTime) {
  fill();
  ask_room();
  end_on_disk();
  ask(0);
  end_on_disk();
  end_on_disk();
  for (std::uint64_t i = 2; i < 10; ++i) say(owner, wire::store_free{object(i), names.at(i)});
  ask_room(600);
  ASSERT_TRUE(granted());
  ask_room(200);
  ASSERT_TRUE(granted());
  pass(100);
  EXPECT_EQ(disk.begun(), 0U);
  ask_room();
  EXPECT_TRUE(granted()) << "0 need not be written again";
  EXPECT_EQ(disk.begun(), 0U);
}

TEST_F(DirectorySpilling, WhatIsReadStays) {
  fill();
  pins.now = {names.at(0), names.at(1)};
  say(other_node, wire::store_pin{5, object(2), names.at(2), wire::pin_way::insisting, 1});
  EXPECT_TRUE(out.take<wire::store_pinned>());
  pass(100);
  ask_room();
  end_on_disk();
  EXPECT_EQ(granted()->offset, names.at(3).offset);
}

TEST_F(DirectorySpilling, WhoWasToldWhereItIsHasTimeToPinIt) {
  fill();
  ask(0);
  for (std::uint64_t i = 1; i < 10; ++i) say(owner, wire::store_free{object(i), names.at(i)});
  ask_room(900);
  ASSERT_TRUE(granted());
  ask_room();
  EXPECT_EQ(disk.begun(), 0U) << "0 was asked for just now";
  pass(20);
  EXPECT_EQ(disk.begun(), 1U);
}

TEST_F(DirectorySpilling, WhatIsAskedForWhileItLeavesStays) {
  fill();
  ask_room();
  ask(0);
  const auto answer = out.take<wire::store_fetched>();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->place, names.at(0));
  EXPECT_EQ(answer->as_of, pins.looks());
  end_on_disk();
  EXPECT_EQ(text_at(names.at(0)), value_of(0));
  EXPECT_FALSE(granted()) << "another goes instead";
  end_on_disk();
  EXPECT_EQ(granted()->offset, names.at(1).offset);
}

TEST_F(DirectorySpilling, WhatIsFreedWhileItLeavesGoesWhenNothingReadsItAnyMore) {
  fill();
  ask_room();
  ASSERT_EQ(disk.begun(), 1U);
  say(owner, wire::store_free{object(0), names.at(0)});
  EXPECT_EQ(text_at(names.at(0)), value_of(0)) << "the disk reads it still";
  EXPECT_FALSE(granted());
  end_on_disk();
  EXPECT_TRUE(granted());
  names.erase(0);
  expect_empty_after_frees();
}

TEST_F(DirectorySpilling, WhatIsFreedWhileItComesBackIsAnsweredAndLeavesNothing) {
  fill();
  ask_room();
  end_on_disk();
  say(worker, wire::store_return{*granted()});
  ask(0);
  ASSERT_EQ(disk.begun(), 1U);
  say(owner, wire::store_free{object(0), names.at(0)});
  EXPECT_EQ(error_of(out.take<wire::store_fetched>()->error).code, wire::error_code::object_lost);
  EXPECT_EQ(tested.bytes_in_use(), 1'000U) << "the disk writes there";
  end_on_disk();
  EXPECT_EQ(tested.bytes_in_use(), 900U);
  names.erase(0);
  expect_empty_after_frees();
}

TEST_F(DirectorySpilling, AnOwnersEndLeavesNothingOnDisk) {
  fill();
  ask_room();
  end_on_disk();
  ask(0);
  tested.on_process_ended(owner);
  tested.flush();
  EXPECT_EQ(error_of(out.take<wire::store_fetched>()->error).code, wire::error_code::owner_died);
  while (disk.begun() != 0) end_on_disk();
  EXPECT_EQ(disk.ranges(), 0U);
  EXPECT_EQ(tested.copies(), 0U);
}

TEST_F(DirectorySpilling, ReplicasGoFirstIfTheirOwnerLets) {
  const location replica = bring_replica();
  for (std::uint64_t i = 0; i < 9; ++i) make(i);
  pass(100);

  ask_room();
  EXPECT_EQ(disk.begun(), 0U);
  process_id to;
  const auto offer = out.take<wire::store_offer>(&to);
  ASSERT_TRUE(offer);
  EXPECT_EQ(to, owner);
  EXPECT_EQ(offer->where, replica);
  say(owner, wire::store_free{object(50), replica});
  EXPECT_EQ(granted()->offset, replica.offset);
}

// A task waits in line for an argument that is here; its owner lets that copy go.
TEST_F(DirectorySpilling, WhoStandsInLineForAReplicaThatGoesGetsAnother) {
  const location replica = bring_replica();
  say(worker, wire::store_allocate{9, 900, 0});
  ASSERT_TRUE(granted());
  pass(100);
  const location far{2, 0, 1, 9, 4, 0, 200};
  say(reader, wire::store_fetch{5, object(51), far, wire::fetch_urgency::argument});
  ASSERT_TRUE(out.take<wire::store_offer>());
  say(reader, wire::store_fetch{6, object(50), there, wire::fetch_urgency::argument});
  out.clear();
  say(owner, wire::store_free{object(50), replica});
  EXPECT_EQ(out.count<wire::store_fetched>(), 0U) << "it is in line for a new copy";
  tested.on_process_ended(worker);  // with its room
  tested.flush();
  EXPECT_EQ(out.count<wire::store_pin>(), 2U);
}

TEST_F(DirectorySpilling, TheLastCopyOfAnObjectIsKeptAndGoesToDisk) {
  const location replica = bring_replica();
  say(worker, wire::store_allocate{9, 900, 0});
  ASSERT_TRUE(granted());
  keep_on_disk(replica);
  EXPECT_EQ(granted()->offset, replica.offset);
  // Who looks for the object on this node finds it.
  out.clear();
  say(reader, wire::store_fetch{6, object(50), there});
  EXPECT_EQ(out.count<wire::store_pin>(), 0U);
}

TEST_F(DirectorySpilling, OtherNodesReadStraightFromDisk) {
  fill();
  ask_room();
  end_on_disk();
  const location room = *granted();
  say(other_node, wire::store_pin{5, object(0), names.at(0), wire::pin_way::located, 1});
  const auto pinned = out.take<wire::store_pinned>();
  ASSERT_TRUE(pinned);
  EXPECT_EQ(pinned->answer, wire::pin_answer::by_messages);
  EXPECT_EQ(tested.pins(), 1U);
  // It is freed, which waits for the reader.
  say(owner, wire::store_free{object(0), names.at(0)});
  names.erase(0);
  std::string read;
  for (std::uint64_t offset = 0; offset < 100; offset += 50) {
    say(other_node, wire::store_read{5, offset, 50});
    end_on_disk();
    const auto part = out.take<wire::store_part>();
    ASSERT_TRUE(part && !part->gone);
    read += wire::as_text(part->bytes);
  }
  EXPECT_EQ(read, value_of(0));
  EXPECT_EQ(disk.ranges(), 1U);
  say(other_node, wire::store_unpin{{5}});
  EXPECT_EQ(disk.ranges(), 0U);
  EXPECT_EQ(tested.pins(), 0U);
  say(worker, wire::store_return{room});
  EXPECT_EQ(tested.bytes_in_use(), 900U) << "it took no memory";
}

TEST_F(DirectorySpilling, AReaderThatEndsLetsGoOfTheDisk) {
  fill();
  ask_room();
  end_on_disk();
  say(other_node, wire::store_pin{5, object(0), names.at(0), wire::pin_way::located, 1});
  say(other_node, wire::store_read{5, 0, 50});
  tested.on_process_ended(other_node);
  say(owner, wire::store_free{object(0), names.at(0)});
  names.erase(0);
  end_on_disk();
  EXPECT_EQ(disk.ranges(), 0U);
}

TEST_F(DirectorySpilling, NobodyOvertakesWhoNeedsMuch) {
  fill();
  ask_room(300);
  ask_room(100);
  for (int i = 0; i < 2; ++i) {
    end_on_disk();
    EXPECT_FALSE(granted());
  }
  end_on_disk();
  EXPECT_EQ(granted()->size_bytes, 300U);
  EXPECT_FALSE(granted());
  end_on_disk();
  EXPECT_EQ(granted()->size_bytes, 100U);
}

TEST_F(DirectorySpilling, WhenAllIsInUseItIsWaitedForAndThenNamed) {
  fill();
  for (const auto& [number, name] : names) pins.now.push_back(name);
  ask_room();
  EXPECT_EQ(disk.begun(), 0U);
  const std::uint64_t looks = pins.looks();
  pass(500);
  EXPECT_GT(pins.looks(), looks);
  EXPECT_TRUE(out.empty());
  pass(600);
  const auto refused = out.take<wire::store_grant>();
  ASSERT_TRUE(refused);
  const auto error = error_of(refused->error);
  EXPECT_EQ(error.code, wire::error_code::store_full);
  EXPECT_THAT(std::string{error.what}, HasSubstr("process 1.3 reads 10 objects"));
  EXPECT_EQ(tested.next_deadline_ns(), ~std::uint64_t{0});
}

TEST_F(DirectorySpilling, PinsThatEndInTimeLetTheWaitEndWell) {
  fill();
  for (const auto& [number, name] : names) pins.now.push_back(name);
  ask_room();
  pass(500);
  pins.now.clear();
  pass(20);
  pass(20);
  end_on_disk();
  EXPECT_TRUE(granted());
}

TEST_F(DirectorySpilling, WhatCanNotBeWrittenStaysAndIsTriedAgainLater) {
  fill();
  ask_room();
  end_on_disk(false);
  EXPECT_EQ(text_at(names.at(0)), value_of(0));
  EXPECT_EQ(disk.ranges(), 0U);
  const auto refused = out.take<wire::store_grant>();
  ASSERT_TRUE(refused);
  EXPECT_THAT(std::string{error_of(refused->error).what}, HasSubstr("the disk is broken"));
  ask_room();
  EXPECT_EQ(disk.begun(), 0U) << "not so soon";
  EXPECT_FALSE(granted());
  pass(100);
  ask_room();
  end_on_disk();
  EXPECT_TRUE(granted());
}

TEST_F(DirectorySpilling, WhenTheDiskEndsTooThatIsNamed) {
  std::uint64_t number = 0;
  for (; number < 30; ++number) {
    ask_room();
    pass(100);
    while (disk.begun() != 0) end_on_disk();
    make_in(granted().value(), number);
    pass(100);
  }
  ask_room();
  const auto refused = out.take<wire::store_grant>();
  ASSERT_TRUE(refused);
  EXPECT_THAT(std::string{error_of(refused->error).what}, HasSubstr("the disk is full"));
  for (number = 0; number < 20; ++number) {
    say(owner, wire::store_free{object(number), names.at(number)});
    names.erase(number);
  }
  EXPECT_EQ(disk.ranges(), 0U);
  pass(100);
  ask_room();
  end_on_disk();
  EXPECT_TRUE(granted());
}

TEST_F(DirectorySpilling, WhoAsksTwiceStandsInLineOnce) {
  fill();
  ask_room();
  end_on_disk();
  ASSERT_TRUE(granted());
  for (const auto urgency : {wire::fetch_urgency::prefetch, wire::fetch_urgency::argument})
    say(reader, wire::store_fetch{4, object(0), names.at(0), urgency});
  for (std::uint64_t i = 1; i < 3; ++i)
    say(reader, wire::store_fetch{4 + i, object(i), names.at(i), wire::fetch_urgency::argument});
  say(owner, wire::store_free{object(0), names.at(0)});
  names.erase(0);
  while (disk.begun() != 0) end_on_disk();
  EXPECT_EQ(out.count<wire::store_fetched>(), 3U);
  expect_empty_after_frees();
}

// What becomes free little by little does not keep what could leave from leaving.
TEST_F(DirectorySpilling, SmallFreesDoNotHoldUpWhoNeedsMuch) {
  ask_room(50);
  const location small = *granted();
  say(worker, wire::store_allocate{9, 100, 200});
  ASSERT_TRUE(granted());  // a slab, whose holder is asked in rounds
  for (std::uint64_t i = 0; i < 6; ++i) make(i);
  pass(100);
  ask_room(700);
  for (int round = 0; round < 3; ++round) {
    const auto query = out.take<wire::store_query>();
    if (!query) break;
    if (round == 0) say(worker, wire::store_return{small});
    say(worker, wire::store_reply{query->token});
  }
  EXPECT_NE(disk.begun(), 0U);
}

// A process that is stopped, with memory that it might give back, does not make others wait for
// ever.
TEST_F(DirectorySpilling, AHolderThatDoesNotAnswerKeepsNobodyWaitingBeyondTheirPatience) {
  say(worker, wire::store_allocate{9, 5, 15});
  ASSERT_EQ(granted().value().size_bytes, 15U);  // its slab
  for (std::uint64_t i = 0; i < 9; ++i) make(i);
  pins.now.clear();
  for (const auto& [number, name] : names) pins.now.push_back(name);
  say(second_worker, wire::store_allocate{7, 300, 0});
  ASSERT_TRUE(out.take<wire::store_query>());  // and never answered
  const auto refused = [&] {
    const auto grant = out.take<wire::store_grant>();
    return grant && !grant->error.empty();
  };
  EXPECT_FALSE(refused());
  for (int i = 0; i < 100 && tested.next_deadline_ns() < never; ++i) {
    ASSERT_GT(tested.next_deadline_ns(), now) << "it is not looked at all the time";
    pass(tested.next_deadline_ns() - now);
    if (refused()) return;
  }
  FAIL() << "it waits still";
}

// It is kept as the last one that its owner knew to be good, and can't be read when it is wanted.
TEST_F(DirectorySpilling, AReplicaThatCanNotBeReadBackStandsInNoOthersWay) {
  const location replica = bring_replica();
  say(worker, wire::store_allocate{9, 900, 0});
  const location rest = granted().value();
  keep_on_disk(replica);
  ASSERT_TRUE(granted());
  say(worker, wire::store_return{rest});
  out.clear();
  say(reader, wire::store_fetch{6, object(50), replica});
  end_on_disk(false);
  const auto question = out.take<wire::object_subscribe>();
  ASSERT_TRUE(question);
  EXPECT_EQ(question->failed, replica);
  wire::object_ready told;
  told.object = object(50);
  told.value.kind = wire::value_kind::stored;
  told.value.where = there;
  say(owner, told);
  wire::store_pinned whole;
  whole.token = out.take<wire::store_pin>().value().token;
  whole.answer = wire::pin_answer::whole;
  const std::string value = value_of(10);
  whole.bytes = wire::as_blob(value);
  say(other_node, whole);
  const auto answer = out.take<wire::store_fetched>();
  ASSERT_TRUE(answer && answer->error.empty());
  EXPECT_EQ(text_at(answer->place), value);
}

TEST_F(DirectorySpilling, WhatCanNotBeReadBackIsLostInWords) {
  fill();
  ask_room();
  end_on_disk();
  say(worker, wire::store_return{*granted()});
  ask(0);
  end_on_disk(false);
  const auto question = out.take<wire::object_subscribe>();
  ASSERT_TRUE(question) << "its owner may know another copy";
  EXPECT_EQ(question->failed, names.at(0));
  wire::object_ready told;
  told.object = object(0);
  told.value.kind = wire::value_kind::stored;
  told.value.where = names.at(0);
  say(owner, told);
  const auto answer = out.take<wire::store_fetched>();
  ASSERT_TRUE(answer);
  const auto error = error_of(answer->error);
  EXPECT_EQ(error.code, wire::error_code::object_lost);
  EXPECT_THAT(std::string{error.what}, HasSubstr("the disk is broken"));
  EXPECT_EQ(tested.bytes_in_use(), 900U);
}

TEST_F(DirectorySpilling, AFetchFromAnotherNodeWaitsForRoomToo) {
  fill();
  say(reader, wire::store_fetch{4, object(50), there});
  EXPECT_EQ(out.count<wire::store_pin>(), 0U);
  end_on_disk();
  EXPECT_TRUE(out.take<wire::store_pin>());
}

// Two tasks that each hold half of what the other waits for would wait for ever.
TEST_F(DirectorySpilling, ArgumentsAreGivenToOneTaskAfterTheOther) {
  fill();
  const auto ask_argument = [this](std::uint64_t number, process_id who) {
    say(who,
        wire::store_fetch{number, object(number), names.at(number), wire::fetch_urgency::argument});
  };
  ask_room();
  end_on_disk();
  ASSERT_TRUE(granted());  // 0 is on disk
  ask_argument(0, worker);
  ask_argument(5, reader);
  EXPECT_EQ(out.count<wire::store_fetched>(), 0U) << "5 is here, but not its turn";
  // Who runs does not wait behind them.
  ask(6);
  EXPECT_EQ(out.take<wire::store_fetched>()->token, 6U);
  end_on_disk();
  EXPECT_EQ(out.take<wire::store_fetched>()->token, 5U);
  end_on_disk();
  EXPECT_EQ(out.take<wire::store_fetched>()->token, 0U);
}

TEST_F(DirectorySpilling, RoomForWhoRunsComesBeforeArguments) {
  fill();
  ask_room();
  end_on_disk();
  ASSERT_TRUE(granted());
  say(reader, wire::store_fetch{4, object(0), names.at(0), wire::fetch_urgency::argument});
  ask_room();
  end_on_disk();
  EXPECT_TRUE(granted());
  EXPECT_EQ(out.count<wire::store_fetched>(), 0U);
}

TEST_F(DirectorySpilling, WhatWaitsToBeginWaitsLongerAndIsToldOf) {
  std::string told;
  tested.on_long_wait = [&](const std::string& text) { told = text; };
  fill();
  ask_room();
  end_on_disk();
  pins.now.push_back(*granted());
  for (std::uint64_t i = 1; i < 10; ++i) pins.now.push_back(names.at(i));
  make_in(pins.now.front(), 10);
  pass(100);
  say(reader, wire::store_fetch{4, object(0), names.at(0), wire::fetch_urgency::argument});
  for (int i = 0; i < 30; ++i) pass(50);
  EXPECT_THAT(told, HasSubstr("process 1.3 reads"));
  EXPECT_EQ(out.count<wire::store_fetched>(), 0U);
  for (int i = 0; i < 80; ++i) pass(50);
  EXPECT_EQ(error_of(out.take<wire::store_fetched>()->error).code, wire::error_code::store_full);
}

TEST_F(DirectorySpilling, WhoEndsInLineLetsTheNextGoOn) {
  fill();
  say(reader, wire::store_allocate{9, 900, 0});
  ask_room(100);
  end_on_disk();
  EXPECT_FALSE(granted());
  tested.on_process_ended(reader);
  tested.flush();
  EXPECT_TRUE(granted());
}

}  // namespace
}  // namespace mobula::core
