#pragma once

#include "transport/ring/arena.hpp"
#include "transport/ring/descriptor.hpp"
#include "transport/ring/limits.hpp"
#include "transport/ring/wake.hpp"
#include "wire/ids.hpp"

namespace mobula::ring {

/// What a node's scheduler offers to the node's other processes: an arena with the node's budget in
/// it, and an event to wake it with, as it sleeps in epoll.
class hub {
 public:
  /// Throws std::system_error if the kernel refuses.
  explicit hub(wire::node_id node, const limits& how = {})
      : memory_{wire::process_id::scheduler_of(node), slots_of_scheduler}, event_{make_event()} {
    memory_.header().node_bytes_max = how.node_bytes_max;
    memory_.header().idle_ring_ns = how.idle_ring_ns;
  }

  wire::process_id process() const { return wire::process_id::from_bits(memory_.header().process); }
  arena& memory() { return memory_; }
  const arena& memory() const { return memory_; }
  int event() const { return event_.number(); }

 private:
  arena memory_;
  descriptor event_;
};

}  // namespace mobula::ring
