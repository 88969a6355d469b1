#include <gtest/gtest.h>
#include <sys/wait.h>

#include <unordered_map>

#include "transport/ring/ring_node.hpp"

namespace mobula::ring {
namespace {

using test::handlers;
using test::number_in;
using test::send_number;
using wire::process_id;

constexpr process_id scheduler = process_id::scheduler_of(0);
constexpr std::uint64_t rounds = 20;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint32_t members = 32;  // a sanitized process takes several times the memory
#else
constexpr std::uint32_t members = 128;
#endif

/// Sends `rounds` numbers to each other member, takes theirs, and says so; leaves when told.
int talk_to_all(const std::string& name, std::uint32_t incarnation) {
  const auto own = test::join(name, incarnation);
  handlers at;
  std::unordered_map<process_id, std::uint64_t> seen;
  std::uint64_t total = 0;
  std::uint64_t told = 0;
  bool wrong = false;
  at.message = [&](process_id from, wire::blob bytes) {
    if (from == scheduler) {
      ++told;
    } else {
      wrong |= number_in(bytes) != seen[from]++;
      ++total;
    }
  };
  const auto deadline = now_ns() + 120'000'000'000;
  const auto wait_for = [&](auto done) {
    while (!done() && now_ns() < deadline) {
      if (own->port().poll(at) != 0) continue;
      // More processes than cores: sleep at once.
      if (const auto ticket = own->port().prepare_sleep(now_ns())) {
        own->port().sleep(*ticket, deadline);
      }
    }
    return done();
  };
  send_number(own->port(), scheduler, 0);
  if (!wait_for([&] { return told == 1; })) return 2;  // everyone has joined
  for (std::uint64_t round = 0; round < rounds; ++round) {
    for (std::uint32_t to = 1; to <= members; ++to) {
      if (to != incarnation) send_number(own->port(), {0, to}, round);
    }
    own->port().poll(at);
  }
  if (!wait_for([&] { return total == rounds * (members - 1); })) return 3;
  if (!test::poll_until(own->port(), at, [&] { return !own->port().has_backlog(); })) return 5;
  for (std::uint32_t to = 1; to <= members; ++to) {
    wrong |= to != incarnation && own->port().state_of({0, to}) != channel::state::ring;
  }
  send_number(own->port(), scheduler, wrong ? 2 : 1);
  return wait_for([&] { return told == 2; }) ? 0 : 4;
}

TEST(Processes, AllTalkToAllWithinTheNodesLimit) {
  // On a busy machine the first rings would be given up before the last pairs have talked.
  test::scheduler_side node{0, {.idle_ring_ns = 120'000'000'000}};
  std::vector<pid_t> children;
  std::uint64_t joined = 0;
  std::uint64_t finished = 0;
  bool wrong = false;
  node.receiver().message = [&](process_id, wire::blob bytes) {
    const std::uint64_t said = number_in(bytes);
    wrong |= said == 2;
    (said == 0 ? joined : finished) += 1;
  };
  const std::string name = node.meeting_point().name();
  for (std::uint32_t i = 1; i <= members; ++i) {
    children.push_back(test::start([&] { return talk_to_all(name, i); }));
  }
  const auto tell_all = [&] {
    for (std::uint32_t i = 1; i <= members; ++i) send_number(node.port(), {0, i}, 0);
    node.port().flush();
  };
  ASSERT_TRUE(node.run_until([&] { return joined == members; }));
  tell_all();
  ASSERT_TRUE(node.run_until([&] { return finished == members; }));
  const std::int64_t bytes = node.port().node_ring_bytes();
  EXPECT_LE(bytes, limits{}.node_bytes_max);
  EXPECT_GE(bytes, std::int64_t{members} * (members + 1) * std::int64_t{segment_bytes_min});
  EXPECT_FALSE(wrong);
  tell_all();
  for (std::uint32_t i = 1; i <= members; ++i) {
    int status = -1;
    ASSERT_TRUE(node.run_until([&] { return ::waitpid(children[i - 1], &status, WNOHANG) != 0; }));
    EXPECT_EQ(status, 0);
    node.meeting_point().forget({0, i});
    node.port().peer_ended({0, i});
  }
  node.step();
  EXPECT_EQ(node.port().node_ring_bytes(), 0);
}

}  // namespace
}  // namespace mobula::ring
