#pragma once

#include "wire/bytes.hpp"
#include "wire/ids.hpp"

namespace mobula::ucx {

/// What links to other nodes hand over while they are polled.
///
/// Both calls may send (begin, commit), say goodbye and cut links, and must not throw: they run
/// below UCX's C callbacks.
class node_receiver {
 public:
  /// One message of a process of another node, in order for each pair of nodes. `message` is
  /// valid during the call only.
  virtual void on_message(wire::process_id from, wire::process_id to, wire::blob message) = 0;
  /// The link to `node` broke without a goodbye, or its end of it died. The last call about it.
  virtual void on_link_down(wire::node_id node) = 0;

 protected:
  ~node_receiver() = default;
};

}  // namespace mobula::ucx
