#include "store/allocator.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace mobula::store {
namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;

// MOBULA_TEST_SEED replays one run.
std::uint64_t seed_for(int run) {
  const char* given = std::getenv("MOBULA_TEST_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 1000 + static_cast<std::uint64_t>(run);
}

// The model: the ranges that are in use, extent by extent, and the sizes of the extents.
class model {
 public:
  void changed(const std::vector<extent_change>& changes) {
    for (const extent_change& one : changes) {
      if (one.what == extent_change::kind::make) {
        ASSERT_EQ(one.extent, sizes_.size());
        sizes_.push_back(one.size_bytes);
      } else {
        is_free(one.extent, one.offset, one.size_bytes);
      }
    }
  }
  void used(const block& one, std::uint64_t size) {
    ASSERT_LT(one.extent, sizes_.size());
    ASSERT_EQ(one.offset % (size % page_states::page_bytes == 0 ? page_states::page_bytes
                                                                : allocator::alignment),
              0U);
    ASSERT_LE(one.offset + size, sizes_[one.extent]);
    const auto after = used_.lower_bound({one.extent, one.offset});
    if (after != used_.end() && after->first.first == one.extent) {
      ASSERT_GE(after->first.second, one.offset + size);
    }
    if (after != used_.begin()) {
      const auto before = std::prev(after);
      if (before->first.first == one.extent) {
        ASSERT_LE(before->first.second + before->second, one.offset);
      }
    }
    used_[{one.extent, one.offset}] = size;
  }
  void is_free(std::uint32_t extent, std::uint64_t offset, std::uint64_t size) {
    ASSERT_LE(offset + size, sizes_[extent]);
    const auto end = used_.lower_bound({extent, offset + size});
    if (end == used_.begin()) return;
    const auto& [where, bytes] = *std::prev(end);
    ASSERT_TRUE(where.first != extent || where.second + bytes <= offset);
  }
  void released(const block& one) { used_.erase({one.extent, one.offset}); }

 private:
  std::vector<std::uint64_t> sizes_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> used_;
};

// Of one domain as often as of several.
numa_distances some_distances(std::mt19937_64& random) {
  const std::size_t domains = random() % 2 ? 1 : 2 + random() % 3;
  numa_distances made(domains, std::vector<unsigned>(domains, 10));
  for (std::size_t i = 0; i < domains; ++i)
    for (std::size_t j = 0; j < i; ++j)
      made[i][j] = made[j][i] = 11 + static_cast<unsigned>(random() % 30);
  return made;
}

void run_against_model(std::uint64_t seed) {
  SCOPED_TRACE("MOBULA_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random{seed};
  const std::uint64_t capacity = (4 + random() % 64) * mib;
  allocator tested{{capacity, random() % 2 ? 0 : 256 * kib, some_distances(random)}};
  const auto some_domain = [&] { return static_cast<unsigned>(random() % tested.domains()); };
  model expected;
  std::vector<std::pair<block, std::uint64_t>> live;
  for (int step = 0; step < 4000; ++step) {
    // Phases of growth and of decline.
    const bool grow = random() % 100 < (step / 500 % 2 ? 35U : 65U);
    if (grow || live.empty()) {
      const std::uint64_t size = (1 + random() % 1000) << random() % 12;
      const auto made = tested.allocate(size, some_domain());
      expected.changed(tested.take_changes());
      if (made) {
        expected.used(*made, size);
        live.emplace_back(*made, size);
      }
    } else {
      const std::size_t victim = random() % live.size();
      expected.released(live[victim].first);
      ASSERT_TRUE(tested.release(live[victim].first));
      ASSERT_FALSE(tested.release(live[victim].first));
      ASSERT_EQ(tested.size_of(live[victim].first), 0U);
      expected.changed(tested.take_changes());
      live[victim] = live.back();
      live.pop_back();
    }
    if (random() % 50 == 0) {
      for (const auto& [extent, offset, size] : tested.take_fresh(random() % mib, some_domain())) {
        expected.changed(tested.take_changes());
        expected.is_free(extent, offset, size);
      }
    }
    if (random() % 200 == 0) {
      tested.trim();
      expected.changed(tested.take_changes());
    }
    if (step % 100 == 0) tested.check();
    if (testing::Test::HasFatalFailure()) return;
  }
  for (const auto& [one, size] : live) {
    EXPECT_GE(tested.size_of(one), size);
    EXPECT_TRUE(tested.release(one));
  }
  tested.check();
  EXPECT_EQ(tested.in_use_bytes(), 0U);
  EXPECT_EQ(tested.blocks(), 0U);
}

TEST(Allocator, AgreesWithAModelInRandomPrograms) {
  for (int run = 0; run < 60 && !HasFatalFailure(); ++run) run_against_model(seed_for(run));
}

TEST(Allocator, GivesWholePagesToBlocksOfWholePages) {
  allocator tested{{64 * mib, mib}};
  ASSERT_EQ(tested.allocate(64)->offset, 0U);
  const auto pages = tested.allocate(8 * kib);
  EXPECT_EQ(pages->offset, 4 * kib);
  // What is left before it serves others.
  EXPECT_EQ(tested.allocate(4032)->offset, 64U);
  EXPECT_TRUE(tested.release(*pages));
  EXPECT_EQ(tested.allocate(8 * kib)->offset, 4 * kib);
  tested.check();
}

TEST(Allocator, TakesTheSmallestRangeThatFits) {
  allocator tested{{64 * mib, mib}};
  std::vector<block> row;
  for (const std::uint64_t size : {64, 128, 64, 256, 64, 128, 64})
    row.push_back(*tested.allocate(size));
  tested.release(row[1]);
  tested.release(row[3]);
  tested.release(row[5]);
  EXPECT_EQ(tested.allocate(100)->offset, row[5].offset);  // rather what was used last
  EXPECT_EQ(tested.allocate(100)->offset, row[1].offset);
  EXPECT_EQ(tested.allocate(100)->offset, row[3].offset);
  tested.check();
}

TEST(Allocator, IdlePagesBetweenBlocksMakeRoomForALargeOne) {
  allocator tested{{64 * mib, 16 * mib}};
  std::vector<block> all;
  while (const auto one = tested.allocate(64 * kib)) all.push_back(*one);
  for (std::size_t i = 0; i < all.size(); i += 2) tested.release(all[i]);
  EXPECT_EQ(tested.largest_free_bytes(), 32 * mib);
  tested.take_changes();
  // No range is free that is larger than 64 KiB.
  ASSERT_TRUE(tested.allocate(16 * mib));
  ASSERT_TRUE(tested.allocate(16 * mib));
  EXPECT_FALSE(tested.allocate(1));
  EXPECT_EQ(tested.in_use_bytes(), 64 * mib);
  EXPECT_EQ(tested.warm_bytes(), 64 * mib);
  std::uint64_t given_up = 0;
  for (const extent_change& change : tested.take_changes())
    given_up += change.what == extent_change::kind::release ? change.size_bytes : 0;
  EXPECT_EQ(given_up, 32 * mib);
  tested.check();
}

TEST(Allocator, FreshPagesAreThoseThatNobodyHasTouched) {
  allocator tested{{16 * mib, 4 * mib}};
  const block first = *tested.allocate(mib / 2);
  ASSERT_TRUE(tested.allocate(mib / 2));
  auto fresh = tested.take_fresh(5 * mib);
  ASSERT_EQ(fresh.size(), 2U);
  EXPECT_EQ(fresh[0].extent, first.extent);
  EXPECT_EQ(fresh[0].offset, mib);
  EXPECT_EQ(fresh[0].size_bytes, 3 * mib);
  EXPECT_EQ(fresh[1].size_bytes, 2 * mib);  // an extent was opened for it
  EXPECT_EQ(tested.ready_bytes(), 5 * mib);
  tested.release(first);
  EXPECT_EQ(tested.ready_bytes(), 5 * mib + mib / 2);  // what was used is warm
  std::uint64_t rest = 0;
  for (const auto& one : tested.take_fresh(1000 * mib)) rest += one.size_bytes;
  EXPECT_EQ(rest, 10 * mib);
  EXPECT_TRUE(tested.take_fresh(mib).empty());
  EXPECT_TRUE(tested.allocate(15 * mib));
  EXPECT_EQ(tested.ready_bytes(), mib / 2);
  tested.check();
}

TEST(Allocator, AHeldExtentKeepsItsMemory) {
  allocator tested{{16 * mib, 4 * mib}};
  std::vector<block> all;
  while (const auto one = tested.allocate(mib)) all.push_back(*one);
  tested.take_changes();
  const std::uint32_t held = all.front().extent;
  tested.hold(held, true);
  for (const block& one : all) tested.release(one);
  EXPECT_EQ(tested.largest_free_bytes(), 12 * mib);
  EXPECT_FALSE(tested.allocate(16 * mib));
  EXPECT_TRUE(tested.allocate(12 * mib));
  for (const extent_change& change : tested.take_changes())
    EXPECT_TRUE(change.extent != held || change.what != extent_change::kind::release);
  EXPECT_EQ(tested.allocate(mib)->extent, held);  // its own blocks come and go
  tested.hold(held, false);
  EXPECT_EQ(tested.largest_free_bytes(), 3 * mib);
  EXPECT_TRUE(tested.allocate(3 * mib));
  tested.check();
}

TEST(Allocator, GivesAReusedBlockANewGeneration) {
  allocator tested{{64 * mib, mib}};
  const block first = *tested.allocate(1000);
  tested.release(first);
  const block second = *tested.allocate(1000);
  EXPECT_EQ(second.offset, first.offset);
  EXPECT_NE(second.generation, first.generation);
  EXPECT_FALSE(tested.release(first));
  EXPECT_EQ(tested.size_of(first), 0U);
  EXPECT_EQ(tested.size_of(second), 1024U);
}

TEST(Allocator, UsesAllOfItsCapacityAndThenRefuses) {
  allocator tested{{64 * mib, 4 * mib}};
  std::vector<block> all;
  while (const auto one = tested.allocate(64 * kib)) all.push_back(*one);
  EXPECT_EQ(all.size(), 1024U);
  EXPECT_EQ(tested.in_use_bytes(), 64 * mib);
  EXPECT_EQ(tested.largest_free_bytes(), 0U);
  tested.release(all[17]);
  EXPECT_TRUE(tested.allocate(64 * kib));
  tested.check();
}

TEST(Allocator, GivesALargeBlockAnExtentOfItsOwnUpToTheWholeStore) {
  allocator tested{{64 * mib, 4 * mib}};
  const auto whole = tested.allocate(64 * mib);
  ASSERT_TRUE(whole);
  EXPECT_FALSE(tested.allocate(1));
  tested.release(*whole);
  EXPECT_TRUE(tested.allocate(1));
  EXPECT_FALSE(tested.allocate(64 * mib));
  EXPECT_TRUE(tested.allocate(60 * mib));
  EXPECT_FALSE(tested.allocate(65 * mib));
  EXPECT_FALSE(tested.allocate(~std::uint64_t{0}));
  tested.check();
}

TEST(Allocator, UsesACapacityThatIsNoMultipleOfItsExtents) {
  allocator tested{{10 * mib, 4 * mib}};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(tested.allocate(mib));
  EXPECT_FALSE(tested.allocate(mib));
  tested.check();
  allocator tiny{{100 * kib, 0}};
  EXPECT_TRUE(tiny.allocate(90 * kib));
  tiny.check();
}

TEST(Allocator, TrimsWhatNothingNeededOfEmptyExtentsBeyondAQuarter) {
  allocator tested{{64 * mib, 4 * mib}};
  std::vector<block> all;
  while (const auto one = tested.allocate(mib)) all.push_back(*one);
  EXPECT_EQ(tested.take_changes().size(), 16U);
  EXPECT_FALSE(tested.has_surplus());
  for (const block& one : all) tested.release(one);
  EXPECT_TRUE(tested.has_surplus());
  tested.trim();  // it was in use since the beginning
  EXPECT_EQ(tested.warm_bytes(), 64 * mib);
  // What comes and goes keeps its pages: 40 of the 64 MiB.
  for (int round = 0; round < 3; ++round) {
    all.clear();
    for (int i = 0; i < 40; ++i) all.push_back(*tested.allocate(mib));
    for (const block& one : all) tested.release(one);
    tested.trim();
    EXPECT_EQ(tested.warm_bytes(), 56 * mib);
  }
  EXPECT_TRUE(tested.has_surplus());
  tested.trim();
  EXPECT_EQ(tested.warm_bytes(), 16 * mib);
  EXPECT_FALSE(tested.has_surplus());
  std::size_t released = 0;
  for (const extent_change& change : tested.take_changes())
    released += change.what == extent_change::kind::release ? 1 : 0;
  EXPECT_EQ(released, 12U);
  // Their ranges are used again: no new extent.
  while (tested.allocate(mib)) {
  }
  EXPECT_TRUE(tested.take_changes().empty());
  tested.check();
}

TEST(Allocator, EmptyExtentsMakeRoomForALargeBlock) {
  allocator tested{{64 * mib, 4 * mib}};
  std::vector<block> all;
  for (int i = 0; i < 16; ++i) all.push_back(*tested.allocate(mib));
  for (const block& one : all) tested.release(one);
  EXPECT_EQ(tested.warm_bytes(), 16 * mib);
  EXPECT_TRUE(tested.allocate(60 * mib));
  tested.check();
}

TEST(Allocator, AddressRangesStayFewHoweverManySizesComeAndGo) {
  allocator tested{{1024 * mib, 4 * mib}};
  std::uint64_t ranges_bytes = 0;
  for (std::uint64_t size = 5 * mib; size < 1000 * mib; size += mib + 4096) {
    tested.release(*tested.allocate(size));
    for (const extent_change& change : tested.take_changes())
      ranges_bytes += change.what == extent_change::kind::make ? change.size_bytes : 0;
  }
  EXPECT_LT(ranges_bytes, std::uint64_t{32} * 1024 * mib);
  tested.check();
}

TEST(Allocator, NeverUsesAnExtentThatCouldNotBeMade) {
  allocator tested{{8 * mib, 4 * mib}};
  const block first = *tested.allocate(mib);
  tested.take_changes();
  const block second = *tested.allocate(4 * mib);
  ASSERT_NE(second.extent, first.extent);
  tested.release(second);
  tested.give_up(second.extent);
  EXPECT_TRUE(tested.take_changes().empty());
  const auto third = tested.allocate(4 * mib);
  ASSERT_TRUE(third);
  EXPECT_NE(third->extent, second.extent);
  tested.check();
}

}  // namespace
}  // namespace mobula::store
