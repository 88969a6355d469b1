// Who gets workers when all are wanted, in virtual time: everybody has a turn, equal demand gets
// equal shares, and nobody idles while something waits.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "seed.hpp"
#include "simulation/world.hpp"

namespace mobula::sim {
namespace {

constexpr std::uint64_t microsecond = 1'000, millisecond = 1'000'000;

/// When tasks began and how long they took, as they tell.
struct timesheet {
  struct entry {
    std::uint64_t begun_ns;
    std::uint64_t took_ns;
  };
  std::vector<entry> entries;

  std::uint64_t last_begin_ns() const {
    std::uint64_t last = 0;
    for (const entry& one : entries) last = std::max(last, one.begun_ns);
    return last;
  }
  /// The part of so many workers' time that tasks had, from the first of them on and while some
  /// had not begun.
  double utilisation(std::uint32_t workers) const {
    const std::uint64_t end = last_begin_ns();
    std::uint64_t begin = end, busy = 0;
    for (const entry& one : entries) {
      begin = std::min(begin, one.begun_ns);
      busy += std::min(one.took_ns, end - one.begun_ns);
    }
    return static_cast<double>(busy) / static_cast<double>((end - begin) * workers);
  }
};

/// Tasks of these lengths in a random order, all submitted at once. @returns the utilisation
double utilisation_of(std::uint64_t seed, std::vector<std::uint64_t> lengths) {
  constexpr std::uint32_t cpus = 8;
  world it{{.seed = seed, .cpus = cpus}};
  std::shuffle(lengths.begin(), lengths.end(), it.random());
  timesheet seen;
  const auto spin = it.define([&](context& c) -> body {
    const std::uint64_t length = lengths[c.seed];
    seen.entries.push_back({c.now_ns(), length});
    co_await c.work(length);
  });
  EXPECT_TRUE(it.run([&](context& c) -> body {
    std::vector<ref> all;
    for (std::size_t i = 0; i < lengths.size(); ++i)
      all.push_back(c.submit({.function = spin, .seed = i}));
    co_await c.get_all(std::move(all));
  }));
  return seen.utilisation(cpus);
}

// Nobody can tell the long ones from the short ones. A thousand short ones take as long as a long
// one: what stands behind one of these has to be taken elsewhere.
TEST(Utilisation, LongAndShortTasksMixedKeepAllWorkersBusy) {
  std::vector<std::uint64_t> lengths(16'000, 20 * microsecond);
  lengths.insert(lengths.end(), 16, 20 * millisecond);
  const std::uint64_t first = first_seed();
  double worst = 1;
  for (std::uint64_t seed = first; seed < first + 5; ++seed)
    worst = std::min(worst, utilisation_of(seed, lengths));
  std::cout << "1:1000, worst of 5 seeds: " << worst << "\n";
  EXPECT_GE(worst, 0.9);
}

TEST(Utilisation, TasksOfTenMicrosecondsToAHundredMillisecondsKeepEightWorkersBusy) {
  const std::uint64_t first = first_seed();
  double worst = 1;
  for (std::uint64_t seed = first; seed < first + 5; ++seed) {
    std::mt19937_64 random{seed};
    std::uniform_real_distribution<double> exponent{1, 5};
    std::vector<std::uint64_t> lengths;
    for (int i = 0; i < 2'000; ++i)
      lengths.push_back(
          static_cast<std::uint64_t>(std::pow(10, exponent(random)) * double{microsecond}));
    worst = std::min(worst, utilisation_of(seed, lengths));
  }
  std::cout << "10 us to 100 ms, worst of 5 seeds: " << worst << "\n";
  EXPECT_GE(worst, 0.9);
}

// ---- turns

/// Keeps so many tasks of the function outstanding until then, and lets none of them wait for its
/// submitter.
body stream(context& c, std::size_t function, std::size_t count, std::uint64_t until_ns) {
  std::vector<ref> pending;
  while (c.now_ns() < until_ns || !pending.empty()) {
    while (c.now_ns() < until_ns && pending.size() < count)
      pending.push_back(c.submit({.function = function}));
    const auto ready = co_await c.wait(pending, 1);
    std::vector<ref> still;
    for (std::size_t i = 0; i < pending.size(); ++i)
      if (!ready[i]) still.push_back(pending[i]);
    pending = std::move(still);
  }
}

/// How long a request for a whole node waits among tasks of that length that never cease.
std::uint64_t wait_for_a_node(std::uint64_t seed, std::uint64_t small_ns) {
  constexpr std::uint32_t cpus = 4;
  constexpr std::uint64_t asked_at_ns = 60 * millisecond, until_ns = 300 * millisecond;
  world it{{.seed = seed, .cpus = cpus}};
  const auto no_cpu = it.add_demand(wire::lease_kind::task, 0);
  const auto all_cpus = it.add_demand(wire::lease_kind::task, cpus);
  std::uint64_t begun_ns = 0;
  const auto small = it.define([&](context& c) -> body { co_await c.work(small_ns); });
  const auto streaming =
      it.define([&](context& c) -> body { return stream(c, small, 32, until_ns); });
  const auto pause =
      it.define([&](context& c) -> body { co_await c.work(asked_at_ns - c.now_ns()); });
  const auto whole = it.define([&](context& c) -> body {
    begun_ns = c.now_ns();
    co_await c.work(millisecond);
  });
  EXPECT_TRUE(it.run([&](context& c) -> body {
    const ref stream_ends = c.submit({.function = streaming, .demand = no_cpu});
    co_await c.get(c.submit({.function = pause, .demand = no_cpu}));
    co_await c.get(c.submit({.function = whole, .demand = all_cpus}));
    co_await c.get(stream_ends);
  }));
  EXPECT_LT(begun_ns, until_ns) << "it had to wait for the end of the others";
  return begun_ns - std::min(begun_ns, asked_at_ns);
}

// What must end first is what was pushed to a worker: about a tenth of a millisecond's worth, or
// one task; and nothing is asked back before it was held for a millisecond.
TEST(Fairness, ARequestForAWholeNodeAmongAStreamOfSmallOnesHasItsTurn) {
  const std::uint64_t first = first_seed();
  for (const std::uint64_t small : {10 * microsecond, 200 * microsecond, 5 * millisecond}) {
    std::uint64_t longest = 0;
    for (std::uint64_t seed = first; seed < first + 10; ++seed)
      longest = std::max(longest, wait_for_a_node(seed, small));
    std::cout << "a node among tasks of " << small / microsecond << " us: " << longest / microsecond
              << " us at most\n";
    EXPECT_LE(longest, 3 * millisecond + 3 * small);
  }
}

/// Owners that each want all they can get, for a while: what part of the tasks the busiest and the
/// idlest of them saw through, as a ratio.
double unfairness(std::uint64_t seed, std::uint16_t nodes, std::size_t owners,
                  std::uint64_t task_ns) {
  constexpr std::uint32_t cpus = 4;
  constexpr std::uint64_t from_ns = 50 * millisecond, until_ns = 350 * millisecond;
  world it{{.seed = seed, .nodes = nodes, .cpus = cpus}};
  const auto no_cpu = it.add_demand(wire::lease_kind::task, 0);
  std::vector<std::uint64_t> done(owners);
  std::vector<std::size_t> small;
  for (std::size_t i = 0; i < owners; ++i) {
    small.push_back(it.define([&, i](context& c) -> body {
      co_await c.work(task_ns);
      if (c.now_ns() >= from_ns && c.now_ns() < until_ns) done[i] += task_ns;
    }));
  }
  const auto streaming = it.define(
      [&](context& c) -> body { return stream(c, small[c.seed], 16 * cpus * nodes, until_ns); });
  EXPECT_TRUE(it.run([&](context& c) -> body {
    std::vector<ref> all;
    for (std::size_t i = 0; i < owners; ++i)
      all.push_back(c.submit({.function = streaming, .seed = i, .demand = no_cpu}));
    co_await c.get_all(std::move(all));
  }));
  const auto [least, most] = std::ranges::minmax(done);
  EXPECT_GT(least, 0U);
  return static_cast<double>(most) / static_cast<double>(std::max<std::uint64_t>(least, 1));
}

void expect_equal_shares(std::uint16_t nodes, std::size_t owners) {
  const std::uint64_t first = first_seed();
  for (const std::uint64_t task_ns : {20 * microsecond, 300 * microsecond, 3 * millisecond}) {
    double worst = 1;
    for (std::uint64_t seed = first; seed < first + 5; ++seed)
      worst = std::max(worst, unfairness(seed, nodes, owners, task_ns));
    std::cout << owners << " owners, " << nodes << " nodes, tasks of " << task_ns / microsecond
              << " us: " << worst << "\n";
    EXPECT_LE(worst, 1.1);
  }
}

TEST(Fairness, TwoOwnersWithEqualDemandShareEqually) { expect_equal_shares(1, 2); }
TEST(Fairness, FourOwnersWithEqualDemandShareEqually) { expect_equal_shares(1, 4); }
TEST(Fairness, OwnersShareNodesEqually) { expect_equal_shares(2, 2); }

}  // namespace
}  // namespace mobula::sim
