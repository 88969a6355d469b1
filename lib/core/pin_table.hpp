#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/block_store.hpp"
#include "core/kept_blocks.hpp"
#include "core/reader_spread.hpp"
#include "core/remote_memory.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// The pins under which other nodes read blocks of this node's store.
///
/// Stands before the store: a block that is released while it is pinned goes back when its last pin
/// does, by its reader's word or by the end of the reader's node. Nobody can pin it any more then,
/// since whatever knew of it has let go of it.
class pin_table final : public block_store {
 public:
  /// @param remote  null: the transport has no RMA
  pin_table(kept_blocks& memory, remote_memory* remote) : memory_{memory}, remote_{remote} {}

  std::uint64_t capacity_bytes() const override { return memory_.capacity_bytes(); }
  allocation allocate_near(wire::numa_node node, std::uint64_t size_bytes) override {
    return memory_.allocate_near(node, size_bytes);
  }
  void release(const wire::location& block) override;
  std::optional<std::span<std::byte>> bytes(const wire::location& block) override {
    return memory_.bytes(block);
  }

  struct pinning {
    bool is_new = false;                           // otherwise the reader had that pin already
    std::optional<remote_memory::exposure> shown;  // how it can be read by RMA, if it can
  };
  pinning pin(wire::node_id reader, std::uint64_t token, const wire::location& block);
  /// What it pins; null: no such pin.
  const wire::location* pinned(wire::node_id reader, std::uint64_t token) const;
  void unpin(wire::node_id reader, std::uint64_t token);
  /// All processes of that node have ended.
  void on_node_ended(wire::node_id node);

  /// How readers of that block are spread; kept until the block is released.
  reader_spread& spread(const wire::location& block) { return blocks_[block].spread; }
  /// Of what is no block (any more), and nobody asks for.
  void forget_readers(const wire::location& name);
  std::size_t pins_of(const wire::location& block) const;

  std::size_t pins() const { return pins_.size(); }
  /// Of blocks that were released, and are still read.
  std::uint64_t bytes_kept() const { return bytes_kept_; }

 private:
  struct read_block {
    std::size_t pins = 0;
    bool released = false;
    bool owner_ended = false;  // by which it was released
    reader_spread spread;
  };
  struct pin_record {
    wire::location block;
    bool exposed = false;
  };
  using pin_map = std::map<std::pair<wire::node_id, std::uint64_t>, pin_record>;

  pin_map::iterator drop(pin_map::iterator one);

  kept_blocks& memory_;
  remote_memory* remote_;
  pin_map pins_;
  std::unordered_map<wire::location, read_block> blocks_;
  std::uint64_t bytes_kept_ = 0;
};

}  // namespace mobula::core
