#include "transport/ucx/links.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "transport/ucx/nodes.hpp"

namespace mobula::ucx {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Bytes from which every message of a test is a different, checkable part.
class noise {
 public:
  explicit noise(std::size_t size_max) : bytes_(period + size_max) {
    for (std::size_t i = 0; i < period; ++i) bytes_[i] = static_cast<std::byte>(i * i >> 3 ^ i);
    for (std::size_t i = period; i < bytes_.size(); i += period) {
      std::memcpy(&bytes_[i], bytes_.data(), std::min(period, bytes_.size() - i));
    }
  }
  wire::blob message(std::size_t number, std::size_t size) const {
    return wire::blob{bytes_}.subspan(number * 13 % period, size);
  }
  bool is_message(std::size_t number, std::size_t size, wire::blob got) const {
    return got.size() == size &&
           (size == 0 || std::memcmp(got.data(), message(number, size).data(), size) == 0);
  }

 private:
  static constexpr std::size_t period = 4093;
  std::vector<std::byte> bytes_;
};

TEST(Links, CarryAMessageWithItsSenderAndReceiver) {
  nodes pair{2};
  send_number(*pair.at[0], 0, 1, 42);
  ASSERT_TRUE(pair.poll_until([&] { return pair.seen[1].count == 1; }));
  EXPECT_EQ(pair.seen[1].messages[0].from, worker_of(0));
  EXPECT_EQ(pair.seen[1].messages[0].to, worker_of(1));
  EXPECT_EQ(as_number(pair.seen[1].messages[0].bytes), 42u);
}

// Rendezvous messages are overtaken by eager ones behind them; the receiver must not see it.
TEST(Links, KeepTheOrderWhateverTheSize) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  std::vector<std::size_t> sizes{64U << 20, 1, 0, 60 * 1024, 61'417, 1U << 20, 8, 64U << 20, 3};
  for (int i = 0; i < 300; ++i) sizes.push_back(std::size_t{1} << random() % 21);

  const noise bytes{64U << 20};
  nodes pair{2};
  std::size_t next = 0;
  bool as_sent = true;
  pair.seen[1].on_each = [&](wire::process_id, wire::blob message) {
    as_sent = as_sent && bytes.is_message(next, sizes[next], message);
    ++next;
  };
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    send_bytes(*pair.at[0], 0, 1, bytes.message(i, sizes[i]));
    if (random() % 4 == 0) pair.at[0]->flush();
  }
  ASSERT_TRUE(pair.poll_until([&] { return next == sizes.size() || !as_sent; }));
  EXPECT_TRUE(as_sent) << "at message " << next - 1;
  EXPECT_EQ(pair.at[1]->counters().dropped, 0u);
  EXPECT_TRUE(pair.poll_until([&] { return pair.at[0]->backlog_bytes(1) == 0; }));
}

TEST(Links, SendWhatIsReadyTogetherInOneFrame) {
  nodes pair{2};
  constexpr std::uint64_t count = 600;  // of 32 bytes with their headers: less than a batch
  for (std::uint64_t i = 0; i < count; ++i) send_number(*pair.at[0], 0, 1, i);
  EXPECT_EQ(pair.at[0]->counters().frames_sent, 0u);
  pair.at[0]->flush();
  EXPECT_EQ(pair.at[0]->counters().frames_sent, 1u);
  ASSERT_TRUE(pair.poll_until([&] { return pair.seen[1].count == count; }));
  EXPECT_EQ(pair.at[1]->counters().frames_received, 1u);
}

TEST(Links, SurviveFloodsInBothDirections) {
  constexpr std::uint64_t count = 20'000;
  nodes pair{2};
  std::vector<std::byte> large(200'000);
  std::array<std::uint64_t, 2> next{};
  bool in_order = true;
  for (wire::node_id self = 0; self < 2; ++self) {
    pair.seen[self].on_each = [&, self](wire::process_id, wire::blob message) {
      in_order = in_order && as_number(message) == next[self]++;
    };
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    for (wire::node_id self = 0; self < 2; ++self) {
      std::memcpy(large.data(), &i, sizeof i);
      const std::size_t size = i % 500 == 0 ? large.size() : 8 + i % 3000;
      send_bytes(*pair.at[self], self, static_cast<wire::node_id>(1 - self),
                 wire::blob{large}.first(size));
    }
    if (i % 64 == 0) pair.at[i / 64 % 2]->flush();  // nobody polls meanwhile
  }
  EXPECT_GT(pair.at[0]->backlog_bytes(1), 0u);
  ASSERT_TRUE(pair.poll_until([&] { return next[0] == count && next[1] == count; }));
  EXPECT_TRUE(in_order);
}

TEST(Links, LetReceiversAnswerFromTheHandler) {
  constexpr std::uint64_t rounds = 2'000;
  nodes pair{2};
  for (wire::node_id self = 0; self < 2; ++self) {
    pair.seen[self].on_each = [&, self](wire::process_id from, wire::blob message) {
      if (as_number(message) == rounds) return;
      send_number(*pair.at[self], self, from.node(), as_number(message) + 1);
      pair.at[self]->flush();
    };
  }
  send_number(*pair.at[0], 0, 1, 0);
  ASSERT_TRUE(pair.poll_until([&] { return pair.seen[0].count + pair.seen[1].count > rounds; }));
}

TEST(Links, MayBeginFromBothSidesAtOnce) {
  for (int round = 0; round < 30; ++round) {
    nodes pair{2};
    send_number(*pair.at[0], 0, 1, 7);
    send_number(*pair.at[1], 1, 0, 8);
    pair.at[0]->flush();
    pair.at[1]->flush();
    ASSERT_TRUE(
        pair.poll_until([&] { return pair.seen[0].count == 1 && pair.seen[1].count == 1; }));
    // Both directions still work once the connections have been joined.
    for (std::uint64_t i = 0; i < 50; ++i) {
      send_number(*pair.at[0], 0, 1, i);
      send_number(*pair.at[1], 1, 0, i);
      pair.poll();
    }
    ASSERT_TRUE(
        pair.poll_until([&] { return pair.seen[0].count == 51 && pair.seen[1].count == 51; }));
    EXPECT_TRUE(pair.seen[0].down.empty() && pair.seen[1].down.empty());
  }
}

TEST(Links, UseTheNetworkAndNeverSharedMemory) {
  nodes pair{2};
  send_number(*pair.at[0], 0, 1, 1);
  ASSERT_TRUE(pair.poll_until([&] { return pair.seen[1].count == 1; }));
  for (int self = 0; self < 2; ++self) {
    const std::string lanes = pair.at[self]->lanes(static_cast<wire::node_id>(1 - self));
    EXPECT_THAT(lanes, HasSubstr("tcp"));
    for (const char* forbidden : {"posix", "sysv", "cma", "xpmem", "knem"}) {
      EXPECT_THAT(lanes, Not(HasSubstr(forbidden)));
    }
  }
}

TEST(Links, EndInAgreementWithoutLosingTheLastMessages) {
  for (int round = 0; round < 30; ++round) {
    nodes three{3};
    const std::vector<std::byte> large(1U << 20);
    for (wire::node_id self = 0; self < 2; ++self) {
      for (std::uint64_t i = 0; i < 100; ++i) send_number(*three.at[self], self, 2, i);
      send_bytes(*three.at[self], self, 2, large);
    }
    for (auto& one : three.at) one->say_goodbye();
    ASSERT_TRUE(three.poll_until([&] {
      return three.at[0]->all_closed() && three.at[1]->all_closed() && three.at[2]->all_closed();
    }));
    EXPECT_EQ(three.seen[2].count, 202u);
    for (const recorder& seen : three.seen) EXPECT_TRUE(seen.down.empty());
    EXPECT_EQ(three.at[0]->state(2), link_state::closed);
    EXPECT_EQ(three.at[0]->state(1), link_state::unused);
  }
}

TEST(Links, StillReceiveAfterTheirOwnGoodbye) {
  nodes pair{2};
  send_number(*pair.at[0], 0, 1, 1);
  pair.at[0]->say_goodbye();
  ASSERT_TRUE(pair.poll_until([&] { return pair.seen[1].count == 1; }));
  send_number(*pair.at[0], 0, 1, 2);  // dropped: nothing follows a goodbye
  send_number(*pair.at[1], 1, 0, 3);
  ASSERT_TRUE(pair.poll_until([&] { return pair.seen[0].count == 1; }));
  EXPECT_FALSE(pair.at[0]->all_closed());
  pair.at[1]->say_goodbye();
  ASSERT_TRUE(
      pair.poll_until([&] { return pair.at[0]->all_closed() && pair.at[1]->all_closed(); }));
  EXPECT_EQ(pair.seen[1].count, 1u);
}

TEST(Links, AnswerAFirstMessageThatCrossesTheirGoodbye) {
  nodes pair{2};
  pair.at[0]->say_goodbye();
  EXPECT_TRUE(pair.at[0]->all_closed());
  send_number(*pair.at[1], 1, 0, 1);
  pair.at[1]->say_goodbye();
  ASSERT_TRUE(pair.poll_until([&] { return pair.seen[0].count == 1 && pair.at[1]->all_closed(); }));
  EXPECT_TRUE(pair.seen[1].down.empty());
}

TEST(Links, ReportANodeThatLeavesWithoutGoodbye) {
  nodes three{3};
  send_number(*three.at[0], 0, 1, 1);
  send_number(*three.at[0], 0, 2, 1);
  send_number(*three.at[1], 1, 2, 1);
  ASSERT_TRUE(three.poll_until([&] { return three.seen[1].count + three.seen[2].count == 3; }));
  three.at[0].reset();
  ASSERT_TRUE(
      three.poll_until([&] { return !three.seen[1].down.empty() && !three.seen[2].down.empty(); }));
  EXPECT_EQ(three.seen[1].down, std::vector<wire::node_id>{0});
  EXPECT_EQ(three.at[1]->state(0), link_state::down);
  // The others go on, and what is sent to the dead is dropped.
  send_number(*three.at[1], 1, 0, 2);
  send_number(*three.at[1], 1, 2, 2);
  ASSERT_TRUE(three.poll_until([&] { return three.seen[2].count == 3; }));
  EXPECT_EQ(three.at[1]->backlog_bytes(0), 0u);
}

TEST(Links, AreSilentAboutANodeThatWasCut) {
  nodes pair{2};
  send_number(*pair.at[0], 0, 1, 1);
  ASSERT_TRUE(pair.poll_until([&] { return pair.seen[1].count == 1; }));
  send_bytes(*pair.at[0], 0, 1, std::vector<std::byte>(8U << 20));
  pair.at[0]->flush();
  pair.at[0]->cut(1);
  send_number(*pair.at[0], 0, 1, 2);
  ASSERT_TRUE(pair.poll_until([&] { return !pair.seen[1].down.empty(); }));
  EXPECT_EQ(pair.seen[1].count, 1u);
  EXPECT_TRUE(pair.seen[0].down.empty());
  EXPECT_EQ(pair.at[0]->state(1), link_state::down);
}

}  // namespace
}  // namespace mobula::ucx
