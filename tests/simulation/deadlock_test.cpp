// Programs that wait for themselves, in every way that the protocol knows: each is found once, in
// one place, and the rest goes on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "simulation/world.hpp"

namespace mobula::sim {
namespace {

using testing::HasSubstr;
using wire::error_code;

constexpr std::uint64_t ms = 1'000'000;

world_options with_nodes(std::uint16_t nodes) {
  world_options options{.nodes = nodes, .cpus = 1, .gpus = 1};
  options.deadlock.after_ns = ms;
  options.deadlocks = true;
  return options;
}

/// Runs `test` in a world of each seed, which differ in all delays.
void over_seeds(world_options options, const std::function<void(world&)>& test) {
  constexpr std::uint64_t seeds = 100;
  for (std::uint64_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed) {
    options.seed = seed;
    options.trace = std::getenv("SIMULATION_TRACE") != nullptr;
    options.messages.most_ns = std::uint64_t{1000} << seed % 8;
    world it{options};
    test(it);
  }
}

void on_one_and_on_three_nodes(const std::function<void(world&)>& test) {
  for (const std::uint16_t nodes : {std::uint16_t{1}, std::uint16_t{3}})
    over_seeds(with_nodes(nodes), test);
}

void expect_one(const world& it, const char* said) {
  ASSERT_EQ(it.deadlocks().size(), 1U);
  EXPECT_THAT(it.deadlocks().front(), HasSubstr(said));
}

std::size_t define_plain(world& it, std::uint64_t busy_ns = 0) {
  return it.define([busy_ns](context& c) -> body {
    if (busy_ns != 0) co_await c.work(busy_ns);
  });
}

/// Gets the refs inside its arguments; fails with the deadlock.
std::size_t define_reader(world& it) {
  return it.define([](context& c) -> body {
    for (const read_value& value : co_await c.get_all(c.refs)) c.fails |= value.error.has_value();
  });
}

/// A method that calls the first of the actors in its arguments, giving it the others.
std::size_t define_relay(world& it) {
  const auto number = std::make_shared<std::size_t>();
  *number = it.define([number](context& c) -> body {
    if (c.refs.empty()) co_return;
    std::vector<ref> rest(c.refs.begin() + 1, c.refs.end());
    const ref asked =
        c.call_actor(c.refs.front(), {.function = *number, .nested = std::move(rest)});
    c.fails = (co_await c.get(asked)).error.has_value();
  });
  return *number;
}

/// A ring of actors, each of whose calls waits for the next one's.
void a_ring_of(world& it, std::size_t count) {
  const auto plain = define_plain(it);
  const auto relay = define_relay(it);
  // Where they hold their cpu, each is on a node of its own.
  const auto demand = it.options().nodes == 3 ? it.add_demand(wire::lease_kind::actor, 1)
                                              : std::uint32_t{world::default_actor};
  it.run([&](context& c) -> body {
    std::vector<ref> actors;
    for (std::size_t i = 0; i < count; ++i)
      actors.push_back(c.create_actor({.function = plain, .demand = demand}));
    std::vector<ref> way(actors.begin() + 1, actors.end());
    way.push_back(actors.front());
    const ref first = c.call_actor(actors.front(), {.function = relay, .nested = way});
    EXPECT_EQ((co_await c.get(first)).error, error_code::task_error);
    // All of them can be called again.
    for (const ref& one : actors) {
      const ref again = c.call_actor(one, {.function = plain});
      EXPECT_FALSE((co_await c.get(again)).error);
    }
  });
  expect_one(it, "1 of that actor's calls may run at once");
}

TEST(Deadlock, OfAnActorThatWaitsForACallOfItsOwn) {
  on_one_and_on_three_nodes([](world& it) { a_ring_of(it, 1); });
}

TEST(Deadlock, OfTwoActorsThatWaitForEachOther) {
  on_one_and_on_three_nodes([](world& it) { a_ring_of(it, 2); });
}

TEST(Deadlock, OfThreeActorsInARing) {
  on_one_and_on_three_nodes([](world& it) { a_ring_of(it, 3); });
}

TEST(Deadlock, OfAnActorWithTwoCallsAtOnceThatBothWaitForAThird) {
  on_one_and_on_three_nodes([](world& it) {
    const auto plain = define_plain(it);
    const auto asks = it.define([&](context& c) -> body {
      co_await c.work(ms);  // both are there by then
      const ref asked = c.call_actor(c.refs.front(), {.function = plain});
      c.fails = (co_await c.get(asked)).error.has_value();
    });
    it.run([&](context& c) -> body {
      const ref actor = c.create_actor({.function = plain, .concurrency = 2});
      std::vector<ref> asked;
      for (int i = 0; i < 2; ++i)
        asked.push_back(c.call_actor(actor, {.function = asks, .nested = {actor}}));
      std::size_t failed = 0;
      for (const read_value& value : co_await c.get_all(asked)) failed += value.error.has_value();
      EXPECT_EQ(failed, it.deadlocks().size());
    });
    expect_one(it, "2 of that actor's calls may run at once");
  });
}

TEST(Deadlock, OfATaskThatHoldsTheGpuThatItWaitsFor) {
  on_one_and_on_three_nodes([](world& it) {
    const auto plain = define_plain(it);
    const auto holds = it.add_demand(wire::lease_kind::task, 1, 1);
    const auto needs = it.add_demand(wire::lease_kind::task, 0.5, 1);
    const auto holder = it.define([&](context& c) -> body {
      // Until the others hold theirs too, so that none of any node is free.
      co_await c.work(10 * ms);
      const ref asked = c.submit({.function = plain, .demand = needs});
      c.fails = (co_await c.get(asked)).error.has_value();
    });
    it.run([&](context& c) -> body {
      std::vector<ref> holders;
      for (std::uint16_t i = 0; i < it.options().nodes; ++i)
        holders.push_back(c.submit({.function = holder, .demand = holds}));
      std::size_t failed = 0;
      for (const read_value& value : co_await c.get_all(holders)) failed += value.error.has_value();
      EXPECT_EQ(failed, 1U);
    });
    expect_one(it, "gpus: 1");
  });
}

TEST(Deadlock, OfAnActorThatHoldsAGpuAndWaitsForWhatNeedsItsResultElsewhere) {
  on_one_and_on_three_nodes([](world& it) {
    const auto plain = define_plain(it);
    const auto reader = define_reader(it);
    const auto holds = it.add_demand(wire::lease_kind::actor, 0, 1);
    const auto needs = it.add_demand(wire::lease_kind::task, 0.5, 1);
    const auto chain = it.define([&](context& c) -> body {
      const ref first = c.submit({.function = plain, .demand = needs});
      const ref second = c.submit({.function = plain, .given = {first}});
      const ref third = c.submit({.function = reader, .nested = {second}});
      c.fails = (co_await c.get(third)).error.has_value();
    });
    it.run([&](context& c) -> body {
      std::vector<ref> actors, asked;
      for (std::uint16_t i = 0; i < it.options().nodes; ++i)
        actors.push_back(c.create_actor({.function = plain, .demand = holds}));
      // The others are idle, and could be let go: only when all wait can none of them end.
      for (const ref& one : actors) {
        co_await c.work(3 * ms);
        EXPECT_TRUE(it.deadlocks().empty());
        asked.push_back(c.call_actor(one, {.function = chain}));
      }
      // Its gpu is not free before the actor ends.
      actors.clear();
      co_await c.get_all(asked);
    });
    ASSERT_FALSE(it.deadlocks().empty());
    EXPECT_THAT(it.deadlocks().front(), HasSubstr("which needs the result of"));
  });
}

TEST(Deadlock, OfACallHeldBackByAnEarlierOneOfItsCaller) {
  on_one_and_on_three_nodes([](world& it) {
    const auto plain = define_plain(it);
    const auto reader = define_reader(it);
    const auto asks_later = it.define([&](context& c) -> body {
      co_await c.work(4 * ms);  // until the actor is there
      const ref asked = c.call_actor(c.refs.front(), {.function = plain});
      c.fails = (co_await c.get(asked)).error.has_value();
    });
    it.run([&](context& c) -> body {
      const ref busy = c.create_actor({.function = plain});
      const ref other = c.create_actor({.function = plain});
      const ref late = c.submit({.function = asks_later, .nested = {busy}});
      const ref front = c.call_actor(other, {.function = plain, .given = {late}});
      const ref behind = c.call_actor(other, {.function = plain});
      const ref waits = c.call_actor(busy, {.function = reader, .nested = {behind}});
      std::vector<ref> all;
      all.push_back(front);
      all.push_back(behind);
      all.push_back(waits);
      co_await c.get_all(all);
    });
    expect_one(it, "may run at once");
  });
}

TEST(Deadlock, OfOneThatWaitsForAnyOfWhatCanNeverBe) {
  on_one_and_on_three_nodes([](world& it) {
    const auto plain = define_plain(it);
    const auto slow = define_plain(it, 20 * ms);
    const auto waits = it.define([&](context& c) -> body {
      std::vector<ref> any;
      any.push_back(c.submit({.function = slow}));
      for (int i = 0; i < 2; ++i) any.push_back(c.call_actor(c.refs.front(), {.function = plain}));
      co_await c.wait(any, 1);
      EXPECT_TRUE(any.front().record().ready());
      EXPECT_TRUE(it.deadlocks().empty()) << "one of them was on its way";
      any.erase(any.begin());
      co_await c.wait(any, 1);
      EXPECT_EQ(it.deadlocks().size(), 1U);
    });
    it.run([&](context& c) -> body {
      const ref actor = c.create_actor({.function = plain});
      const ref asked = c.call_actor(actor, {.function = waits, .nested = {actor}});
      co_await c.get(asked);
    });
    expect_one(it, "may run at once");
  });
}

TEST(Deadlock, OfARequestThatStandsBehindOneWhoWaitsForItsOwnersGpu) {
  // The half gpu is free, but somebody waits for a whole one, and is served before.
  over_seeds(with_nodes(1), [](world& it) {
    const auto plain = define_plain(it);
    const auto half = it.add_demand(wire::lease_kind::task, 1, 0.5);
    const auto other_half = it.add_demand(wire::lease_kind::task, 0.5, 0.5);
    const auto whole = it.add_demand(wire::lease_kind::task, 0.5, 1);
    const auto holder = it.define([&](context& c) -> body {
      co_await c.work(5 * ms);
      const ref asked = c.submit({.function = plain, .demand = other_half});
      c.fails = (co_await c.get(asked)).error.has_value();
    });
    it.run([&](context& c) -> body {
      const ref holds = c.submit({.function = holder, .demand = half});
      co_await c.work(3 * ms);
      const ref ahead = c.submit({.function = plain, .demand = whole});
      EXPECT_FALSE((co_await c.get(ahead)).error);
      EXPECT_TRUE((co_await c.get(holds)).error);
    });
    expect_one(it, "asked for after somebody's");
  });
}

/// A body that calls actors and submits tasks at random, and waits for them: often for itself.
std::size_t define_careless(world& it, std::uint32_t gpu) {
  const auto number = std::make_shared<std::size_t>();
  *number = it.define([number, gpu](context& c) -> body {
    std::mt19937_64 dice{c.seed};
    const auto ask = [&] {
      call what{.function = *number, .nested = c.refs, .seed = dice(), .depth = c.depth - 1};
      if (dice() % 3 != 0) return c.call_actor(c.refs[dice() % c.refs.size()], std::move(what));
      what.demand = dice() % 2 == 0 ? gpu : world::one_cpu;
      return c.submit(std::move(what));
    };
    co_await c.work(dice() % 20'000);
    if (c.depth == 0) co_return;
    for (std::uint64_t steps = 1 + dice() % 2; steps != 0 && !c.fails; --steps) {
      std::vector<ref> asked;
      for (std::uint64_t count = 1 + dice() % 2; count != 0; --count) asked.push_back(ask());
      if (dice() % 3 == 0) {
        co_await c.wait(asked, 1);
      } else {
        for (const read_value& value : co_await c.get_all(asked))
          c.fails |= value.error.has_value();
      }
    }
  });
  return *number;
}

TEST(Deadlock, EndsForEveryProgramHoweverCareless) {
  std::size_t found = 0;
  for (std::uint64_t seed = 1; seed <= 400 && !testing::Test::HasFailure(); ++seed) {
    world_options options = with_nodes(static_cast<std::uint16_t>(1 + seed % 3));
    options.seed = seed;
    options.trace = std::getenv("SIMULATION_TRACE") != nullptr;
    options.messages.most_ns = std::uint64_t{1000} << seed % 8;
    world it{options};
    const auto plain = define_plain(it);
    const auto careless = define_careless(it, it.add_demand(wire::lease_kind::task, 0.5, 1));
    it.run([&](context& c) -> body {
      std::vector<ref> actors, asked;
      for (std::uint32_t i = 0; i < 3; ++i)
        actors.push_back(c.create_actor({.function = plain, .concurrency = 1 + i / 2}));
      for (std::uint64_t i = 0; i < 3; ++i)
        asked.push_back(c.call_actor(
            actors[i], {.function = careless, .nested = actors, .seed = seed * 8 + i, .depth = 3}));
      co_await c.get_all(asked);
    });
    found += it.deadlocks().size();
  }
  EXPECT_GT(found, 400U);
}

TEST(Deadlock, IsNoneWhereGpuTasksWaitForPlainOnesBeforeAnotherGpuTaskBegins) {
  for (const std::uint16_t nodes : {std::uint16_t{1}, std::uint16_t{2}}) {
    auto options = with_nodes(nodes);
    options.deadlocks = false;
    over_seeds(options, [](world& it) {
      const auto plain = define_plain(it, ms);
      const auto gpu = it.add_demand(wire::lease_kind::task, 1, 1);
      const auto parent = it.define([plain](context& c) -> body {
        co_await c.work(ms);
        const ref child = c.submit({.function = plain});
        EXPECT_FALSE((co_await c.get(child)).error);
      });
      it.run([&](context& c) -> body {
        std::vector<ref> parents;
        for (int i = 0; i < 6; ++i)
          parents.push_back(c.submit({.function = parent, .demand = gpu}));
        for (const read_value& value : co_await c.get_all(parents)) EXPECT_FALSE(value.error);
      });
    });
  }
}

TEST(Deadlock, LeavesThoseAloneThatWaitLongForWorkThatGoesOn) {
  auto options = with_nodes(2);
  options.deadlocks = false;
  over_seeds(options, [](world& it) {
    const auto plain = define_plain(it);
    const auto hour = define_plain(it, 500 * ms);
    const auto holds = it.add_demand(wire::lease_kind::task, 1, 1);
    const auto waits = it.define([&](context& c) -> body {
      const ref asked = c.submit({.function = hour});
      co_await c.get(asked);
    });
    it.run([&](context& c) -> body {
      const ref actor = c.create_actor({.function = plain});
      std::vector<ref> all;
      all.push_back(c.call_actor(actor, {.function = waits}));
      for (int i = 0; i < 3; ++i) all.push_back(c.call_actor(actor, {.function = plain}));
      for (int i = 0; i < 4; ++i) all.push_back(c.submit({.function = waits, .demand = holds}));
      for (const read_value& value : co_await c.get_all(all)) EXPECT_FALSE(value.error);
    });
  });
}

TEST(Deadlock, LeavesNothingBehindWhenOneOfItsProcessesDies) {
  auto options = with_nodes(3);
  options.deaths = true;
  over_seeds(options, [](world& it) {
    const auto plain = define_plain(it);
    const auto relay = define_relay(it);
    it.run([&](context& c) -> body {
      std::vector<ref> actors;
      for (int i = 0; i < 2; ++i) actors.push_back(c.create_actor({.function = plain}));
      co_await c.get_all(actors);
      const ref first =
          c.call_actor(actors[0], {.function = relay, .nested = {actors[1], actors[0]}});
      co_await c.work(ms + it.options().seed * 20'000);
      const auto workers = it.workers();
      it.kill(workers[it.options().seed % workers.size()]);
      co_await c.get(first);
    });
    EXPECT_LE(it.deadlocks().size(), 1U);
  });
}

}  // namespace
}  // namespace mobula::sim
