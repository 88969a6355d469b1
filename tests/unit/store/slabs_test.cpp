#include "store/slabs.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "seed.hpp"

namespace mobula::store {
namespace {

using wire::location;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

location room(std::uint32_t extent, std::uint64_t offset, std::uint64_t size) {
  return {3, 0, 7, extent, 900, offset, size};
}

TEST(Slabs, HaveNothingToGiveAtFirst) {
  slabs all;
  EXPECT_FALSE(all.allocate(100));
  EXPECT_EQ(all.wanted_bytes(), slabs::first_bytes);
}

TEST(Slabs, CutBlocksFromWhatWasAdded) {
  slabs all;
  all.add(room(2, 8192, mebibyte));
  const auto first = all.allocate(100);
  const auto second = all.allocate(40'000);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->node, 3);
  EXPECT_EQ(first->incarnation, 7U);
  EXPECT_EQ(first->extent, 2U);
  EXPECT_EQ(first->offset, 8192U);
  EXPECT_EQ(first->size_bytes, 100U);
  EXPECT_EQ(second->offset, 8192U + 128);
  EXPECT_FALSE(all.allocate(mebibyte));
  EXPECT_TRUE(all.release(*first));
  EXPECT_FALSE(all.release(*first));
  EXPECT_FALSE(all.release(room(2, 8192 + mebibyte, 100)));
}

TEST(Slabs, LargeObjectsAreNotTheirs) {
  slabs all;
  all.add(room(0, 0, 16 * mebibyte));
  EXPECT_TRUE(all.allocate(slabs::object_bytes_max));
  EXPECT_FALSE(all.allocate(slabs::object_bytes_max + 1));
}

TEST(Slabs, AskForMoreTheMoreThereIs) {
  slabs all;
  for (std::uint32_t i = 0; i < 12; ++i) all.add(room(i, 0, all.wanted_bytes()));
  EXPECT_EQ(all.wanted_bytes(), slabs::bytes_max);
}

TEST(Slabs, GiveBackThoseInWhichNothingLies) {
  slabs all;
  all.add(room(0, 0, mebibyte));
  all.add(room(1, 0, mebibyte));
  all.add(room(2, 0, mebibyte));
  const auto first = all.allocate(900'000);
  const auto second = all.allocate(900'000);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(all.empty_bytes(), mebibyte);
  EXPECT_TRUE(all.take_empty(mebibyte).empty());
  EXPECT_TRUE(all.release(*first));
  const auto taken = all.take_empty(mebibyte);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0], room(2, 0, mebibyte));  // the last ones go first
  EXPECT_EQ(all.take_empty(0).size(), 1U);
  EXPECT_EQ(all.bytes(), mebibyte);
  EXPECT_TRUE(all.release(*second));
}

TEST(Slabs, ASmallOneOfAnySizeIsUsedWithinItsBounds) {
  for (const std::uint64_t size :
       {std::uint64_t{4096}, std::uint64_t{4096 + 64}, std::uint64_t{12'288}}) {
    slabs all;
    all.add(room(0, 4096, size));
    std::uint64_t used = 0;
    while (const auto block = all.allocate(500)) {
      EXPECT_LE(block->offset + block->size_bytes, 4096 + size);
      used += block->size_bytes;
    }
    EXPECT_GT(used, size / 4096 * 3000);
  }
}

TEST(Slabs, NoTwoBlocksOverlapWhateverTheOrder) {
  std::mt19937_64 random{test_seed()};
  slabs all;
  std::map<std::pair<std::uint32_t, std::uint64_t>, location> live;
  std::uint32_t extents = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 5 < 3) {
      const auto block = all.allocate(random() % 60'000 + 1);
      if (!block) {
        all.add(room(extents++, random() % 100 * 4096, all.wanted_bytes()));
        continue;
      }
      const auto [at, fresh] = live.emplace(std::pair{block->extent, block->offset}, *block);
      ASSERT_TRUE(fresh);
      const auto next = std::next(at);
      if (next != live.end() && next->first.first == block->extent) {
        ASSERT_LE(block->offset + block->size_bytes, next->second.offset);
      }
      if (at != live.begin() && std::prev(at)->first.first == block->extent) {
        const location& before = std::prev(at)->second;
        ASSERT_LE(before.offset + before.size_bytes, block->offset);
      }
    } else if (!live.empty()) {
      auto gone = live.lower_bound(
          {static_cast<std::uint32_t>(random() % (extents + 1)), random() % mebibyte});
      if (gone == live.end()) gone = live.begin();
      ASSERT_TRUE(all.release(gone->second));
      live.erase(gone);
      if (random() % 8 == 0) all.take_empty(mebibyte);
    }
  }
  for (const auto& [where, block] : live) ASSERT_TRUE(all.release(block));
  all.take_empty(0);
  EXPECT_EQ(all.bytes(), 0U);
  EXPECT_EQ(all.size(), 0U);
}

}  // namespace
}  // namespace mobula::store
