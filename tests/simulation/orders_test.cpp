// Orders of events that protocol.md gives as its reasons: each once, over many seeds.

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <vector>

#include "simulation/world.hpp"

namespace mobula::sim {
namespace {

constexpr std::uint64_t ms = 1'000'000;

/// Runs `test` in a world of each seed, which differ in all delays.
void over_seeds(world_options options, const std::function<void(world&)>& test) {
  constexpr std::uint64_t seeds = 200;
  for (std::uint64_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed) {
    options.seed = seed;
    options.trace = std::getenv("SIMULATION_TRACE") != nullptr;
    options.messages.most_ns = std::uint64_t{1000} << seed % 10;
    world it{options};
    test(it);
  }
}

std::size_t define_plain(world& it, std::uint64_t busy_ns = 0) {
  return it.define([busy_ns](context& c) -> body {
    if (busy_ns != 0) co_await c.work(busy_ns);
  });
}

/// A function that gets the refs inside its arguments.
std::size_t define_reader(world& it) {
  return it.define([](context& c) -> body { co_await c.get_all(c.refs); });
}

TEST(Orders, ARefForwardedAndDroppedOutlivesTheReleaseThatOvertakesItsRegistration) {
  over_seeds({.nodes = 3}, [](world& it) {
    const auto last = it.define([](context& c) -> body {
      co_await c.work(ms);
      EXPECT_FALSE((co_await c.get(c.refs.front())).error);
    });
    const auto forwards = it.define([last](context& c) -> body {
      c.submit({.function = last, .nested = std::move(c.refs)});
      co_return;
    });
    it.run([&](context& c) -> body {
      ref put = c.put();
      ref done = c.submit({.function = forwards, .nested = {put}});
      put.drop();
      co_await c.get(done);
    });
    EXPECT_EQ(it.tasks_begun(), 2U);
  });
}

TEST(Orders, ARefThatPassesThroughAContainerIsHeldForWhoKeepsIt) {
  // The middle one only borrows the container, and never looks into it.
  over_seeds({.nodes = 2}, [](world& it) {
    const auto plain = define_plain(it);
    const auto keeps = it.define([plain](context& c) -> body {
      c.submit({.function = plain, .nested = std::move(c.values.front().refs)});
      co_return;
    });
    const auto passes = it.define([keeps](context& c) -> body {
      const ref done = c.submit({.function = keeps, .given = std::move(c.refs)});
      co_await c.get(done);
    });
    it.run([&](context& c) -> body {
      std::vector<ref> inside;
      inside.push_back(c.put());
      ref container = c.put(std::move(inside));
      ref done = c.submit({.function = passes, .nested = {container}});
      container.drop();
      co_await c.get(done);
    });
  });
}

TEST(Orders, TheFirstOfEightMayWaitForTheEighth) {
  over_seeds({.nodes = 1, .cpus = 1}, [](world& it) {
    const auto plain = define_plain(it);
    const auto slow = define_plain(it, ms / 3);
    const auto reader = define_reader(it);
    it.run([&](context& c) -> body {
      const ref gate = c.submit({.function = slow});
      const ref eighth = c.submit({.function = plain, .given = {gate}});
      std::vector<ref> all;
      all.push_back(c.submit({.function = reader, .nested = {eighth}}));
      for (int i = 2; i < 8; ++i) all.push_back(c.submit({.function = plain}));
      co_await c.get_all(all);
    });
  });
}

TEST(Orders, TheCpuOfAWaitingTaskIsOthersMeanwhile) {
  over_seeds({.nodes = 2, .cpus = 1}, [](world& it) {
    const auto slow = define_plain(it, 5 * ms);
    const auto reader = define_reader(it);
    it.run([&](context& c) -> body {
      std::vector<ref> slow_ones, readers;
      for (int i = 0; i < 3; ++i) slow_ones.push_back(c.submit({.function = slow}));
      for (int i = 0; i < 6; ++i)
        readers.push_back(c.submit({.function = reader, .nested = slow_ones}));
      co_await c.get_all(readers);
    });
  });
}

TEST(Orders, AnHourLongTaskDoesNotBeginOnTopOfOneWhoseChildIsShort) {
  over_seeds({.nodes = 1, .cpus = 1}, [](world& it) {
    const auto plain = define_plain(it);
    const auto short_one = define_plain(it, ms);
    const auto hour = define_plain(it, 3'600'000 * ms);
    const auto parent = it.define([short_one](context& c) -> body {
      const ref child = c.submit({.function = short_one});
      co_await c.get(child);
    });
    it.run([&](context& c) -> body {
      std::vector<ref> warm;
      for (int i = 0; i < 50; ++i) warm.push_back(c.submit({.function = plain}));
      co_await c.get_all(warm);
      const ref waits = c.submit({.function = parent});
      const ref long_one = c.submit({.function = hour});
      co_await c.get(waits);
      EXPECT_LT(c.now_ns(), 1000 * ms);
      co_await c.get(long_one);
    });
  });
}

TEST(Orders, ACallMayWaitForATaskThatCallsTheSameActor) {
  over_seeds({.nodes = 1, .cpus = 1}, [](world& it) {
    const auto plain = define_plain(it);
    const auto inner = it.define([plain](context& c) -> body {
      const ref n = c.call_actor(c.refs.front(), {.function = plain});
      EXPECT_FALSE((co_await c.get(n)).error);
    });
    const auto outer = it.define([plain, inner](context& c) -> body {
      const ref a = c.refs.front();
      const ref x = c.submit({.function = inner, .nested = {a}});
      const ref m = c.call_actor(a, {.function = plain, .given = {x}});
      EXPECT_FALSE((co_await c.get(m)).error);
    });
    it.run([&](context& c) -> body {
      const ref a = c.create_actor({.function = plain});
      const ref done = c.submit({.function = outer, .nested = {a}});
      co_await c.get(done);
    });
  });
}

TEST(Orders, ACallThatFailsLetsLaterOnesOfItsCallerGoInTheirOrder) {
  over_seeds({.nodes = 2}, [](world& it) {
    const auto plain = define_plain(it);
    const auto fails = it.define([](context& c) -> body {
      c.fails = true;
      co_return;
    });
    it.run([&](context& c) -> body {
      const ref a = c.create_actor({.function = plain});
      const ref late = c.submit({.function = fails});
      const ref first = c.call_actor(a, {.function = plain, .given = {late}});
      std::vector<ref> calls;
      calls.push_back(c.call_actor(a, {.function = plain}));
      const ref third = c.call_actor(a, {.function = plain, .given = {first}});
      calls.push_back(c.call_actor(a, {.function = plain}));
      for (const read_value& value : co_await c.get_all(calls)) EXPECT_FALSE(value.error);
      EXPECT_EQ((co_await c.get(third)).error, wire::error_code::task_error);
    });
  });
}

TEST(Orders, AHandleThatComesBackToAProcessGoesOnNumberingItsCalls) {
  over_seeds({.nodes = 1, .cpus = 1}, [](world& it) {
    const auto plain = define_plain(it);
    const auto calls = it.define([plain](context& c) -> body {
      const ref done = c.call_actor(c.refs.front(), {.function = plain});
      c.refs.clear();
      EXPECT_FALSE((co_await c.get(done)).error);
    });
    it.run([&](context& c) -> body {
      const ref a = c.create_actor({.function = plain});
      for (int i = 0; i < 4; ++i) {
        const ref done = c.submit({.function = calls, .nested = {a}});
        co_await c.get(done);
      }
    });
  });
}

TEST(Orders, ABlockThatWasReadFromAfarMayBeUsedAgainAtOnce) {
  world_options options{.nodes = 3, .cpus = 1};
  options.store_bytes = 200'000;
  over_seeds(options, [](world& it) {
    const auto reader = define_reader(it);
    it.run([&](context& c) -> body {
      std::vector<ref> readers;
      for (int i = 0; i < 6; ++i) {
        const ref large = co_await c.put_stored(30'000);
        for (int j = 0; j < 3; ++j)
          readers.push_back(c.submit({.function = reader, .nested = {large}}));
        if (i % 2 == 1) {
          for (const read_value& value : co_await c.get_all(std::exchange(readers, {})))
            EXPECT_FALSE(value.error);
        }
      }
    });
  });
}

TEST(Orders, ManyTasksMayWaitForWhatTheSameThreadGivesAfterwards) {
  world it{{.nodes = 1, .cpus = 2}};
  const auto plain = define_plain(it);
  constexpr std::size_t count = 20'000;
  it.run([&](context& c) -> body {
    // The actor is not there yet, so nothing of what they wait for is.
    const ref a = c.create_actor({.function = plain});
    const ref signal = c.call_actor(a, {.function = plain});
    std::vector<ref> all;
    for (std::size_t i = 0; i < count; ++i)
      all.push_back(c.submit({.function = plain, .given = {signal}}));
    co_await c.get_all(std::move(all));
  });
  EXPECT_EQ(it.tasks_begun(), count + 2);
}

TEST(Orders, AnActorWhoseLastHandleGoesStaysAsLongAsOthersHoldWhatItPut) {
  over_seeds({.nodes = 2}, [](world& it) {
    const auto plain = define_plain(it);
    const auto reader = define_reader(it);
    const auto puts = it.define([](context& c) -> body {
      c.results.push_back({.refs = {c.put()}});
      co_return;
    });
    it.run([&](context& c) -> body {
      ref a = c.create_actor({.function = plain});
      ref called = c.call_actor(a, {.function = puts});
      read_value got = co_await c.get(called);
      called.drop();
      a.drop();
      const auto workers_before = it.workers().size();
      co_await c.work(20 * ms);
      EXPECT_EQ(it.workers().size(), workers_before) << "it owns what we hold";
      ref kept = std::move(got.refs.front());
      const ref read = c.submit({.function = reader, .nested = {kept}});
      EXPECT_FALSE((co_await c.get(read)).error);
      kept.drop();
      co_await c.work(20 * ms);
      EXPECT_LE(it.workers().size(), workers_before) << "nothing keeps it now";
    });
  });
}

}  // namespace
}  // namespace mobula::sim
