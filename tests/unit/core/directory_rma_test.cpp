#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "core/directory.hpp"
#include "core/memory_block_store.hpp"
#include "core/memory_of_others.hpp"
#include "core/sent_messages.hpp"

namespace mobula::core {
namespace {

using wire::location;
using wire::object_id;
using wire::pin_answer;
using wire::process_id;

constexpr process_id worker{1, 2};
constexpr process_id owner{0, 1};
constexpr process_id other_node = process_id::scheduler_of(2);
constexpr process_id third_node = process_id::scheduler_of(3);

/// The directory of node 1 of 4, with RMA by 100 bytes, three at a time; nodes 2 and 3 hold the
/// same object.
class DirectoryRma : public testing::Test {
 protected:
  DirectoryRma() {
    for (wire::node_id n = 2; n < 4; ++n) {
      location& where = there[n - 2];
      where = store_of(n).allocate(value.size()).where;
      std::memcpy(store_of(n).bytes(where)->data(), value.data(), value.size());
      key[n - 2] = rma_of(n).expose(where, 1)->key_bytes;
    }
  }
  memory_block_store& store_of(wire::node_id n) {
    return n == 1 ? memory : n == 2 ? second : third;
  }
  memory_of_others& rma_of(wire::node_id n) {
    return n == 1 ? rma : n == 2 ? second_rma : third_rma;
  }
  template <class Message>
  void say(process_id from, const Message& message) {
    ASSERT_TRUE(tested.on_message(from, encoded(message)));
  }
  void ask(const location& where) { say(worker, wire::store_fetch{1, object, where}); }
  void grant(process_id holder) {
    const auto question = out.take<wire::store_pin>();
    ASSERT_TRUE(question);
    const std::size_t which = holder.node() - 2U;
    wire::store_pinned answer;
    answer.token = question->token;
    answer.answer = pin_answer::by_rma;
    answer.segments.push_back({there[which].offset, value.size(), 101, key[which]});
    say(holder, answer);
  }
  void end_read(bool works = true) {
    const auto [done, succeeded] = rma.finish(0);
    tested.on_remote_read(done.token, done.offset, succeeded && works);
  }
  std::size_t unpinned(process_id holder) {
    tested.flush();
    process_id to;
    const auto back = out.take<wire::store_unpin>(&to);
    if (!back) return 0;
    EXPECT_EQ(to, holder);
    return back->tokens.size();
  }
  void expect_read() {
    const auto answer = out.take<wire::store_fetched>();
    ASSERT_TRUE(answer && answer->error.empty());
    const auto bytes = memory.bytes(answer->where);
    EXPECT_EQ(wire::as_text(*bytes), value);
  }

  const std::string value = std::string(100, 'a') + std::string(100, 'b') + std::string(100, 'c') +
                            std::string(100, 'd') + std::string(50, 'e');
  memory_block_store memory{1, 1000}, second{2, 1000}, third{3, 1000};
  memory_of_others::finder others = [this](wire::node_id n) { return &rma_of(n); };
  memory_of_others rma{1, memory, others}, second_rma{2, second, others},
      third_rma{3, third, others};
  sent_messages out;
  directory tested{1, 4, {memory, out, &rma}, {{0, 100, 100, 3, 500, 700}, {}, {}}};
  const object_id object{owner, 77};
  location there[2];
  wire::blob key[2];
};

TEST_F(DirectoryRma, ReadsChunkByChunkUnderOnePin) {
  ask(there[0]);
  EXPECT_EQ(rma.begun(), 0U);
  grant(other_node);
  EXPECT_EQ(rma.begun(), 3U);
  EXPECT_EQ(tested.bytes_in_flight(), 300U);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(unpinned(other_node), 0U);
    end_read();
  }
  EXPECT_EQ(unpinned(other_node), 1U);
  EXPECT_TRUE(out.take<wire::replica_add>());
  expect_read();
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(tested.bytes_in_flight(), 0U);
}

TEST_F(DirectoryRma, MemoryIsKeptUntilNothingIsWrittenIntoItAnyMore) {
  ask(there[0]);
  grant(other_node);
  tested.on_process_ended(worker);
  EXPECT_EQ(memory.blocks(), 1U);
  EXPECT_EQ(tested.fetches(), 1U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(unpinned(other_node), 0U);
    EXPECT_EQ(memory.blocks(), 1U);
    end_read(i == 0);
  }
  EXPECT_EQ(unpinned(other_node), 1U);
  EXPECT_EQ(memory.blocks(), 0U);
  EXPECT_EQ(tested.bytes_in_use(), 0U);
}

TEST_F(DirectoryRma, WhoAsksAnewWhileMemoryIsKeptGetsTheObjectAnew) {
  ask(there[0]);
  grant(other_node);
  tested.on_process_ended(worker);
  say({1, 3}, wire::store_fetch{1, object, there[0]});
  for (int i = 0; i < 3; ++i) end_read();
  grant(other_node);
  while (rma.begun() != 0) end_read();
  expect_read();
}

TEST_F(DirectoryRma, ASourceThatFailsIsFollowedByTheNextForWhatIsMissing) {
  ask(there[0]);
  say({1, 3}, wire::store_fetch{2, object, there[1]});
  grant(other_node);
  end_read();
  end_read(false);
  EXPECT_FALSE(out.take<wire::store_pin>()) << "two reads are under way still";
  tested.on_process_ended(other_node);
  end_read();
  end_read(false);
  grant(third_node);
  int reads = 0;
  for (; rma.begun() != 0; ++reads) end_read();
  EXPECT_EQ(reads, 3);
  expect_read();
}

TEST_F(DirectoryRma, WhatRmaTakesNotComesByMessages) {
  ask(there[0]);
  int left = 1;
  rma.refuses = [&left] { return left-- <= 0; };
  grant(other_node);
  EXPECT_EQ(rma.begun(), 1U);
  EXPECT_FALSE(out.take<wire::store_read>());
  end_read();
  while (const auto read = out.take<wire::store_read>()) {
    wire::store_part part;
    part.token = read->token;
    part.offset = read->offset;
    const std::string bytes = value.substr(read->offset, read->size_bytes);
    part.bytes = wire::as_blob(bytes);
    say(other_node, part);
  }
  expect_read();
  EXPECT_EQ(unpinned(other_node), 1U);
}

TEST_F(DirectoryRma, APinnedBlockIsExposedUntilThePinIsBack) {
  say(worker, wire::store_allocate{9, 250, 0});
  const location where = out.take<wire::store_grant>()->where;
  say(worker, wire::store_made{object, where});
  say(other_node, wire::store_pin{5, object, where, wire::pin_way::located, 1});
  const auto answer = out.take<wire::store_pinned>();
  ASSERT_EQ(answer->answer, pin_answer::by_rma);
  ASSERT_EQ(answer->segments.size(), 1U);
  EXPECT_EQ(answer->segments.front().address, where.offset);
  EXPECT_EQ(answer->segments.front().size_bytes, 250U);
  EXPECT_EQ(rma.exposed(), 1U);
  say(owner, wire::store_free{object, where});
  EXPECT_EQ(rma.exposed(), 1U);
  rma.revoked = {{2, 17}, {3, 18}};  // of other blocks, to make room
  say(other_node, wire::store_unpin{{5}});
  EXPECT_EQ(rma.exposed(), 0U);
  process_id to;
  EXPECT_THAT(out.take<wire::key_revoke>(&to)->keys, testing::ElementsAre(17));
  EXPECT_EQ(to, other_node);
  EXPECT_THAT(out.take<wire::key_revoke>(&to)->keys, testing::ElementsAre(18));
  EXPECT_EQ(to, third_node);
  say(third_node, wire::key_revoke{{4, 5}});
  EXPECT_EQ(rma.forgotten.size(), 2U);
}

}  // namespace
}  // namespace mobula::core
