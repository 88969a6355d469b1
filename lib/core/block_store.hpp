#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "wire/ids.hpp"
#include "wire/messages.hpp"

namespace mobula::core {

/// The memory of a node's object store, as the directory sees it. lib/store has the real one, in
/// shared memory; tests have one in their own.
class block_store {
 public:
  struct allocation {
    wire::location where;                    // its size_bytes is what was asked for
    std::optional<wire::error_value> error;  // no block then: why, in numbers, and what to do
  };

  /// What all its blocks may add up to.
  virtual std::uint64_t capacity_bytes() const = 0;
  /// Of memory next to that NUMA node, as far as there is some.
  virtual allocation allocate_near(wire::numa_node node, std::uint64_t size_bytes) = 0;
  allocation allocate(std::uint64_t size_bytes) {
    return allocate_near(wire::any_numa_node, size_bytes);
  }
  /// A live block of this store. Its generation is never used again, its memory at once.
  virtual void release(const wire::location& block) = 0;
  /// The memory of a live block of this store; nothing if it can't be mapped here.
  virtual std::optional<std::span<std::byte>> bytes(const wire::location& block) = 0;

 protected:
  ~block_store() = default;
};

}  // namespace mobula::core
