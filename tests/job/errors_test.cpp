#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "job/job.hpp"

// ray.md's "Errors", line by line, and what the ends of processes look like.

namespace mobula::job {
namespace {

using testing::HasSubstr;

int fails(int value) { throw std::out_of_range{"no such int: " + std::to_string(value)}; }
int throws_a_number() { throw 5; }
int runs_out_of_time() { throw timed_out{"inside"}; }
int nested() { return get(remote<fails>(3)); }
int mark(std::string numbers, int value) {
  ++shared_numbers{numbers}[0];
  return value;
}
int try_twice(object_ref<int> ref) {
  int caught = 0;
  for (int i = 0; i < 2; ++i) {
    try {
      get(ref);
    } catch (const task_error& failure) {
      if (failure.message() == "no such int: 1") ++caught;
    }
  }
  return caught;
}

TEST(Errors, AnExceptionIsTheTasksValueForEveryGet) {
  const auto failed = remote<fails>(1);
  for (int i = 0; i < 3; ++i) EXPECT_THROW(got(failed), task_error);
  EXPECT_EQ(got(remote<try_twice>(failed)), 2);
}

TEST(Errors, CarryWhatWasThrownAndWhere) {
  try {
    got(remote<fails>(2));
    FAIL();
  } catch (const task_error& failure) {
    EXPECT_EQ(failure.message(), "no such int: 2");
    EXPECT_EQ(failure.exception_type(), "std::out_of_range");
    EXPECT_THAT(failure.function(), HasSubstr("fails"));
    EXPECT_EQ(failure.host(), context().host);
    EXPECT_LT(failure.node(), node_count());
    EXPECT_GE(failure.process(), 2U);
    EXPECT_THAT(failure.what(), HasSubstr("std::out_of_range: no such int: 2"));
  }
}

TEST(Errors, ADependentTaskFailsWithItWithoutRunning) {
  shared_numbers shared;
  const auto failed = remote<fails>(4);
  const auto dependent = remote<mark>(shared.path(), failed);
  const auto further = remote<mark>(shared.path(), dependent);
  try {
    got(further);
    FAIL();
  } catch (const task_error& failure) {
    EXPECT_EQ(failure.message(), "no such int: 4");
    EXPECT_THAT(failure.function(), HasSubstr("fails"));
  }
  EXPECT_EQ(shared[0], 0);
}

TEST(Errors, PassThroughTasksThatGetThem) {
  try {
    got(remote<nested>());
    FAIL();
  } catch (const task_error& failure) {
    EXPECT_EQ(failure.message(), "no such int: 3");
    EXPECT_THAT(failure.function(), HasSubstr("fails"));
  }
}

TEST(Errors, OfAListTheFirstInItsOrderIsThrown) {
  shared_numbers shared;
  const auto slow =
      remote<[](int value) -> int { throw std::runtime_error{std::to_string(value)}; }>(
          late(shared, 1));
  const auto quick = remote<fails>(2);
  EXPECT_THROW(got(quick), task_error);
  shared[signal] = 1;
  try {
    got(std::vector{put(0), slow, quick});
    FAIL();
  } catch (const task_error& failure) {
    EXPECT_EQ(failure.message(), "1");
  }
  EXPECT_THROW(got(std::tuple{put(0), quick}), task_error);
  EXPECT_THROW(got(std::vector<object_ref<void>>{quick}), task_error);
}

TEST(Errors, MayBeOfAnyType) {
  try {
    got(remote<throws_a_number>());
    FAIL();
  } catch (const task_error& failure) {
    EXPECT_EQ(failure.exception_type(), "int");
    EXPECT_EQ(failure.message(), "");
  }
  // A limit that passed in a task is not the caller's own.
  EXPECT_THROW(got(remote<runs_out_of_time>()), task_error);
}

TEST(Errors, OfAVoidFunctionAreThrownByGet) {
  EXPECT_THROW(got(remote<[] { throw std::logic_error{"nothing"}; }>()), task_error);
}

TEST(Errors, LongTextsArriveWhole) {
  constexpr auto complain = [](int size) -> int {
    throw std::runtime_error{std::string(static_cast<std::size_t>(size), 'x')};
  };
  try {
    got(remote<complain>(100'000));
    FAIL();
  } catch (const task_error& failure) {
    EXPECT_EQ(failure.message().size(), 100'000U);
  }
}

// While one fiber handles its exception others throw theirs, on the same thread.
int get_while_handling(int value, object_ref<int> awaited) {
  try {
    throw std::runtime_error{std::to_string(value)};
  } catch (const std::exception& mine) {
    get(awaited);
    try {
      get(remote<fails>(value));
    } catch (const task_error&) {
      try {
        throw;
      } catch (const task_error& again) {
        if (again.message() != "no such int: " + std::to_string(value)) return -1;
      }
    }
    return std::stoi(mine.what());
  }
}

TEST(Errors, OfOneFiberAreNotAnothers) {
  shared_numbers shared;
  const auto awaited = late(shared, 0);
  std::vector<object_ref<int>> refs;
  for (int i = 0; i < 60; ++i) refs.push_back(remote<get_while_handling>(i, awaited));
  shared[signal] = 1;
  const auto values = got(refs);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
}

TEST(Errors, EmptyRefsAndHandlesThrowAtOnce) {
  struct some_actor {
    int call() { return 1; }
  };
  EXPECT_THROW(remote<same>(object_ref<int>{}), error);
  EXPECT_THROW(get(object_ref<int>{}), error);
  EXPECT_THROW(wait(std::vector<object_ref<int>>(1)), error);
  EXPECT_THROW(actor_handle<some_actor>{}.call<&some_actor::call>(), error);
}

// --- deaths ---

int end_the_process() {
  ::kill(::getpid(), SIGKILL);
  return 0;
}

TEST(Deaths, ATaskWhoseProcessEndsIsWorkerDied) {
  EXPECT_THROW(got(remote<end_the_process>()), worker_died);
  EXPECT_THROW(got(remote<plus>(remote<end_the_process>(), 1)), worker_died);
  EXPECT_EQ(got(remote<plus>(1, 1)), 2);
}

TEST(Deaths, TasksQueuedBehindItRunElsewhere) {
  shared_numbers shared;
  const auto before = late(shared, 0);
  std::vector<object_ref<int>> rest;
  const auto killer = remote<[](int) { return end_the_process(); }>(before);
  for (int i = 0; i < 200; ++i) rest.push_back(remote<plus>(before, i));
  shared[signal] = 1;
  EXPECT_THROW(got(killer), worker_died);
  const auto values = got(rest);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
}

struct mortal {
  std::vector<object_ref<std::string>> own() {
    return {put("mine"), put(std::string(100'000, 'm'))};
  }
  int die() { return end_the_process(); }
  int live() { return 1; }
};

TEST(Deaths, AnActorsFailsItsCallsAndWhatItOwned) {
  const auto m = actor<mortal>();
  const auto owned = got(m.call<&mortal::own>());
  EXPECT_EQ(got(m.call<&mortal::live>()), 1);
  const auto dies = m.call<&mortal::die>();
  const auto behind = m.call<&mortal::live>();
  EXPECT_THROW(got(dies), actor_died);
  EXPECT_THROW(got(behind), actor_died);
  EXPECT_THROW(got(m.call<&mortal::live>()), actor_died);
  for (const auto& ref : owned) EXPECT_THROW(got(ref), owner_died);
}

TEST(Deaths, ATasksOwnTasksDieWithItsProcess) {
  constexpr auto submit_and_die = [](std::string numbers) {
    static_cast<void>(remote<await_signal>.with({.cpus = 0})(numbers, 1));
    eventually([&] { return shared_numbers{numbers}[begun] == 1; });
    return end_the_process();
  };
  shared_numbers shared;
  EXPECT_THROW(got(remote<submit_and_die>(shared.path())), worker_died);
  shared[signal] = 1;
  EXPECT_TRUE(all_is_free());
}

}  // namespace
}  // namespace mobula::job
