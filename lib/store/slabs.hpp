#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "store/range_book.hpp"
#include "wire/ids.hpp"

namespace mobula::store {

/// The slabs that a process holds of its node's store, and which bytes of them are in use. Pure:
/// touches no memory. A process fills them from the first to the last, so that the last ones empty.
class slabs {
 public:
  /// Objects larger than this have rooms of their own.
  static constexpr std::uint64_t object_bytes_max = std::uint64_t{1} << 20;
  /// The first slab of a process is small, each further one twice as large, up to the largest.
  static constexpr std::uint64_t first_bytes = std::uint64_t{1} << 20;
  static constexpr std::uint64_t bytes_max = std::uint64_t{16} << 20;

  /// A block of at least one byte, or nothing: add a slab, or a room for that object alone.
  std::optional<wire::location> allocate(std::uint64_t size_bytes);
  /// What to ask for next.
  std::uint64_t wanted_bytes() const;
  /// A room that the node's scheduler has granted, of whole pages.
  void add(const wire::location& slab);
  /// False if it is no block of these slabs.
  bool release(const wire::location& block);
  /// Takes out slabs in which nothing lies, beyond `kept_bytes_max` of them: to be given back.
  std::vector<wire::location> take_empty(std::uint64_t kept_bytes_max);

  std::size_t size() const { return slabs_.size(); }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t empty_bytes() const { return empty_bytes_; }

 private:
  struct slab {
    wire::location where;
    range_book books;  // one line; the tag is the generation
  };
  using place = std::pair<std::uint32_t, std::uint64_t>;  // extent, offset
  // Blocks of a class are up to twice as large as others of it.
  static constexpr std::size_t classes = 16;
  void look_again_from(const place& where);

  std::map<place, slab> slabs_;
  // Of each class of sizes: those before it had no room for one.
  std::array<place, classes> first_{};
  std::uint64_t bytes_ = 0;
  std::uint64_t empty_bytes_ = 0;
  std::uint32_t last_generation_ = 0;
};

}  // namespace mobula::store
