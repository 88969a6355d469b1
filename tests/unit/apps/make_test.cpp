#include "sort/make.hpp"

#include <gtest/gtest.h>

#include <set>

#include "apps/made_records.hpp"
#include "seed.hpp"

namespace sorting {
namespace {

TEST(MakeRecords, MakesTheSameInPiecesOfWhateverSize) {
  std::mt19937_64 random{mobula::test_seed()};
  const std::uint64_t seed = random();
  const auto whole = made(seed, 0, 1'000);
  for (std::size_t begin = 0; begin < whole.size();) {
    const std::size_t size = std::min<std::size_t>(1 + random() % 200, whole.size() - begin);
    EXPECT_TRUE(same(made(seed, begin, size), std::span{whole}.subspan(begin, size)));
    begin += size;
  }
}

TEST(MakeRecords, MakesLinesOfTextWithKeysWithoutBlanks) {
  for (const record& each : made(7, 123'456'789'000, 1'000)) {
    for (std::size_t i = 0; i < key_bytes; ++i) {
      EXPECT_GT(each.bytes[i], ' ');
      EXPECT_LE(each.bytes[i], '~');
    }
    for (std::size_t i = key_bytes; i + 1 < record_bytes; ++i) {
      EXPECT_GE(each.bytes[i], ' ');
      EXPECT_LE(each.bytes[i], '~');
    }
    EXPECT_EQ(each.bytes.back(), '\n');
  }
  EXPECT_EQ(std::string(made(7, 123'456'789'000, 1)[0].bytes.data() + 12, 20),
            "00000000123456789000");
}

TEST(MakeRecords, DrawsKeysEvenlyAndOthersForOtherSeeds) {
  std::set<std::string> keys;
  std::array<int, 256> times{};
  for (const std::uint64_t seed : {0U, 1U}) {
    for (const record& each : made(seed, 0, 47'000)) {
      keys.emplace(each.bytes.data(), key_bytes);
      ++times[static_cast<unsigned char>(each.bytes[0])];
      ++times[static_cast<unsigned char>(each.bytes[key_bytes - 1])];
    }
  }
  EXPECT_EQ(keys.size(), 94'000U);
  // 188,000 characters of 94 kinds: 2,000 each, give or take 45; six times that is far out.
  for (int kind = '!'; kind <= '~'; ++kind) {
    EXPECT_NEAR(times[static_cast<std::size_t>(kind)], 2'000, 270);
  }
}

}  // namespace
}  // namespace sorting
