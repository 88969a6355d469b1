#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/block_store.hpp"
#include "wire/ids.hpp"
#include "wire/outbox.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// The parts of a node's store that its processes hold, and put objects into without asking.
///
///     held, empty --made--> held, with objects in it --the last one released--> held, empty
///          |                        |
///     returned, or its holder ends  its holder ends --> orphaned --the last one released--> gone
///
/// A room for one object (no slab) goes with that object. Memory of a room is given to others only
/// when it is gone: until then its holder may be writing there.
///
/// Stands before the store: who releases a block of a slab need not know that it is one.
class room_table final : public block_store {
 public:
  struct room {
    wire::location where;
    wire::process_id holder;  // none: orphaned
    bool slab = false;
    std::uint32_t objects = 0;
    std::uint64_t objects_bytes = 0;
  };

  room_table(block_store& memory, wire::outbox& out) : memory_{memory}, out_{out} {}

  std::uint64_t capacity_bytes() const override { return memory_.capacity_bytes(); }
  allocation allocate_near(wire::numa_node node, std::uint64_t size_bytes) override {
    return memory_.allocate_near(node, size_bytes);
  }
  /// A block of the store's, or one that was made in a room, is not needed any more. The holder of
  /// a slab hears that it may use the block again.
  void release(const wire::location& block) override;
  std::optional<std::span<std::byte>> bytes(const wire::location& block) override;

  /// A room for `holder`: a slab of about `slab_bytes`, of what can be had; one of no more than
  /// `size_bytes` is for a single object.
  allocation give(wire::process_id holder, const wire::store_allocate& request);
  /// The room's holder gives it back. False: it is not its, or an object lies in it.
  bool take_back(wire::process_id holder, const wire::location& where);

  /// The room in which such a block would lie; null: none.
  const room* find(const wire::location& block) const;
  /// An object lies in the room of `maker` now. False: it holds no such room, or a full one.
  bool made(wire::process_id maker, const wire::location& block);

  /// Its rooms go, or stay, orphaned, for what lies in them.
  void on_process_ended(wire::process_id holder);

  /// Calls `look(holder, size_bytes)` for each room that is for one object, and has none yet.
  template <class Look>
  void look_at_empty(const Look& look) const {
    for (const auto& [at, one] : rooms_)
      if (!one.slab && one.holder && one.objects == 0) look(one.holder, one.where.size_bytes);
  }
  /// Who holds slabs.
  std::vector<wire::process_id> slab_holders() const;
  std::size_t size() const { return rooms_.size(); }
  /// How often something became free, in the store or in a slab.
  std::uint64_t releases() const { return releases_; }
  /// Of all slabs, beyond what objects lie in them. Goes through all rooms.
  std::uint64_t free_in_slabs_bytes() const;
  /// Of all rooms, beyond what objects lie in them.
  std::uint64_t unused_bytes() const { return unused_bytes_; }

 private:
  using place = std::pair<std::uint32_t, std::uint64_t>;  // extent, offset
  using table = std::map<place, room>;
  table::iterator at(const wire::location& block);
  table::iterator remove(table::iterator gone);

  /// So large a part of the store may a slab be.
  static constexpr std::uint64_t slab_part = 64;

  block_store& memory_;
  wire::outbox& out_;
  table rooms_;
  std::uint64_t unused_bytes_ = 0;
  std::uint64_t releases_ = 0;
};

}  // namespace mobula::core
