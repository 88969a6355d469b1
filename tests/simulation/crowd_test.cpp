// Many schedulers: who gets what, what is counted on the way, and what is left when all is done.

#include "simulation/crowd.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "core/owner.hpp"
#include "seed.hpp"
#include "wire/codec.hpp"

namespace mobula::sim {
namespace {

using wire::message_type;

constexpr std::uint64_t microsecond = 1'000, millisecond = 1'000'000;
constexpr std::int64_t unit = wire::resource_amounts::unit;

wire::resource_amounts cpus(std::int64_t count) {
  wire::resource_amounts amounts;
  amounts.cpus = count * unit;
  return amounts;
}

std::vector<core::node_totals> alike(std::size_t count, std::int64_t cpu_count) {
  return std::vector<core::node_totals>(count, {"host", {cpus(cpu_count)}});
}

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
};

void tell(std::uint64_t seed, const story& what) {
  SCOPED_TRACE("TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random{seed};
  crowd_options options;
  options.seed = seed;
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

TEST(Crowd, AThousandNodesRunAMillionTasksAndOwnersDieMeanwhile) {
  tell(first_seed(), {.nodes = 1000,
                      .owners = 250,
                      .dying = 25,
                      .errands = 2,
                      .tasks_each = 2'200,
                      .idle_ns_max = 400 * millisecond,
                      .idle_messages_max = 1000,
                      .look_every_ns = 20 * millisecond,
                      .gpus_one_in = 1000000000});
}

TEST(Crowd, NoRequestWaitsLongWhileANodeThatWouldTakeItIdles) {
  const std::uint64_t first = first_seed();
  for (std::uint64_t seed = first; seed < first + 20; ++seed) {
    tell(seed, {.nodes = 2 + seed * 7 % 40,
                .owners = 10 + seed * 3 % 30,
                .dying = seed % 3,
                .errands = 4,
                .tasks_each = 100,
                .idle_ns_max = 400 * millisecond,
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
    for (wire::node_id node = 0; node + 1 < nodes; ++node) {
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

// ---- counted

struct counted {
  double a_lease = 0;       // messages
  double looks = 0;         // nodes looked at for each lease
  std::uint64_t later = 0;  // messages when all is over
};

/// Ten owners ask for more than their nodes have, again and again.
counted count_with(std::size_t nodes) {
  crowd_options options;
  options.seed = first_seed();
  options.nodes = alike(nodes, 4);
  crowd it{options};
  constexpr std::size_t owners = 10;
  for (std::size_t i = 0; i < owners; ++i)
    it.add_owner(static_cast<wire::node_id>(i * nodes / owners));
  for (int round = 0; round < 5; ++round) {
    for (const auto& one : it.owners()) one->want(cpus(1), 3, 2 * millisecond);
    it.run(it.time().now_ns() + 20 * millisecond);
  }
  it.run(it.time().now_ns() + 1'000 * millisecond);
  counted seen;
  seen.a_lease = static_cast<double>(it.messages()) / static_cast<double>(it.grants());
  seen.looks = static_cast<double>(it.looks()) / static_cast<double>(it.grants());
  const std::uint64_t before = it.messages();
  it.run(it.time().now_ns() + 60'000 * millisecond);
  seen.later = it.messages() - before;
  EXPECT_EQ(it.leftovers(), "");
  std::cout << nodes << " nodes: " << it.grants() << " leases, " << seen.a_lease << " messages and "
            << seen.looks << " looks at a node for each; " << it.schedulers_made()
            << " nodes heard of it\n";
  return seen;
}

TEST(Counts, MessagesALeaseAndLooksDoNotGrowWithTheNodes) {
  const counted few = count_with(10), many = count_with(100), most = count_with(10'000);
  for (const counted& one : {few, many, most}) {
    EXPECT_LE(one.a_lease, 16);
    EXPECT_LE(one.looks, 64);
    EXPECT_EQ(one.later, 0U) << "an idle job is silent";
  }
  EXPECT_LE(most.a_lease, 1.5 * many.a_lease);
  EXPECT_LE(most.looks, 2 * many.looks);
}

/// The driver: an owner as it is in a real job, whose tasks never end.
class filling_driver final : public wire::receiver {
 public:
  explicit filling_driver(crowd& where)
      : where_{where}, one_{self, where.net().join(self, *this)} {}
  ~filling_driver() {
    for (core::object* each : results_) one_.objects().drop(*each);
  }
  void submit(std::size_t count) {
    core::demand_key key;
    key.demand = key.held = cpus(1);
    for (std::size_t i = 0; i < count; ++i)
      results_.push_back(&one_.submit({}, one_.shape_for(key)));
    one_.flush();
  }
  std::size_t leases() const { return one_.leases_held(); }
  std::uint64_t received() const { return received_; }
  const wire::process_id self{0, 1};

 private:
  void on_message(wire::process_id from, wire::blob message) override {
    ++received_;
    where_.arrived(message);
    one_.on_message(from, message);
    one_.flush();
  }
  void on_closed(wire::process_id) override {}
  crowd& where_;
  core::owner one_;
  std::vector<core::object*> results_;
  std::uint64_t received_ = 0;
};

TEST(Counts, ADriverFillsAThousandNodesWithOneMessageALeaseAndAFewMore) {
  constexpr std::size_t nodes = 1000, each = 128;
  crowd_options options;
  options.seed = first_seed();
  options.nodes = alike(nodes, each);
  crowd it{options};
  filling_driver driver{it};
  driver.submit(nodes * each);
  while (driver.leases() < nodes * each && it.time().now_ns() < 10'000 * millisecond)
    it.run(it.time().now_ns() + millisecond);
  EXPECT_EQ(it.failure(), "");
  EXPECT_EQ(driver.leases(), nodes * each);
  const std::uint64_t beside = driver.received() - nodes * each;
  const std::uint64_t asked = it.messages(message_type::lease_request);
  std::cout << "1000 nodes x 128: the driver heard " << nodes * each << " grants and " << beside
            << " other messages; " << asked << " requests in the whole job, full after "
            << it.time().now_ns() / millisecond << " ms\n";
  EXPECT_LE(beside, nodes * each / 10);
  EXPECT_LE(asked, nodes * each / 10);
}

}  // namespace
}  // namespace mobula::sim
