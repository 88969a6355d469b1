#pragma once

#include <atomic>
#include <cstdint>

#include "transport/ring/layout.hpp"

namespace mobula::ring {

/// Counts the bytes of the rings of one arena, and of all arenas of the node.
///
/// Arena first, then node: when an arena is given back (`close`), what it held is taken off the
/// node's count exactly once, whoever is still adding to it. A process killed between the two
/// steps leaves the node's count off by that one segment.
class budget {
 public:
  budget() = default;
  /// @param arena  where the ring ends
  /// @param node   the scheduler's, which holds the node's count
  budget(arena_header& arena, arena_header& node) : arena_{&arena}, node_{&node} {}

  /// False: the node's limit, or the arena is gone.
  bool charge(slot_block& slot, std::int64_t bytes, bool beyond_limit = false) {
    if (arena_->ring_bytes.fetch_add(bytes) < 0) return false;
    const std::int64_t node = node_->node_ring_bytes.fetch_add(bytes) + bytes;
    if (node > node_->node_bytes_max && !beyond_limit) {
      release(bytes);
      return false;
    }
    slot.charged_bytes.fetch_add(bytes);
    return true;
  }
  void refund(slot_block& slot, std::int64_t bytes) {
    slot.charged_bytes.fetch_sub(bytes);
    release(bytes);
  }
  /// The arena's memory is gone.
  void close() {
    const std::int64_t held = arena_->ring_bytes.exchange(closed);
    if (held > 0) node_->node_ring_bytes.fetch_sub(held);
  }

 private:
  static constexpr std::int64_t closed = INT64_MIN / 2;

  void release(std::int64_t bytes) {
    // Closed meanwhile: `close` has taken these bytes off the node's count already.
    if (arena_->ring_bytes.fetch_sub(bytes) >= 0) node_->node_ring_bytes.fetch_sub(bytes);
  }

  arena_header* arena_ = nullptr;
  arena_header* node_ = nullptr;
};

}  // namespace mobula::ring
