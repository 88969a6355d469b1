#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "store/numa_choice.hpp"
#include "store/page_states.hpp"
#include "store/range_book.hpp"

namespace mobula::store {

/// A piece of an extent that is in use.
struct block {
  std::uint32_t extent = 0;
  std::uint32_t generation = 0;  // never 0
  std::uint64_t offset = 0;      // a multiple of 64, or of a page: see allocate
  bool operator==(const block&) const = default;
};

/// What has to be done to an extent's memory, told by the allocator and done by who owns it.
struct extent_change {
  enum class kind : std::uint8_t {
    make,     // it is new: `size_bytes` of address range, no memory yet
    release,  // nothing lives in that part of it: give its memory back; the range stays for later
  };
  kind what = kind::make;
  std::uint32_t extent = 0;
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  unsigned domain = 0;  // make: in which its pages are to be
};

struct allocator_limits {
  /// What all pages with memory may add up to.
  std::uint64_t capacity_bytes = 0;
  /// Size of the extents that blocks share. Larger blocks get extents of their own.
  /// 0: 256 MiB, or a sixteenth of a small store.
  std::uint64_t extent_bytes = 0;
  /// Of the machine's memory domains. Empty: there is one.
  numa_distances distances = {};
};

/// Which bytes of a node's store are in use. Pure: touches no memory.
///
/// Good fit (see range_book), in constant time. Memory and address range are counted apart: what
/// has memory is limited by the capacity, page by page; address range is not. So where no free
/// range is large enough, a further extent is opened, and the pages that lie idle between blocks
/// elsewhere give their memory up for it: a store full of gaps takes a large block all the same.
///
/// Memory is given up where it is needed elsewhere, by `shrink` and by `trim`: cold memory is
/// filled at an eighth of the speed, so what comes and goes again and again keeps its pages.
/// Numbers and sizes of extents never change, so a process maps each at most once.
///
/// An extent's pages are in one memory domain, and each domain has free lists of its own: who asks
/// gets a block of the domain that suits it best (see domains_to_try), as far as there is one. The
/// capacity is that of all together, so that no domain's memory is out of reach of the others.
class allocator {
 public:
  static constexpr std::uint64_t alignment = range_book::unit;

  explicit allocator(allocator_limits limits);

  /// A block of at least one byte, or nothing if there is no room. One of whole pages begins at a
  /// page: no other block lies in them.
  /// @param domain  of who asks
  std::optional<block> allocate(std::uint64_t size_bytes, unsigned domain = 0);
  /// False if it is no live block: then nothing happens.
  bool release(const block& one);
  /// Bytes of a live block; 0 if it is none.
  std::uint64_t size_of(const block& one) const;
  /// The extent could not be made: nothing may live in it, and it is never used again.
  void give_up(std::uint32_t extent);
  /// While an extent is held, its memory stays where it is, idle or not: it is registered with the
  /// network, which would go on using the pages that were given up.
  void hold(std::uint32_t extent, bool held);
  /// Gives up the memory of empty extents beyond a quarter of the capacity.
  void shrink();
  /// Gives up as much of that as nothing needed since the last call.
  void trim();
  /// Whether there is such memory.
  bool has_surplus() const { return empty_warm_ > kept_bytes(); }
  /// What has to be done since the last call, in order.
  std::vector<extent_change> take_changes() { return std::exchange(changes_, {}); }

  struct fresh_pages {
    std::uint32_t extent = 0;
    std::uint64_t offset = 0;
    std::uint64_t size_bytes = 0;
  };
  /// Up to `bytes` of a domain's pages that nothing lives in and nobody has touched yet, to be
  /// touched by somebody before they are needed. Opens an extent for that if the capacity allows.
  std::vector<fresh_pages> take_fresh(std::uint64_t bytes, unsigned domain = 0);
  /// Pages that nothing lives in but that have been touched: memory for the next blocks.
  std::uint64_t ready_bytes() const { return ready_; }

  std::uint64_t capacity_bytes() const { return limits_.capacity_bytes; }
  std::uint64_t extent_bytes() const { return limits_.extent_bytes; }
  std::uint64_t in_use_bytes() const { return in_use_; }
  std::uint64_t warm_bytes() const { return warm_; }
  /// What a single block may have now.
  std::uint64_t largest_free_bytes() const;
  std::size_t blocks() const { return blocks_; }
  unsigned domains() const { return static_cast<unsigned>(domains_.size()); }

  /// Checks the books against each other; a contradiction stops the program. For tests.
  void check() const;

 private:
  struct extent {
    std::uint64_t size_bytes = 0;  // of its address range
    std::uint64_t in_use = 0;
    page_states pages;
    unsigned domain = 0;
    bool shared = true;  // false: for one block larger than limits_.extent_bytes
    bool held = false;   // see hold
    bool lost = false;   // see give_up
  };
  struct memory_domain {
    range_book book;                 // a line an extent; the tag is the generation
    std::set<std::uint32_t> closed;  // shared extents that can be opened again
  };

  std::optional<block> allocate_in(unsigned domain, std::uint64_t size);
  std::optional<block> allocate_shared(unsigned domain, std::uint64_t size);
  std::optional<block> allocate_own(unsigned domain, std::uint64_t size);
  bool is_own(std::uint64_t size) const { return size > limits_.extent_bytes; }
  std::optional<std::uint32_t> own_extent(unsigned domain, std::uint64_t size) const;
  domain_room room_in(unsigned domain, std::uint64_t size) const;
  std::uint32_t open_shared(unsigned domain);
  std::uint32_t add_extent(unsigned domain, std::uint64_t size, bool shared);
  std::optional<block> settle(const line_range& where);
  range_book& book_of(std::uint32_t number) { return domains_[extents_[number].domain].book; }
  const range_book& book_of(std::uint32_t number) const {
    return domains_[extents_[number].domain].book;
  }
  bool has_room(std::uint64_t bytes) const;
  std::uint64_t kept_bytes() const;
  void shrink_to(std::uint64_t bytes);
  void note_need() { unneeded_ = std::min(unneeded_, empty_warm_); }
  void make_room();
  void close(std::uint32_t number);
  void shut(std::uint32_t number);
  void count_in(std::uint32_t number);
  void count_out(std::uint32_t number);
  std::uint32_t next_generation();
  std::optional<range_book::taken> find(const block& one) const;
  void check_pages(std::uint32_t number) const;

  allocator_limits limits_;
  std::vector<extent> extents_;
  std::vector<memory_domain> domains_;
  std::vector<extent_change> changes_;
  std::uint64_t in_use_ = 0;
  std::size_t blocks_ = 0;
  std::uint32_t last_generation_ = 0;
  // Sums over the extents, see count_in.
  std::uint64_t warm_ = 0;
  std::uint64_t idle_ = 0;         // of warm_: pages that may be given up
  std::uint64_t ready_ = 0;        // see ready_bytes
  std::uint64_t empty_warm_ = 0;   // of idle_: in extents that are empty
  std::uint64_t unneeded_ = 0;     // the least that was since the last `trim`
  std::set<std::uint32_t> empty_;  // those extents
};

}  // namespace mobula::store
