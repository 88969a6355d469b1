#include "core/group_planner.hpp"

#include <gtest/gtest.h>

#include <set>

namespace mobula::core {
namespace {

using wire::group_strategy;
using wire::node_id;

constexpr std::int64_t unit = wire::resource_amounts::unit;

wire::resource_amounts amounts(double cpus, double gpus = 0) {
  wire::resource_amounts made;
  made.cpus = static_cast<std::int64_t>(cpus * unit);
  made.gpus = static_cast<std::int64_t>(gpus * unit);
  return made;
}

/// Nodes 0, 1, ... with so many cpus free of eight.
std::vector<plan_room> nodes_with(std::initializer_list<double> free_cpus, unsigned gpus = 0) {
  std::vector<plan_room> rooms;
  for (const double free : free_cpus) {
    const auto node = static_cast<node_id>(rooms.size());
    rooms.push_back(
        {node, amounts(8, gpus), amounts(free, gpus), device_books{std::vector<device>(gpus)}, 0});
  }
  return rooms;
}

std::vector<planned_bundle> bundles(std::initializer_list<double> cpus) {
  std::vector<planned_bundle> all;
  for (const double one : cpus) all.push_back({amounts(one), {}});
  return all;
}

using where = std::vector<node_id>;

TEST(GroupPlanner, PacksOntoAsFewNodesAsCanBe) {
  const auto plan = plan_group(group_strategy::pack, bundles({1, 1, 1}), nodes_with({2, 4, 2}));
  EXPECT_EQ(plan.nodes, (where{1, 1, 1}));
}

TEST(GroupPlanner, PacksTheRestElsewhereWhereOneNodeIsTooSmall) {
  const auto plan = plan_group(group_strategy::pack, bundles({3, 2, 2}), nodes_with({4, 4, 1}));
  ASSERT_TRUE(plan.nodes);
  EXPECT_EQ(plan.nodes->at(1), plan.nodes->at(2));
  EXPECT_NE(plan.nodes->at(0), plan.nodes->at(1));
}

TEST(GroupPlanner, SpreadsOverAllNodesAndThenAnew) {
  const auto plan =
      plan_group(group_strategy::spread, bundles({1, 1, 1, 1}), nodes_with({8, 8, 8}));
  ASSERT_TRUE(plan.nodes);
  EXPECT_EQ(std::set<node_id>(plan.nodes->begin(), plan.nodes->end()).size(), 3U);
}

TEST(GroupPlanner, SpreadsAsFarAsThereIsRoom) {
  const auto plan = plan_group(group_strategy::spread, bundles({2, 2}), nodes_with({8, 1}));
  EXPECT_EQ(plan.nodes, (where{0, 0}));
}

TEST(GroupPlanner, StrictPackTakesOneNodeOrNone) {
  EXPECT_EQ(plan_group(group_strategy::strict_pack, bundles({2, 2}), nodes_with({3, 4, 3})).nodes,
            (where{1, 1}));
  const auto none = plan_group(group_strategy::strict_pack, bundles({2, 2}), nodes_with({3, 3}));
  EXPECT_FALSE(none.nodes);
  EXPECT_TRUE(none.is_certain);
}

// Put greedily, the small bundle takes the only node that has room for the large one.
TEST(GroupPlanner, StrictSpreadOverlooksNoWay) {
  const auto plan =
      plan_group(group_strategy::strict_spread, bundles({1, 8, 4}), nodes_with({8, 4, 2}));
  EXPECT_EQ(plan.nodes, (where{2, 0, 1}));
}

TEST(GroupPlanner, StrictSpreadNeedsANodeForEachBundle) {
  const auto plan = plan_group(group_strategy::strict_spread, bundles({1, 1}), nodes_with({8}));
  EXPECT_FALSE(plan.nodes);
  EXPECT_TRUE(plan.is_certain);
}

TEST(GroupPlanner, FindsTheOneWayInWhichAllFit) {
  // The largest first, each where it fits closest: 5 and 3 fill one node, 4 and 4 the other.
  const auto plan = plan_group(group_strategy::pack, bundles({4, 3, 5, 4}), nodes_with({8, 8}));
  ASSERT_TRUE(plan.nodes);
  EXPECT_EQ(plan.nodes->at(0), plan.nodes->at(3));
  EXPECT_EQ(plan.nodes->at(1), plan.nodes->at(2));
}

TEST(GroupPlanner, LooksOnWhereTheFirstTryFails) {
  // Packed by size, 5 3 | 4 4 leaves no node for the last 3 beside 2 2 2: only 5 3, 4 4 and
  // 3 3 2 on the third do.
  const auto plan =
      plan_group(group_strategy::spread, bundles({5, 4, 4, 3, 3, 2}), nodes_with({8, 8, 5}));
  EXPECT_TRUE(plan.nodes);
}

TEST(GroupPlanner, CountsWholeDevicesAndPartsOfThem) {
  std::vector<planned_bundle> two;
  two.push_back({amounts(1, 0.5), {}});
  two.push_back({amounts(1, 1), {}});
  EXPECT_TRUE(plan_group(group_strategy::strict_pack, two, nodes_with({8}, 2)).nodes);
  two.push_back({amounts(1, 0.75), {}});
  EXPECT_FALSE(plan_group(group_strategy::strict_pack, two, nodes_with({8}, 2)).nodes);
}

TEST(GroupPlanner, KeepsWhatIsPlacedAlready) {
  auto three = bundles({1, 1, 1});
  three[1].fixed = 2;
  EXPECT_EQ(plan_group(group_strategy::strict_pack, three, nodes_with({8, 8, 2})).nodes,
            (where{2, 2, 2}));
  const auto spread = plan_group(group_strategy::strict_spread, three, nodes_with({8, 8, 8}));
  ASSERT_TRUE(spread.nodes);
  EXPECT_EQ(std::set<node_id>(spread.nodes->begin(), spread.nodes->end()).size(), 3U);
  EXPECT_EQ(spread.nodes->at(1), 2);
}

TEST(GroupPlanner, TakesNothingThatOthersWaitFor) {
  auto rooms = nodes_with({8, 4});
  rooms[0].claimed = cpus_bit;
  EXPECT_EQ(plan_group(group_strategy::pack, bundles({1}), rooms).nodes, (where{1}));
}

TEST(GroupPlanner, IsCertainThatTooManyDoNotFit) {
  const std::vector<planned_bundle> many(40, planned_bundle{amounts(1), {}});
  for (const auto how : {group_strategy::pack, group_strategy::spread}) {
    const auto plan = plan_group(how, many, nodes_with({8, 8, 2.5}));
    EXPECT_FALSE(plan.nodes);
    EXPECT_TRUE(plan.is_certain);
  }
  auto one_too_large = bundles({1, 1, 1, 9});
  one_too_large.resize(30, planned_bundle{amounts(0.25), {}});
  const auto plan = plan_group(group_strategy::pack, one_too_large, nodes_with({8, 8}));
  EXPECT_FALSE(plan.nodes);
  EXPECT_TRUE(plan.is_certain);
}

TEST(GroupPlanner, AThousandNodesTakeAThousandBundles) {
  std::vector<plan_room> rooms;
  for (unsigned i = 0; i < 1000; ++i)
    rooms.push_back({static_cast<node_id>(i), amounts(8), amounts(1), device_books{}, 0});
  const std::vector<planned_bundle> all(1000, planned_bundle{amounts(1), {}});
  for (const auto how : {group_strategy::spread, group_strategy::strict_spread}) {
    const auto plan = plan_group(how, all, rooms);
    ASSERT_TRUE(plan.nodes);
    EXPECT_EQ(std::set<node_id>(plan.nodes->begin(), plan.nodes->end()).size(), 1000U);
  }
}

}  // namespace
}  // namespace mobula::core
