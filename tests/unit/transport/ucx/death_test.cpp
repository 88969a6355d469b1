#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "transport/ucx/links.hpp"
#include "transport/ucx/nodes.hpp"

// A node in a process of its own, which can be killed. The test program starts itself again; a
// variable in the environment turns it into that node before any test runs.

extern char** environ;

namespace mobula::ucx {
namespace {

constexpr const char* role_variable = "MOBULA_TEST_NODE";
constexpr std::size_t address_room = 4096;

struct greeting {
  std::array<std::uint16_t, 3> size{};
  std::array<std::array<std::byte, address_room>, 3> bytes{};
};

bool read_all(int from, void* room, std::size_t size) {
  auto* at = static_cast<char*>(room);
  while (size != 0) {
    const ssize_t got = ::read(from, at, size);
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(int to, const void* bytes, std::size_t size) {
  const auto* at = static_cast<const char*>(bytes);
  while (size != 0) {
    const ssize_t put = ::write(to, at, size);
    if (put <= 0) return false;
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

std::vector<std::vector<std::byte>> addresses_of(const greeting& all) {
  std::vector<std::vector<std::byte>> addresses;
  for (std::size_t n = 0; n < 3; ++n) {
    addresses.emplace_back(all.bytes[n].begin(), all.bytes[n].begin() + all.size[n]);
  }
  return addresses;
}

/// Node 2: sends to both others without end, small and large, until it is killed.
[[noreturn]] void flood(int in, int out) {
  links mine{2, test_token};
  recorder seen;
  seen.on_each = [](wire::process_id, wire::blob) {};
  const auto address = mine.address();
  const auto size = static_cast<std::uint16_t>(address.size());
  greeting all;
  if (!write_all(out, &size, sizeof size) || !write_all(out, address.data(), size) ||
      !read_all(in, &all, sizeof all)) {
    ::_exit(1);
  }
  mine.set_addresses(addresses_of(all));
  std::vector<std::byte> message(400'000);
  for (std::uint64_t i = 0;; ++i) {
    for (wire::node_id to = 0; to < 2; ++to) {
      if (mine.backlog_bytes(to) > 4U << 20) continue;
      send_bytes(mine, 2, to,
                 wire::blob{message}.first(i % 50 == 0 ? message.size() : 8 + i % 200));
    }
    if (i % 16 == 0) mine.poll(seen);
  }
}

const bool is_node = [] {
  const char* role = std::getenv(role_variable);
  if (role == nullptr) return false;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  flood(STDIN_FILENO, STDOUT_FILENO);
}();

/// The process of node 2, killed at the latest with the test.
class flooding_process {
 public:
  flooding_process() {
    std::array<int, 2> to_child{};
    std::array<int, 2> from_child{};
    if (::pipe2(to_child.data(), O_CLOEXEC) != 0 || ::pipe2(from_child.data(), O_CLOEXEC) != 0) {
      std::abort();
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to_child[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from_child[1], STDOUT_FILENO);
    std::string role = std::string(role_variable) + "=flood";
    std::vector<char*> environment{role.data()};
    for (char** variable = environ; *variable != nullptr; ++variable) {
      environment.push_back(*variable);
    }
    environment.push_back(nullptr);
    std::string name = "flood";
    std::array<char*, 2> arguments{name.data(), nullptr};
    if (::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments.data(),
                      environment.data()) != 0) {
      std::abort();
    }
    posix_spawn_file_actions_destroy(&actions);
    ::close(to_child[0]);
    ::close(from_child[1]);
    in_ = to_child[1];
    out_ = from_child[0];
  }
  ~flooding_process() {
    kill();
    ::close(in_);
    ::close(out_);
  }

  bool read_address(std::vector<std::byte>& address) const {
    std::uint16_t size = 0;
    pollfd waited{out_, POLLIN, 0};
    if (::poll(&waited, 1, 20'000) != 1 || !read_all(out_, &size, sizeof size)) return false;
    address.resize(size);
    return read_all(out_, address.data(), size);
  }
  bool greet(const std::vector<std::vector<std::byte>>& addresses) const {
    greeting all;
    for (std::size_t n = 0; n < 3; ++n) {
      all.size[n] = static_cast<std::uint16_t>(addresses[n].size());
      std::copy(addresses[n].begin(), addresses[n].end(), all.bytes[n].begin());
    }
    return write_all(in_, &all, sizeof all);
  }
  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  int in_ = -1;
  int out_ = -1;
};

TEST(LinksDeath, OfAFloodingNodeIsSeenAndHurtsNobodyElse) {
  for (int round = 0; round < 20; ++round) {
    flooding_process third;
    nodes pair{0};
    std::vector<std::vector<std::byte>> addresses(3);
    ASSERT_TRUE(third.read_address(addresses[2]));
    for (wire::node_id self = 0; self < 2; ++self) {
      pair.at.push_back(std::make_unique<links>(self, test_token));
      addresses[self] = pair.at.back()->address();
    }
    for (auto& one : pair.at) one->set_addresses(addresses);
    ASSERT_TRUE(third.greet(addresses));
    pair.seen.resize(2);
    std::array<std::uint64_t, 2> flooded{};
    std::array<std::uint64_t, 2> bounced{};
    for (wire::node_id self = 0; self < 2; ++self) {
      pair.seen[self].on_each = [&, self](wire::process_id from, wire::blob message) {
        if (from.node() == 2) {
          ++flooded[self];
          return;
        }
        bounced[self] = as_number(message);
        send_number(*pair.at[self], self, from.node(), bounced[self] + 1);
      };
    }
    send_number(*pair.at[0], 0, 1, 1);
    const std::uint64_t enough = 200U + 37U * static_cast<unsigned>(round);
    ASSERT_TRUE(pair.poll_until([&] { return flooded[0] > enough && flooded[1] > enough; }));
    third.kill();
    ASSERT_TRUE(
        pair.poll_until([&] { return !pair.seen[0].down.empty() && !pair.seen[1].down.empty(); }));
    EXPECT_EQ(pair.seen[0].down, std::vector<wire::node_id>{2});
    EXPECT_EQ(pair.seen[1].down, std::vector<wire::node_id>{2});
    const std::uint64_t then = bounced[0];
    ASSERT_TRUE(pair.poll_until([&] { return bounced[0] > then + 100; }));
  }
}

// Someone who waits for an answer only, and has long sent what there was to send.
TEST(LinksDeath, WakesASleeper) {
  flooding_process third;
  nodes one{0};
  std::vector<std::vector<std::byte>> addresses(3);
  ASSERT_TRUE(third.read_address(addresses[2]));
  for (wire::node_id self = 0; self < 2; ++self) {
    one.at.push_back(std::make_unique<links>(self, test_token));
    addresses[self] = one.at.back()->address();
  }
  for (auto& each : one.at) each->set_addresses(addresses);
  ASSERT_TRUE(third.greet(addresses));
  one.seen.resize(2);
  one.seen[0].on_each = one.seen[1].on_each = [](wire::process_id, wire::blob) {};
  ASSERT_TRUE(one.poll_until([&] { return one.seen[0].count > 100; }));
  third.kill();
  links& mine = *one.at[0];
  while (one.seen[0].down.empty()) {
    if (!mine.arm()) {
      mine.poll(one.seen[0]);
      continue;
    }
    pollfd waited{mine.event_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&waited, 1, 20'000), 1);
    mine.poll(one.seen[0]);
  }
}

}  // namespace
}  // namespace mobula::ucx
