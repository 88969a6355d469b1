#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <random>
#include <thread>

#include "transport/ucx/links.hpp"
#include "transport/ucx/nodes.hpp"

namespace mobula::ucx {
namespace {

/// Sleeps on the links' descriptor as the scheduler does. False: nothing woke it in 20 s.
bool sleep_until_woken(links& mine, recorder& seen) {
  while (!mine.arm()) {
    if (mine.poll(seen) != 0) return true;
  }
  pollfd waited{mine.event_fd(), POLLIN, 0};
  return ::poll(&waited, 1, 20'000) == 1;
}

// Goal: no message is left lying while its receiver sleeps. Method: two threads bounce one number,
// with messages of all protocols in between, and sleep whenever they have nothing to do.
TEST(LinksWakeup, LosesNothing) {
  constexpr std::uint64_t rounds = 30'000;
  nodes pair{2};
  std::atomic<bool> stuck = false;

  const auto bounce = [&](wire::node_id self) {
    const auto peer = static_cast<wire::node_id>(1 - self);
    links& mine = *pair.at[self];
    recorder& seen = pair.seen[self];
    std::minstd_rand random{self + 1U};
    const std::vector<std::byte> filler(100'000);
    std::uint64_t last = 0;
    seen.on_each = [&](wire::process_id, wire::blob message) {
      if (message.size() != sizeof last) return;
      last = as_number(message);
      if (last == rounds) return;
      if (random() % 64 == 0) send_bytes(mine, self, peer, filler);
      send_number(mine, self, peer, last + 1);
    };
    if (self == 0) send_number(mine, self, peer, 1);
    while (last + 1 < rounds && !stuck) {
      if (mine.poll(seen) == 0 && !sleep_until_woken(mine, seen)) stuck = true;
    }
    // The last message may be waiting for the network still.
    while (mine.backlog_bytes(peer) != 0 && !stuck) {
      mine.poll(seen);
      if (mine.backlog_bytes(peer) != 0 && !sleep_until_woken(mine, seen)) stuck = true;
    }
  };
  std::thread other{bounce, wire::node_id{1}};
  bounce(0);
  other.join();
  EXPECT_FALSE(stuck);
}

}  // namespace
}  // namespace mobula::ucx
