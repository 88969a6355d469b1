#pragma once

#include <cstdint>
#include <vector>

#include "wire/messages.hpp"
#include "wire/placement.hpp"

// Placement groups: bundles of resources, reserved on nodes for what runs in them. A bundle is a
// lease (lease_kind::bundle) that the driver's scheduler holds, without a worker.

namespace mobula::wire {

/// A process to the driver's scheduler, which knows all groups: reserve these, all or none.
struct group_create {
  static constexpr auto type = message_type::group_create;
  group_id group;
  object_id ready;  // of the sender's, to be made when it is ready
  group_strategy strategy = group_strategy::pack;
  std::vector<resource_amounts> bundles;
  static void fields(auto& visit, auto& self) {
    visit(self.group);
    visit(self.ready);
    visit(self.strategy);
    visit(self.bundles);
  }
};

/// The answer, once: where the bundles are, or why they will never be anywhere.
struct group_ready {
  static constexpr auto type = message_type::group_ready;
  object_id ready;             // of group_create
  std::vector<node_id> nodes;  // of each bundle; none: it failed
  blob error;                  // encoded error_value, or empty
  static void fields(auto& visit, auto& self) {
    visit(self.ready);
    visit(self.nodes);
    visit(self.error);
  }
};

/// A process to the driver's scheduler: free the group's bundles, end who uses them.
struct group_remove {
  static constexpr auto type = message_type::group_remove;
  std::uint64_t token = 0;
  group_id group;
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.group);
  }
};

/// The answer. Its bundles are being freed; nothing new begins in them.
struct group_removed {
  static constexpr auto type = message_type::group_removed;
  std::uint64_t token = 0;
  bool was_there = false;
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.was_there);
  }
};

/// Scheduler to the driver's scheduler, and on to the nodes of the group's other bundles: requests
/// for any of its bundles wait where there is no room. Tell when there is.
struct bundle_wanted {
  static constexpr auto type = message_type::bundle_wanted;
  group_id group;
  resource_amounts demand;
  static void fields(auto& visit, auto& self) {
    visit(self.group);
    visit(self.demand);
  }
};

/// The answer, once, to the driver's scheduler, and on to one node where such a request waits: it
/// can be sent to this node.
struct bundle_room {
  static constexpr auto type = message_type::bundle_room;
  group_id group;
  resource_amounts demand;
  node_id node = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.group);
    visit(self.demand);
    visit(self.node);
  }
};

}  // namespace mobula::wire
