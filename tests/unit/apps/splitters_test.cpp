#include "sort/splitters.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "apps/made_records.hpp"
#include "seed.hpp"

namespace sorting {
namespace {

TEST(Place, IsOrderedAsMemcmpOrdersKeysThenByPosition) {
  std::mt19937_64 random{mobula::test_seed()};
  for (int round = 0; round < 10'000; ++round) {
    record one{};
    record other{};
    // Few different bytes, high ones too, so that keys agree for a while or wholly.
    for (std::size_t i = 0; i < key_bytes; ++i) {
      one.bytes[i] = static_cast<char>(random() % 3 == 0 ? 0xff : 0x01);
      other.bytes[i] = random() % 8 == 0 ? static_cast<char>(random()) : one.bytes[i];
    }
    if (key_less(one, other)) {
      EXPECT_LT(place_of(one, random() >> 16), place_of(other, random() >> 16));
    } else if (!key_less(other, one)) {
      EXPECT_LT(place_of(one, 5), place_of(other, 6));
    }
  }
}

TEST(Splitters, PartASampleEvenly) {
  std::mt19937_64 random{mobula::test_seed()};
  std::vector<place> sample;
  for (int i = 0; i < 1'000; ++i) sample.push_back({random(), random()});
  for (const std::uint32_t parts : {1U, 2U, 7U, 1'000U}) {
    const auto splitters = choose_splitters(sample, parts);
    ASSERT_EQ(splitters.size(), parts - 1);
    std::vector<std::size_t> sizes(parts);
    for (const place& each : sample) ++sizes[part_of(each, splitters)];
    const auto [least, most] = std::ranges::minmax(sizes);
    EXPECT_GE(least, 1'000 / parts);
    EXPECT_LE(most, 1'000 / parts + 1);
  }
}

TEST(Splitters, PartRecordsOfOneKeyEvenlyToo) {
  record one{};
  std::vector<place> sample;
  for (std::uint64_t i = 0; i < 1'000; ++i) sample.push_back(place_of(one, 17 * i));
  const auto splitters = choose_splitters(sample, 4);
  std::vector<std::size_t> sizes(4);
  for (std::uint64_t i = 0; i < 17'000; ++i) ++sizes[part_of(place_of(one, i), splitters)];
  for (const std::size_t size : sizes) EXPECT_NEAR(static_cast<double>(size), 4'250, 20);
}

TEST(Splitters, OfNoSampleSendAllToThePartBehindThem) {
  const auto splitters = choose_splitters({}, 3);
  EXPECT_EQ(part_of({7, 7}, splitters), 2U);
}

TEST(PartOf, IsTheUpperBound) {
  std::mt19937_64 random{mobula::test_seed()};
  for (std::size_t size = 0; size < 40; ++size) {
    std::vector<place> splitters(size);
    for (place& each : splitters) each = {random() % 20, random() % 2};
    std::ranges::sort(splitters);
    for (std::uint64_t high = 0; high < 21; ++high) {
      for (const std::uint64_t low : {0U, 1U}) {
        const auto expected = std::ranges::upper_bound(splitters, place{high, low});
        EXPECT_EQ(part_of({high, low}, splitters),
                  static_cast<std::uint32_t>(expected - splitters.begin()));
      }
    }
  }
}

}  // namespace
}  // namespace sorting
