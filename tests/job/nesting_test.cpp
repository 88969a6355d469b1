#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "job/job.hpp"

// Tasks that wait for tasks. Those of the suite Nesting need no more than one cpu.

namespace mobula::job {
namespace {

int fib(int n) {
  if (n < 2) return n;
  const auto left = remote<fib>(n - 1);
  const auto right = remote<fib>(n - 2);
  return get(left) + get(right);
}

double resident_megabytes() {
  double pages = 0;
  for (const int process : job_processes()) {
    double all = 0;
    double resident = 0;
    double shared = 0;
    std::ifstream{"/proc/" + std::to_string(process) + "/statm"} >> all >> resident >> shared;
    pages += resident - shared;
  }
  return pages * 4096 / 1e6;
}

TEST(Nesting, FibonacciInBoundedMemoryAndProcesses) {
  const auto result = remote<fib>(is_sanitized ? 14 : 20);
  std::size_t processes = 0;
  double megabytes = 0;
  EXPECT_TRUE(eventually([&] {
    processes = std::max(processes, job_processes().size());
    megabytes = std::max(megabytes, resident_megabytes());
    return !wait(std::vector{result}, {.timeout = 5ms}).ready.empty();
  }));
  EXPECT_EQ(got(result), is_sanitized ? 377 : 6'765);
  const auto cpus = static_cast<std::size_t>(cpus_of_a_node());
  // A process for each cpu, as many again for what goes on top, two, and a node's scheduler and
  // seats.
  EXPECT_LE(processes, node_count() * (2 * cpus + 2) + 32);
  if (!is_sanitized) {
    EXPECT_LE(megabytes, 1'500);
  }
}

int depth(int levels) { return levels == 0 ? 0 : get(remote<depth>(levels - 1)) + 1; }

TEST(Nesting, AChainOfTasksThatWaitForTheNext) { EXPECT_EQ(got(remote<depth>(200)), 200); }

// As many as there are cpus, and more, each await one that became ready behind them.
void await_what_was_queued_behind(int count) {
  shared_numbers shared;
  const auto gate = late(shared, 100);
  std::vector<object_ref<int>> behind;
  std::vector<object_ref<int>> waiters;
  for (int i = 0; i < count; ++i) behind.push_back(remote<plus>(gate, i));
  constexpr auto await_one = [](std::vector<object_ref<int>> one, std::string numbers) {
    shared_numbers{numbers}[signal] = 1;
    return get(one[0]);
  };
  for (int i = 0; i < count; ++i)
    waiters.push_back(
        remote<await_one>(std::vector{behind[static_cast<std::size_t>(i)]}, shared.path()));
  const auto values = got(waiters);
  for (int i = 0; i < count; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], 100 + i);
}

TEST(Nesting, OneAwaitsAnotherThatWasQueuedBehindIt) { await_what_was_queued_behind(1); }

TEST(Nesting, EveryWorkerAwaitsWhatIsQueuedBehindOthers) {
  const int all = static_cast<int>(cluster_resources()["cpus"]);
  await_what_was_queued_behind(all);
  await_what_was_queued_behind(10 * all);
}

TEST(Nesting, TheFirstOfEightAwaitsTheEighth) {
  struct post {
    std::vector<object_ref<int>> refs;
    void give(std::vector<object_ref<int>> given) { refs = std::move(given); }
    std::vector<object_ref<int>> take() { return refs; }
  };
  const auto office = actor<post>();
  constexpr auto first = [](actor_handle<post> from) {
    for (;;) {
      const auto refs = get(from.call<&post::take>());
      if (!refs.empty()) return get(refs[0]);
    }
  };
  std::vector<object_ref<int>> all{remote<first>(office)};
  for (int i = 1; i < 8; ++i) all.push_back(remote<same>(i));
  office.call<&post::give>(std::vector{all[7]});
  EXPECT_THAT(got(all), testing::ElementsAre(7, 1, 2, 3, 4, 5, 6, 7));
}

// Pushed behind each other, since they were short until now; and their owner computes.
TEST(Nesting, WhatWaitsBehindALongTaskGoesElsewhereWhileItsOwnerComputes) {
  const int all = static_cast<int>(cluster_resources()["cpus"]);
  for (int round = 0; round < 30; ++round) {
    // All that comes of itself has come: nobody who sleeps has a reason to wake.
    std::this_thread::sleep_for(20ms);
    std::vector<object_ref<int>> short_ones;
    for (int i = 0; i < 2 * round; ++i) short_ones.push_back(remote<same>(i));
    got(short_ones);
    shared_numbers shared;
    std::vector<object_ref<bool>> long_ones;
    for (int i = 0; i < all; ++i) long_ones.push_back(remote<meet>(shared.path(), all));
    ASSERT_TRUE(eventually([&] { return shared[0] == all; }));
    got(long_ones);
  }
}

// Once `others` have met it.
int child_of_its_own(std::string numbers, int others, int value) {
  return meet(numbers, others + 1) ? get(remote<same>(value)) : -1;
}

// All cpus are taken by parents, and as many tasks that last wait behind them: what a parent
// submits comes first.
TEST(Nesting, ATaskThatLastsDoesNotBeginBeforeAParentsChild) {
  const int all = static_cast<int>(cluster_resources()["cpus"]);
  for (int round = 0; round < 20; ++round) {
    shared_numbers shared;
    std::vector<object_ref<int>> parents;
    std::vector<object_ref<int>> lasting;
    for (int i = 0; i < all; ++i)
      parents.push_back(remote<child_of_its_own>(shared.path(), all, i));
    ASSERT_TRUE(eventually([&] { return shared[0] == all; }));
    for (int i = 0; i < all; ++i) lasting.push_back(remote<await_signal>(shared.path(), 1));
    ++shared[0];
    const auto values = got(parents);
    for (int i = 0; i < all; ++i) ASSERT_EQ(values[static_cast<std::size_t>(i)], i);
    shared[signal] = 1;
    got(lasting);
  }
}

int wait_in_turn(int width, int levels) {
  if (levels == 0) return 1;
  std::vector<object_ref<int>> pending;
  for (int i = 0; i < width; ++i) pending.push_back(remote<wait_in_turn>(width, levels - 1));
  int sum = 0;
  while (!pending.empty()) {
    auto [ready, rest] = wait(std::move(pending));
    sum += get(ready[0]);
    pending = std::move(rest);
  }
  return sum;
}

TEST(Nesting, ATreeThatWaitsOneAtATime) { EXPECT_EQ(got(remote<wait_in_turn>(5, 3)), 125); }

int through_an_actor(int levels) {
  struct relay {
    int ask(int further) { return further == 0 ? 0 : get(remote<through_an_actor>(further)) + 1; }
  };
  return get(actor<relay>().call<&relay::ask>(levels - 1));
}

TEST(Nesting, TasksAndActorsInTurn) { EXPECT_EQ(got(remote<through_an_actor>(5)), 4); }

// --- with two cpus and more ---

TEST(ManyCpus, ALongTaskDoesNotHoldUpAFiberThatIsReady) {
  shared_numbers gate;
  shared_numbers shared;
  const auto awaited = late(gate, 6);
  // Few enough for a process each, wherever they come to wait: beyond the limit of processes a long
  // task may begin on top of one that waits.
  const int all = static_cast<int>(cpus_of_a_node());
  std::vector<object_ref<int>> waiters;
  constexpr auto await_one = [](std::vector<object_ref<int>> one, std::string numbers) {
    ++shared_numbers{numbers}[3];
    return get(one[0]);
  };
  for (int i = 0; i < all; ++i)
    waiters.push_back(remote<await_one>(std::vector{awaited}, shared.path()));
  ASSERT_TRUE(eventually([&] { return shared[3] == all; }));
  // They wait, all cpus are lent: long tasks take all but one of each node.
  const int count = static_cast<int>(node_count());
  std::vector<object_ref<bool>> longer;
  constexpr auto stay = [](std::string numbers, int at_once) {
    return meet(numbers, at_once) && await_signal(numbers, 1) == 1;
  };
  for (int i = 0; i < count; ++i)
    longer.push_back(remote<stay>.with({.cpus = cpus_of_a_node() - 1})(shared.path(), count));
  ASSERT_TRUE(eventually([&] { return shared[0] == count; }));
  gate[signal] = 1;
  EXPECT_EQ(got(waiters), std::vector<int>(waiters.size(), 6));
  shared[signal] = 1;
  EXPECT_THAT(got(longer), testing::Each(true));
}

TEST(ManyCpus, AsManySleepersAsCpusAreAwakeAtOnce) {
  const int all = static_cast<int>(cluster_resources()["cpus"]);
  shared_numbers shared;
  std::vector<object_ref<bool>> met;
  for (int i = 0; i < all; ++i) met.push_back(remote<meet>(shared.path(), all));
  EXPECT_THAT(got(met), testing::Each(true));
}

}  // namespace
}  // namespace mobula::job
