#pragma once

#include <cstdint>

#include "core/copy_table.hpp"
#include "core/local_pins.hpp"
#include "core/pin_table.hpp"
#include "core/spilling.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {

struct evictor_limits {
  /// So large a part of the store goes at once, if somebody needs less: large writes, few looks.
  std::uint64_t batch_part = 16;
  /// A copy that was used, or asked for, so short a time ago stays: who was told where it is has
  /// time to pin it.
  std::uint64_t grace_ns = 10'000'000;
  /// After a write has failed the disk is let alone for so long.
  std::uint64_t retry_ns = 1'000'000'000;
};

/// Chooses what leaves a node's memory when that ends: replicas first, which their owners allow to
/// be dropped; then what nobody reads, to disk. Of each the least recently used first.
class evictor {
 public:
  /// @param pins  null: the node's processes read nothing in place
  evictor(copy_table& copies, spilling& places, const pin_table& lent, local_pins* pins,
          std::uint64_t capacity_bytes, wire::outbox& out, evictor_limits limits);

  enum class outcome : std::uint8_t {
    freed,      // something is free now
    under_way,  // something will be
    nothing,    // all that is in memory is in use
  };
  /// Sets out to free so many bytes.
  outcome make_room(std::uint64_t bytes, std::uint64_t now_ns);

  /// Its owner has no other copy.
  void keep(copy& offered);
  /// A copy is released.
  void forget(const copy& gone);
  void write_failed(std::uint64_t now_ns) { retry_at_ns_ = now_ns + limits_.retry_ns; }

 private:
  bool is_in_use(const copy& one) const;
  bool has_candidates(bool replicas, std::uint64_t now_ns) const;
  template <class Go>
  std::uint64_t gather(bool replicas, std::uint64_t bytes, std::uint64_t now_ns, Go go);
  bool spill(copy& one);

  copy_table& copies_;
  spilling& places_;
  const pin_table& lent_;
  local_pins* pins_;
  std::uint64_t batch_bytes_;
  wire::outbox& out_;
  evictor_limits limits_;
  std::uint64_t bytes_offered_ = 0;
  std::uint64_t retry_at_ns_ = 0;
};

}  // namespace mobula::core
