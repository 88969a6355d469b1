#include "core/watchers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include "seed.hpp"

namespace mobula::core {
namespace {

using wire::node_id;

std::size_t alive(const watchers& all) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < all.nodes(); ++i) count += all.is_alive(static_cast<node_id>(i));
  return count;
}

/// How many steps news of node 0 take that all pass on to their watchers; 0: they don't reach all.
std::size_t steps_to_all(const watchers& all) {
  std::vector<std::size_t> reached(all.nodes(), 0);
  std::deque<node_id> next{0};
  reached[0] = 1;
  std::size_t count = 0, last = 0;
  while (!next.empty()) {
    const node_id one = next.front();
    next.pop_front();
    ++count;
    last = reached[one];
    for (const node_id other : all.of(one)) {
      if (reached[other] != 0) continue;
      reached[other] = reached[one] + 1;
      next.push_back(other);
    }
  }
  return count == alive(all) ? last : 0;
}

TEST(Watchers, AreThreeLivingOthersOrAllThereAre) {
  for (std::size_t nodes = 1; nodes <= 70; ++nodes) {
    watchers all{nodes};
    std::mt19937_64 random{nodes};
    while (alive(all) > 1) {
      for (std::size_t i = 0; i < nodes; ++i) {
        const auto one = static_cast<node_id>(i);
        if (!all.is_alive(one)) continue;
        auto watching = all.of(one);
        EXPECT_EQ(watching.size(), std::min<std::size_t>(3, alive(all) - 1));
        for (const node_id other : watching) EXPECT_TRUE(all.is_alive(other) && other != one);
        std::ranges::sort(watching);
        EXPECT_EQ(std::ranges::adjacent_find(watching), watching.end());
      }
      EXPECT_NE(steps_to_all(all), 0U) << nodes << " nodes, " << alive(all) << " alive";
      all.died(static_cast<node_id>(1 + random() % (nodes - 1)));
    }
  }
}

TEST(Watchers, KnowWhomTheyWatch) {
  const std::uint64_t seed = first_seed();
  std::mt19937_64 random{seed};
  for (const std::size_t nodes : {2U, 3U, 4U, 5U, 9U, 27U, 100U}) {
    watchers all{nodes};
    for (std::size_t round = 0; round < nodes; ++round) {
      for (std::size_t i = 0; i < nodes; ++i) {
        const auto watcher = static_cast<node_id>(i);
        if (!all.is_alive(watcher)) continue;
        std::vector<node_id> expected;
        for (std::size_t k = 0; k < nodes; ++k) {
          const auto one = static_cast<node_id>(k);
          if (one == watcher || !all.is_alive(one)) continue;
          if (std::ranges::count(all.of(one), watcher) != 0) expected.push_back(one);
        }
        ASSERT_EQ(all.watched_by(watcher), expected)
            << "seed " << seed << ", " << nodes << " nodes, node " << watcher;
      }
      all.died(static_cast<node_id>(random() % nodes));
    }
  }
}

TEST(Watchers, OfARowThatDiesAtOnceAreNotAllInIt) {
  const watchers all{1'000};
  for (node_id one = 100; one < 200; ++one) {
    EXPECT_TRUE(std::ranges::any_of(all.of(one), [](node_id other) {
      return other < 100 || other >= 200;
    })) << one;
  }
}

TEST(Watchers, CarryNewsToTenThousandNodesInAFewSteps) {
  EXPECT_LE(steps_to_all(watchers{10'000}), 70U);
  EXPECT_LE(steps_to_all(watchers{1'000}), 32U);
  EXPECT_LE(steps_to_all(watchers{10}), 8U);
}

}  // namespace
}  // namespace mobula::core
