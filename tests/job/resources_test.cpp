#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "job/job.hpp"

// What tasks and actors ask for, and what the job says of itself.

namespace mobula::job {
namespace {

using testing::Each;
using testing::HasSubstr;

// Counts those that run at once in number 0, and the most that did in number 3.
int count_in(std::string numbers, int value) {
  shared_numbers shared{numbers};
  const int now = ++shared[0];
  int most = shared[3];
  while (now > most && !shared[3].compare_exchange_weak(most, now)) {
  }
  std::this_thread::sleep_for(1ms);
  --shared[0];
  return value;
}

int most_at_once(const task_options& options, int count) {
  shared_numbers shared;
  const auto limited = remote<count_in>.with(options);
  std::vector<object_ref<int>> refs;
  for (int i = 0; i < count; ++i) refs.push_back(limited(shared.path(), i));
  got(refs);
  return shared[3];
}

bool together(const task_options& options, int count) {
  shared_numbers shared;
  std::vector<object_ref<bool>> met;
  for (int i = 0; i < count; ++i) met.push_back(remote<meet>.with(options)(shared.path(), count));
  const auto all = got(met);
  return std::ranges::all_of(all, [](bool one) { return one; });
}

TEST(Resources, TheJobTellsWhatItHas) {
  const auto all = nodes();
  ASSERT_FALSE(all.empty());
  double cpus = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].node, i);
    EXPECT_TRUE(all[i].alive);
    EXPECT_FALSE(all[i].host.empty());
    EXPECT_EQ(all[i].resources.at("gpus"), 2);
    EXPECT_EQ(all[i].resources.at("slot"), 2);
    EXPECT_EQ(all[i].resources.at("memory"), 1e9);
    cpus += all[i].resources.at("cpus");
  }
  const auto total = cluster_resources();
  EXPECT_EQ(total.at("cpus"), cpus);
  EXPECT_EQ(total.at("slot"), 2.0 * static_cast<double>(all.size()));
  EXPECT_EQ(got(remote<[] { return cluster_resources(); }>()), total);
}

TEST(Resources, ARunningTasksAreNotAvailable) {
  ASSERT_TRUE(all_is_free());
  shared_numbers shared;
  const auto task = remote<await_signal>.with(
      {.cpus = 1.5, .gpus = 0.25, .resources = {{"slot", 0.5}}})(shared.path(), 1);
  ASSERT_TRUE(eventually([&] { return shared[begun] == 1; }));
  const auto total = cluster_resources();
  const auto free = available_resources();
  EXPECT_EQ(free.at("cpus"), total.at("cpus") - 1.5);
  EXPECT_EQ(free.at("gpus"), total.at("gpus") - 0.25);
  EXPECT_EQ(free.at("slot"), total.at("slot") - 0.5);
  shared[signal] = 1;
  got(task);
  EXPECT_TRUE(all_is_free());
}

TEST(Resources, TasksThatRunAtOnceNeverExceedATotal) {
  const int all = static_cast<int>(cluster_resources()["cpus"]);
  const int count = static_cast<int>(node_count());
  EXPECT_LE(most_at_once({}, 6 * all), all);
  EXPECT_LE(most_at_once({.cpus = 3}, 3 * all), count * (cpus_of_a_node() / 3));
  EXPECT_LE(most_at_once({.cpus = 0.1, .resources = {{"slot", 1}}}, 30), 2 * count);
  EXPECT_LE(most_at_once({.cpus = 0.1, .gpus = 0.5}, 30), 4 * count);
  EXPECT_LE(most_at_once({.cpus = 0, .memory_bytes = 4e8}, 30), 2 * count);
}

TEST(Resources, WhatFitsRunsAtOnce) {
  const int count = static_cast<int>(node_count());
  EXPECT_TRUE(together({.cpus = 0.5}, 2 * count * cpus_of_a_node()));
  EXPECT_TRUE(together({.cpus = 0, .resources = {{"slot", 0.5}}}, 4 * count));
  EXPECT_TRUE(together({.cpus = 0, .gpus = 1}, 2 * count));
}

TEST(Resources, WhatNoNodeHasIsInfeasible) {
  try {
    got(remote<same>.with({.resources = {{"unobtainium", 1}}})(1));
    FAIL();
  } catch (const infeasible& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("unobtainium"));
  }
  // What only all nodes together have, no node has.
  EXPECT_THROW(got(remote<same>.with({.cpus = cpus_of_a_node() + 1})(1)), infeasible);
  EXPECT_THROW(got(remote<same>.with({.gpus = 3})(1)), infeasible);
  EXPECT_THROW(got(remote<same>.with({.memory_bytes = 2e9})(1)), infeasible);
  EXPECT_THROW(got(remote<plus>(remote<same>.with({.gpus = 3})(1), 1)), infeasible);
}

struct resident {
  bool meet_all(std::string numbers, int count) { return meet(std::move(numbers), count); }
  int one() { return 1; }
};

TEST(Resources, AnActorNoNodeHasRoomForIsInfeasible) {
  EXPECT_THROW(got(actor<resident>.with({.gpus = 3})().call<&resident::one>()), infeasible);
}

TEST(Resources, AmountsOutOfRangeAreRefusedAtOnce) {
  EXPECT_THROW(remote<same>.with({.cpus = -1})(1), std::invalid_argument);
  EXPECT_THROW(remote<same>.with({.gpus = 1.5})(1), std::invalid_argument);
  EXPECT_THROW(remote<same>.with({.resources = {{"cpus", 1}}})(1), std::invalid_argument);
}

TEST(Resources, ActorsHoldNoCpuUnlessTheyAsked) {
  // More of them than cpus live and run at once.
  const int count = static_cast<int>(cluster_resources()["cpus"]) + 3;
  shared_numbers shared;
  std::vector<actor_handle<resident>> all;
  std::vector<object_ref<bool>> met;
  for (int i = 0; i < count; ++i) all.push_back(actor<resident>());
  for (const auto& each : all) met.push_back(each.call<&resident::meet_all>(shared.path(), count));
  EXPECT_THAT(got(met), Each(true));
  EXPECT_TRUE(all_is_free());
}

TEST(Resources, WhatAnActorAskedForIsItsForLife) {
  ASSERT_TRUE(all_is_free());
  const auto total = cluster_resources();
  {
    const auto mine = actor<resident>.with({.cpus = 2, .resources = {{"slot", 1}}})();
    EXPECT_EQ(got(mine.call<&resident::one>()), 1);
    const auto free = available_resources();
    EXPECT_EQ(free.at("cpus"), total.at("cpus") - 2);
    EXPECT_EQ(free.at("slot"), total.at("slot") - 1);
  }
  EXPECT_TRUE(all_is_free());
}

TEST(Resources, ArgumentsAreAwaitedBeforeResourcesAreAskedFor) {
  ASSERT_TRUE(all_is_free());
  shared_numbers shared;
  const auto argument = late(shared, 1);
  ASSERT_TRUE(eventually([&] { return shared[begun] == 1; }));
  const auto waits = remote<same>.with({.gpus = 2})(argument);
  EXPECT_EQ(got(remote<same>.with({.gpus = 2})(5)), 5);
  EXPECT_TRUE(all_is_free());
  shared[signal] = 1;
  EXPECT_EQ(got(waits), 1);
}

TEST(Resources, ATaskThatWaitsKeepsItsGpusAndLendsItsCpus) {
  ASSERT_TRUE(all_is_free());
  shared_numbers shared;
  const auto awaited = late(shared, 2);
  const auto waits = remote<await_ref>.with({.cpus = 2, .gpus = 1})(awaited);
  const auto total = cluster_resources();
  EXPECT_TRUE(eventually([&] {
    const auto free = available_resources();
    return free.at("gpus") == total.at("gpus") - 1 && free.at("cpus") == total.at("cpus");
  }));
  shared[signal] = 1;
  EXPECT_EQ(got(waits), 2);
}

int hold_until(std::vector<object_ref<int>> gate) { return get(gate[0]); }

// Its child, which needs all gpus of a node, runs in its slot and outlives it.
bool gives_up_on_a_child(std::vector<object_ref<int>> gate) {
  const auto child = remote<hold_until>.with({.gpus = 2})(gate);
  try {
    return get(child, 100ms) == -1;
  } catch (const timed_out&) {
    return true;
  }
}

TEST(Resources, AreHeldUntilTheLastOneInTheSlotHasEnded) {
  shared_numbers shared;
  const std::vector<object_ref<int>> gate{late(shared, 1)};
  EXPECT_TRUE(got(remote<gives_up_on_a_child>.with({.gpus = 2})(gate)));
  // What others left goes back, as its own lease would have by now.
  const auto are_held = [] {
    return available_resources().at("gpus") == cluster_resources().at("gpus") - 2;
  };
  EXPECT_TRUE(eventually(are_held));
  std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(are_held());
  shared[signal] = 1;
  EXPECT_TRUE(all_is_free());
}

// ---- which GPUs: here the numbers 0 and 1, since main.cpp says that there are two

std::string visible() {
  const char* const list = std::getenv("CUDA_VISIBLE_DEVICES");
  return list ? list : "all";
}
std::string visible_together(std::string numbers, int count) {
  return meet(numbers, count) ? visible() : "not together";
}
struct seeing {
  std::string visible_devices() { return visible(); }
  std::vector<int> ids() { return gpu_ids(); }
};

TEST(Gpus, WhoAsksForNoneSeesNone) {
  EXPECT_EQ(got(remote<visible>()), "");
  EXPECT_TRUE(got(remote<[] { return gpu_ids(); }>()).empty());
  EXPECT_EQ(got(actor<seeing>().call<&seeing::visible_devices>()), "");
  EXPECT_TRUE(gpu_ids().empty()) << "nobody assigns the driver any";
}

TEST(Gpus, WholeOnesAreSeenByOneTaskAtATime) {
  EXPECT_EQ(got(remote<visible>.with({.gpus = 2})()), "0,1");
  EXPECT_EQ(got(remote<[] { return gpu_ids(); }>.with({.gpus = 2})()), (std::vector<int>{0, 1}));
  shared_numbers shared;
  std::vector<object_ref<std::string>> two;
  for (int i = 0; i < 2; ++i)
    two.push_back(remote<visible_together>.with({.cpus = 0, .gpus = 1})(shared.path(), 2));
  auto seen = got(two);
  std::ranges::sort(seen);
  if (node_count() == 1) {
    EXPECT_EQ(seen, (std::vector<std::string>{"0", "1"}));
  }
}

TEST(Gpus, PartsOfOneAreSeenTogether) {
  // As many as two devices hold: which of them fills first is not told here, since a scheduler that
  // is asked again while processes come up grants more than are used.
  shared_numbers shared;
  std::vector<object_ref<std::string>> parts;
  for (int i = 0; i < 8; ++i)
    parts.push_back(remote<visible_together>.with({.cpus = 0, .gpus = 0.25})(shared.path(), 8));
  const auto seen = got(parts);
  EXPECT_THAT(seen, Each(testing::AnyOf("0", "1")));
  if (node_count() == 1) {
    EXPECT_EQ(std::ranges::count(seen, "0"), 4);
  }
  EXPECT_EQ(got(remote<[] { return gpu_ids(); }>.with({.gpus = 0.5})()), std::vector<int>{0});
}

TEST(Gpus, AnActorsAreItsForLife) {
  const auto one = actor<seeing>.with({.gpus = 1})();
  const std::string mine = got(one.call<&seeing::visible_devices>());
  EXPECT_TRUE(mine == "0" || mine == "1") << mine;
  EXPECT_EQ(got(one.call<&seeing::ids>()), std::vector<int>{0});
  for (int i = 0; i < 3; ++i) {
    const std::string other = got(remote<visible>.with({.gpus = 1})());
    if (node_count() == 1) {
      EXPECT_NE(other, mine);
    }
  }
  EXPECT_EQ(got(one.call<&seeing::visible_devices>()), mine);
}

TEST(Gpus, ComeInOneShapeAfterTheOther) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(got(remote<visible>.with({.gpus = 2})()), "0,1");
    EXPECT_EQ(got(remote<visible>.with({.gpus = 0.5})()).size(), 1U);
    EXPECT_EQ(got(remote<visible>()), "");
  }
}

}  // namespace
}  // namespace mobula::job
