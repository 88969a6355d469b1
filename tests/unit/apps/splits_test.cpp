#include "common/splits.hpp"

#include <gtest/gtest.h>

#include "seed.hpp"

namespace apps {
namespace {

TEST(Splits, AreOfOneSizeAndHoldEveryByteOnce) {
  std::mt19937_64 random{mobula::test_seed()};
  for (int round = 0; round < 200; ++round) {
    std::vector<found_file> files;
    for (std::uint64_t i = random() % 20; i > 0; --i) {
      files.push_back({"file" + std::to_string(i), random() % 3 == 0 ? 0 : random() % 1'000});
    }
    const std::uint64_t size = 1 + random() % 300;
    const auto splits = cut(files, size);

    std::vector<piece> pieces;
    for (std::size_t i = 0; i < splits.size(); ++i) {
      std::uint64_t sum = 0;
      for (const auto& piece : splits[i].pieces) {
        EXPECT_LT(piece.begin, piece.end);
        sum += piece.end - piece.begin;
        pieces.push_back(piece);
      }
      EXPECT_EQ(sum, splits[i].size_bytes);
      if (i + 1 < splits.size()) {
        EXPECT_EQ(sum, size);
      }
    }
    auto next = pieces.begin();
    for (const auto& file : files) {
      for (std::uint64_t at = 0; at < file.size_bytes; ++next) {
        ASSERT_NE(next, pieces.end());
        EXPECT_EQ(next->path, file.path);
        EXPECT_EQ(next->begin, at);
        at = next->end;
      }
    }
    EXPECT_EQ(next, pieces.end());
  }
}

TEST(Splits, OfNothingAreNone) {
  EXPECT_TRUE(cut({}, 100).empty());
  const std::vector<found_file> empty{{"a", 0}, {"b", 0}};
  EXPECT_TRUE(cut(empty, 100).empty());
}

}  // namespace
}  // namespace apps
