#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "transport/ring/ring_node.hpp"

// Processes that are killed in the middle of a flood. The test's own process is the scheduler; a
// reader, an innocent and one victim after the other are forked.

namespace mobula::ring {
namespace {

using test::handlers;
using test::number_in;
using test::send_number;
using test::start;
using wire::process_id;

constexpr process_id scheduler = process_id::scheduler_of(0);
constexpr process_id reader{0, 1};
constexpr process_id innocent{0, 2};
constexpr std::uint32_t first_victim = 10;

// What the scheduler tells the reader, and the reader the scheduler, beside a process's bits.
enum class news : std::uint64_t {
  ended = 1,
  closed_in_order = 2,
  closed_out_of_order = 3,
  stop = 4
};
struct report {
  news what;
  std::uint64_t process;
};
void send_report(wire::outbox& out, process_id to, report said) {
  test::send(out, to, std::as_bytes(std::span{&said, 1}));
}
report report_in(wire::blob bytes) {
  report said{};
  std::memcpy(&said, bytes.data(), std::min(sizeof said, bytes.size()));
  return said;
}

int read_and_answer(const std::string& name) {
  const auto own = test::join(name, reader.incarnation());
  handlers at;
  std::unordered_map<process_id, std::uint64_t> seen;
  std::unordered_map<process_id, bool> wrong;
  bool stop = false;
  at.message = [&](process_id from, wire::blob bytes) {
    if (from == scheduler) {
      const report said = report_in(bytes);
      if (said.what == news::ended) own->port().peer_ended(process_id::from_bits(said.process));
      stop |= said.what == news::stop;
      return;
    }
    if (number_in(bytes) != seen[from]++) wrong[from] = true;
    if (from == innocent) send_number(own->port(), innocent, number_in(bytes));
  };
  at.closed = [&](process_id peer) {
    send_report(own->port(), scheduler,
                {wrong[peer] ? news::closed_out_of_order : news::closed_in_order, peer.bits()});
  };
  return test::poll_until(own->port(), at, [&] { return stop; }) && !wrong[innocent] ? 0 : 1;
}

int ask_and_ask(const std::string& name) {
  const auto own = test::join(name, innocent.incarnation());
  handlers at;
  std::uint64_t answers = 0;
  bool stop = false;
  at.message = [&](process_id from, wire::blob bytes) {
    if (from == scheduler) {
      stop = true;
    } else if (number_in(bytes) == answers) {
      send_number(own->port(), reader, ++answers);
      // The scheduler sees that we go on.
      if (answers % 64 == 0) send_number(own->port(), scheduler, answers);
    }
  };
  send_number(own->port(), reader, 0);
  return test::poll_until(own->port(), at, [&] { return stop; }) ? 0 : 1;
}

[[noreturn]] void flood(const std::string& name, std::uint32_t incarnation) {
  const auto own = test::join(name, incarnation);
  handlers at;
  std::mt19937 random{incarnation};
  std::vector<std::byte> bytes(100'000);
  for (std::uint64_t i = 0;; ++i) {
    std::memcpy(bytes.data(), &i, sizeof i);
    const std::size_t size = random() % 50 == 0 ? 100'000 : 8 + random() % 200;
    test::send(own->port(), reader, std::span{bytes}.first(size));
    test::send(own->port(), scheduler, std::span{bytes}.first(size));
    if (i % 3 == 0) own->port().flush();
    while (own->port().congested(reader) || own->port().congested(scheduler)) own->port().poll(at);
  }
}

TEST(Crash, OfAFloodingSenderHurtsNobodyAndClosesAfterWhatItSent) {
  constexpr std::uint32_t kills = 25;
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random{seed};
  test::scheduler_side node;
  const std::string name = node.meeting_point().name();
  std::uint64_t progress = 0;
  std::unordered_map<process_id, std::uint64_t> flooded;
  std::unordered_map<process_id, news> closed_at_reader;
  std::vector<process_id> closed_here;
  bool wrong = false;
  node.receiver().message = [&](process_id from, wire::blob bytes) {
    if (from == innocent) {
      progress = number_in(bytes);
    } else if (from == reader) {
      const report said = report_in(bytes);
      closed_at_reader[process_id::from_bits(said.process)] = said.what;
    } else {
      wrong |= number_in(bytes) != flooded[from]++;
    }
  };
  node.receiver().closed = [&](process_id peer) { closed_here.push_back(peer); };

  const pid_t reading = start([&] { return read_and_answer(name); });
  ASSERT_TRUE(node.run_until([&] { return node.meeting_point().joined(reader); }));
  const pid_t asking = start([&] { return ask_and_ask(name); });
  ASSERT_TRUE(node.run_until([&] { return progress > 0; }));
  for (std::uint32_t i = 0; i < kills; ++i) {
    const process_id victim{0, first_victim + i};
    const pid_t flooding = start([&]() -> int { flood(name, victim.incarnation()); });
    const std::uint64_t enough = 1 + random() % 20'000;
    ASSERT_TRUE(node.run_until([&] { return flooded[victim] > enough; }));
    ::kill(flooding, SIGKILL);
    ASSERT_EQ(::waitpid(flooding, nullptr, 0), flooding);
    node.meeting_point().forget(victim);
    node.port().peer_ended(victim);
    ASSERT_TRUE(node.run_until([&] { return closed_here.size() == i + 1; }));
    send_report(node.port(), reader, {news::ended, victim.bits()});
    ASSERT_TRUE(node.run_until([&] { return closed_at_reader.contains(victim); }));
    EXPECT_EQ(closed_at_reader[victim], news::closed_in_order);
    const std::uint64_t before = progress;
    ASSERT_TRUE(node.run_until([&] { return progress > before; }));
  }
  EXPECT_FALSE(wrong);
  EXPECT_EQ(node.port().garbled(), 0U);
  send_report(node.port(), reader, {news::stop, 0});
  send_report(node.port(), innocent, {news::stop, 0});
  node.port().flush();
  for (const pid_t child : {reading, asking}) {
    int status = -1;
    ASSERT_TRUE(node.run_until([&] { return ::waitpid(child, &status, WNOHANG) == child; }));
    EXPECT_EQ(status, 0);
  }
  // Four rings are left, between the two and the scheduler, and two between them; none of a victim,
  // but for a segment that one was killed over.
  EXPECT_LE(node.port().node_ring_bytes(), std::int64_t{16} << 20);
}

}  // namespace
}  // namespace mobula::ring
