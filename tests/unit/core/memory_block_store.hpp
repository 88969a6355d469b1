#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "core/block_store.hpp"

namespace mobula::core {

/// A block store in ordinary memory. Freed memory is poisoned and given out again at once: the
/// lowest place that fits.
class memory_block_store final : public block_store {
 public:
  static constexpr std::byte poison{0xdb};

  explicit memory_block_store(wire::node_id node, std::size_t capacity = std::size_t{1} << 20)
      : node_{node}, memory_(capacity, poison) {}

  std::uint64_t capacity_bytes() const override { return memory_.size(); }
  allocation allocate_near(wire::numa_node node, std::uint64_t size_bytes) override {
    wanted_near = node;
    const std::uint64_t size = std::max<std::uint64_t>(size_bytes, 1);
    std::uint64_t offset = 0;
    for (const auto& [begin, one] : used_) {
      if (begin - offset >= size) break;
      offset = begin + one.room;
    }
    if (size > memory_.size() - offset) {
      wire::error_value error;
      error.code = wire::error_code::store_full;
      error.what = "full";
      return {{}, error};
    }
    const wire::location where{node_, 0, 1, 5, ++generation_, offset, size_bytes};
    used_[offset] = {where, size};
    return {where, std::nullopt};
  }
  void release(const wire::location& where) override {
    const auto at = used_.find(where.offset);
    ASSERT_TRUE(at != used_.end() && at->second.where == where) << "not a live block";
    std::fill_n(memory_.begin() + static_cast<std::ptrdiff_t>(where.offset), at->second.room,
                poison);
    used_.erase(at);
  }
  std::optional<std::span<std::byte>> bytes(const wire::location& where) override {
    const auto at = used_.find(where.offset);
    if (at == used_.end() || at->second.where != where) return std::nullopt;
    return std::span{memory_}.subspan(where.offset, where.size_bytes);
  }
  /// Of any place, whether a block or not.
  std::span<std::byte> any_bytes(const wire::location& where) {
    return std::span{memory_}.subspan(where.offset, where.size_bytes);
  }
  std::size_t blocks() const { return used_.size(); }
  /// What the last block was wanted next to.
  wire::numa_node wanted_near = wire::any_numa_node;
  /// As RMA sees it: whatever lies there.
  std::span<std::byte> at(std::uint64_t offset, std::size_t size_bytes) {
    return std::span{memory_}.subspan(offset, size_bytes);
  }

 private:
  struct used_block {
    wire::location where;
    std::uint64_t room = 0;
  };
  wire::node_id node_;
  std::uint32_t generation_ = 0;
  std::vector<std::byte> memory_;
  std::map<std::uint64_t, used_block> used_;
};

}  // namespace mobula::core
