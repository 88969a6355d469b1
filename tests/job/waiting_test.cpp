#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <mutex>
#include <numeric>
#include <optional>

#include "job/job.hpp"
#include "runtime/casts.hpp"
#include "runtime/process.hpp"
#include "wire/codec.hpp"

// ray.md's "wait", line by line, in the driver and in a task, and get's limits.

namespace mobula::job {
namespace {

int await_numbered(std::string numbers, int which) {
  shared_numbers shared{numbers};
  return eventually([&] { return shared[static_cast<std::size_t>(which)] != 0; }) ? which : -1;
}

// Tasks 10, 11, ..., each of which ends when the number of its name is set.
std::vector<object_ref<int>> numbered(const shared_numbers& shared, int count) {
  std::vector<object_ref<int>> refs;
  for (int i = 0; i < count; ++i)
    refs.push_back(remote<await_numbered>.with({.cpus = 0})(shared.path(), 10 + i));
  return refs;
}

TEST(Wait, BothListsKeepTheOrder) {
  shared_numbers shared;
  const auto refs = numbered(shared, 5);
  shared[13] = 1;
  got(refs[3]);
  shared[11] = 1;
  got(refs[1]);
  const auto [ready, pending] = wait(refs, {.count = 2, .timeout = patience});
  EXPECT_EQ(ready, (std::vector{refs[1], refs[3]}));
  EXPECT_EQ(pending, (std::vector{refs[0], refs[2], refs[4]}));
  for (const std::size_t i : {10, 12, 14}) shared[i] = 1;
  got(refs);
}

TEST(Wait, ExactlyCountAreReturnedEvenIfMoreAreReady) {
  const std::vector refs{put(1), put(2), put(3)};
  const auto [ready, pending] = wait(refs, {.count = 2});
  EXPECT_EQ(ready, (std::vector{refs[0], refs[1]}));
  EXPECT_EQ(pending, std::vector{refs[2]});
  EXPECT_EQ(wait(refs).ready.size(), 1U);
}

TEST(Wait, WaitsUntilThatManyAreThere) {
  shared_numbers shared;
  const auto refs = numbered(shared, 3);
  const auto waiter = remote<[](std::vector<object_ref<int>> theirs) {
    const auto [ready, pending] = wait(std::move(theirs), {.count = 2});
    return std::pair{get(ready), static_cast<int>(pending.size())};
  }>(refs);
  EXPECT_THROW(get(waiter, 20ms), timed_out);
  shared[12] = 1;
  EXPECT_THROW(get(waiter, 20ms), timed_out);
  shared[10] = 1;
  EXPECT_EQ(got(waiter), (std::pair{std::vector{10, 12}, 1}));
  shared[11] = 1;
  got(refs);
}

TEST(Wait, AtItsLimitThereMayBeFewer) {
  shared_numbers shared;
  auto refs = numbered(shared, 2);
  refs.push_back(put(1));
  const auto [ready, pending] = wait(refs, {.count = 3, .timeout = 10ms});
  EXPECT_EQ(ready, std::vector{refs[2]});
  EXPECT_EQ(pending, (std::vector{refs[0], refs[1]}));
  shared[10] = shared[11] = 1;
  EXPECT_EQ(wait(refs, {.count = 3, .timeout = patience}).ready, refs);
}

TEST(Wait, ALimitOfZeroPolls) {
  shared_numbers shared;
  const auto refs = numbered(shared, 1);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(wait(refs, {.timeout = 0s}).ready.empty());
  shared[10] = 1;
  EXPECT_TRUE(eventually([&] { return wait(refs, {.timeout = 0s}).ready == refs; }));
}

TEST(Wait, AFailedTaskCountsAsReady) {
  const auto failed = remote<[]() -> int { throw std::runtime_error{"x"}; }>();
  EXPECT_EQ(wait(std::vector{failed}, {.timeout = patience}).ready, std::vector{failed});
}

TEST(Wait, OfNothingIsNothing) {
  const auto [ready, pending] = wait(std::vector<object_ref<int>>{});
  EXPECT_TRUE(ready.empty() && pending.empty());
}

TEST(Wait, RefusesWrongArguments) {
  const auto a = put(1);
  const auto b = put(2);
  EXPECT_THROW(wait(std::vector{a}, {.count = 0}), std::invalid_argument);
  EXPECT_THROW(wait(std::vector{a, b}, {.count = 3}), std::invalid_argument);
  EXPECT_THROW(wait(std::vector{a, b, a}), std::invalid_argument);
  EXPECT_THROW(wait(std::vector{a}, {.timeout = -1ns}), std::invalid_argument);
  EXPECT_THROW(get(a, -1s), std::invalid_argument);
  EXPECT_THROW(as_completed(std::vector{a}, -1s), std::invalid_argument);
  EXPECT_THROW(as_completed(std::vector{a, a}), std::invalid_argument);
}

TEST(Wait, TakesRefsOfDifferentTypesAndOwners) {
  const auto theirs = got(remote<[](int value) { return std::pair{put(value), put("text")}; }>(1));
  const std::vector<object_ref<void>> refs{theirs.first, theirs.second, remote<same>(2)};
  EXPECT_EQ(wait(refs, {.count = 3, .timeout = patience}).ready, refs);
}

TEST(Wait, OneAtATimeGoesThroughAThousand) {
  std::vector<object_ref<int>> pending;
  for (int i = 0; i < 1'000; ++i) pending.push_back(remote<same>(i));
  int sum = 0;
  while (!pending.empty()) {
    auto [ready, rest] = wait(std::move(pending), {.timeout = patience});
    ASSERT_EQ(ready.size(), 1U);
    sum += get(ready[0]);
    pending = std::move(rest);
  }
  EXPECT_EQ(sum, 499'500);
}

TEST(Get, ALimitOfZeroPolls) {
  shared_numbers shared;
  const auto refs = numbered(shared, 1);
  EXPECT_THROW(get(refs[0], 0s), timed_out);
  EXPECT_THROW(get(refs, 0s), timed_out);
  EXPECT_EQ(get(put(3), 0s), 3);
  shared[10] = 1;
  EXPECT_EQ(got(refs[0]), 10);
  EXPECT_EQ(get(refs[0], 0s), 10);
}

TEST(Get, WhatTimedOutIsStillMade) {
  shared_numbers shared;
  const auto refs = numbered(shared, 2);
  EXPECT_THROW(get(refs, 10ms), timed_out);
  shared[10] = shared[11] = 1;
  EXPECT_EQ(got(refs), (std::vector{10, 11}));
}

TEST(Get, LimitsPassInTasksToo) {
  shared_numbers shared;
  const auto refs = numbered(shared, 1);
  constexpr auto try_to_get = [](std::vector<object_ref<int>> theirs, int milliseconds) {
    try {
      get(theirs[0], std::chrono::milliseconds{milliseconds});
    } catch (const timed_out&) {
      return wait(theirs, {.timeout = std::chrono::milliseconds{milliseconds}}).ready.size();
    }
    return std::size_t{9};
  };
  EXPECT_EQ(got(remote<try_to_get>(refs, 0)), 0U);
  EXPECT_EQ(got(remote<try_to_get>(refs, 20)), 0U);
  shared[10] = 1;
  got(refs);
  EXPECT_EQ(got(remote<try_to_get>(refs, 30'000)), 9U);
}

TEST(Get, TheLongestLimitIsForever) {
  EXPECT_EQ(get(remote<same>(1), std::chrono::hours::max()), 1);
  EXPECT_EQ(get(remote<same>(2), std::chrono::duration<double>{1e300}), 2);
}

TEST(Get, OfAListReturnsAllInOrder) {
  std::vector<object_ref<int>> refs;
  std::vector<int> expected(1'000);
  std::iota(expected.begin(), expected.end(), 0);
  for (const int i : expected) refs.push_back(remote<same>(i));
  EXPECT_EQ(got(refs), expected);
  EXPECT_EQ(got(std::vector<object_ref<int>>{}), std::vector<int>{});
  EXPECT_EQ(got(std::tuple{refs[1], put("a")}), (std::tuple{1, std::string{"a"}}));
  got(std::vector<object_ref<void>>{refs[1], put("a")});
}

TEST(Get, TwoThreadsMayAwaitOneObject) {
  shared_numbers shared;
  const auto refs = numbered(shared, 1);
  std::vector<int> values(4);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : values) threads.emplace_back([&] { mine = got(refs[0]); });
    shared[10] = 1;
  }
  EXPECT_THAT(values, testing::Each(10));
}

// Each look sends one more message to this process itself, so that something comes at every poll.
TEST(Waiting, EndsAtItsLimitWhileMessagesKeepComing) {
  detail::process& home = detail::process::require();
  const auto give_up = std::chrono::steady_clock::now() + patience;
  const bool given_up = home.wait_until(
      [&] {
        wire::send(home.port(), home.self(), wire::borrow_release{});
        return std::chrono::steady_clock::now() > give_up;
      },
      ring::now_ns() + 20'000'000);
  home.rest();
  EXPECT_FALSE(given_up);
}

TEST(AsCompleted, TellsInTheOrderOfReadiness) {
  shared_numbers shared;
  const auto refs = numbered(shared, 4);
  std::vector<int> seen;
  shared[12] = 1;
  for (auto& ref : as_completed(refs, patience)) {
    seen.push_back(get(ref));
    for (const std::size_t next : {11, 13, 10}) {
      if (shared[next] == 0) {
        shared[next] = 1;
        break;
      }
    }
  }
  EXPECT_THAT(seen, testing::ElementsAre(12, 11, 13, 10));
}

TEST(AsCompleted, AStepThatTakesTooLongThrows) {
  shared_numbers shared;
  const auto refs = numbered(shared, 1);
  EXPECT_THROW(for (auto& ref : as_completed(refs, 10ms)) got(ref), timed_out);
  shared[10] = 1;
  got(refs);
}

// As when the job ends while somebody goes through them and another thread still waits.
TEST(AsCompleted, LeavesNoWatchBehindWhenTheJobHasEnded) {
  shared_numbers shared;
  const auto refs = numbered(shared, 1);
  detail::object* const record = detail::access::record_of(refs[0]);
  detail::process& home = detail::process::require();
  std::optional<detail::completion_queue> ready{std::in_place, std::span{&record, 1}};
  detail::process::set_current(nullptr);
  ready.reset();
  detail::process::set_current(&home);
  {
    const std::lock_guard held{home.lock()};
    EXPECT_TRUE(detail::record_of(record).waiters.empty());
  }
  shared[10] = 1;
  got(refs);
}

TEST(AsCompleted, WorksInTasks) {
  constexpr auto sum_up = [](int count) {
    std::vector<object_ref<int>> refs;
    for (int i = 0; i < count; ++i) refs.push_back(remote<same>(i));
    int sum = 0;
    for (auto& ref : as_completed(std::move(refs))) sum += get(ref);
    return sum;
  };
  EXPECT_EQ(got(remote<sum_up>(200)), 19'900);
}

TEST(AsCompleted, GoesThroughManyThousands) {
  std::vector<object_ref<int>> refs;
  const int count = is_sanitized ? 5'000 : 50'000;
  for (int i = 0; i < count; ++i) refs.push_back(remote<same>(i % 2));
  int sum = 0;
  for (auto& ref : as_completed(std::move(refs), patience)) sum += get(ref);
  EXPECT_EQ(sum, count / 2);
}

}  // namespace
}  // namespace mobula::job
