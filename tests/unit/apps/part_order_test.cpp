#include "sort/part_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "apps/made_records.hpp"
#include "seed.hpp"

namespace sorting {
namespace {

TEST(PartOrder, IsThatOfAStableSort) {
  std::mt19937_64 random{mobula::test_seed()};
  for (int round = 0; round < 100; ++round) {
    auto all = made(random(), 0, random() % 400);
    // Keys that are often equal, down to all of them.
    const std::uint64_t keys = 1 + random() % 100;
    for (record& each : all) {
      if (round % 2 == 0) {
        each.bytes[random() % 2 == 0 ? 0 : key_bytes - 1] = static_cast<char>(random() % keys);
        std::fill(each.bytes.begin() + 1, each.bytes.begin() + key_bytes - 1, 'k');
      }
    }
    std::vector<std::span<const record>> runs;
    for (std::span<const record> rest{all}; !rest.empty();) {
      const std::size_t size = std::min<std::size_t>(random() % 100, rest.size());
      runs.push_back(rest.first(size));
      rest = rest.subspan(size);
    }
    const part_order order{runs};

    auto expected = all;
    std::ranges::stable_sort(expected, key_less);
    ASSERT_EQ(order.size(), all.size());
    std::vector<record> seen(all.size());
    for (std::size_t begin = 0; begin < seen.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random() % 50, seen.size() - begin);
      order.copy(begin, std::span{seen}.subspan(begin, size));
      begin += size;
    }
    EXPECT_TRUE(same(seen, expected));
  }
}

TEST(PartOrder, OfNothingIsEmpty) {
  EXPECT_EQ(part_order{{}}.size(), 0U);
  EXPECT_EQ((part_order{{std::span<const record>{}, std::span<const record>{}}}.size()), 0U);
}

}  // namespace
}  // namespace sorting
