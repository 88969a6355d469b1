#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "common/bare_ring.hpp"
#include "transport/ring/broker.hpp"
#include "transport/ring/member.hpp"

// What messages between two processes of a node cost when both poll: through the bare ring (two
// rings in shared memory and nothing else), and through a port, which adds routing, many peers and
// sleepers. The other process is forked; times are taken here, in batches long enough for the
// clock.

namespace mobula::ring {
namespace {

using namespace benchmarks;

constexpr std::uint64_t job_token = 1;
constexpr wire::process_id here{0, 1};
constexpr wire::process_id there{0, 2};

struct nobody final : broker_observer {
  void on_joined(wire::process_id) override {}
  void on_disconnected(wire::process_id) override {}
};

// Ports.

/// A scheduler that only lets its node meet, in a process of its own; asleep but for that.
class node_of_two {
 public:
  node_of_two() {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) std::abort();
    scheduler_ = std::make_unique<other_process>([&] {
      hub middle{0};
      broker meeting{middle, job_token};
      const std::string& name = meeting.name();
      if (::write(ends[1], name.data(), name.size()) < 0) ::_exit(1);
      ::close(ends[1]);
      nobody observer;
      for (;;) {
        meeting.serve(observer);
        ::usleep(1000);
      }
    });
    ::close(ends[1]);
    char text[128];
    for (ssize_t got = 0; (got = ::read(ends[0], text, sizeof text)) > 0;) {
      name_.append(text, static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
  }
  std::unique_ptr<member> join(wire::process_id self) const {
    std::string refused;
    auto joined = member::join(name_, job_token, self, refused);
    if (joined) return joined;
    std::fprintf(stderr, "%s\n", refused.c_str());
    std::abort();
  }
  /// Blocks until the other process has joined: its ring's first message says so.
  static void wait_for(port& own, wire::receiver& at, const std::uint64_t& seen) {
    while (seen == 0) own.poll(at);
  }

 private:
  std::unique_ptr<other_process> scheduler_;
  std::string name_;
};

struct counting final : wire::receiver {
  std::uint64_t seen = 0;
  std::uint64_t sum = 0;
  void on_message(wire::process_id, wire::blob bytes) override {
    std::uint64_t first = 0;
    std::memcpy(&first, bytes.data(), std::min(sizeof first, bytes.size()));
    sum += first;
    ++seen;
  }
  void on_closed(wire::process_id) override {}
};

void send(port& own, wire::process_id to, std::size_t size) {
  std::memset(own.begin(to, size), 1, size);
  own.commit();
}

void port_round_trip(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  constexpr std::uint64_t batch = 1000;
  const node_of_two node;
  const auto own = node.join(here);
  const other_process echo{[&] {
    const auto other = node.join(there);
    counting at;
    send(other->port(), here, 8);
    other->port().flush();
    for (std::uint64_t i = 1;; ++i) {
      while (at.seen < i) other->port().poll(at);
      send(other->port(), here, size);
      other->port().flush();
    }
  }};
  counting at;
  node_of_two::wait_for(own->port(), at, at.seen);
  timings taken{state};
  for ([[maybe_unused]] auto turn : state) {
    const std::uint64_t before = now_ns();
    for (std::uint64_t i = 0; i < batch; ++i) {
      const std::uint64_t wanted = at.seen + 1;
      send(own->port(), there, size);
      own->port().flush();
      while (at.seen < wanted) own->port().poll(at);
    }
    taken.add(now_ns() - before, batch);
  }
  taken.report();
}

void port_one_way(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  constexpr std::uint64_t batch = 100'000;
  const node_of_two node;
  const auto own = node.join(here);
  const other_process sink{[&] {
    const auto other = node.join(there);
    counting at;
    for (std::uint64_t i = 0;; ++i) {
      send(other->port(), here, 8);
      other->port().flush();
      while (at.seen < (i + 1) * batch) other->port().poll(at);
    }
  }};
  counting at;
  node_of_two::wait_for(own->port(), at, at.seen);
  timings taken{state};
  for ([[maybe_unused]] auto turn : state) {
    const std::uint64_t before = now_ns();
    const std::uint64_t wanted = at.seen + 1;
    for (std::uint64_t i = 0; i < batch; ++i) {
      // What finds no room waits in our memory: let the reader come after us now and then.
      while (i % 512 == 0 && own->port().congested(there)) own->port().poll(at);
      send(own->port(), there, size);
    }
    own->port().flush();
    while (at.seen < wanted) own->port().poll(at);
    taken.add(now_ns() - before, batch);
  }
  taken.report();
}

void bare_round_trip(benchmark::State& state) {
  bare_ring_round_trip(state, static_cast<std::size_t>(state.range(0)));
}
void bare_one_way(benchmark::State& state) {
  bare_ring_one_way(state, static_cast<std::size_t>(state.range(0)), 100'000);
}

BENCHMARK(bare_round_trip)->Name("raw_ring_round_trip")->Arg(64)->Arg(1500)->UseManualTime();
BENCHMARK(bare_one_way)->Name("raw_ring_one_way")->Arg(64)->Arg(128)->Arg(256)->UseManualTime();
BENCHMARK(port_round_trip)->Name("port_round_trip")->Arg(64)->Arg(1500)->UseManualTime();
BENCHMARK(port_one_way)->Name("port_one_way")->Arg(64)->Arg(128)->Arg(256)->UseManualTime();

}  // namespace
}  // namespace mobula::ring

BENCHMARK_MAIN();
