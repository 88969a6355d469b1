#include "store/range_book.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <map>
#include <random>
#include <utility>

#include "seed.hpp"

namespace mobula::store {
namespace {

// What is taken, with its tag.
using model = std::map<std::pair<std::uint32_t, std::uint64_t>, range_book::taken>;

bool overlaps(const model& all, const line_range& one) {
  auto after = all.lower_bound({one.line, one.end()});
  if (after == all.begin()) return false;
  const auto& [where, what] = *std::prev(after);
  return where.first == one.line && where.second + what.size_bytes > one.offset;
}

TEST(RangeBook, AgreesWithAModelInRandomPrograms) {
  std::mt19937_64 random{test_seed()};
  for (int run = 0; run < 20; ++run) {
    range_book tested;
    model expected;
    std::map<std::uint32_t, std::uint64_t> length;
    for (int step = 0; step < 5000; ++step) {
      const std::uint64_t kind = random() % 100;
      const auto line = static_cast<std::uint32_t>(random() % 4);
      if (kind < 5) {
        const std::uint64_t bytes = (1 + random() % 4000) * 64;
        tested.extend(line, bytes);
        length[line] += bytes;
      } else if (kind < 8) {
        std::uint64_t end = 0;
        if (const auto after = expected.lower_bound({line + 1, 0}); after != expected.begin()) {
          const auto& [where, what] = *std::prev(after);
          if (where.first == line) end = where.second + what.size_bytes;
        }
        ASSERT_EQ(tested.cut(line), end);
        length[line] = end;
      } else if (kind < 60 || expected.empty()) {
        const auto tag = static_cast<std::uint32_t>(random());
        const std::uint64_t alignment = std::uint64_t{64} << (random() % 2 * (random() % 8));
        const std::uint64_t size = (1 + random() % 200) * 64;
        const auto foreseen = tested.would_take(size, alignment);
        const auto got = tested.take(size, tag, alignment);
        ASSERT_EQ(got, foreseen);
        if (got) {
          ASSERT_EQ(got->offset % alignment, 0U);
          ASSERT_FALSE(overlaps(expected, *got));
          ASSERT_LE(got->end(), length[got->line]);
          expected[{got->line, got->offset}] = {got->size_bytes, tag};
        }
      } else {
        const auto victim =
            std::next(expected.begin(), static_cast<long>(random() % expected.size()));
        const auto [place, what] = *victim;
        const auto found = tested.find(place.first, place.second);
        ASSERT_TRUE(found);
        ASSERT_EQ(found->size_bytes, what.size_bytes);
        ASSERT_EQ(found->tag, what.tag);
        expected.erase(victim);
        const line_range joined = tested.release(place.first, place.second);
        ASSERT_LE(joined.offset, place.second);
        ASSERT_GE(joined.end(), place.second + what.size_bytes);
        ASSERT_FALSE(overlaps(expected, joined));
        ASSERT_FALSE(tested.find(place.first, place.second));
      }
      ASSERT_EQ(tested.ranges_taken(), expected.size());
      if (step % 100 == 0) tested.check();
    }
  }
}

TEST(RangeBook, TakesTheLastByteThatIsFree) {
  range_book tested;
  tested.extend(7, 64 * 1000);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(tested.take(6400, 0));
  EXPECT_FALSE(tested.take(64, 0));
  tested.release(7, 6400 * 4);
  EXPECT_FALSE(tested.take(6464, 0));
  EXPECT_EQ(tested.take(6400, 0)->offset, 6400U * 4);
}

TEST(RangeBook, TakesAnAlignedRangeWhereverThereIsOne) {
  range_book tested;
  tested.extend(0, 64 * 1000);
  EXPECT_EQ(tested.take(64, 0)->offset, 0U);
  EXPECT_EQ(tested.take(4096, 0, 4096)->offset, 4096U);
  EXPECT_EQ(tested.take(4096, 0, 4096)->offset, 8192U);
  // The gap before the first has the size, but no such place.
  tested.release(0, 4096);
  EXPECT_EQ(tested.take(64, 0)->offset, 64U);
  EXPECT_EQ(tested.take(4096, 0, 4096)->offset, 4096U);
  EXPECT_EQ(tested.take(4096 - 128, 0)->offset, 128U);
  tested.check();
}

TEST(RangeBook, KnowsNothingOfPlacesThatWereNeverTaken) {
  range_book tested;
  tested.extend(0, 6400);
  tested.take(640, 1);
  EXPECT_TRUE(tested.find(0, 0));
  for (const auto& [line, offset] : {std::pair<std::uint32_t, std::uint64_t>{0, 64},
                                     {1, 0},
                                     {1U << 26, 0},
                                     {0, 1},
                                     {0, ~std::uint64_t{0} - 63}})
    EXPECT_FALSE(tested.find(line, offset)) << line << ' ' << offset;
}

}  // namespace
}  // namespace mobula::store
