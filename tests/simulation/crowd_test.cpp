// Many schedulers: who gets what, and what is left when all is done.

#include "simulation/crowd.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "seed.hpp"

namespace mobula::sim {
namespace {

constexpr std::int64_t unit = wire::resource_amounts::unit;

// ---- everybody is served, and no room is left unused

wire::resource_amounts some_totals(std::mt19937_64& random) {
  wire::resource_amounts total = cpus(static_cast<std::int64_t>(2 + random() % 7));
  if (random() % 2 == 0) total.gpus = static_cast<std::int64_t>(1 + random() % 4) * unit;
  if (random() % 4 == 0) total.custom = {{"ssd", 2 * unit}};
  total.memory_bytes = 1'000;
  return total;
}

wire::resource_amounts some_demand(std::mt19937_64& random, std::size_t gpus_one_in) {
  wire::resource_amounts demand;
  demand.cpus = static_cast<std::int64_t>(random() % 5) * unit / 2;
  if (random() % gpus_one_in == 0)
    demand.gpus = random() % 2 == 0 ? unit / 4 : static_cast<std::int64_t>(1 + random() % 2) * unit;
  if (random() % 9 == 0) demand.custom = {{"ssd", unit / 2}};
  if (random() % 9 == 0) demand.memory_bytes = 400;
  if (demand == wire::resource_amounts{}) demand.cpus = unit;
  return demand;
}

struct story {
  std::size_t nodes = 0;
  std::size_t owners = 0;
  std::size_t dying = 0;  // of them
  std::size_t nodes_dying = 0;
  std::size_t errands = 0;
  std::uint64_t tasks_each = 0;
  // Room that a request waits for is idle no longer than this, and than its node hears so many
  // messages.
  std::uint64_t idle_ns_max = 0;
  std::uint64_t idle_messages_max = 0;
  std::uint64_t look_every_ns = 5 * millisecond;
  std::size_t gpus_one_in = 5;  // so many errands ask for GPUs
  std::uint64_t tenure_ns = core::scheduler_limits{}.tenure_ns;
};

void tell(std::uint64_t seed, const story& what) {
  SCOPED_TRACE("TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random{seed};
  crowd_options options;
  options.seed = seed;
  options.scheduler.tenure_ns = what.tenure_ns;
  for (std::size_t i = 0; i < what.nodes; ++i)
    options.nodes.push_back({"host", {some_totals(random)}});
  crowd it{options};
  for (std::size_t i = 0; i < what.owners; ++i) {
    crowd_owner& one = it.add_owner(static_cast<wire::node_id>(random() % what.nodes));
    for (std::size_t j = 0; j < what.errands; ++j) {
      const std::uint64_t begins_ns = random() % (50 * millisecond);
      const auto demand = some_demand(random, what.gpus_one_in);
      const std::uint64_t each_ns = 50 * microsecond + random() % (2 * millisecond);
      it.time().at(begins_ns, [&, demand, each_ns] {
        if (!it.has_ended(one.self())) one.want(demand, what.tasks_each, each_ns);
      });
    }
  }
  for (std::size_t i = 0; i < what.dying; ++i) {
    it.time().at(40 * millisecond + random() % (60 * millisecond),
                 [&it, i] { it.kill(*it.owners()[i]); });
  }
  // Never the driver's, without which there is no job.
  for (std::size_t i = 1; i <= what.nodes_dying; ++i) {
    const auto node = static_cast<wire::node_id>(i * (what.nodes - 1) / what.nodes_dying);
    it.time().at(40 * millisecond + random() % (60 * millisecond), [&it, node] { it.kill(node); });
  }
  idle_room longest;
  for (std::uint64_t now = 0; !it.time().empty() && it.failure().empty();) {
    it.run(now += what.look_every_ns);
    const idle_room now_idle = it.look_for_idle_room();
    longest.ns = std::max(longest.ns, now_idle.ns);
    longest.messages = std::max(longest.messages, now_idle.messages);
    ASSERT_LT(now, 100'000 * millisecond) << "it does not end";
  }
  EXPECT_EQ(it.leftovers(), "");
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < what.owners; ++i) {
    const crowd_owner& one = *it.owners()[i];
    done += one.done();
    if (!it.has_ended(one.self())) {
      EXPECT_EQ(one.done() + one.refused(), what.errands * what.tasks_each);
    }
  }
  std::cout << what.nodes << " nodes, " << done << " tasks, " << it.grants() << " leases, "
            << static_cast<double>(it.messages()) / static_cast<double>(it.grants())
            << " messages a lease; room was idle for " << longest.ns / microsecond << " us and "
            << longest.messages << " messages at most, " << it.time().now_ns() / millisecond
            << " ms in all\n";
  EXPECT_LE(longest.ns, what.idle_ns_max);
  EXPECT_LE(longest.messages, what.idle_messages_max);
}

TEST(Crowd, AThousandNodesRunAHundredThousandTasksAndOwnersDieMeanwhile) {
  tell(first_seed(), {.nodes = 1000,
                      .owners = 250,
                      .dying = 25,
                      .errands = 2,
                      .tasks_each = 200,
                      .idle_ns_max = 400 * millisecond,
                      .idle_messages_max = 1000,
                      .gpus_one_in = 1000000000});
}

// Fewer owners, who share less, and leases that change hands less often.
TEST(Crowd, AThousandNodesRunAMillionTasksAndOwnersDieMeanwhile) {
  tell(first_seed(), {.nodes = 1000,
                      .owners = 60,
                      .dying = 6,
                      .nodes_dying = 2,
                      .errands = 2,
                      .tasks_each = 9'500,
                      .idle_ns_max = 400 * millisecond,
                      .idle_messages_max = 2000,
                      .look_every_ns = 40 * millisecond,
                      .gpus_one_in = 1000000000,
                      .tenure_ns = 20 * millisecond});
}

TEST(Crowd, NoRequestWaitsLongWhileANodeThatWouldTakeItIdles) {
  const std::uint64_t first = first_seed();
  for (std::uint64_t seed = first; seed < first + 20; ++seed) {
    tell(seed, {.nodes = 2 + seed * 7 % 40,
                .owners = 10 + seed * 3 % 30,
                .dying = seed % 3,
                .errands = 4,
                .tasks_each = 100,
                .idle_ns_max = 200 * millisecond,
                .idle_messages_max = 200});
    if (testing::Test::HasFailure()) return;
  }
}

// Each hears of the end in an order of its own: a request must not be passed on, by who has not
// heard, to the node that its owner knows to be dead. So messages are slow, and all ask at once,
// when nobody knows that the others' nodes are full already.
TEST(Crowd, NoRequestIsLostWithANodeThatEnds) {
  constexpr std::size_t nodes = 6;
  constexpr std::uint64_t end_ns = 10 * millisecond;
  const std::uint64_t first = first_seed();
  for (std::uint64_t seed = first; seed < first + 1000; ++seed) {
    SCOPED_TRACE("TEST_SEED=" + std::to_string(seed));
    std::mt19937_64 random{seed};
    crowd_options options;
    options.seed = seed;
    options.nodes = alike(nodes, 1);
    options.messages.most_ns = millisecond;
    crowd it{options};
    std::uint64_t wanted = 0;
    for (wire::node_id node = 0; node + std::size_t{1} < nodes; ++node) {
      crowd_owner& one = it.add_owner(node);
      for (int i = 0; i < 3; ++i, ++wanted) {
        it.time().at(end_ns + random() % (2 * millisecond),
                     [&one] { one.want(cpus(1), 1, 5 * millisecond); });
      }
    }
    it.time().at(end_ns, [&it] { it.kill(nodes - 1); });
    it.run(10'000 * millisecond);
    EXPECT_EQ(it.leftovers(), "");
    std::uint64_t done = 0;
    for (const auto& one : it.owners()) done += one->done();
    ASSERT_EQ(done, wanted);
  }
}

// All nodes are one owner's, hundreds of others wait, then all of it is given back at once.
TEST(Crowd, AHerdAfterAMassReleaseIsServedInFewMessages) {
  constexpr std::size_t nodes = 100;
  constexpr std::int64_t cpus_each = 8;
  constexpr std::uint64_t others = 400;
  crowd_options options;
  options.seed = first_seed();
  options.nodes = alike(nodes, cpus_each);
  // Nothing is recalled: it is the release that makes room.
  options.scheduler.tenure_ns = 10'000 * millisecond;
  crowd it{options};
  for (std::size_t i = 0; i < nodes; ++i)
    it.add_owner(static_cast<wire::node_id>(i)).want(cpus(cpus_each), 1, 200 * millisecond);
  it.run(100 * millisecond);
  EXPECT_EQ(it.grants(), nodes);
  for (std::size_t i = 0; i < others; ++i)
    it.add_owner(static_cast<wire::node_id>(i % nodes)).want(cpus(1), 2, millisecond);
  it.run(199 * millisecond);
  EXPECT_EQ(it.grants(), nodes);
  const std::uint64_t before = it.messages();
  // The last node was found late, and so is given back late.
  it.run(360 * millisecond);
  std::uint64_t done = 0;
  for (const auto& one : it.owners()) done += one->done();
  EXPECT_EQ(done, nodes + 2 * others) << "soon after the release";
  // A lease may serve both.
  const double each = static_cast<double>(it.messages() - before) / (2.0 * others);
  std::cout << "a herd of " << 2 * others << ": " << each << " messages a task\n";
  EXPECT_LE(each, 12);
  it.run();
  EXPECT_EQ(it.leftovers(), "");
}

}  // namespace
}  // namespace mobula::sim
