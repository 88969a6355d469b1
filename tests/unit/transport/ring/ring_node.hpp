#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "transport/ring/broker.hpp"
#include "transport/ring/member.hpp"
#include "transport/ring/port.hpp"

// A node of processes for tests: a scheduler with its broker, and members, as threads of this
// process or as forked ones.

namespace mobula::ring::test {

inline constexpr std::uint64_t job_token = 0x746f6b656e;
inline constexpr std::chrono::seconds patience{60};

/// A receiver made of functions.
struct handlers final : wire::receiver {
  std::function<void(wire::process_id, wire::blob)> message = [](auto, auto) {};
  std::function<void(wire::process_id)> closed = [](auto) {};
  void on_message(wire::process_id from, wire::blob bytes) override { message(from, bytes); }
  void on_closed(wire::process_id peer) override { closed(peer); }
};

inline void send(wire::outbox& out, wire::process_id to, wire::blob bytes) {
  std::byte* const room = out.begin(to, bytes.size());
  if (!bytes.empty()) std::memcpy(room, bytes.data(), bytes.size());
  out.commit();
}
inline void send_number(wire::outbox& out, wire::process_id to, std::uint64_t number) {
  send(out, to, std::as_bytes(std::span{&number, 1}));
}
inline std::uint64_t number_in(wire::blob bytes) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), std::min(sizeof number, bytes.size()));
  return number;
}

/// Polls until `done`, yielding. False: patience is at an end.
template <class Done>
bool poll_until(port& end, wire::receiver& to, Done done,
                std::chrono::steady_clock::duration limit = patience) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (end.poll(to) == 0) std::this_thread::yield();
    if (std::chrono::steady_clock::now() > deadline) return false;
  }
  return true;
}

/// Until all that was sent is in rings: the first messages to a peer wait for its arena.
inline bool send_out(port& end) {
  handlers nobody;
  end.flush();
  return poll_until(end, nobody, [&] { return !end.has_backlog(); });
}

/// The scheduler of a node.
class scheduler_side final : public broker_observer {
 public:
  explicit scheduler_side(wire::node_id node = 0, const limits& how = {})
      : hub_{node, how}, broker_{hub_, job_token}, port_{hub_, broker_} {}

  broker& meeting_point() { return broker_; }
  ring::port& port() { return port_; }
  handlers& receiver() { return handlers_; }

  void on_joined(wire::process_id) override {}
  void on_disconnected(wire::process_id process) override { disconnected_(process); }
  void when_disconnected(std::function<void(wire::process_id)> what) {
    disconnected_ = std::move(what);
  }

  std::size_t step() {
    broker_.serve(*this);
    return port_.poll(handlers_);
  }
  template <class Done>
  bool run_until(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!done()) {
      if (step() == 0) std::this_thread::yield();
      if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
  }

 private:
  hub hub_;
  broker broker_;
  ring::port port_;
  handlers handlers_;
  std::function<void(wire::process_id)> disconnected_ = [](auto) {};
};

/// A scheduler that runs in a thread, asleep in poll(2) while nothing happens.
class scheduler_thread {
 public:
  explicit scheduler_thread(const limits& how = {}) : side_{0, how}, thread_{[this] { run(); }} {}
  ~scheduler_thread() {
    stop_ = true;
    side_.port().interrupt();
    thread_.join();
  }

  const std::string& name() { return side_.meeting_point().name(); }
  /// Runs `what` with the scheduler under its lock, awake afterwards.
  template <class What>
  auto with(What what) {
    struct waker {
      ring::port& end;
      ~waker() { end.interrupt(); }
    } wake{side_.port()};
    const std::lock_guard lock{process_lock_};
    return what(side_);
  }

 private:
  void run() {
    while (!stop_) {
      std::optional<sleep_ticket> ticket;
      {
        const std::lock_guard lock{process_lock_};
        if (side_.step() != 0) continue;
        ticket = side_.port().prepare_sleep(now_ns());
      }
      if (!ticket) continue;
      pollfd sources[] = {{side_.port().event(), POLLIN, 0},
                          {side_.meeting_point().event(), POLLIN, 0}};
      ::poll(sources, 2, ticket->deadline_ns == UINT64_MAX ? -1 : 1);
      const std::lock_guard lock{process_lock_};
      side_.port().awake();
    }
  }

  scheduler_side side_;
  std::mutex process_lock_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

/// Forks a process that does `body` and exits with what it returns. The test's own process must
/// have no other thread then.
template <class Body>
pid_t start(Body body) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::_exit(body());
}

inline std::unique_ptr<member> join(const std::string& name, std::uint32_t incarnation) {
  std::string refused;
  auto joined = member::join(name, job_token, {0, incarnation}, refused);
  if (!joined) {
    std::fprintf(stderr, "can't join: %s\n", refused.c_str());
    std::abort();
  }
  return joined;
}

}  // namespace mobula::ring::test
