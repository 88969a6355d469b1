#include "transport/gateway.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <utility>

#include "transport/gateway/node.hpp"
#include "wire/codec.hpp"
#include "wire/messages.hpp"

namespace mobula::transport {
namespace {

using wire::process_id;

/// Nodes that know each other, each with processes of incarnations 2, 3, ...
struct cluster {
  cluster(std::size_t nodes, std::uint32_t processes_each, const ring::limits& how = {}) {
    std::vector<std::vector<std::byte>> addresses;
    for (std::size_t n = 0; n < nodes; ++n) {
      at.push_back(std::make_unique<node>(static_cast<wire::node_id>(n), nodes > 1, how));
      if (nodes > 1) addresses.push_back(at.back()->address());
    }
    for (auto& one : at) one->start(addresses);
    for (auto& one : at) {
      for (std::uint32_t i = 0; i < processes_each; ++i) {
        processes.push_back(std::make_unique<process>(one->join(2 + i)));
      }
    }
  }

  bool poll_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      for (auto& one : processes) one->poll();
      std::this_thread::yield();
    }
    return true;
  }

  std::vector<std::unique_ptr<node>> at;
  std::vector<std::unique_ptr<process>> processes;
};

std::uint64_t as_number(wire::blob bytes) { return wire::reader{bytes}.number<std::uint64_t>(); }

/// Every process sends `count` numbered messages of many sizes to every other, all at once.
void expect_order_between_all(cluster& all, std::uint64_t count) {
  std::map<std::pair<process_id, process_id>, std::uint64_t> next;
  bool in_order = true;
  for (auto& one : all.processes) {
    one->on_each = [&, self = one->id()](process_id from, wire::blob message) {
      in_order = in_order && as_number(message) == next[{from, self}]++;
    };
  }
  std::vector<std::byte> bytes(400'000);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::memcpy(bytes.data(), &i, sizeof i);
    const std::size_t size = i % 100 == 7 ? bytes.size() : 8 + i * 37 % 2000;
    for (auto& from : all.processes) {
      for (auto& to : all.processes) {
        if (from != to) from->send(to->id(), wire::blob{bytes}.first(size));
      }
      if (i % 16 == 0) from->poll();
    }
  }
  const std::size_t from_others = (all.processes.size() - 1) * count;
  EXPECT_TRUE(all.poll_until([&] {
    for (auto& one : all.processes) {
      if (one->count != from_others) return false;
    }
    return true;
  }));
  EXPECT_TRUE(in_order);
}

TEST(Gateway, KeepsTheOrderOfEachPairAcrossNodes) {
  cluster three{3, 2};
  expect_order_between_all(three, 300);
}

TEST(Gateway, CarriesPairsBeyondTheLimitOfRings) {
  cluster one{1, 3, {.node_bytes_max = 0}};
  expect_order_between_all(one, 300);
  EXPECT_EQ(one.processes[0]->port().state_of(one.processes[1]->id()),
            ring::channel::state::forwarded);
}

TEST(Gateway, IsTheSchedulersOwnTransport) {
  cluster two{2, 1};
  process& asker = *two.processes[0];
  std::vector<process_id> answered;
  asker.on_each = [&](process_id from, wire::blob) { answered.push_back(from); };
  asker.send(process_id::scheduler_of(0), 1);
  asker.flush();
  ASSERT_TRUE(two.poll_until([&] { return answered.size() == 1; }));
  asker.send(process_id::scheduler_of(1), 2);
  asker.flush();
  ASSERT_TRUE(two.poll_until([&] { return answered.size() == 2; }));
  EXPECT_EQ(answered, (std::vector{process_id::scheduler_of(0), process_id::scheduler_of(1)}));
}

// Goal: a sleeping gateway is woken by either side. Method: one message at a time across, so that
// both gateways fall asleep between any two.
TEST(Gateway, IsWokenByRingsAndByLinks) {
  cluster two{2, 1};
  process& left = *two.processes[0];
  process& right = *two.processes[1];
  right.on_each = [&](process_id from, wire::blob message) { right.send(from, message); };
  for (std::uint64_t i = 0; i < 500; ++i) {
    left.send(right.id(), i);
    left.flush();
    ASSERT_TRUE(two.poll_until([&] { return left.count == i + 1; })) << "at round trip " << i;
  }
  EXPECT_GT(two.at[0]->sleeps + two.at[1]->sleeps, 0u);
}

TEST(Gateway, DropsWhatNobodyCanReceive) {
  cluster two{2, 1};
  process& sender = *two.processes[0];
  sender.send({999, 2}, 1);                // no such node
  sender.send({1, 77}, 2);                 // no such process there
  sender.send(two.processes[1]->id(), 3);  // but this one goes on
  sender.flush();
  ASSERT_TRUE(two.poll_until([&] {
    return two.processes[1]->count == 1 && two.at[0]->dropped == 1 && two.at[1]->dropped == 1;
  }));
}

// A process that has come later was never told of the end, and would wait for an answer.
TEST(Gateway, AnswersAMessageFromAnotherNodeToAProcessThatHasEnded) {
  cluster two{2, 1};
  process& sender = *two.processes[0];
  const process_id ended{1, 77};
  std::vector<process_id> told;
  sender.on_each = [&](process_id from, wire::blob message) {
    const auto news = wire::decode<wire::process_ended>(message);
    if (news && from == process_id::scheduler_of(1)) told = news->processes;
  };
  sender.send(ended, 1);
  sender.flush();
  ASSERT_TRUE(two.poll_until([&] { return !told.empty(); }));
  EXPECT_EQ(told, std::vector{ended});
}

TEST(Gateway, DropsMessagesToOtherNodesWhereThereAreNone) {
  cluster one{1, 1};
  one.processes[0]->send({1, 2}, 1);
  one.processes[0]->flush();
  ASSERT_TRUE(one.poll_until([&] { return one.at[0]->dropped == 1; }));
}

TEST(Gateway, DropsItsOwnMessagesToNodesThatAreNot) {
  ring::hub hub{0};
  ring::broker broker{hub, test_token};
  ring::port port{hub, broker};
  gateway alone{port, nullptr};
  send_bytes(alone, {7, 2}, wire::as_blob("lost"));
  send_bytes(alone, {}, wire::as_blob("lost"));
  EXPECT_EQ(alone.dropped(), 2u);
  EXPECT_FALSE(alone.congested({7, 2}));
}

TEST(Gateway, ReportsTheEndOfANodeAsThatOfItsScheduler) {
  cluster three{3, 1};
  for (auto& to : three.processes) {
    if (to != three.processes[2]) three.processes[2]->send(to->id(), 1);
  }
  three.processes[2]->flush();
  ASSERT_TRUE(three.poll_until(
      [&] { return three.processes[0]->count == 1 && three.processes[1]->count == 1; }));
  three.at[2]->stop();
  ASSERT_TRUE(three.poll_until(
      [&] { return three.at[0]->closed_count == 1 && three.at[1]->closed_count == 1; }));
  // The others still reach each other; what goes to the dead node is dropped.
  three.processes[0]->send({2, 2}, 2);
  three.processes[0]->send(three.processes[1]->id(), 3);
  three.processes[0]->flush();
  ASSERT_TRUE(three.poll_until([&] { return three.processes[1]->count == 2; }));
  three.at[0]->stop();
  EXPECT_EQ(three.at[0]->closed(), std::vector{process_id::scheduler_of(2)});
}

}  // namespace
}  // namespace mobula::transport
