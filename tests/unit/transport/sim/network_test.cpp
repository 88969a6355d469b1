#include "transport/sim/network.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "seed.hpp"

namespace mobula::sim {
namespace {

using wire::process_id;

/// Keeps what it gets: numbers, and who has closed.
class listener final : public wire::receiver {
 public:
  void on_message(process_id from, wire::blob message) override {
    EXPECT_FALSE(closed.contains(from)) << "a message after closed";
    std::uint64_t number = 0;
    ASSERT_EQ(message.size(), sizeof number);
    std::memcpy(&number, message.data(), sizeof number);
    got[from].push_back(number);
    order.push_back(from);
  }
  void on_closed(process_id peer) override { EXPECT_TRUE(closed.insert(peer).second); }

  std::map<process_id, std::vector<std::uint64_t>> got;
  std::vector<process_id> order;
  std::set<process_id> closed;
};

void send(wire::outbox& out, process_id to, std::uint64_t number) {
  std::memcpy(out.begin(to, sizeof number), &number, sizeof number);
  out.commit();
}

class SimNetwork : public testing::Test {
 protected:
  wire::outbox& join(process_id id) { return net.join(id, listeners[id]); }
  void run() {
    while (time.step()) {
    }
  }
  const std::uint64_t seed = test_seed();
  timeline time;
  network net{time, seed};
  std::map<process_id, listener> listeners;
  const process_id a{0, 1}, b{0, 2}, c{1, 2};
};

TEST_F(SimNetwork, KeepsTheOrderOfEachPair) {
  auto& from_a = join(a);
  auto& from_c = join(c);
  join(b);
  std::vector<std::uint64_t> sent;
  for (std::uint64_t i = 0; i < 200; ++i) {
    send(from_a, b, i);
    send(from_c, b, i);
    sent.push_back(i);
    if (i % 7 == 0) time.step();
  }
  run();
  EXPECT_EQ(listeners[b].got[a], sent);
  EXPECT_EQ(listeners[b].got[c], sent);
}

TEST_F(SimNetwork, MixesTheOrderOfDifferentPairs) {
  auto& from_a = join(a);
  auto& from_c = join(c);
  join(b);
  for (std::uint64_t i = 0; i < 100; ++i) {
    time.at(i * 10'000, [&, i] { send(from_a, b, i); });
    time.at(i * 10'000, [&, i] { send(from_c, b, i); });
  }
  run();
  std::size_t changes = 0;
  const auto& order = listeners[b].order;
  for (std::size_t i = 1; i < order.size(); ++i) changes += order[i] != order[i - 1];
  EXPECT_GT(changes, 1U);
}

TEST_F(SimNetwork, LoopsBackWhatAProcessSendsToItselfWithoutRecursion) {
  auto& from_a = join(a);
  send(from_a, a, 5);
  EXPECT_TRUE(listeners[a].got.empty());
  run();
  EXPECT_EQ(listeners[a].got[a], std::vector<std::uint64_t>{5});
}

TEST_F(SimNetwork, DeliversAFirstPartOfWhatAKilledProcessSentThenClosed) {
  auto& from_a = join(a);
  join(b);
  for (std::uint64_t i = 0; i < 50; ++i) send(from_a, b, i);
  const auto lost = net.kill(a);
  send(from_a, b, 99);  // the dead send nothing
  net.told_of_end(b, a);
  net.told_of_end(b, a);
  run();
  const auto& got = listeners[b].got[a];
  EXPECT_EQ(got.size() + lost.size(), 50U);
  for (std::uint64_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], i);
  EXPECT_TRUE(listeners[b].closed.contains(a));
}

TEST_F(SimNetwork, DeliversAllThatALeavingProcessSentThenClosed) {
  auto& from_a = join(a);
  join(b);
  for (std::uint64_t i = 0; i < 50; ++i) send(from_a, b, i);
  net.leave(a);
  net.told_of_end(b, a);
  run();
  EXPECT_EQ(listeners[b].got[a].size(), 50U);
  EXPECT_TRUE(listeners[b].closed.contains(a));
}

TEST_F(SimNetwork, DropsWhatIsSentToTheDead) {
  auto& from_a = join(a);
  join(b);
  send(from_a, b, 1);
  net.kill(b);
  send(from_a, b, 2);
  run();
  EXPECT_TRUE(listeners[b].got.empty());
}

TEST_F(SimNetwork, DoesTheSameForTheSameSeed) {
  const auto order_of = [&](std::uint64_t chosen) {
    timeline own_time;
    network own{own_time, chosen};
    listener to;
    listener others[2];
    auto& from_a = own.join(a, others[0]);
    auto& from_c = own.join(c, others[1]);
    own.join(b, to);
    for (std::uint64_t i = 0; i < 100; ++i) {
      own_time.at(i * 10'000, [&, i] { send(from_a, b, i); });
      own_time.at(i * 10'000, [&, i] { send(from_c, b, i); });
    }
    while (own_time.step()) {
    }
    return to.order;
  };
  EXPECT_EQ(order_of(seed), order_of(seed));
  EXPECT_NE(order_of(seed), order_of(seed + 1));
}

}  // namespace
}  // namespace mobula::sim
