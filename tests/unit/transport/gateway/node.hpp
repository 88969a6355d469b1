#pragma once

#include <poll.h>
#include <time.h>

#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "transport/gateway.hpp"
#include "transport/ring/broker.hpp"
#include "transport/ring/hub.hpp"
#include "transport/ring/member.hpp"

namespace mobula::transport {

inline constexpr std::uint64_t test_token = 0x6d6f62756c61;

inline std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

inline void send_bytes(wire::outbox& out, wire::process_id to, wire::blob bytes) {
  std::byte* const room = out.begin(to, bytes.size());
  if (!bytes.empty()) std::memcpy(room, bytes.data(), bytes.size());
  out.commit();
}

/// A node's scheduler process, as a thread: sends each message that it gets back to its sender, and
/// sleeps whenever it has nothing to do.
class node final : private wire::receiver, private ring::broker_observer {
 public:
  node(wire::node_id self, bool has_others, const ring::limits& how = {})
      : hub_{self, how}, broker_{hub_, test_token}, port_{hub_, broker_} {
    if (has_others) links_ = std::make_unique<ucx::links>(self, test_token);
    gateway_ = std::make_unique<gateway>(port_, links_.get());
  }
  ~node() { stop(); }

  std::vector<std::byte> address() const { return links_->address(); }
  void start(const std::vector<std::vector<std::byte>>& addresses) {
    if (links_) links_->set_addresses(addresses);
    thread_ = std::thread{[this] { run(); }};
  }
  /// Ends as a kill would: without a goodbye.
  void stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    port_.interrupt();
    thread_.join();
    gateway_.reset();
    links_.reset();
  }

  std::unique_ptr<ring::member> join(std::uint32_t incarnation) {
    std::string refused;
    return ring::member::join(broker_.name(), test_token, {hub_.process().node(), incarnation},
                              refused);
  }

  // Read once stopped, or where atomic.
  const std::vector<wire::process_id>& closed() const { return closed_; }
  std::atomic<std::uint64_t> closed_count = 0;
  std::atomic<std::uint64_t> sleeps = 0;
  std::atomic<std::uint64_t> dropped = 0;

 private:
  void on_message(wire::process_id from, wire::blob message) override {
    send_bytes(*gateway_, from, message);
  }
  void on_closed(wire::process_id peer) override {
    closed_.push_back(peer);
    ++closed_count;
  }
  void on_joined(wire::process_id) override {}
  void on_disconnected(wire::process_id process) override {
    broker_.forget(process);
    port_.peer_ended(process);
  }

  void run() {
    while (!stopping_) {
      broker_.serve(*this);
      const std::size_t handled = gateway_->poll(*this);
      dropped = gateway_->dropped() + port_.dropped();
      if (handled != 0) continue;
      const auto deadline = gateway_->prepare_sleep(now_ns());
      if (!deadline) continue;
      std::array<pollfd, 3> waited{{{broker_.event(), POLLIN, 0},
                                    {gateway_->local_event(), POLLIN, 0},
                                    {gateway_->remote_event(), POLLIN, 0}}};
      const int limit_ms = *deadline == UINT64_MAX ? -1 : 1;
      if (!stopping_) ::poll(waited.data(), waited.size(), limit_ms);
      gateway_->awake();
      ++sleeps;
    }
  }

  ring::hub hub_;
  ring::broker broker_;
  ring::port port_;
  std::unique_ptr<ucx::links> links_;
  std::unique_ptr<gateway> gateway_;
  std::atomic<bool> stopping_ = false;
  std::vector<wire::process_id> closed_;
  std::thread thread_;
};

/// A process of a node, used by the test's own thread.
class process final : public wire::receiver {
 public:
  explicit process(std::unique_ptr<ring::member> joined) : joined_{std::move(joined)} {}

  wire::process_id id() { return joined_->port().self(); }
  void send(wire::process_id to, wire::blob bytes) { send_bytes(joined_->port(), to, bytes); }
  void send(wire::process_id to, std::uint64_t number) {
    send(to, std::as_bytes(std::span{&number, 1}));
  }
  void flush() { joined_->port().flush(); }
  void poll() { joined_->port().poll(*this); }
  ring::port& port() { return joined_->port(); }

  void on_message(wire::process_id from, wire::blob message) override {
    ++count;
    if (on_each) on_each(from, message);
  }
  void on_closed(wire::process_id) override {}

  std::size_t count = 0;
  std::function<void(wire::process_id from, wire::blob)> on_each;

 private:
  std::unique_ptr<ring::member> joined_;
};

}  // namespace mobula::transport
