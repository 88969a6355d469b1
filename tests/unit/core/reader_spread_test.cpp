#include "core/reader_spread.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <vector>

#include "seed.hpp"

namespace mobula::core {
namespace {

TEST(ReaderSpread, AloneReadsHere) {
  reader_spread tested;
  EXPECT_FALSE(tested.ask(5, 1, 0, false));
}

TEST(ReaderSpread, TheSecondIsReferredToTheFirstAndTheThirdReadsHere) {
  reader_spread tested;
  EXPECT_FALSE(tested.ask(5, 3, 0, false));
  const auto other = tested.ask(6, 1, 0, false);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->node, 5);
  EXPECT_EQ(other->level, 3U);
  EXPECT_FALSE(tested.ask(7, 1, 1, false));
  // It has fewer than the first now.
  EXPECT_EQ(tested.ask(8, 1, 0, false)->node, 7);
}

TEST(ReaderSpread, NobodyIsReferredToOneThatHasEnded) {
  reader_spread tested;
  tested.ask(5, 1, 0, false);
  tested.forget(5);
  EXPECT_FALSE(tested.ask(6, 1, 1, false));
}

TEST(ReaderSpread, WhoComesBackReadsHere) {
  reader_spread tested;
  tested.ask(5, 1, 0, false);
  EXPECT_TRUE(tested.ask(6, 1, 2, false));
  EXPECT_FALSE(tested.ask(6, 1, 2, true));
  EXPECT_FALSE(tested.ask(5, 1, 2, false)) << "it has lost what it had";
}

TEST(ReaderSpread, ServesAtMostTheLogarithmOfThoseWhoAsked) {
  const std::uint64_t seed = test_seed();
  std::mt19937_64 random{seed};
  for (int run = 0; run < 100; ++run) {
    reader_spread tested;
    for (std::uint64_t asked = 1; asked < 2000; ++asked) {
      tested.ask(static_cast<wire::node_id>(asked), 1, random() % 3, false);
      EXPECT_LE(tested.granted(),
                std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::bit_width(asked - 1))));
    }
  }
}

}  // namespace
}  // namespace mobula::core
