#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/block_store.hpp"
#include "core/copy_table.hpp"
#include "core/ended_processes.hpp"
#include "core/fetch_table.hpp"
#include "wire/bytes.hpp"
#include "wire/ids.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {

/// What a node knows of the objects in its store: gives its processes room for new ones, brings
/// those of other nodes here, serves other nodes, frees. One in each scheduler process, as a state
/// machine: needs no tick, since everything it waits for comes, or its sender's end does.
///
/// What makers promise: store_sealed (or store_free, if nobody will hear of it) for each room that
/// they were given for an object of another owner, after they have told that owner. What owners
/// promise: store_free for each copy that they were told of; an answer to store_orphan only after
/// they have heard all that the dead maker had sent them.
class directory {
 public:
  struct limits {
    fetch_limits fetch;
  };

  /// @param nodes  of the job: what is said to lie beyond them is lost at once
  directory(wire::node_id node, std::uint32_t nodes, block_store& memory, wire::outbox& out,
            limits named);
  directory(wire::node_id node, std::uint32_t nodes, block_store& memory, wire::outbox& out)
      : directory(node, nodes, memory, out, limits{}) {}
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;

  /// True if the message's type was one of the directory's. What can't be decoded is dropped.
  bool on_message(wire::process_id from, wire::blob message);
  /// A process of any node has ended for certain, and everything it sent has been handed in. A
  /// scheduler's end is its node's: all processes there have ended too.
  void on_process_ended(wire::process_id ended);

  /// Copies that are here whole, or being made by a process of this node.
  std::size_t copies() const { return copies_.size(); }
  /// Objects that are being brought here.
  std::size_t fetches() const { return fetches_.size(); }
  /// Of both together.
  std::uint64_t bytes_in_use() const { return copies_.bytes() + fetches_.bytes(); }
  std::uint32_t parts_in_flight() const { return fetches_.parts_in_flight(); }

 private:
  void on_allocate(wire::process_id from, const wire::store_allocate& request);
  void on_fetch(wire::process_id from, const wire::store_fetch& request);
  void on_read(wire::process_id from, const wire::store_read& request);

  wire::process_id self_;
  std::uint32_t nodes_;
  block_store& memory_;
  wire::outbox& out_;
  std::uint32_t part_bytes_;  // more than a part is never sent at once
  copy_table copies_;
  fetch_table fetches_;
  ended_processes ended_;
};

}  // namespace mobula::core
