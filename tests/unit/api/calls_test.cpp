#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "api/in_place_backend.hpp"

// How calls are written and run: every rule of the surface, with tasks that run in place.

namespace mobula {
namespace {

using namespace std::chrono_literals;
using in_place::last;
using testing::HasSubstr;

int add(int a, int b) { return a + b; }
double norm(std::span<const double> x) {
  double sum = 0;
  for (const double each : x) sum += each * each;
  return sum;
}
std::size_t letters(std::span<const std::string> words) {
  std::size_t sum = 0;
  for (const auto& word : words) sum += word.size();
  return sum;
}
std::size_t length(std::string_view text) { return text.size(); }
std::string join(const std::vector<std::string>& parts, char between) {
  std::string all;
  for (const auto& part : parts) all += part + between;
  return all;
}
int take(std::unique_ptr<int> value) { return *value; }
int take_moved(std::vector<int>&& value) { return std::vector<int>{std::move(value)}.at(0); }
int follow(object_ref<int> ref) { return get(ref) + 1; }
int follow_all(const std::vector<object_ref<int>>& refs) {
  int sum = 0;
  for (const auto& ref : refs) sum += get(ref);
  return sum;
}
void wait_for(object_ref<void> done) { get(done); }
object_ref<int> ref_of(int value) { return put(value); }
int sum_of(std::tuple<int, std::string> value) { return std::get<0>(value); }
bool flip(bool value) noexcept { return !value; }
std::tuple<int, double, std::string> three() { return {1, 2.5, "three"}; }
std::pair<std::string, int> two(int second) { return {"first", second}; }
std::tuple<int> one() { return {1}; }
std::vector<std::string> words(int count) {
  return std::vector<std::string>(static_cast<std::size_t>(count), "w");
}
std::vector<bool> bits(int count) {
  return std::vector<bool>(static_cast<std::size_t>(count), true);
}
int fails(int) { throw std::out_of_range("no such int"); }
int ends_early() { throw timed_out("inside"); }
int throws_nothing_known() { throw 5; }
int nested_failure() { return get(remote<fails>(1)); }
template <class T>
T twice(T value) {
  return value + value;
}
struct library {
  static int half(int value) { return value / 2; }
};
int overloaded(int value) { return value; }
[[maybe_unused]] int overloaded(double) { return -1; }
struct big_step {
  int operator()(int value) const { return value + 100; }
};

TEST(Remote, CallsWithValues) {
  EXPECT_EQ(get(remote<add>(1, 2)), 3);
  EXPECT_THAT(last().function, testing::EndsWith("add"));
  EXPECT_EQ(get(remote<flip>(true)), false);
  EXPECT_EQ(get(remote<join>(std::vector<std::string>{"a", "b"}, '-')), "a-b-");
}

TEST(Remote, ConvertsAsAPlainCallDoes) {
  EXPECT_EQ(get(remote<add>(1.9, 'a')), 98);
  EXPECT_EQ(get(remote<length>("literal")), 7U);
  EXPECT_EQ(get(remote<length>(std::string("text"))), 4U);
  EXPECT_EQ(get(remote<norm>(std::array<double, 2>{3, 4})), 25);
}

TEST(Remote, RefsStandForTheirValues) {
  const auto sum = remote<add>(1, 2);
  EXPECT_EQ(get(remote<add>(sum, 3)), 6);
  EXPECT_EQ(get(remote<add>(3, sum)), 6);
  EXPECT_EQ(last().ref_count, 1U);
  EXPECT_EQ(get(remote<add>(sum, sum)), 6);
  EXPECT_EQ(last().argument_bytes, 0U);
}

TEST(Remote, ViewsTakeRefsOfWhatTheyView) {
  EXPECT_EQ(get(remote<norm>(put(std::vector<double>{3, 4}))), 25);
  EXPECT_EQ(get(remote<letters>(put(std::vector<std::string>{"ab", "c"}))), 3U);
  EXPECT_EQ(get(remote<letters>(std::vector<std::string>{"ab", "c"})), 3U);
  EXPECT_EQ(get(remote<length>(put("text"))), 4U);
}

TEST(Remote, SpansAreRightWhereverTheirBytesLie) {
  constexpr auto odd = [](char, std::span<const double> x, std::string_view text) {
    return x[0] + x[1] + static_cast<double>(text.size()) +
           static_cast<double>(reinterpret_cast<std::uintptr_t>(x.data()) % alignof(double));
  };
  EXPECT_EQ(get(remote<odd>('c', std::vector<double>{1, 2}, "xy")), 5);
  EXPECT_EQ(get(remote<norm>(std::vector<double>{})), 0);
}

TEST(Remote, MovesWhatCanNotBeCopied) {
  EXPECT_EQ(get(remote<take>(std::make_unique<int>(7))), 7);
  EXPECT_EQ(get(remote<take_moved>(std::vector{5})), 5);
  const std::vector kept{6};
  EXPECT_EQ(get(remote<take_moved>(kept)), 6);
}

TEST(Remote, ParametersThatAreRefsReceiveTheRef) {
  const auto ref = put(41);
  EXPECT_EQ(get(remote<follow>(ref)), 42);
  EXPECT_EQ(last().ref_count, 0U);
  EXPECT_EQ(get(remote<follow_all>(std::vector{ref, ref})), 82);
  get(remote<wait_for>(ref));
  EXPECT_EQ(last().ref_count, 0U);
  // A ref whose value is a ref stands for that one.
  EXPECT_EQ(get(remote<follow>(remote<ref_of>(1))), 2);
  EXPECT_EQ(last().ref_count, 1U);
}

TEST(Remote, EmptyRefsThrow) {
  EXPECT_THROW(remote<add>(object_ref<int>{}, 1), error);
  EXPECT_THROW(get(object_ref<int>{}), error);
  EXPECT_THROW(actor_handle<big_step>{}.call<&big_step::operator()>(1), error);
}

TEST(Remote, RunsLambdasStaticMembersAndInstances) {
  EXPECT_EQ(get(remote<[](int v) { return v * v; }>(7)), 49);
  EXPECT_EQ(get(remote<library::half>(8)), 4);
  EXPECT_EQ(get(remote<twice<std::string>>(std::string("ab"))), "abab");
  EXPECT_EQ(get(remote<static_cast<int (*)(int)>(overloaded)>(3)), 3);
  EXPECT_EQ(get(remote<big_step{}>(1)), 101);
  EXPECT_EQ(get(remote<sum_of>(std::make_tuple(4, "x"))), 4);
}

TEST(Remote, LambdasOfOneSignatureAreTwoFunctions) {
  const auto first = remote<[](int v) { return v + 1; }>;
  const auto second = remote<[](int v) { return v + 2; }>;
  EXPECT_EQ(get(first(1)) * 10 + get(second(1)), 23);
}

TEST(Remote, OptionsReachTheBackend) {
  EXPECT_EQ(get(remote<add>.with({.cpus = 4, .resources = {{"ssd", 1}}, .name = "sum"})(1, 2)), 3);
  EXPECT_TRUE(last().had_options);
  EXPECT_EQ(last().task.cpus, amount{4});
  EXPECT_EQ(last().task.name, "sum");
  static_cast<void>(remote<add>(1, 2));
  EXPECT_FALSE(last().had_options);
}

TEST(Split, MakesARefOfEachPart) {
  auto [x, y, z] = remote<three>.split();
  EXPECT_EQ(get(x), 1);
  EXPECT_EQ(get(y), 2.5);
  EXPECT_EQ(get(z), "three");
  EXPECT_EQ(last().result_count, 3U);
  auto [first, second] = remote<two>.with({.cpus = 2}).split(put(5));
  EXPECT_EQ(get(second), 5);
  auto [single] = remote<one>.split();
  EXPECT_EQ(get(single), 1);
  EXPECT_EQ(get(remote<one>()), std::tuple{1});
}

TEST(Split, MakesNRefsOfAVector) {
  const auto refs = remote<words>.split(parts{3}, 3);
  EXPECT_EQ(get(refs), (std::vector<std::string>{"w", "w", "w"}));
  EXPECT_TRUE(last().result_is_list);
  EXPECT_EQ(get(remote<words>.split(parts{1}, 1)), std::vector<std::string>{"w"});
  EXPECT_EQ(get(remote<bits>.split(parts{2}, 2)), (std::vector{true, true}));
}

TEST(Split, FailsEachRefIfTheNumberIsAnother) {
  const auto refs = remote<words>.split(parts{2}, 3);
  for (const auto& ref : refs) {
    try {
      get(ref);
      FAIL();
    } catch (const task_error& failure) {
      EXPECT_THAT(failure.what(), HasSubstr("returned a vector of 3 elements"));
    }
  }
}

// --- Errors ---

TEST(Errors, TellWhatTheFunctionThrewAndWhere) {
  try {
    get(remote<fails>(1));
    FAIL();
  } catch (const task_error& failure) {
    EXPECT_EQ(failure.message(), "no such int");
    EXPECT_EQ(failure.exception_type(), "std::out_of_range");
    EXPECT_THAT(failure.function(), HasSubstr("fails"));
    EXPECT_EQ(failure.host(), "testhost");
    EXPECT_EQ(failure.node(), 2U);
    EXPECT_EQ(failure.process(), 7U);
    EXPECT_THAT(failure.what(), HasSubstr("std::out_of_range: no such int (process 7 of node 2"));
  }
}

TEST(Errors, PassOverWhatDependsOnThem) {
  const auto failed = remote<fails>(1);
  EXPECT_THROW(get(remote<add>(failed, 1)), task_error);
  try {
    get(remote<nested_failure>());
    FAIL();
  } catch (const task_error& failure) {
    EXPECT_THAT(failure.function(), testing::EndsWith("::fails"));
  }
}

TEST(Errors, ALimitThatPassedInAFunctionIsNotTheCallersOwn) {
  EXPECT_THROW(get(remote<ends_early>()), task_error);
}

TEST(Errors, MayBeNoException) {
  try {
    get(remote<throws_nothing_known>());
    FAIL();
  } catch (const task_error& failure) {
    EXPECT_EQ(failure.exception_type(), "int");
    EXPECT_EQ(failure.message(), "");
  }
}

// --- Actors ---

struct counter {
  int value = 0;
  int increment() { return ++value; }
  int add(int more) noexcept { return value += more; }
  int read() const { return value; }
  const std::string& text() const;
  void reset() { value = 0; }
};
struct named_counter : counter {
  explicit named_counter(std::string_view name, int start) : name_{name} { value = start; }
  std::string name() const { return name_; }
  int follow(object_ref<int> ref) const { return get(ref) + value; }

 private:
  std::string name_;
};
struct keeps_ref {
  explicit keeps_ref(object_ref<int> ref) : ref_{std::move(ref)} {}
  int value() const { return get(ref_); }
  object_ref<int> ref_;
};
struct broken {
  broken() { throw std::runtime_error("can't be made"); }
  int call() { return 1; }
};
struct place {
  int x = 0;
  int y = 0;
  int sum() const { return x + y; }
};
int count_on(actor_handle<counter> on) { return get(on.call<&counter::increment>()); }

TEST(Actor, KeepsItsState) {
  const auto c = actor<counter>();
  EXPECT_EQ(get(c.call<&counter::increment>()), 1);
  EXPECT_EQ(get(c.call<&counter::increment>()), 2);
  EXPECT_EQ(get(c.call<&counter::add>(put(5))), 7);
  EXPECT_EQ(get(c.with({.name = "look"}).call<&counter::read>()), 7);
  EXPECT_EQ(last().call.name, "look");
  get(c.call<&counter::reset>());
  EXPECT_EQ(get(remote<count_on>(c)), 1);
}

TEST(Actor, ConstructorsTakeLiteralsAndRefsAsValues) {
  const auto start = put(40);
  const auto c = actor<named_counter>.with({.cpus = 2, .gpus = 0.5})("Ada", start);
  EXPECT_EQ(last().actor.gpus, amount{0.5});
  EXPECT_EQ(get(c.call<&named_counter::name>()), "Ada");
  EXPECT_EQ(get(c.call<&named_counter::increment>()), 41);
  EXPECT_EQ(get(c.call<&named_counter::follow>(start)), 81);
}

TEST(Actor, ConstructorsThatWantRefsGetThem) {
  const auto k = actor<keeps_ref>(put(3));
  EXPECT_EQ(last().ref_count, 0U);
  EXPECT_EQ(get(k.call<&keeps_ref::value>()), 3);
}

TEST(Actor, AggregatesAreMadeByBraces) {
  EXPECT_EQ(get(actor<place>(1, put(2)).call<&place::sum>()), 3);
}

TEST(Actor, TheConstructorsErrorIsThatOfEachCall) {
  const auto b = actor<broken>();
  EXPECT_FALSE(b == actor_handle<broken>{});
}

// --- Refs ---

TEST(Refs, CompareAndHashByTheirObject) {
  const auto a = put(1);
  const auto b = put(1);
  const auto copy = a;
  EXPECT_EQ(a, copy);
  EXPECT_NE(a, b);
  EXPECT_EQ(object_ref<void>{a}, object_ref<void>{copy});
  EXPECT_EQ(object_ref<int>{}, object_ref<int>{});
  EXPECT_EQ((std::unordered_set<object_ref<int>>{a, b, copy}.size()), 2U);
  EXPECT_TRUE(a);
  EXPECT_FALSE(object_ref<int>{});
}

TEST(Refs, TheLastOneFreesTheObject) {
  const std::size_t before = in_place::objects();
  {
    const auto a = put(std::string("x"));
    const object_ref<void> other = a;
    EXPECT_EQ(in_place::objects(), before + 1);
  }
  EXPECT_EQ(in_place::objects(), before);
}

// --- get, wait, as_completed ---

TEST(Get, TakesListsAndTuples) {
  EXPECT_EQ(get(std::vector{put(1), put(2)}), (std::vector{1, 2}));
  EXPECT_EQ(get(std::vector<object_ref<int>>{}), std::vector<int>{});
  EXPECT_EQ(get(std::tuple{put(1), put("a")}), (std::tuple{1, std::string("a")}));
  EXPECT_EQ(get(std::tuple<>{}), std::tuple<>{});
  get(std::vector<object_ref<void>>{put(1), put("a")});
}

TEST(Get, OfAListThrowsTheFirstErrorInItsOrder) {
  const auto failed = remote<fails>(1);
  EXPECT_THROW(get(std::vector{put(1), failed}), task_error);
  EXPECT_THROW(get(std::vector<object_ref<void>>{failed}), task_error);
  EXPECT_THROW(get(in_place::pending(), 1ms), timed_out);
}

TEST(Wait, ReturnsExactlyCountAndKeepsTheOrder) {
  const std::vector refs{put(0), in_place::pending(), put(2), in_place::pending(), put(4)};
  const auto [ready, pending] = wait(refs, {.count = 2});
  EXPECT_EQ(ready, (std::vector{refs[0], refs[2]}));
  EXPECT_EQ(pending, (std::vector{refs[1], refs[3], refs[4]}));
}

TEST(Wait, AFailedObjectIsReady) {
  EXPECT_EQ(wait(std::vector{remote<fails>(1)}).ready.size(), 1U);
}

TEST(Wait, OfNothingIsNothing) {
  const auto [ready, pending] = wait(std::vector<object_ref<int>>{});
  EXPECT_TRUE(ready.empty() && pending.empty());
}

TEST(Wait, RefusesWrongArguments) {
  const auto a = put(1);
  const auto b = put(2);
  EXPECT_THROW(wait(std::vector{a}, {.count = 0}), std::invalid_argument);
  EXPECT_THROW(wait(std::vector{a}, {.count = 2}), std::invalid_argument);
  EXPECT_THROW(wait(std::vector{a, b}, {.count = 1.5}), std::invalid_argument);
  EXPECT_THROW(wait(std::vector{a}, {.timeout = -1ms}), std::invalid_argument);
  EXPECT_THROW(wait(std::vector{a, b, a}), std::invalid_argument);
  EXPECT_THROW(wait(std::vector{b, b}), std::invalid_argument);
  EXPECT_THROW(wait(std::vector{object_ref<int>{}}), error);
}

TEST(Wait, TakesRefsOfDifferentTypes) {
  const std::vector<object_ref<void>> refs{put(1), put("a")};
  EXPECT_EQ(wait(refs, {.count = 2}).ready, refs);
}

TEST(AsCompleted, GoesThroughAllOnce) {
  const std::vector refs{put(1), put(2), put(3)};
  int sum = 0;
  for (auto& ref : as_completed(refs)) sum = sum * 10 + get(ref);
  EXPECT_EQ(sum, 123);
  for (auto& ref : as_completed(std::vector<object_ref<int>>{})) FAIL() << get(ref);
}

TEST(AsCompleted, TellsInTheOrderOfReadiness) {
  const std::vector refs{in_place::pending(), put(2)};
  std::vector<int> values;
  for (auto& ref : as_completed(refs)) {
    values.push_back(get(ref));
    if (values.size() == 1) in_place::complete(refs[0], 1);
  }
  EXPECT_EQ(values, (std::vector{2, 1}));
  EXPECT_THROW(for (auto& ref
                    : as_completed(std::vector{in_place::pending()}, 1ms)) get(ref),
               timed_out);
  EXPECT_THROW(as_completed(std::vector{refs[0], refs[0]}), std::invalid_argument);
}

int hooks_run = 0;
[[maybe_unused]] const bool hooked = on_worker_start<[](int, char**) { ++hooks_run; }>();

TEST(OnWorkerStart, IsKnownBeforeMain) { EXPECT_EQ(hooks_run, 1); }

}  // namespace
}  // namespace mobula
