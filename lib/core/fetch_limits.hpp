#pragma once

#include <cstdint>

namespace mobula::core {

/// Bounds what the fetches of a node have under way, and so what its transport and those of the
/// holders keep for them.
struct fetch_limits {
  /// An object up to this size comes in the answer to the question for it.
  std::uint64_t whole_bytes = 64 * 1024;
  /// At a time by a message, and by RMA.
  std::uint32_t part_bytes = 256 * 1024;
  std::uint32_t chunk_bytes = 1024 * 1024;
  /// Asked for and not here yet: pieces of one object, bytes from one node, bytes in all.
  std::uint32_t pieces_a_fetch = 4;
  std::uint64_t bytes_a_holder = std::uint64_t{8} << 20;
  std::uint64_t bytes_in_all = std::uint64_t{64} << 20;
};

}  // namespace mobula::core
