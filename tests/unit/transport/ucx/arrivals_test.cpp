#include "transport/ucx/arrivals.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace mobula::ucx {
namespace {

frame_ptr numbered(std::uint64_t sequence) {
  auto one = std::make_unique<frame>(1);
  one->header.sequence = sequence;
  return one;
}

TEST(Arrivals, PutsAnyPermutationBackInOrder) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  std::vector<std::uint64_t> order(500);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);

  arrivals incoming;
  std::vector<std::uint64_t> taken;
  for (const std::uint64_t sequence : order) {
    ASSERT_TRUE(incoming.fits(sequence));
    if (incoming.is_next(sequence) && random() % 2 == 0) {
      taken.push_back(sequence);
      incoming.pass();
    } else {
      incoming.hold(sequence, numbered(sequence));
    }
    while (const frame_ptr next = incoming.take()) taken.push_back(next->header.sequence);
  }
  ASSERT_EQ(taken.size(), order.size());
  EXPECT_TRUE(std::is_sorted(taken.begin(), taken.end()));
}

TEST(Arrivals, HoldsBackWhatFollowsAReservedPlace) {
  arrivals incoming;
  incoming.reserve(0);
  incoming.hold(1, numbered(1));
  EXPECT_FALSE(incoming.take());
  incoming.hold(0, numbered(0));
  EXPECT_EQ(incoming.take()->header.sequence, 0u);
  EXPECT_EQ(incoming.take()->header.sequence, 1u);
}

TEST(Arrivals, RefusesWhatCameBeforeOrIsHeldOrOutOfBounds) {
  arrivals incoming;
  incoming.pass();
  incoming.reserve(2);
  incoming.hold(3, numbered(3));
  EXPECT_FALSE(incoming.fits(0));
  EXPECT_TRUE(incoming.fits(1));
  EXPECT_FALSE(incoming.fits(2));
  EXPECT_FALSE(incoming.fits(3));
  EXPECT_TRUE(incoming.fits(arrivals::ahead_max));
  EXPECT_FALSE(incoming.fits(1 + arrivals::ahead_max));
}

}  // namespace
}  // namespace mobula::ucx
