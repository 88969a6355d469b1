#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mobula::store {

/// A piece of an extent that is in use.
struct block {
  std::uint32_t extent = 0;
  std::uint32_t generation = 0;  // never 0
  std::uint64_t offset = 0;      // a multiple of 64
  bool operator==(const block&) const = default;
};

/// What has to be done to an extent's memory, told by the allocator and done by who owns it.
struct extent_change {
  enum class kind : std::uint8_t {
    make,     // it is new: `size_bytes` of address range, no memory yet
    release,  // nothing lives in it: give its memory back; the range stays for later
  };
  kind what = kind::make;
  std::uint32_t extent = 0;
  std::uint64_t size_bytes = 0;
};

struct allocator_limits {
  /// What all extents with memory may add up to.
  std::uint64_t capacity_bytes = 0;
  /// Size of the extents that blocks share. Larger blocks get extents of their own.
  /// 0: 256 MiB, or a sixteenth of a small store.
  std::uint64_t extent_bytes = 0;
};

/// Which bytes of a node's store are in use. Pure: touches no memory.
///
/// Best fit: the smallest free range that is large enough, of those the lowest; neighbours are
/// joined when they become free. An extent is
///
///     warm (has memory; in use, or empty and kept for the next) <--> cold (address range only)
///
/// and counts against the capacity while it is warm. Empty extents stay warm up to a quarter of the
/// capacity, since cold memory is filled at an eighth of the speed; they make room when others need
/// it. Numbers and sizes of extents never change, so a process maps each at most once.
class allocator {
 public:
  static constexpr std::uint64_t alignment = 64;

  explicit allocator(allocator_limits limits);

  /// A block of at least one byte, or nothing if no extent has room and no more may be warm.
  std::optional<block> allocate(std::uint64_t size_bytes);
  /// False if it is no live block: then nothing happens.
  bool release(const block& one);
  /// Bytes of a live block; 0 if it is none.
  std::uint64_t size_of(const block& one) const;
  /// The extent could not be made: nothing may live in it, and it is never used again.
  void give_up(std::uint32_t extent);
  /// What has to be done since the last call, in order.
  std::vector<extent_change> take_changes() { return std::exchange(changes_, {}); }

  std::uint64_t capacity_bytes() const { return limits_.capacity_bytes; }
  std::uint64_t extent_bytes() const { return limits_.extent_bytes; }
  std::uint64_t in_use_bytes() const { return in_use_; }
  std::uint64_t warm_bytes() const { return warm_; }
  std::uint64_t largest_free_bytes() const;
  std::size_t blocks() const { return live_.size(); }

  /// Checks the books against each other; a contradiction stops the program. For tests.
  void check() const;

 private:
  enum class extent_state : std::uint8_t { warm, cold, lost };
  struct extent {
    std::uint64_t size_bytes = 0;  // of its address range
    std::uint64_t warm_bytes = 0;  // what it counts while it is warm
    std::uint64_t in_use = 0;
    extent_state state = extent_state::cold;
    bool shared = true;  // false: for one block larger than limits_.extent_bytes
  };
  struct live_block {
    std::uint64_t size_bytes = 0;
    std::uint32_t generation = 0;
  };
  using place = std::pair<std::uint32_t, std::uint64_t>;  // extent, offset
  struct place_hash {
    std::size_t operator()(const place& one) const;
  };

  std::optional<block> allocate_shared(std::uint64_t size);
  std::optional<block> allocate_own(std::uint64_t size);
  bool open_shared();
  std::uint32_t add_extent(std::uint64_t size, bool shared);
  bool make_room(std::uint64_t bytes);
  void warm_up(extent& one, std::uint64_t bytes);
  void cool_down(std::uint32_t number);
  block note(place where, std::uint64_t size);
  void add_free(place where, std::uint64_t size);
  void remove_free(place where, std::uint64_t size);
  void join_free(place where, std::uint64_t size);

  allocator_limits limits_;
  std::vector<extent> extents_;
  std::map<place, std::uint64_t> free_;
  std::set<std::tuple<std::uint64_t, std::uint32_t, std::uint64_t>> free_by_size_;
  std::unordered_map<place, live_block, place_hash> live_;
  std::set<std::uint32_t> empty_warm_;
  std::vector<extent_change> changes_;
  std::uint64_t in_use_ = 0;
  std::uint64_t warm_ = 0;
  std::uint64_t empty_warm_bytes_ = 0;
  std::uint32_t last_generation_ = 0;
};

}  // namespace mobula::store
