#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "job/job.hpp"

// Where tasks and actors run: nodes that are named, asked for by labels or spread over, and
// placement groups. On one node as on eight.

namespace mobula::job {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

std::uint32_t node_here() { return context().node; }

// Once `count` of them run at once.
std::uint32_t node_together(std::string numbers, int count) {
  return meet(numbers, count) ? context().node : ~std::uint32_t{0};
}

template <class Ref>
std::string failure_of(const Ref& ref) {
  try {
    got(ref);
  } catch (const error& failed) {
    return failed.what();
  }
  return "it did not fail";
}

std::vector<std::uint32_t> nodes_of(const placement_group& group) { return got(group.ready()); }

std::uint32_t last_node() { return static_cast<std::uint32_t>(node_count() - 1); }

std::vector<bundle> one_for_each_node(double cpus) {
  return std::vector<bundle>(node_count(), bundle{.cpus = cpus});
}

// Whatever lies in stores.
bool cpus_are_free() {
  const double total = cluster_resources().at("cpus");
  return eventually([&] { return available_resources().at("cpus") == total; });
}

struct resident {
  std::uint32_t node() { return context().node; }
};

TEST(Placement, IsTheNodeThatIsNamed) {
  for (std::uint32_t node = 0; node <= last_node(); ++node) {
    EXPECT_EQ(got(remote<node_here>.with({.strategy = on_node{node}})()), node);
    const auto lives = actor<resident>.with({.strategy = on_node{node}})();
    EXPECT_EQ(got(lives.call<&resident::node>()), node);
  }
}

TEST(Placement, OnANodeThatIsNotThereFailsInWords) {
  const auto task = remote<node_here>.with({.strategy = on_node{99}})();
  EXPECT_THROW(got(task), infeasible);
  EXPECT_THAT(failure_of(task), HasSubstr("there is no node 99: this job has nodes 0 to " +
                                          std::to_string(last_node())));
  EXPECT_LE(got(remote<node_here>.with({.strategy = on_node{99, true}})()), last_node());
}

TEST(Placement, OfANumberThatNoNodeCanHaveIsRefused) {
  for (const on_node never : {on_node{-1}, on_node{0.5}})
    EXPECT_THROW(remote<node_here>.with({.strategy = never})(), std::invalid_argument);
}

TEST(Placement, OnANodeThatIsTooSmallFailsInWords) {
  const auto task =
      remote<node_here>.with({.cpus = 1000, .strategy = on_node{.id = last_node()}})();
  EXPECT_THAT(failure_of(task),
              HasSubstr("node " + std::to_string(last_node()) + " has not {cpus: 1000}"));
}

TEST(Placement, WaitsForItsNodeWhereElsewhereIsRoom) {
  shared_numbers shared;
  const int all = cpus_of_a_node();
  const auto holds =
      remote<await_signal>.with({.cpus = all, .strategy = on_node{last_node()}})(shared.path(), 1);
  ASSERT_TRUE(eventually([&] { return shared[begun] == 1; }));
  const auto hard = remote<node_here>.with({.strategy = on_node{last_node()}})();
  if (node_count() > 1) {
    const auto soft = remote<node_here>.with({.strategy = on_node{last_node(), true}})();
    EXPECT_NE(got(soft), last_node());
  }
  EXPECT_THAT(wait(std::vector{hard}, {.timeout = 20ms}).ready, SizeIs(0));
  shared[signal] = 1;
  EXPECT_EQ(got(hard), last_node());
  got(holds);
}

// What is free elsewhere is known a little late: a node that was busy a moment ago may be left out.
TEST(Placement, SpreadsOverAllNodes) {
  const auto nodes_of_a_round = [] {
    // Leases that are still held are used again.
    EXPECT_TRUE(cpus_are_free());
    shared_numbers shared;
    const int count = static_cast<int>(node_count());
    std::vector<object_ref<std::uint32_t>> refs;
    for (int i = 0; i < count; ++i)
      refs.push_back(remote<node_together>.with({.strategy = spread{}})(shared.path(), count));
    const auto where = got(refs);
    return std::set<std::uint32_t>(where.begin(), where.end()).size();
  };
  EXPECT_TRUE(eventually([&] { return nodes_of_a_round() == node_count(); }));
}

TEST(Placement, IsOnANodeWithTheLabels) {
  const std::string last = std::to_string(last_node());
  EXPECT_EQ(nodes().back().labels.at("flavour"), "sweet");
  const auto task =
      remote<node_here>.with({.strategy = labels{{"flavour", "sweet"}, {"node", last}}});
  EXPECT_EQ(got(task()), last_node());
  const auto lives = actor<resident>.with({.strategy = labels{{"node", last}}})();
  EXPECT_EQ(got(lives.call<&resident::node>()), last_node());
  const auto none = remote<node_here>.with({.strategy = labels{{"flavour", "sour"}}})();
  EXPECT_THROW(got(none), infeasible);
  EXPECT_THAT(failure_of(none), HasSubstr("no node of which is said {flavour: sour} has"));
}

TEST(Placement, IsWhereTheArgumentsAre) {
  for (std::uint32_t node = 0; node <= last_node(); ++node) {
    ASSERT_TRUE(cpus_are_free());
    const auto large =
        remote<[] { return std::vector<char>(1 << 20); }>.with({.strategy = on_node{node}})();
    got(wait(std::vector{large}, {.timeout = patience}).ready);
    ASSERT_TRUE(cpus_are_free());
    const auto before = nodes();
    const auto where = remote<[](const std::vector<char>& bytes) {
      return context().node + (bytes.empty() ? 1000U : 0U);
    }>(large);
    EXPECT_EQ(got(where), node);
    const auto after = nodes();
    // What was read above is the driver's; nothing else has moved.
    EXPECT_EQ(after[node].store_reads, before[node].store_reads);
  }
}

TEST(PlacementGroup, HasABundleOnEachNode) {
  const placement_group group{one_for_each_node(1), strict_spread{}};
  const auto where = nodes_of(group);
  EXPECT_EQ(std::set<std::uint32_t>(where.begin(), where.end()).size(), node_count());
  for (std::size_t i = 0; i < group.size(); ++i)
    EXPECT_EQ(got(remote<node_here>.with({.strategy = group.bundle(i)})()), where[i]);
  remove(group);
  EXPECT_TRUE(all_is_free());
}

TEST(PlacementGroup, IsOnOneNode) {
  const double half = cpus_of_a_node() / 2.0;
  const placement_group group{{{.cpus = half}, {.cpus = half}}, strict_pack{}};
  const auto where = nodes_of(group);
  EXPECT_EQ(where[0], where[1]);
  remove(group);
}

TEST(PlacementGroup, TakesItsShareOfTheNodes) {
  ASSERT_TRUE(all_is_free());
  const double total = cluster_resources().at("cpus");
  const placement_group group{one_for_each_node(0.5), spread{}};
  nodes_of(group);
  EXPECT_EQ(available_resources().at("cpus"), total - 0.5 * static_cast<double>(node_count()));
  remove(group);
  EXPECT_TRUE(all_is_free());
}

TEST(PlacementGroup, ItsTasksRunInAnyOfItsBundles) {
  const double cpus = cpus_of_a_node() - 0.5;
  const int each = cpus_of_a_node() > 1 ? cpus_of_a_node() - 1 : 1;
  const double of_task = cpus_of_a_node() > 1 ? 1 : 0.5;
  const placement_group group{one_for_each_node(cpus), strict_spread{}};
  shared_numbers shared;
  const int count = each * static_cast<int>(node_count());
  std::vector<object_ref<std::uint32_t>> refs;
  for (int i = 0; i < count; ++i)
    refs.push_back(
        remote<node_together>.with({.cpus = of_task, .strategy = group})(shared.path(), count));
  // And one that finds room only when another has ended.
  const auto late = remote<node_here>.with({.cpus = cpus, .strategy = group})();
  EXPECT_THAT(got(refs), Each(testing::Le(last_node())));
  EXPECT_LE(got(late), last_node());
  remove(group);
  EXPECT_TRUE(all_is_free());
}

int wait_inside(placement_group group, int value) {
  return get(remote<same>.with({.cpus = 0.5, .strategy = group})(value), patience);
}

TEST(PlacementGroup, ATaskInItWaitsForOthersInIt) {
  const placement_group group{{{.cpus = 1}}};
  EXPECT_EQ(got(remote<wait_inside>.with({.strategy = group})(group, 4)), 4);
  remove(group);
  EXPECT_TRUE(all_is_free());
}

object_ref<int> make_inside() { return put(7); }

TEST(PlacementGroup, TakesNoOthersObjectsAlong) {
  const auto made = got(remote<make_inside>());
  const placement_group group{{{.cpus = 0.5}}};
  EXPECT_EQ(got(remote<same>.with({.cpus = 0.5, .strategy = group})(1)), 1);
  remove(group);
  EXPECT_EQ(got(made), 7);
}

TEST(PlacementGroup, LeavesTheRestToOthers) {
  const placement_group group{one_for_each_node(cpus_of_a_node() - 0.5), strict_spread{}};
  nodes_of(group);
  // What is free beside it is too little; it is not taken from the group.
  const auto ordinary = remote<node_here>();
  EXPECT_THAT(wait(std::vector{ordinary}, {.timeout = 20ms}).ready, SizeIs(0));
  EXPECT_EQ(got(remote<same>.with({.cpus = 0.5, .strategy = group})(3)), 3);
  remove(group);
  EXPECT_LE(got(ordinary), last_node());
}

TEST(PlacementGroup, ItsRemovalEndsWhatIsInIt) {
  shared_numbers shared;
  const placement_group group{{{.cpus = 0.5}, {.cpus = 0.25}}};
  const auto runs =
      remote<await_signal>.with({.cpus = 0.5, .strategy = group.bundle(0)})(shared.path(), 1);
  const auto lives = actor<resident>.with({.cpus = 0.25, .strategy = group.bundle(1)})();
  EXPECT_LE(got(lives.call<&resident::node>()), last_node());
  ASSERT_TRUE(eventually([&] { return shared[begun] == 1; }));
  const auto waits = remote<same>.with({.cpus = 0.5, .strategy = group.bundle(0)})(2);
  remove(group);
  EXPECT_THROW(got(runs), worker_died);
  EXPECT_THAT(failure_of(runs), HasSubstr("its placement group was removed"));
  EXPECT_THROW(got(waits), infeasible);
  EXPECT_THROW(got(lives.call<&resident::node>()), actor_died);
  const auto late = remote<same>.with({.cpus = 0.5, .strategy = group})(2);
  EXPECT_THAT(failure_of(late), HasSubstr("the placement group is no more"));
  EXPECT_TRUE(all_is_free());
  EXPECT_THROW(remove(group), error);
}

int spin(int value) {
  const auto until = std::chrono::steady_clock::now() + 1ms;
  while (std::chrono::steady_clock::now() < until) {
  }
  return value;
}

TEST(PlacementGroup, WaitsForRoomWhereTasksKeepComing) {
  // A stream of small tasks that never leaves a node empty by itself.
  std::vector<object_ref<int>> stream;
  const auto submit_some = [&] {
    for (int i = 0; i < 64; ++i) stream.push_back(remote<spin>(i));
  };
  submit_some();
  const placement_group group{one_for_each_node(cpus_of_a_node()), strict_spread{}};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (wait(std::vector{group.ready()}, {.timeout = 1ms}).ready.empty()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    submit_some();
  }
  remove(group);
  got(stream);
  EXPECT_TRUE(all_is_free());
}

// Each makes a group that takes half of all there is, from whichever process, uses and removes it.
int use_a_group(int number) {
  const double half = cpus_of_a_node() / 2.0;
  const placement_group group{one_for_each_node(half), strict_spread{}};
  const int answer = get(remote<same>.with({.cpus = half, .strategy = group})(number), patience);
  remove(group);
  return answer;
}

TEST(PlacementGroup, ManyAtOnceDoNotBlockEachOther) {
  std::vector<object_ref<int>> users;
  for (int i = 0; i < 8; ++i) users.push_back(remote<use_a_group>.with({.cpus = 0})(i));
  EXPECT_EQ(got(users), (std::vector{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_TRUE(all_is_free());
}

std::uint32_t run_in(placement_group group) {
  return get(remote<node_here>.with({.strategy = group.bundle(0)})(), patience);
}

TEST(PlacementGroup, CanBeSentToTasks) {
  const placement_group group{{{.cpus = 1}}};
  EXPECT_EQ(got(remote<run_in>.with({.cpus = 0})(group)), nodes_of(group)[0]);
  got(remote<[](placement_group sent) { remove(sent); }>.with({.cpus = 0})(group));
  EXPECT_THROW(remove(group), error);
}

void make_a_group_and_die(std::string numbers) {
  const placement_group group{{{.cpus = 0.5}}};
  get(group.ready(), patience);
  shared_numbers{numbers}[begun] = 1;
  std::_Exit(3);
}

TEST(PlacementGroup, EndsWithTheProcessThatMadeIt) {
  shared_numbers shared;
  EXPECT_THROW(got(remote<make_a_group_and_die>.with({.cpus = 0})(shared.path())), worker_died);
  EXPECT_EQ(shared[begun], 1);
  EXPECT_TRUE(all_is_free());
}

int gpus_here() { return static_cast<int>(gpu_ids().size()); }

TEST(PlacementGroup, SharesGpus) {
  const placement_group group{{{.gpus = 1}, {.gpus = 0.5}}, strict_pack{}};
  EXPECT_EQ(got(remote<gpus_here>.with({.cpus = 0, .gpus = 1, .strategy = group})()), 1);
  EXPECT_EQ(got(remote<gpus_here>.with({.cpus = 0, .gpus = 0.5, .strategy = group.bundle(1)})()),
            1);
  EXPECT_EQ(got(remote<gpus_here>.with({.cpus = 0, .strategy = group})()), 0);
  EXPECT_THROW(got(remote<gpus_here>.with({.cpus = 0, .gpus = 2, .strategy = group})()),
               infeasible);
  remove(group);
  EXPECT_TRUE(all_is_free());
}

TEST(PlacementGroup, ThatCanNeverBeFailsInWords) {
  const placement_group group{std::vector<bundle>(node_count() + 1, bundle{.cpus = 1}),
                              strict_spread{}};
  EXPECT_THAT(failure_of(group.ready()), HasSubstr("each on a node of its own (strict_spread)"));
  EXPECT_THROW(got(remote<same>.with({.strategy = group})(1)), infeasible);
}

TEST(PlacementGroup, RefusesBadInputInWords) {
  using bundles = std::vector<bundle>;
  EXPECT_THROW(placement_group{bundles{}}, std::invalid_argument);
  EXPECT_THROW((placement_group{bundles{{.cpus = 1}, {}}}), std::invalid_argument);
  EXPECT_THROW((placement_group{bundles{{.cpus = -1}}}), std::invalid_argument);
  EXPECT_THROW((placement_group{bundles{{.gpus = 1.5}}}), std::invalid_argument);
  const placement_group none;
  EXPECT_FALSE(none);
  EXPECT_THROW(none.ready(), error);
  EXPECT_THROW(remove(none), error);
  EXPECT_THROW(remote<same>.with({.strategy = none})(1), error);
  EXPECT_THROW(none.bundle(0), std::out_of_range);
}

TEST(Nodes, TellWhatTheJobSaidToBegin) {
  nodes();  // all have said something then
  for (const node_state& node : nodes()) {
    EXPECT_GT(node.start_bytes_sent, 0U);
    // Of all nodes, itself among them.
    EXPECT_GT(node.start_bytes_received, 100 * node_count());
    EXPECT_EQ(node.link_bytes_sent > 0, node_count() > 1);
  }
}

}  // namespace
}  // namespace mobula::job
