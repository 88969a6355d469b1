#pragma once

#include <cstdint>

#include "wire/messages.hpp"

// Whether nodes are there, between schedulers.

namespace mobula::wire {

/// The sender's node is there, and has heard so many of the driver's beats.
struct heartbeat {
  static constexpr auto type = message_type::heartbeat;
  std::uint64_t pulse = 0;
  bool answer = false;  // is wanted: a heartbeat

  static void fields(auto& visit, auto& self) {
    visit(self.pulse);
    visit(self.answer);
  }
};

/// To node 0's scheduler: the sender, which watches that node, hears nothing of it.
struct node_silent {
  static constexpr auto type = message_type::node_silent;
  node_id node = 0;

  static void fields(auto& visit, auto& self) { visit(self.node); }
};

}  // namespace mobula::wire
