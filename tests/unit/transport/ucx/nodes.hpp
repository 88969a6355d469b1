#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "transport/ucx/links.hpp"

// Several nodes in one process, each with links of its own, joined over the loopback device.

namespace mobula::ucx {

inline constexpr std::uint64_t test_token = 0x6d6f62756c61;

inline wire::process_id worker_of(wire::node_id node) { return {node, 2}; }

struct received {
  wire::process_id from;
  wire::process_id to;
  std::vector<std::byte> bytes;
};

/// Keeps what a node's links hand over, or hands it on to `on_each`.
class recorder final : public node_receiver {
 public:
  void on_message(wire::process_id from, wire::process_id to, wire::blob message) override {
    ++count;
    if (on_each) return on_each(from, message);
    messages.push_back({from, to, {message.begin(), message.end()}});
  }
  void on_link_down(wire::node_id node) override { down.push_back(node); }

  std::size_t count = 0;
  std::vector<received> messages;
  std::vector<wire::node_id> down;
  std::function<void(wire::process_id from, wire::blob)> on_each;
};

inline void send_bytes(links& from, wire::node_id self, wire::node_id to, wire::blob bytes) {
  std::byte* room = from.begin(to, worker_of(self), worker_of(to), bytes.size());
  if (!bytes.empty()) std::memcpy(room, bytes.data(), bytes.size());
  from.commit();
}

inline void send_number(links& from, wire::node_id self, wire::node_id to, std::uint64_t number) {
  send_bytes(from, self, to, std::as_bytes(std::span{&number, 1}));
}

inline std::uint64_t as_number(wire::blob bytes) {
  return wire::reader{bytes}.number<std::uint64_t>();
}

/// `count` nodes that know each other's addresses.
struct nodes {
  explicit nodes(std::size_t count, link_settings settings = {}) : seen(count) {
    std::vector<std::vector<std::byte>> addresses;
    for (std::size_t n = 0; n < count; ++n) {
      at.push_back(std::make_unique<links>(static_cast<wire::node_id>(n), test_token, settings));
      addresses.push_back(at.back()->address());
    }
    for (auto& one : at) one->set_addresses(addresses);
  }

  std::size_t poll() {
    std::size_t handled = 0;
    for (std::size_t n = 0; n < at.size(); ++n) {
      if (at[n]) handled += at[n]->poll(seen[n]);
    }
    return handled;
  }
  /// Polls all until `done`; false if that takes longer than anything here may.
  bool poll_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      poll();
    }
    return true;
  }

  std::vector<std::unique_ptr<links>> at;
  std::vector<recorder> seen;
};

}  // namespace mobula::ucx
