// One program before, during and after its job: what is refused, in which words, and what is not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <mobula/mobula.hpp>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using mobula::object_ref;
using testing::HasSubstr;

constexpr auto patience = 60s;

int plus(int a, int b) { return a + b; }
std::pair<int, int> two() { return {1, 2}; }
std::vector<int> numbers(int count) { return std::vector<int>(static_cast<std::size_t>(count), 1); }
void stay() { std::this_thread::sleep_for(1h); }
struct counter {
  int value = 0;
  int increment() { return ++value; }
};
struct holder {
  object_ref<int> ref;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& ref;
  }
};
int look(holder in) { return mobula::get(in.ref); }

/// What is thrown as exactly this class; what is thrown else, or nothing, is said.
template <class Error>
std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& thrown) {
    const bool exactly = typeid(thrown) == typeid(Error);
    return (exactly ? "" : std::string{"another class: "} + typeid(thrown).name()) + thrown.what();
  }
  return "nothing was thrown";
}
std::string error_of(const std::function<void()>& call) { return refusal_of<mobula::error>(call); }
std::string bad_argument_of(const std::function<void()>& call) {
  return refusal_of<std::invalid_argument>(call);
}

int argument_count = 0;
char** arguments = nullptr;
std::unique_ptr<mobula::runtime> running;

/// Refs and handles that outlive the job, some of them in static objects.
struct survivors {
  object_ref<int> small;
  object_ref<std::vector<int>> large;
  object_ref<void> done;
  object_ref<void> never;
  object_ref<holder> inside;
  mobula::actor_handle<counter> actor;
  std::vector<object_ref<int>> list;
};
survivors left;

// In messages, in a slab, and in rooms of their own.
constexpr std::size_t array_counts[] = {10, 50'000, 2'000'000};
mobula::shared_array<int> sevens(std::size_t count) { return mobula::shared_array<int>(count, 7); }
std::vector<mobula::shared_array<const int>> views;
std::vector<mobula::shared_array<const int>> views_of_far;
std::vector<mobula::shared_array<int>> unsealed;

struct after_main {
  survivors copies;
  ~after_main() {
    if (!copies.small) return;  // in other processes than the driver
    const survivors more = copies;
    copies = {};
    const std::string told = error_of([&] { mobula::get(more.small); });
    if (told.find("the job has ended") == std::string::npos) std::_Exit(77);
  }
};
after_main static_copies;

/// Every call that needs a job but no ref, with its name.
const std::vector<std::pair<const char*, std::function<void()>>> calls{
    {"remote", [] { mobula::remote<plus>(1, 2); }},
    {"with", [] { mobula::remote<plus>.with({.cpus = 2})(1, 2); }},
    {"split", [] { mobula::remote<two>.split(); }},
    {"split parts", [] { mobula::remote<numbers>.split(mobula::parts{2}, 2); }},
    {"put", [] { mobula::put(1); }},
    {"put of much", [] { mobula::put(std::vector<int>(100'000)); }},
    {"actor", [] { mobula::actor<counter>(); }},
    {"actor with", [] { mobula::actor<counter>.with({.cpus = 1})(); }},
    {"context", [] { mobula::context(); }},
    {"nodes", [] { mobula::nodes(); }},
    {"cluster_resources", [] { mobula::cluster_resources(); }},
    {"available_resources", [] { mobula::available_resources(); }},
    {"get of none", [] { mobula::get(std::vector<object_ref<int>>{}); }},
    {"get of ()", [] { mobula::get(std::tuple<>{}); }},
    {"wait", [] { mobula::wait(std::vector<object_ref<int>>{}); }},
    {"as_completed", [] { mobula::as_completed(std::vector<object_ref<int>>{}); }},
};

/// The same for what is left of a job.
const std::vector<std::pair<const char*, std::function<void()>>> uses{
    {"get", [] { mobula::get(left.small); }},
    {"get at once", [] { mobula::get(left.small, 0s); }},
    {"get of much", [] { mobula::get(left.large); }},
    {"get of void", [] { mobula::get(left.done); }},
    {"get of what never comes", [] { mobula::get(left.never, 10ms); }},
    {"get of a struct", [] { mobula::get(left.inside); }},
    {"get of a list", [] { mobula::get(left.list); }},
    {"get of a tuple",
     [] {
       mobula::get(std::tuple{left.small, left.large});
     }},
    {"wait", [] { mobula::wait(left.list); }},
    {"wait at once", [] { mobula::wait(std::vector{left.never}, {.timeout = 0s}); }},
    {"as_completed", [] { mobula::as_completed(left.list); }},
    {"call", [] { left.actor.call<&counter::increment>(); }},
    {"call with", [] { left.actor.with({.name = "x"}).call<&counter::increment>(); }},
    {"argument", [] { mobula::remote<plus>(left.small, 1); }},
    {"argument inside", [] { mobula::remote<look>(holder{left.small}); }},
    {"put of a ref", [] { mobula::put(left.small); }},
    {"put of a handle", [] { mobula::put(left.actor); }},
};

TEST(BeforeInit, EveryCallSaysSo) {
  EXPECT_FALSE(mobula::is_initialized());
  for (const auto& [name, call] : calls)
    EXPECT_THAT(error_of(call), HasSubstr("not part of a job")) << name;
}

TEST(BeforeInit, EmptyRefsAreWhatTheyAre) {
  const object_ref<int> none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none, object_ref<int>{});
  EXPECT_THAT(error_of([&] { mobula::get(none); }), HasSubstr("empty"));
}

TEST(BeforeInit, ShutdownDoesNothing) {
  mobula::shutdown();
  EXPECT_FALSE(mobula::is_initialized());
}

class DuringTheJob : public testing::Test {
 protected:
  // Ranks other than the first end in here.
  static void SetUpTestSuite() {
    running = std::make_unique<mobula::runtime>(argument_count, arguments,
                                                mobula::runtime_options{.cpus = 4});
  }
};

TEST_F(DuringTheJob, ThereIsOneRuntime) {
  const auto again = [] { const mobula::runtime second(argument_count, arguments); };
  EXPECT_THAT(error_of(again), HasSubstr("runs already"));
  EXPECT_THAT(error_of([] { mobula::init(argument_count, arguments); }), HasSubstr("runs already"));
  EXPECT_TRUE(mobula::is_initialized());
  EXPECT_EQ(mobula::get(mobula::remote<plus>(1, 2), patience), 3);
}

void init_again() {
  char name[] = "program";
  char* words[] = {name, nullptr};
  mobula::init(1, words);
}

TEST_F(DuringTheJob, TasksAndActorsNeitherStartNorEndIt) {
  struct ender {
    void end() { mobula::shutdown(); }
  };
  const auto told_by = [](const object_ref<void>& task) {
    try {
      mobula::get(task, patience);
    } catch (const mobula::task_error& failure) {
      return failure.message();
    }
    return std::string{"nothing was thrown"};
  };
  EXPECT_THAT(told_by(mobula::remote<init_again>()), HasSubstr("only the program's main"));
  EXPECT_THAT(told_by(mobula::remote<[] { mobula::shutdown(); }>()),
              HasSubstr("only the program's main"));
  const auto one = mobula::actor<ender>();
  EXPECT_THAT(told_by(one.call<&ender::end>()), HasSubstr("only the program's main"));
  EXPECT_EQ(mobula::get(mobula::remote<plus>(1, 2), patience), 3);
}

TEST_F(DuringTheJob, OptionsWithoutSenseAreRefusedByName) {
  const auto asking = [](const mobula::task_options& options) {
    return bad_argument_of([&] { mobula::remote<plus>.with(options)(1, 1); });
  };
  EXPECT_THAT(asking({.cpus = -1}), HasSubstr("cpus is -1"));
  EXPECT_THAT(asking({.cpus = std::nan("")}), HasSubstr("cpus is nan"));
  EXPECT_THAT(asking({.cpus = INFINITY}), HasSubstr("cpus is inf"));
  EXPECT_THAT(asking({.gpus = 1.5}), HasSubstr("gpus is 1.5"));
  EXPECT_THAT(asking({.memory_bytes = -1}), HasSubstr("memory_bytes is -1"));
  EXPECT_THAT(asking({.memory_bytes = std::nan("")}), HasSubstr("memory_bytes is nan"));
  EXPECT_THAT(asking({.resources = {{"ssd", -0.5}}}), HasSubstr("ssd is -0.5"));
  EXPECT_THAT(asking({.resources = {{"", 1}}}), HasSubstr("named ''"));
  EXPECT_THAT(asking({.resources = {{"memory", 1}}}), HasSubstr("named 'memory'"));
  const auto living = [](const mobula::actor_options& options) {
    return bad_argument_of([&] { mobula::actor<counter>.with(options)(); });
  };
  EXPECT_THAT(living({.cpus = -1}), HasSubstr("cpus is -1"));
  EXPECT_THAT(living({.max_concurrency = 0}), HasSubstr("max_concurrency is 0"));
  EXPECT_THAT(living({.max_concurrency = 2.5}), HasSubstr("max_concurrency is 2.5"));
}

TEST_F(DuringTheJob, LimitsAndCountsWithoutSenseAreRefused) {
  const std::vector refs{mobula::put(1), mobula::put(2)};
  const std::chrono::duration<double> no_number{std::nan("")};
  for (const double count : {-1.0, 0.0, 1.5, 3.0, std::nan("")})
    EXPECT_THAT(bad_argument_of([&] { mobula::wait(refs, {.count = count}); }), HasSubstr("count"))
        << count;
  EXPECT_THAT(bad_argument_of([&] { mobula::wait(refs, {.timeout = no_number}); }),
              HasSubstr("limit"));
  EXPECT_THAT(bad_argument_of([&] { mobula::get(refs[0], no_number); }), HasSubstr("limit"));
  EXPECT_THAT(bad_argument_of([&] { mobula::get(refs, -1h); }), HasSubstr("limit"));
  EXPECT_THAT(bad_argument_of([] { mobula::shutdown({.drain = true, .timeout = -1s}); }),
              HasSubstr("limit"));
  EXPECT_THAT(bad_argument_of([] { mobula::remote<numbers>.split(mobula::parts{0}, 0); }),
              HasSubstr("parts"));
  EXPECT_TRUE(mobula::is_initialized());
}

class AfterShutdown : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    left.small = mobula::put(1);
    left.large = mobula::put(numbers(100'000));
    left.done = mobula::remote<plus>(1, 1);
    left.inside = mobula::put(holder{left.small});
    left.actor = mobula::actor<counter>();
    left.list = {mobula::remote<plus>(1, 1), left.actor.call<&counter::increment>()};
    mobula::get(left.list, patience);
    mobula::get(left.done, patience);
    left.never = mobula::remote<stay>();
    for (const std::size_t count : array_counts) {
      mobula::shared_array<int> made(count, 7);
      const auto there = mobula::put(std::move(made));
      views.push_back(mobula::get(there, patience));
      views_of_far.push_back(mobula::get(mobula::remote<sevens>(count), patience));
      unsealed.emplace_back(count, 7);
    }
    static_copies.copies = left;
    running.reset();
  }
};

TEST_F(AfterShutdown, EveryCallSaysSo) {
  EXPECT_FALSE(mobula::is_initialized());
  for (const auto& [name, call] : calls)
    EXPECT_THAT(error_of(call), HasSubstr("the job has ended")) << name;
}

TEST_F(AfterShutdown, UsingWhatIsLeftSaysSo) {
  for (const auto& [name, use] : uses)
    EXPECT_THAT(error_of(use), HasSubstr("the job has ended")) << name;
}

TEST_F(AfterShutdown, WhatIsLeftIsCopiedComparedAndDestroyed) {
  survivors copies = left;
  EXPECT_EQ(copies.small, left.small);
  EXPECT_NE(copies.list[0], copies.list[1]);
  EXPECT_EQ(copies.actor, left.actor);
  EXPECT_EQ(std::hash<object_ref<int>>{}(copies.small), std::hash<object_ref<int>>{}(left.small));
  const auto moved = std::move(copies.small);
  EXPECT_TRUE(moved);
  EXPECT_EQ(object_ref<void>{moved}, object_ref<void>{left.small});
  copies = {};
  std::thread{[mine = left]() mutable { mine = {}; }}.join();
}

template <class Array>
bool are_sevens(const Array& all) {
  return std::ranges::all_of(all, [](int one) { return one == 7; });
}

TEST_F(AfterShutdown, ViewsAreReadAndArraysWrittenAndDestroyed) {
  ASSERT_EQ(views.size(), std::size(array_counts));
  for (std::size_t i = 0; i < views.size(); ++i) {
    EXPECT_EQ(views[i].size(), array_counts[i]);
    EXPECT_TRUE(are_sevens(views[i])) << array_counts[i];
    EXPECT_TRUE(are_sevens(views_of_far[i])) << array_counts[i];
    EXPECT_TRUE(are_sevens(unsealed[i])) << array_counts[i];
    unsealed[i][array_counts[i] - 1] = 8;
    EXPECT_EQ(unsealed[i].data()[array_counts[i] - 1], 8);
    EXPECT_THAT(error_of([&] { mobula::put(std::move(unsealed[i])); }),
                HasSubstr("the job has ended"));
  }
  const auto copies = views;
  views.clear();
  EXPECT_TRUE(are_sevens(copies.back()));
  views_of_far.clear();
  unsealed.clear();
}

TEST_F(AfterShutdown, AProgramDoesNotStartAgain) {
  mobula::shutdown();
  const auto again = [] { const mobula::runtime second(argument_count, arguments); };
  EXPECT_THAT(error_of(again), HasSubstr("start it once"));
  EXPECT_THAT(error_of([] { mobula::init(argument_count, arguments); }),
              HasSubstr("start it once"));
  EXPECT_FALSE(mobula::is_initialized());
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  argument_count = argc;
  arguments = argv;
  return RUN_ALL_TESTS();
}
