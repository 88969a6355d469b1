#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <functional>
#include <future>

#include "job/job.hpp"

// Tasks whose own threads wait, while the task waits for the threads. One cpu is enough.

namespace mobula::job {
namespace {

int in_a_thread(const std::function<int()>& what) {
  int value = 0;
  std::thread{[&] { value = what(); }}.join();
  return value;
}

int await_in_a_thread(std::vector<object_ref<int>> one) {
  return in_a_thread([&] { return get(one[0]); });
}

TEST(Threads, AThreadOfATaskAwaitsTheTasksChild) {
  constexpr auto parent = [](int value) {
    const auto child = remote<same>(value);
    return in_a_thread([&] { return get(child); });
  };
  EXPECT_EQ(got(remote<parent>(7)), 7);
  EXPECT_TRUE(all_is_free());
}

TEST(Threads, AThreadSubmitsAndAwaitsWithALimit) {
  constexpr auto parent = [](int value) {
    return std::async(std::launch::async,
                      [value] { return get(remote<plus>(remote<same>(value), 1), patience); })
        .get();
  };
  EXPECT_EQ(got(remote<parent>(7)), 8);
}

TEST(Threads, SeveralAwaitAChildEach) {
  constexpr auto parent = [](int count) {
    std::vector<std::future<int>> threads;
    for (int i = 1; i <= count; ++i)
      threads.push_back(std::async(std::launch::async, [i] { return get(remote<same>(i)); }));
    int sum = 0;
    for (auto& one : threads) sum += one.get();
    return sum;
  };
  std::vector<object_ref<int>> parents;
  for (int i = 0; i < 8; ++i) parents.push_back(remote<parent>(6));
  EXPECT_THAT(got(parents), testing::Each(21));
  EXPECT_TRUE(all_is_free());
}

TEST(Threads, WaitAndAsCompleted) {
  constexpr auto parent = [](int count) {
    return in_a_thread([count] {
      std::vector<object_ref<int>> children;
      for (int i = 0; i < count; ++i) children.push_back(remote<same>(i));
      int sum = get(wait(children, {.count = 1}).ready[0]) >= 0 ? 0 : -1000;
      for (auto& ref : as_completed(children)) sum += get(ref);
      return sum;
    });
  };
  EXPECT_EQ(got(remote<parent>(5)), 10);
}

int nested(int levels) {
  if (levels == 0) return 0;
  return in_a_thread([levels] { return get(remote<nested>(levels - 1)) + 1; });
}

// Each level keeps a process of its own: nothing can run on top of it.
TEST(Threads, NestedMoreDeeplyThanThereAreCpus) { EXPECT_EQ(got(remote<nested>(12)), 12); }

TEST(Threads, TheTaskWaitsToo) {
  constexpr auto parent = [](int value) {
    auto other = std::async(std::launch::async,
                            [value] { return get(remote<nested>(value)) + get(remote<same>(1)); });
    const int mine = get(remote<nested>(1)) + get(remote<same>(value));
    return mine + other.get();
  };
  EXPECT_EQ(got(remote<parent>(3)), 8);
}

TEST(Threads, WhatWasQueuedBehindTheTaskGoesElsewhere) {
  shared_numbers shared;
  const auto gate = late(shared, 100);
  std::vector<object_ref<int>> behind;
  std::vector<object_ref<int>> waiters;
  constexpr auto await_one = [](std::vector<object_ref<int>> one, std::string numbers) {
    shared_numbers{numbers}[signal] = 1;
    return await_in_a_thread(one);
  };
  const int count = 2 * static_cast<int>(cluster_resources()["cpus"]);
  for (int i = 0; i < count; ++i) behind.push_back(remote<plus>(gate, i));
  for (const auto& one : behind)
    waiters.push_back(remote<await_one>(std::vector{one}, shared.path()));
  const auto values = got(waiters);
  for (int i = 0; i < count; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], 100 + i);
}

TEST(Threads, AnActorWithCpusLendsThem) {
  struct relay {
    int ask(int levels) {
      return in_a_thread([levels] { return get(remote<nested>(levels)); });
    }
  };
  const auto one = actor<relay>.with({.cpus = 1})();
  EXPECT_THAT(got(std::vector{one.call<&relay::ask>(1), one.call<&relay::ask>(2)}),
              testing::ElementsAre(1, 2));
}

TEST(Threads, OneThatOutlivesItsTaskHoldsUpNobody) {
  constexpr std::size_t told = 3;
  shared_numbers shared;
  const auto gate = late(shared, 42);
  constexpr auto leave_a_thread = [](std::vector<object_ref<int>> one, std::string numbers) {
    std::thread{[one, numbers] { shared_numbers{numbers}[told] = get(one[0]); }}.detach();
    return static_cast<int>(::getpid());
  };
  const int process = got(remote<leave_a_thread>(std::vector{gate}, shared.path()));
  // In its process too.
  std::vector<object_ref<int>> others;
  for (int i = 0; i < 100; ++i) others.push_back(remote<plus>(remote<same>(i), 1));
  for (int i = 0; i < 3; ++i) others.push_back(remote<nested>(i));
  const auto values = got(others);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(values[i], static_cast<int>(i) + 1);
  shared[signal] = 1;
  // With one process too many, it may have been this one that was ended: nobody waits for it.
  EXPECT_TRUE(eventually([&] { return shared[told] == 42 || ::kill(process, 0) != 0; }));
  EXPECT_TRUE(all_is_free());
}

}  // namespace
}  // namespace mobula::job
