#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <span>
#include <string_view>

#include "job/job.hpp"
#include "job/library.hpp"
#include "runtime/casts.hpp"

namespace mobula::job {
namespace {

double norm(std::span<const double> x) {
  double sum = 0;
  for (const double each : x) sum += each * each;
  return sum;
}
std::size_t length(std::string_view text) { return text.size(); }
std::tuple<int, double, std::string> three() { return {1, 2.5, "three"}; }
std::pair<std::string, int> two(int second) { return {"first", second}; }
std::vector<std::string> words(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(std::to_string(i));
  return all;
}
int process_number() { return ::getpid(); }
bool is_a_task() { return is_initialized() && !context().is_driver; }
template <class T>
T twice(T value) {
  return value + value;
}
struct arithmetic {
  static int half(int value) { return value / 2; }
};
void count_up(std::string numbers) { ++shared_numbers{numbers}[0]; }
int sum_of(std::vector<int> values) {
  int sum = 0;
  for (const int value : values) sum += value;
  return sum;
}

TEST(Remote, RunsInAnotherProcess) {
  EXPECT_NE(got(remote<process_number>()), ::getpid());
  EXPECT_TRUE(got(remote<is_a_task>()));
}

TEST(Remote, ReturnsBeforeTheTaskHasRun) {
  shared_numbers shared;
  const auto ref = remote<await_signal>(shared.path(), 5);
  EXPECT_THROW(get(ref, 0s), timed_out);
  shared[signal] = 1;
  EXPECT_EQ(got(ref), 5);
}

TEST(Remote, TakesValuesAsAPlainCallDoes) {
  EXPECT_EQ(got(remote<plus>(1, 2)), 3);
  EXPECT_EQ(got(remote<plus>(1.9, 'a')), 98);
  EXPECT_EQ(got(remote<length>("literal")), 7U);
  EXPECT_EQ(got(remote<norm>(std::vector<double>{3, 4})), 25);
}

TEST(Remote, RefsStandForTheirValues) {
  const auto three = remote<plus>(1, 2);
  const auto six = remote<plus>(three, three);
  EXPECT_EQ(got(remote<plus>(six, put(4))), 10);
  EXPECT_EQ(got(remote<norm>(put(std::vector<double>{3, 4}))), 25);
  EXPECT_EQ(got(remote<length>(put("text"))), 4U);
}

TEST(Remote, ChainsRunFromEndToEnd) {
  auto last = remote<same>(0);
  for (int i = 0; i < 2'000; ++i) last = remote<plus>(last, 1);
  EXPECT_EQ(got(last), 2'000);
}

TEST(Remote, ATreeOfTasksIsSummedUp) {
  std::vector<object_ref<int>> level;
  for (int i = 0; i < 256; ++i) level.push_back(remote<same>(i));
  while (level.size() > 1) {
    std::vector<object_ref<int>> next;
    for (std::size_t i = 0; i < level.size(); i += 2)
      next.push_back(remote<plus>(level[i], level[i + 1]));
    level = std::move(next);
  }
  EXPECT_EQ(got(level[0]), 255 * 256 / 2);
}

TEST(Remote, ThousandsOfTasksEachRunOnce) {
  shared_numbers shared;
  std::vector<object_ref<void>> all;
  for (int i = 0; i < 5'000; ++i) all.push_back(remote<count_up>(shared.path()));
  got(all);
  EXPECT_EQ(shared[0], 5'000);
}

TEST(Remote, ATaskThatNobodyAwaitsRunsToo) {
  shared_numbers shared;
  static_cast<void>(remote<count_up>(shared.path()));
  EXPECT_TRUE(eventually([&] { return shared[0] == 1; }));
}

TEST(Remote, RunsLambdasStaticMembersAndInstances) {
  EXPECT_EQ(got(remote<[](int v) { return v * v; }>(7)), 49);
  EXPECT_EQ(got(remote<[](int v) { return v + 1; }>(7)), 8);
  EXPECT_EQ(got(remote<arithmetic::half>(8)), 4);
  EXPECT_EQ(got(remote<twice<int>>(4)), 8);
  EXPECT_EQ(got(remote<twice<std::string>>(std::string("ab"))), "abab");
}

TEST(Remote, RunsFunctionsOfASharedLibrary) {
  EXPECT_EQ(got(remote<library::triple>(2)), 6);
  EXPECT_EQ(got(library::submit_quadruple(2)), 8);
}

TEST(Remote, DriverThreadsSubmitSideBySide) {
  std::vector<std::vector<int>> sums(4);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : sums) {
      threads.emplace_back([&mine] {
        std::vector<object_ref<int>> refs;
        for (int i = 0; i < 300; ++i) refs.push_back(remote<plus>(i, 1));
        mine = got(refs);
      });
    }
  }
  for (const auto& one : sums) EXPECT_EQ(sum_of(one), 300 * 301 / 2);
}

TEST(Split, MakesARefOfEachPart) {
  auto [x, y, z] = remote<three>.split();
  EXPECT_EQ(got(z), "three");
  EXPECT_EQ(got(std::tuple{x, y}), (std::tuple{1, 2.5}));
  auto [first, second] = remote<two>.with({.cpus = 2}).split(x);
  EXPECT_EQ(got(second), 1);
  EXPECT_EQ(got(first), "first");
}

TEST(Split, MakesNRefsOfAVector) {
  const auto refs = remote<words>.split(parts{1'000}, 1'000);
  ASSERT_EQ(refs.size(), 1'000U);
  EXPECT_EQ(got(refs), words(1'000));
  EXPECT_EQ(got(remote<length>(refs[10])), 2U);
}

std::vector<std::string> texts(int count, std::size_t size) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(std::string(size, static_cast<char>('a' + i % 26)));
  return all;
}

// 30 MB of small parts: those that are too many for one message go the way of large ones.
TEST(Split, ManySmallPartsDoNotAllTravelInOneMessage) {
  const auto refs = remote<texts>.split(parts{1'000}, 1'000, std::size_t{30'000});
  EXPECT_EQ(got(refs), texts(1'000, 30'000));
  const auto state_of = [](const object_ref<std::string>& ref) {
    return detail::record_of(detail::access::record_of(ref)).state.load();
  };
  EXPECT_EQ(state_of(refs.front()), core::object_state::inlined);
  EXPECT_EQ(state_of(refs.back()), core::object_state::stored);
}

TEST(Split, PartsAreObjectsOfTheirOwn) {
  auto refs = remote<words>.split(parts{3}, 3);
  const auto middle = refs[1];
  refs.clear();
  EXPECT_EQ(got(middle), "1");
}

TEST(Split, FailsEachRefIfTheNumberIsAnother) {
  for (const auto& ref : remote<words>.split(parts{2}, 3)) EXPECT_THROW(got(ref), task_error);
}

TEST(Context, TellsWhereCodeRuns) {
  const auto here = context();
  EXPECT_TRUE(here.is_driver);
  EXPECT_EQ(here.node, 0U);
  EXPECT_FALSE(here.host.empty());
  EXPECT_TRUE(here.task.empty() && here.function.empty() && here.actor.empty());

  constexpr auto tell = [] {
    const auto there = context();
    return std::tuple{there.function, there.task, there.host, static_cast<int>(there.process),
                      there.is_driver || !there.actor.empty() || there.attempt != 0};
  };
  const auto [function, task, host, process, odd] = got(remote<tell>.with({.name = "tell"})());
  EXPECT_EQ(function, "tell");
  EXPECT_FALSE(task.empty());
  EXPECT_EQ(host, here.host);
  EXPECT_GE(process, 2);
  EXPECT_FALSE(odd);
}

std::string my_function() { return context().function; }

TEST(Context, NamesTheFunctionUnlessToldOtherwise) {
  EXPECT_THAT(got(remote<my_function>()), testing::HasSubstr("my_function"));
}

}  // namespace
}  // namespace mobula::job
