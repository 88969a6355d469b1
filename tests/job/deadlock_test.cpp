#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "job/job.hpp"

// Programs that wait for themselves. MOBULA_DEADLOCK_AFTER_MS says how soon that is looked into;
// without it each of these takes ten seconds more.

namespace mobula::job {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// What the deadlock that a ref fails with says; empty: it doesn't.
template <class T>
std::string deadlock_of(const object_ref<T>& ref) {
  try {
    got(ref);
  } catch (const deadlock& found) {
    return found.what();
  }
  return {};
}

enum class way_to_wait : std::uint8_t { get, wait, as_completed };

struct relay {
  /// Waits for the same of the next, who is given the rest.
  int ask(std::vector<actor_handle<relay>> rest) {
    if (rest.empty()) return 0;
    const actor_handle<relay> next = rest.front();
    rest.erase(rest.begin());
    return mobula::get(next.call<&relay::ask>(rest)) + 1;
  }
  /// Waits for calls of its own, and returns what that says.
  std::string ask_itself(actor_handle<relay> self, way_to_wait how) {
    std::vector<object_ref<int>> asked;
    for (int i = 0; i < 3; ++i)
      asked.push_back(self.call<&relay::ask>(std::vector<actor_handle<relay>>{}));
    try {
      if (how == way_to_wait::get) mobula::get(asked);
      if (how == way_to_wait::wait) mobula::wait(asked, {.count = 2});
      if (how == way_to_wait::as_completed)
        for (const auto& one : as_completed(asked)) mobula::get(one);
    } catch (const deadlock& found) {
      return found.what();
    }
    return {};
  }
  bool times_out(actor_handle<relay> self) {
    try {
      mobula::get(self.call<&relay::ask>(std::vector<actor_handle<relay>>{}), 2s);
    } catch (const timed_out&) {
      return true;
    }
    return false;
  }
};

TEST(Deadlock, OfAnActorThatWaitsForItselfNamesTheCall) {
  const auto one = actor<relay>();
  EXPECT_THAT(deadlock_of(one.call<&relay::ask>(std::vector{one})),
              AllOf(HasSubstr("relay::ask (a call of the actor in process "),
                    HasSubstr("which can't begin before"), HasSubstr("max_concurrency")));
  // It can be called again.
  EXPECT_EQ(got(one.call<&relay::ask>(std::vector<actor_handle<relay>>{})), 0);
}

TEST(Deadlock, OfActorsThatWaitForEachOtherInARing) {
  for (const std::size_t count : {2U, 3U}) {
    std::vector<actor_handle<relay>> ring;
    for (std::size_t i = 0; i < count; ++i) ring.push_back(actor<relay>());
    auto way = ring;
    std::rotate(way.begin(), way.begin() + 1, way.end());
    EXPECT_THAT(deadlock_of(ring[0].call<&relay::ask>(way)), HasSubstr("which can't begin before"));
    for (const auto& one : ring)
      EXPECT_EQ(got(one.call<&relay::ask>(std::vector<actor_handle<relay>>{})), 0);
  }
}

TEST(Deadlock, IsThrownByEveryWayToWaitAndCanBeCaught) {
  const auto one = actor<relay>();
  for (const auto how : {way_to_wait::get, way_to_wait::wait, way_to_wait::as_completed})
    EXPECT_THAT(got(one.call<&relay::ask_itself>(one, how)), HasSubstr("relay::ask_itself"));
}

TEST(Deadlock, IsNoneWithATimeLimit) {
  const auto one = actor<relay>();
  EXPECT_TRUE(got(one.call<&relay::times_out>(one)));
}

TEST(Deadlock, IsNoneWithRoomForTheCall) {
  const auto one = actor<relay>.with({.max_concurrency = 2})();
  EXPECT_EQ(got(one.call<&relay::ask>(std::vector{one})), 1);
}

// Each next one waits for the gpus; the plain task that the first waits for is not behind it.
TEST(Deadlock, IsNoneWhereGpuTasksWaitForPlainOnes) {
  constexpr auto parent = [](int value) { return get(remote<same>(value)); };
  std::vector<object_ref<int>> parents;
  for (int i = 0; i < 20; ++i) parents.push_back(remote<parent>.with({.gpus = 2})(i));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(got(parents[static_cast<std::size_t>(i)]), i);
}

// All of each node's gpus are held by tasks that wait for one.
TEST(Deadlock, OfTasksThatHoldTheGpusThatTheyWaitFor) {
  constexpr auto hold = [](std::string numbers, int holders) {
    if (!meet(numbers, holders)) return -1;
    return get(remote<same>.with({.gpus = 1})(7));
  };
  shared_numbers shared;
  const int nodes = static_cast<int>(node_count());
  std::vector<object_ref<int>> holders;
  for (int i = 0; i < nodes; ++i)
    holders.push_back(remote<hold>.with({.gpus = 2})(shared.path(), nodes));
  int failed = 0;
  for (const auto& one : holders) {
    try {
      EXPECT_EQ(got(one), 7);
    } catch (const deadlock& found) {
      ++failed;
      EXPECT_THAT(found.what(), AllOf(HasSubstr("gpus: 1"), HasSubstr("held by")));
    }
  }
  EXPECT_EQ(failed, 1);
}

// The same of a custom resource and actors, with a task in between that needs the result.
TEST(Deadlock, OfActorsThatHoldASlotThatIsNeededForWhatTheyWaitFor) {
  struct holder {
    int wait_for_slot(std::string numbers, int holders) {
      if (!meet(numbers, holders)) return -1;
      const auto made = remote<same>.with({.resources = {{"slot", 1}}})(7);
      return get(remote<plus>(made, 1));
    }
  };
  shared_numbers shared;
  const int nodes = static_cast<int>(node_count());
  std::vector<object_ref<int>> asked;
  for (int i = 0; i < nodes; ++i) {
    // Each ends with its call.
    const auto one = actor<holder>.with({.resources = {{"slot", 2}}})();
    asked.push_back(one.call<&holder::wait_for_slot>(shared.path(), nodes));
  }
  int failed = 0;
  for (const auto& one : asked) {
    try {
      EXPECT_EQ(got(one), 8);
    } catch (const deadlock& found) {
      ++failed;
      EXPECT_THAT(found.what(), AllOf(HasSubstr("slot: 1"), HasSubstr("wait_for_slot")));
    }
  }
  EXPECT_EQ(failed, 1);
}

}  // namespace
}  // namespace mobula::job
