#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <thread>

#include "job/job.hpp"

namespace mobula::job {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct counter {
  int value = 0;
  counter() = default;
  explicit counter(int start) : value{start} {}
  int increment() { return ++value; }
  int add(int more) { return value += more; }
  int fail() { throw std::runtime_error{"no count"}; }
  int process() const { return ::getpid(); }
};

struct log_book {
  std::vector<int> entries;
  int enter(int entry) {
    entries.push_back(entry);
    return entry;
  }
  int enter_after(object_ref<int> ref, int entry, std::string numbers) {
    shared_numbers{numbers}[3] = 1;
    return enter(get(ref) + entry);
  }
  std::vector<int> all() const { return entries; }
};

TEST(Actor, TenCountersCountEachForItself) {
  std::vector<actor_handle<counter>> counters;
  for (int i = 0; i < 10; ++i) counters.push_back(actor<counter>());
  std::vector<object_ref<int>> refs;
  for (const auto& each : counters) refs.push_back(each.call<&counter::increment>());
  EXPECT_EQ(got(refs), std::vector<int>(10, 1));
  refs.clear();
  for (int i = 0; i < 5; ++i) refs.push_back(counters[0].call<&counter::increment>());
  EXPECT_THAT(got(refs), ElementsAre(2, 3, 4, 5, 6));
}

struct signaller {
  void give(std::string numbers) { shared_numbers{numbers}[signal] = 1; }
};

bool call_and_compute(actor_handle<signaller> to, std::string numbers) {
  shared_numbers shared{numbers};
  to.call<&signaller::give>(numbers);
  return eventually([&] { return shared[signal] != 0; });
}

// The way to a process that was never spoken to before is found while the caller is elsewhere.
TEST(Actor, AFirstCallArrivesWhileItsCallerComputes) {
  for (int round = 0; round < 8; ++round) {
    shared_numbers from_task;
    const auto to = actor<signaller>();
    EXPECT_TRUE(got(remote<call_and_compute>(to, from_task.path())));
    shared_numbers from_driver;
    EXPECT_TRUE(call_and_compute(actor<signaller>(), from_driver.path()));
  }
}

TEST(Actor, EachLivesInAProcessOfItsOwn) {
  std::vector<actor_handle<counter>> counters;
  std::set<int> processes{::getpid()};
  for (int i = 0; i < 4; ++i) counters.push_back(actor<counter>());
  for (const auto& each : counters) {
    const int process = got(each.call<&counter::process>());
    EXPECT_TRUE(processes.insert(process).second);
    EXPECT_EQ(got(each.call<&counter::process>()), process);
  }
}

class named {
 public:
  named(std::string name, int start) : name_{std::move(name)}, start_{start} {}
  std::string text() const { return name_ + std::to_string(start_); }

 private:
  std::string name_;
  int start_;
};
class keeps_ref {
 public:
  explicit keeps_ref(object_ref<int> ref) : ref_{std::move(ref)} {}
  int value() const { return get(ref_); }

 private:
  object_ref<int> ref_;
};

TEST(Actor, ConstructorsTakeValuesAndRefs) {
  EXPECT_EQ(got(actor<named>("a", 1).call<&named::text>()), "a1");
  EXPECT_EQ(got(actor<named>(put("b"), remote<plus>(1, 1)).call<&named::text>()), "b2");
  EXPECT_EQ(got(actor<keeps_ref>(remote<same>(3)).call<&keeps_ref::value>()), 3);
}

TEST(Actor, WaitsForTheArgumentsOfItsConstructor) {
  shared_numbers shared;
  const auto c = actor<counter>(late(shared, 40));
  const auto result = c.call<&counter::increment>();
  EXPECT_THROW(get(result, 0s), timed_out);
  shared[signal] = 1;
  EXPECT_EQ(got(result), 41);
}

TEST(Actor, MethodsTakeRefsAsFunctionsDo) {
  const auto c = actor<counter>();
  const auto one = c.call<&counter::increment>();
  const auto two = c.call<&counter::add>(one);
  EXPECT_EQ(got(c.call<&counter::add>(remote<plus>(two, 10))), 14);
}

TEST(Actor, ContextNamesItInsideOfItAlone) {
  struct teller {
    std::pair<std::string, std::string> tell() { return {context().actor, context().function}; }
  };
  const auto t = actor<teller>();
  const auto [mine, function] = got(t.call<&teller::tell>());
  EXPECT_FALSE(mine.empty());
  EXPECT_THAT(function, HasSubstr("tell"));
  EXPECT_EQ(got(t.with({.name = "other"}).call<&teller::tell>()),
            (std::pair{mine, std::string{"other"}}));
  EXPECT_NE(got(actor<teller>().call<&teller::tell>()).first, mine);
}

// --- order ---

TEST(ActorOrder, CallsOfOneCallerRunInTheOrderOfSubmission) {
  const auto book = actor<log_book>();
  std::vector<int> expected;
  for (int i = 0; i < 500; ++i) {
    book.call<&log_book::enter>(i);
    expected.push_back(i);
  }
  EXPECT_EQ(got(book.call<&log_book::all>()), expected);
}

int enter_from_a_task(actor_handle<log_book> book, int entry) {
  return get(book.call<&log_book::enter>(entry));
}

TEST(ActorOrder, ALateArgumentHoldsBackLaterCallsOfThatCallerOnly) {
  shared_numbers shared;
  const auto book = actor<log_book>();
  got(book.call<&log_book::enter>(0));
  book.call<&log_book::enter>(late(shared, 1));
  const auto second = book.call<&log_book::enter>(2);
  const auto all = book.call<&log_book::all>();
  EXPECT_EQ(got(remote<enter_from_a_task>(book, 9)), 9);
  EXPECT_THROW(get(second, 0s), timed_out);
  shared[signal] = 1;
  EXPECT_THAT(got(all), ElementsAre(0, 9, 1, 2));
}

TEST(ActorOrder, ACallWhoseArgumentFailedTakesItsTurnByFailing) {
  const auto book = actor<log_book>();
  const auto failed =
      remote<[](int value) -> int { throw std::out_of_range{std::to_string(value)}; }>;
  const auto first = book.call<&log_book::enter>(1);
  const auto missed = book.call<&log_book::enter>(failed(2));
  const auto third = book.call<&log_book::enter>(3);
  EXPECT_THROW(got(missed), task_error);
  EXPECT_EQ(got(third), 3);
  EXPECT_THAT(got(book.call<&log_book::all>()), ElementsAre(1, 3));
}

TEST(ActorOrder, NothingBeginsWhileACallIsSuspended) {
  shared_numbers shared;
  const auto book = actor<log_book>();
  const auto first = book.call<&log_book::enter_after>(late(shared, 10), 1, shared.path());
  EXPECT_TRUE(eventually([&] { return shared[3] == 1; }));
  const auto second = book.call<&log_book::enter>(22);
  const auto third = remote<enter_from_a_task>(book, 3);
  EXPECT_TRUE(wait(std::vector{first, second, third}, {.timeout = 50ms}).ready.empty());
  shared[signal] = 1;
  got(std::vector{first, second, third});
  const auto all = got(book.call<&log_book::all>());
  EXPECT_EQ(all[0], 11);
  EXPECT_THAT(all, testing::UnorderedElementsAre(11, 22, 3));
}

TEST(ActorOrder, DifferentActorsRunInParallel) {
  struct participant {
    bool join(std::string numbers, int count) { return meet(numbers, count); }
  };
  shared_numbers shared;
  std::vector<actor_handle<participant>> all;
  std::vector<object_ref<bool>> met;
  for (int i = 0; i < 6; ++i) all.push_back(actor<participant>());
  for (const auto& each : all) met.push_back(each.call<&participant::join>(shared.path(), 6));
  EXPECT_THAT(got(met), testing::Each(true));
}

// --- errors ---

struct broken {
  explicit broken(int value) {
    throw std::invalid_argument{"can't be made of " + std::to_string(value)};
  }
  int call() { return 1; }
};
int call_broken(actor_handle<broken> on) { return get(on.call<&broken::call>()); }

TEST(ActorErrors, TheConstructorsExceptionSurfacesOnEveryCall) {
  const auto b = actor<broken>(7);
  for (int i = 0; i < 3; ++i) {
    try {
      got(b.call<&broken::call>());
      FAIL();
    } catch (const task_error& failure) {
      EXPECT_EQ(failure.message(), "can't be made of 7");
      EXPECT_EQ(failure.exception_type(), "std::invalid_argument");
    }
  }
  EXPECT_THROW(got(remote<call_broken>(b)), task_error);
}

TEST(ActorErrors, AFailedArgumentOfTheConstructorDoesSoToo) {
  const auto failed = remote<[]() -> int { throw std::out_of_range{"first"}; }>();
  const auto c = actor<counter>(failed);
  EXPECT_THROW(got(c.call<&counter::increment>()), task_error);
}

TEST(ActorErrors, AMethodsExceptionLeavesItsState) {
  const auto c = actor<counter>();
  EXPECT_EQ(got(c.call<&counter::increment>()), 1);
  try {
    got(c.call<&counter::fail>());
    FAIL();
  } catch (const task_error& failure) {
    EXPECT_EQ(failure.message(), "no count");
    EXPECT_THAT(failure.function(), HasSubstr("fail"));
  }
  EXPECT_EQ(got(c.call<&counter::increment>()), 2);
}

// --- handles ---

std::vector<int> increment_all(std::vector<actor_handle<counter>> of, int times) {
  std::vector<int> last;
  for (const auto& each : of) {
    for (int i = 1; i < times; ++i) each.call<&counter::increment>();
    last.push_back(get(each.call<&counter::increment>()));
  }
  return last;
}
actor_handle<counter> made_by_a_task(int start) { return actor<counter>(start); }
actor_handle<counter> forward(actor_handle<counter> of, int hops) {
  return hops == 0 ? of : get(remote<forward>(of, hops - 1));
}

TEST(ActorHandles, TravelAsArgumentsAndInContainers) {
  const std::vector both{actor<counter>(), actor<counter>(10)};
  EXPECT_THAT(got(remote<increment_all>(both, 3)), ElementsAre(3, 13));
  EXPECT_THAT(got(remote<increment_all>(put(both), 1)), ElementsAre(4, 14));
  EXPECT_EQ(got(both[1].call<&counter::increment>()), 15);
}

TEST(ActorHandles, AProcessThatLetOneGoMayTakeItAgain) {
  const auto c = actor<counter>();
  for (int i = 1; i <= 30; ++i)
    ASSERT_THAT(got(remote<increment_all>(std::vector{c}, 2)), ElementsAre(2 * i));
}

TEST(ActorHandles, ComeBackFromTasksThatMadeTheActor) {
  auto c = got(remote<made_by_a_task>(5));
  EXPECT_EQ(got(c.call<&counter::increment>()), 6);
  const auto same_one = got(remote<forward>(c, 3));
  EXPECT_EQ(same_one, c);
  c = {};
  EXPECT_EQ(got(same_one.call<&counter::increment>()), 7);
}

struct team {
  std::vector<actor_handle<counter>> members;
  void hire(int count) {
    for (int i = 0; i < count; ++i) members.push_back(actor<counter>(i));
  }
  int total() {
    std::vector<object_ref<int>> refs;
    for (const auto& each : members) refs.push_back(each.call<&counter::increment>());
    int sum = 0;
    for (const int value : get(refs)) sum += value;
    return sum;
  }
  actor_handle<counter> member(int which) const {
    return members.at(static_cast<std::size_t>(which));
  }
};

TEST(ActorHandles, ActorsMakeAndCallActors) {
  const auto t = actor<team>();
  got(t.call<&team::hire>(4));
  EXPECT_EQ(got(t.call<&team::total>()), 10);
  const auto third = got(t.call<&team::member>(2));
  EXPECT_EQ(got(third.call<&counter::increment>()), 4);
  EXPECT_EQ(got(t.call<&team::total>()), 15);
}

struct leaves_a_mark {
  std::string numbers;
  int work(int value) {
    ++shared_numbers{numbers}[0];
    return value;
  }
  ~leaves_a_mark() {
    if (!numbers.empty()) ++shared_numbers{numbers}[3];
  }
  leaves_a_mark(std::string path) : numbers{std::move(path)} {}
  leaves_a_mark(const leaves_a_mark&) = delete;
  leaves_a_mark& operator=(const leaves_a_mark&) = delete;
};

TEST(ActorHandles, TheLastOneEndsTheActorAfterWhatWasSubmitted) {
  shared_numbers shared;
  object_ref<int> last;
  {
    const auto a = actor<leaves_a_mark>(shared.path());
    a.call<&leaves_a_mark::work>(late(shared, 1));
    for (int i = 0; i < 20; ++i) last = a.call<&leaves_a_mark::work>(i);
  }
  EXPECT_EQ(shared[3], 0);
  shared[signal] = 1;
  EXPECT_EQ(got(last), 19);
  EXPECT_TRUE(eventually([&] { return shared[3] == 1; }));
  EXPECT_EQ(shared[0], 21);
}

int call_when_told(std::vector<actor_handle<counter>> of, std::string numbers) {
  await_signal(std::move(numbers), 1);
  return get(of.at(0).call<&counter::increment>());
}

TEST(ActorHandles, OneInATaskKeepsItAlive) {
  shared_numbers shared;
  auto c = actor<counter>(30);
  const auto result = remote<call_when_told>(std::vector{std::move(c)}, shared.path());
  c = {};
  EXPECT_TRUE(eventually([&] { return shared[begun] == 1; }));
  shared[signal] = 1;
  EXPECT_EQ(got(result), 31);
}

TEST(ActorHandles, TheActorsProcessIsGoneAfterTheLast) {
  auto c = actor<counter>();
  const auto process =
      std::filesystem::path{"/proc"} / std::to_string(got(c.call<&counter::process>()));
  EXPECT_TRUE(std::filesystem::exists(process));
  c = {};
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(process); }));
}

struct asker {
  int ask(actor_handle<log_book> book, int entry) {
    // The argument is made by a task that calls the actor itself.
    const auto made = remote<enter_from_a_task>(book, entry);
    return get(book.call<&log_book::enter>(made));
  }
};
int ask_in_a_task(actor_handle<log_book> book, int entry) {
  const auto made = remote<enter_from_a_task>(book, entry);
  return get(book.call<&log_book::enter>(made));
}

TEST(ActorHandles, TheLastOneMayGoWhileTheDriverDoesNothingElse) {
  auto handle = actor<counter>();
  const int process = got(handle.call<&counter::process>());
  // So long that whoever polls for this thread has given up all rings, and sleeps without a limit.
  std::this_thread::sleep_for(7s);
  handle = {};
  EXPECT_TRUE(eventually([&] { return ::kill(process, 0) != 0; }));
}

TEST(ActorHandles, ACallsArgumentMayNeedTheSameActor) {
  const auto book = actor<log_book>();
  EXPECT_EQ(got(remote<ask_in_a_task>(book, 4)), 4);
  EXPECT_EQ(got(actor<asker>().call<&asker::ask>(book, 5)), 5);
  EXPECT_THAT(got(book.call<&log_book::all>()), ElementsAre(4, 4, 5, 5));
}

}  // namespace
}  // namespace mobula::job
