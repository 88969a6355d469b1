#pragma once

#include <cstdint>
#include <optional>

#include "core/pin_table.hpp"
#include "core/remote_memory.hpp"
#include "wire/ids.hpp"
#include "wire/outbox.hpp"
#include "wire/reading_messages.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// Answers nodes that want to read what this node holds: sends small objects at once, grants pins
/// for others, refers readers beyond this node's share to those that came before.
class lender {
 public:
  /// @param whole_bytes  objects up to this size are sent in the answer
  /// @param part_bytes   more is never sent at once
  lender(pin_table& pins, remote_memory* remote, wire::outbox& out, std::uint64_t whole_bytes,
         std::uint32_t part_bytes)
      : pins_{pins},
        remote_{remote},
        out_{out},
        whole_bytes_{whole_bytes},
        part_bytes_{part_bytes} {}

  /// Whether the reader is to read the block here; otherwise it has been told where.
  /// @param waiting  readers that wait here for the object to come
  bool takes(wire::node_id reader, const wire::store_pin& request, const wire::location& block,
             std::size_t waiting);
  /// The block is whole.
  void grant(wire::node_id reader, std::uint64_t token, const wire::location& block);
  void refuse(wire::node_id reader, std::uint64_t token);

  void on_unpin(wire::node_id reader, const wire::store_unpin& back);
  void on_read(wire::node_id reader, const wire::store_read& request);
  void on_node_ended(wire::node_id node);

  /// How often a node was let read here until now.
  std::uint64_t reads() const { return reads_; }

 private:
  void send(wire::node_id reader, const wire::store_pinned& answer);
  void tell_revoked();

  pin_table& pins_;
  remote_memory* remote_;
  wire::outbox& out_;
  std::uint64_t whole_bytes_;
  std::uint32_t part_bytes_;
  std::uint64_t reads_ = 0;
};

}  // namespace mobula::core
