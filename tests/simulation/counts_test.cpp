// What is counted: messages for each task and lease, and looks at nodes.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <vector>

#include "core/owner.hpp"
#include "seed.hpp"
#include "simulation/alarm.hpp"
#include "simulation/crowd.hpp"
#include "wire/codec.hpp"

namespace mobula::sim {
namespace {

using wire::message_type;

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

/// An owner as it is in a real job.
class real_owner final : public wire::receiver {
 public:
  explicit real_owner(crowd& where, wire::process_id id = {0, 1})
      : self{id}, where_{where}, one_{self, where.net().join(self, *this)} {}
  ~real_owner() {
    for (core::object* each : results_) one_.objects().drop(*each);
  }
  void submit(std::size_t count, const wire::resource_amounts& demand) {
    core::demand_key key;
    key.demand = key.held = demand;
    for (std::size_t i = 0; i < count; ++i)
      results_.push_back(&one_.submit({}, one_.shape_for(key)));
    one_.flush();
  }
  std::size_t leases() const { return one_.leases_held(); }
  std::uint64_t received() const { return received_; }
  std::size_t done() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(results_, [](const core::object* one) { return one->ready(); }));
  }
  const wire::process_id self;

 private:
  void on_message(wire::process_id from, wire::blob message) override {
    ++received_;
    where_.arrived(message);
    one_.tick(where_.time().now_ns());
    one_.on_message(from, message);
    one_.flush();
    plan_tick();
  }
  void on_closed(wire::process_id) override {}
  void plan_tick() { tick_.set(one_.next_deadline_ns()); }
  void tick() {
    one_.tick(where_.time().now_ns());
    one_.flush();
    plan_tick();
  }
  crowd& where_;
  core::owner one_;
  std::vector<core::object*> results_;
  std::uint64_t received_ = 0;
  alarm tick_{where_.time(), [this] { tick(); }};
};

/// Messages for each of many short tasks that may run on ten nodes of so many.
double messages_a_task(std::size_t nodes) {
  constexpr std::size_t owners = 5, tasks = 2'000, able = 10;
  crowd_options options;
  options.seed = first_seed();
  options.nodes = alike(nodes, 4);
  options.task_ns = 100 * microsecond;
  wire::resource_amounts demand = cpus(1);
  demand.custom = {{"ssd", wire::resource_amounts::unit}};
  for (std::size_t i = 0; i < able; ++i)
    options.nodes[i * nodes / able].seats.front().custom = {
        {"ssd", 4 * wire::resource_amounts::unit}};
  crowd it{options};
  std::vector<std::unique_ptr<real_owner>> all;
  for (std::size_t i = 0; i < owners; ++i) {
    const auto node = static_cast<wire::node_id>(i * nodes / owners);
    all.push_back(std::make_unique<real_owner>(it, wire::process_id{node, 900'000'000}));
    all.back()->submit(tasks, demand);
  }
  it.run(1'000 * millisecond);
  for (const auto& one : all) EXPECT_EQ(one->done(), tasks);
  const double each = static_cast<double>(it.messages()) / (owners * tasks);
  std::cout << nodes << " nodes: " << each << " messages a task, "
            << static_cast<double>(it.grants()) / (owners * tasks) << " leases\n";
  return each;
}

// A push and a completion, and a share of what its lease costs.
TEST(Counts, MessagesATaskDoNotGrowWithTheNodes) {
  const double few = messages_a_task(10), many = messages_a_task(100),
               most = messages_a_task(10'000);
  for (const double each : {few, many, most}) {
    EXPECT_GE(each, 2);
    EXPECT_LE(each, 3.5);
  }
  EXPECT_LE(most, 1.2 * few);
}

TEST(Counts, ADriverFillsAThousandNodesWithOneMessageALeaseAndAFewMore) {
  constexpr std::size_t nodes = 1000, each = 128;
  crowd_options options;
  options.seed = first_seed();
  options.nodes = alike(nodes, each);
  crowd it{options};
  real_owner driver{it};
  driver.submit(nodes * each, cpus(1));
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
