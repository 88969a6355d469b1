#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/block_store.hpp"
#include "core/local_pins.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// Keeps blocks that are released while processes of the node still read them.
///
/// That is so only when an owner ends: otherwise whoever reads an object holds it, and it is not
/// freed. Stands before the store.
class kept_blocks final : public block_store {
 public:
  /// @param pins  null: nobody reads in place
  kept_blocks(block_store& memory, local_pins* pins) : memory_{memory}, pins_{pins} {}

  std::uint64_t capacity_bytes() const override { return memory_.capacity_bytes(); }
  allocation allocate_near(wire::numa_node node, std::uint64_t size_bytes) override {
    return memory_.allocate_near(node, size_bytes);
  }
  void release(const wire::location& block) override {
    if (!may_be_read(block)) return memory_.release(block);
    kept_.push_back(block);
    bytes_ += block.size_bytes;
  }
  std::optional<std::span<std::byte>> bytes(const wire::location& block) override {
    return memory_.bytes(block);
  }

  /// Frees what an ended owner leaves: what is released meanwhile may be in use.
  template <class Free>
  void at_owners_end(const Free& free) {
    if (owner_ended_) return free();
    owner_ended_ = true;
    looked_ = false;
    free();
    owner_ended_ = false;
  }
  /// Whether that is being done.
  bool owner_ends() const { return owner_ended_; }
  /// Releases what nobody reads any more. For when memory is wanted. @returns whether there was any
  bool let_go() {
    if (kept_.empty()) return false;
    const std::uint64_t before = std::exchange(bytes_, 0);
    at_owners_end([this] {
      for (const wire::location& block : std::exchange(kept_, {})) release(block);
    });
    return bytes_ != before;
  }

  bool empty() const { return kept_.empty(); }
  std::uint64_t bytes_kept() const { return bytes_; }

 private:
  // Most processes that end leave nothing, and nobody has to look.
  bool may_be_read(const wire::location& block) {
    if (!owner_ended_ || !pins_) return false;
    if (!std::exchange(looked_, true)) pins_->look();
    return pins_->is_pinned(block);
  }

  block_store& memory_;
  local_pins* pins_;
  bool owner_ended_ = false;
  bool looked_ = false;  // since it ended
  std::vector<wire::location> kept_;
  std::uint64_t bytes_ = 0;
};

}  // namespace mobula::core
