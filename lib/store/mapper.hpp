#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "store/descriptor.hpp"
#include "store/extent.hpp"
#include "store/page_tables.hpp"
#include "wire/ids.hpp"

namespace mobula::store {

/// From this size on a block that was lent to user code is protected from it afterwards. It needs
/// pages to itself.
inline constexpr std::uint64_t protected_bytes_min = std::uint64_t{2} << 20;

/// How a process sees the store of its node: maps extents when they are first needed, read-only to
/// read and writable for who makes an object, and keeps them mapped for its life, so that a view of
/// an object stays readable. Thread-safe.
class mapper {
 public:
  /// Gets an extent's file by its number, from the node's scheduler: it may block for a moment.
  /// An empty descriptor: there is no such extent, or no scheduler any more.
  using file_source = std::function<descriptor(std::uint32_t extent)>;

  explicit mapper(file_source files) : mapper{std::move(files), page_tables_move()} {}
  /// @param moves  false, in tests: as on a system that can't move page tables
  mapper(file_source files, bool moves) : files_(std::move(files)), moves_(moves) {}

  /// The block's memory, to be read. Of size 0 and null if it can't be had, or lies outside of its
  /// extent. `where` is a location on this node.
  std::span<const std::byte> readable(const wire::location& where) {
    return find(where, extent_mapping::access::read);
  }
  /// The block's memory, for its maker to fill.
  std::span<std::byte> writable(const wire::location& where) {
    return find(where, extent_mapping::access::write);
  }
  /// The same for user code, which keeps pointers: until `take_back`. Whoever writes there then is
  /// killed, if the block is large, and the system can move page tables or this is a debug build.
  std::span<std::byte> lend(const wire::location& where);
  /// @param lent  as `lend` returned it
  void take_back(const wire::location& where, std::span<std::byte> lent);

 private:
  struct mapped_extent {
    extent_mapping read;
    extent_mapping write;
    extent_mapping lent;
    extent_mapping& of(extent_mapping::access how);
  };
  std::span<std::byte> find(const wire::location& where, extent_mapping::access how);

  // No store has more: a number beyond is garbage.
  static constexpr std::uint32_t extents_max = 1U << 20;

  file_source files_;
  bool moves_;
  std::mutex lock_;
  std::vector<mapped_extent> extents_;  // by number
};

}  // namespace mobula::store
