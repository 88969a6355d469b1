#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "store/allocator.hpp"

namespace mobula::store {

/// Where a spilled object is in the node's spill file.
struct spill_range {
  block where;  // names it in the books
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
};

/// Which bytes of a spill file are in use. Pure. The books are those of memory: the file grows by
/// extents, small objects share them, large ones have extents of their own; the quota counts what
/// takes disk, so holes in the file cost nothing. Nothing is reserved on the disk ahead of use: an
/// extent may be half holes, and others need the disk too.
class spill_ranges {
 public:
  /// @param punches  whether the disk takes holes back; otherwise the quota counts them too
  spill_ranges(std::uint64_t quota_bytes, bool punches);

  /// Nothing if the quota has no room.
  std::optional<spill_range> take(std::uint64_t size_bytes);
  /// False if it is no range in use: then nothing happens.
  bool give_back(const spill_range& gone);

  struct hole {
    std::uint64_t offset = 0;
    std::uint64_t size_bytes = 0;
  };
  /// What the disk has to get back since the last call, before ranges that were taken later are
  /// written.
  std::vector<hole> take_holes() { return std::exchange(holes_, {}); }

  std::uint64_t quota_bytes() const { return books_.capacity_bytes(); }
  std::uint64_t in_use_bytes() const { return books_.in_use_bytes(); }
  std::size_t ranges() const { return books_.blocks(); }

 private:
  void note_changes();

  allocator books_;
  bool punches_;
  std::vector<std::uint64_t> begins_;  // of the extents, in the file
  std::uint64_t end_ = 0;
  std::vector<hole> holes_;
};

}  // namespace mobula::store
