#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/block_store.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// Which blocks of a node's store its processes are reading. They show it in shared memory.
class local_pins {
 public:
  /// Takes note of what is pinned now. Whoever pins a block that it had heard of before, and is not
  /// seen, sees that somebody has looked, and asks where the block is.
  virtual void look() = 0;
  /// As of the last look.
  virtual bool is_pinned(const wire::location& block) const = 0;

 protected:
  ~local_pins() = default;
};

/// Keeps blocks that are released while processes of the node still read them.
///
/// That is so only when an owner ends: otherwise whoever reads an object holds it, and it is not
/// freed. Stands before the store.
class kept_blocks final : public block_store {
 public:
  /// @param pins  null: nobody reads in place
  kept_blocks(block_store& memory, local_pins* pins) : memory_{memory}, pins_{pins} {}

  std::uint64_t capacity_bytes() const override { return memory_.capacity_bytes(); }
  allocation allocate(std::uint64_t size_bytes) override { return memory_.allocate(size_bytes); }
  void release(const wire::location& block) override {
    if (!owner_ended_ || !pins_ || !pins_->is_pinned(block)) return memory_.release(block);
    kept_.push_back(block);
    bytes_ += block.size_bytes;
  }
  std::optional<std::span<std::byte>> bytes(const wire::location& block) override {
    return memory_.bytes(block);
  }

  /// What is released from here on may be in use, until `owner_gone`.
  void begin_owners_end() {
    owner_ended_ = true;
    if (pins_) pins_->look();
  }
  void owner_gone() { owner_ended_ = false; }
  /// Releases what nobody reads any more. For when memory is wanted.
  void let_go() {
    if (kept_.empty()) return;
    pins_->look();
    bytes_ = 0;
    owner_ended_ = true;
    for (const wire::location& block : std::exchange(kept_, {})) release(block);
    owner_ended_ = false;
  }

  std::size_t size() const { return kept_.size(); }
  std::uint64_t bytes_kept() const { return bytes_; }

 private:
  block_store& memory_;
  local_pins* pins_;
  bool owner_ended_ = false;
  std::vector<wire::location> kept_;
  std::uint64_t bytes_ = 0;
};

}  // namespace mobula::core
