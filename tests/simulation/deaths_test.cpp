// What is left of a run when a process dies in its midst: values, or errors that say so.

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "simulation/world.hpp"

namespace mobula::sim {
namespace {

using wire::error_code;

constexpr std::uint64_t ms = 1'000'000;

void over_seeds(world_options options, const std::function<void(world&)>& test) {
  constexpr std::uint64_t seeds = 200;
  options.deaths = true;
  for (std::uint64_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed) {
    options.seed = seed;
    options.trace = std::getenv("SIMULATION_TRACE") != nullptr;
    options.messages.most_ns = std::uint64_t{1000} << seed % 10;
    world it{options};
    test(it);
  }
}

/// Kills the calling body's process once this event is over.
void kill_after_this(world& it, context& c) {
  it.time().after(0, [&it, process = c.process()] { it.kill(process); });
}

TEST(Deaths, AWorkerThatCompletedAndDiedHasCompleted) {
  world_options options{.nodes = 2};
  options.kills_lose = false;
  over_seeds(options, [](world& it) {
    const auto completes = it.define([&it](context& c) -> body {
      kill_after_this(it, c);
      co_return;
    });
    it.run([&](context& c) -> body {
      const ref done = c.submit({.function = completes});
      EXPECT_FALSE((co_await c.get(done)).error);
    });
    EXPECT_EQ(it.tasks_begun(), 1U);
  });
}

TEST(Deaths, ACompletionThatIsLostWithItsWorkerIsADeath) {
  over_seeds({.nodes = 2}, [](world& it) {
    const auto completes = it.define([&it](context& c) -> body {
      kill_after_this(it, c);
      co_return;
    });
    it.run([&](context& c) -> body {
      const ref done = c.submit({.function = completes});
      const auto error = (co_await c.get(done)).error;
      EXPECT_TRUE(!error || error == error_code::worker_died);
    });
    EXPECT_EQ(it.tasks_begun(), 1U);
  });
}

TEST(Deaths, SevenInnocentsBehindACrashRunElsewhereThreeTimesOver) {
  over_seeds({.nodes = 1, .cpus = 1}, [](world& it) {
    const auto plain = it.define([](context&) -> body { co_return; });
    const auto crashes = it.define([&it](context& c) -> body {
      kill_after_this(it, c);
      co_await c.work(ms);
    });
    it.run([&](context& c) -> body {
      std::vector<ref> warm;
      for (int i = 0; i < 50; ++i) warm.push_back(c.submit({.function = plain}));
      co_await c.get_all(warm);
      for (int round = 0; round < 3; ++round) {
        const ref guilty = c.submit({.function = crashes});
        std::vector<ref> innocent;
        for (int i = 0; i < 7; ++i) innocent.push_back(c.submit({.function = plain}));
        EXPECT_EQ((co_await c.get(guilty)).error, error_code::worker_died);
        for (const read_value& value : co_await c.get_all(innocent)) EXPECT_FALSE(value.error);
      }
    });
  });
}

TEST(Deaths, WhoWaitsElsewhereForAnObjectHearsThatItsOwnerDied) {
  over_seeds({.nodes = 3}, [](world& it) {
    const auto slow = it.define([](context& c) -> body { co_await c.work(100 * ms); });
    const auto owns = it.define([slow](context& c) -> body {
      c.results.push_back({.refs = {c.submit({.function = slow})}});
      co_return;
    });
    const auto waits = it.define([](context& c) -> body {
      EXPECT_EQ((co_await c.get(c.refs.front())).error, error_code::owner_died);
    });
    it.run([&](context& c) -> body {
      const ref made = c.submit({.function = owns});
      read_value got = co_await c.get(made);
      const ref borrowed = got.refs.front();
      const ref waiter = c.submit({.function = waits, .nested = {borrowed}});
      co_await c.work(20 * ms);
      it.kill(borrowed.id().owner());
      EXPECT_EQ((co_await c.get(borrowed)).error, error_code::owner_died);
      // It may have been in the very process that died.
      const auto error = (co_await c.get(waiter)).error;
      EXPECT_TRUE(!error || error == error_code::worker_died);
      const ref late = c.submit({.function = waits, .nested = {borrowed}});
      EXPECT_FALSE((co_await c.get(late)).error) << "a process that began after the death";
    });
  });
}

TEST(Deaths, CallsOfAnActorThatDiedFailAndSoDoLaterOnes) {
  over_seeds({.nodes = 2}, [](world& it) {
    const auto plain = it.define([](context&) -> body { co_return; });
    const auto crashes = it.define([&it](context& c) -> body {
      kill_after_this(it, c);
      co_await c.work(ms);
    });
    const auto calls = it.define([plain](context& c) -> body {
      const ref called = c.call_actor(c.refs.front(), {.function = plain});
      EXPECT_EQ((co_await c.get(called)).error, error_code::actor_died);
    });
    it.run([&](context& c) -> body {
      const ref a = c.create_actor({.function = plain});
      const ref before = c.call_actor(a, {.function = plain});
      EXPECT_FALSE((co_await c.get(before)).error);
      std::vector<ref> doomed;
      doomed.push_back(c.call_actor(a, {.function = crashes}));
      for (int i = 0; i < 3; ++i) doomed.push_back(c.call_actor(a, {.function = plain}));
      for (const read_value& value : co_await c.get_all(doomed))
        EXPECT_EQ(value.error, error_code::actor_died);
      const ref after = c.call_actor(a, {.function = plain});
      EXPECT_EQ((co_await c.get(after)).error, error_code::actor_died);
      const ref elsewhere = c.submit({.function = calls, .nested = {a}});
      EXPECT_FALSE((co_await c.get(elsewhere)).error);
    });
  });
}

TEST(Deaths, AWorkerThatDiesBeforeItsActorIsMadeFailsEveryCall) {
  over_seeds({.nodes = 2}, [](world& it) {
    const auto crashes = it.define([&it](context& c) -> body {
      kill_after_this(it, c);
      co_await c.work(ms);
    });
    it.run([&](context& c) -> body {
      const ref a = c.create_actor({.function = crashes});
      const ref called = c.call_actor(a, {.function = crashes});
      const auto error = (co_await c.get(called)).error;
      EXPECT_TRUE(error == error_code::worker_died || error == error_code::actor_died);
    });
  });
}

// The actor was given the ref by a task whose process dies, perhaps before it has passed on that
// the actor keeps it; then by its owner, who lets go of it.
TEST(Deaths, ARefKeptFromATaskThatDiedIsCountedWhenItComesAgain) {
  over_seeds({.nodes = 2}, [](world& it) {
    const auto makes = it.define([](context& c) -> body {
      c.instance() = std::make_shared<std::vector<ref>>();
      co_return;
    });
    const auto keeps = it.define([](context& c) -> body {
      auto& kept = *std::static_pointer_cast<std::vector<ref>>(c.instance());
      for (ref& one : std::exchange(c.refs, {})) kept.push_back(std::move(one));
      co_return;
    });
    const auto looks = it.define([](context& c) -> body {
      const auto kept = std::static_pointer_cast<std::vector<ref>>(c.instance());
      for (const read_value& value : co_await c.get_all(*kept)) EXPECT_FALSE(value.error);
    });
    const auto gives = it.define([&it, keeps](context& c) -> body {
      const ref a = std::move(c.refs.back());
      c.refs.pop_back();
      const ref kept = c.call_actor(a, {.function = keeps, .nested = c.refs});
      it.time().after(it.random()() % (2 * ms), [&it, process = c.process()] { it.kill(process); });
      co_await c.get(kept);
      co_await c.work(2 * ms);
    });
    it.run([&](context& c) -> body {
      const ref a = c.create_actor({.function = makes});
      ref x = c.put();
      const ref given = c.submit({.function = gives, .nested = {x, a}});
      EXPECT_EQ((co_await c.get(given)).error, error_code::worker_died);
      const ref again = c.call_actor(a, {.function = keeps, .nested = {x}});
      EXPECT_FALSE((co_await c.get(again)).error);
      x.drop();
      co_await c.work(5 * ms);
      const ref seen = c.call_actor(a, {.function = looks});
      EXPECT_FALSE((co_await c.get(seen)).error);
    });
  });
}

}  // namespace
}  // namespace mobula::sim
