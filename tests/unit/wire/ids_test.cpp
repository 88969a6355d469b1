#include "wire/ids.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <unordered_set>

namespace mobula::wire {
namespace {

TEST(Ids, OfAProcessCarryNodeAndIncarnationUpToTheirLimits) {
  for (const node_id node : {node_id{0}, node_id{1}, node_id{0xffff}}) {
    for (const std::uint32_t incarnation : {0U, 1U, 0xffff'fffeU}) {
      const process_id id{node, incarnation};
      EXPECT_TRUE(id);
      EXPECT_EQ(id.node(), node);
      EXPECT_EQ(id.incarnation(), incarnation);
      EXPECT_EQ(process_id::from_bits(id.bits()), id);
      EXPECT_EQ(id.is_scheduler(), incarnation == 0);
      EXPECT_LT(id.bits(), std::uint64_t{1} << 48);
    }
  }
  EXPECT_FALSE(process_id{});
  EXPECT_FALSE(process_id{}.is_scheduler());
}

TEST(Ids, OfATaskCarryOwnerSequenceAndIndexUpToTheirLimits) {
  constexpr std::uint64_t last_sequence = (std::uint64_t{1} << 48) - 1;
  for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{1} << 32, last_sequence}) {
    for (const std::uint32_t index : {0U, 100'000U, 0xffff'ffffU}) {
      const object_id id{{0xffff, 0xffff'fffe}, sequence, index};
      EXPECT_EQ(id.owner(), (process_id{0xffff, 0xffff'fffe}));
      EXPECT_EQ(id.sequence(), sequence);
      EXPECT_EQ(id.index(), index);
      EXPECT_EQ(object_id::from_words(id.high(), id.low()), id);
    }
  }
}

TEST(Ids, OfATaskAndItsResultsLeadToEachOther) {
  const task_id task{{3, 4}, 5};
  const object_id third = result_of(task, 2);
  EXPECT_EQ(maker_of(third), task);
  EXPECT_NE(third, result_of(task, 1));
}

TEST(Ids, ThatCountUpSpreadOverAHashTable) {
  std::unordered_set<std::size_t> low_bits;
  constexpr std::uint64_t count = 4'096;
  for (std::uint64_t i = 0; i < count; ++i) {
    low_bits.insert(std::hash<task_id>{}(task_id{{0, 1}, i}) % count);
  }
  // As many as balls thrown at random hit: 1 - 1/e of the boxes.
  EXPECT_GT(low_bits.size(), count * 6 / 10);
}

}  // namespace
}  // namespace mobula::wire
