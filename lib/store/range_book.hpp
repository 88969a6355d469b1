#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace mobula::store {

/// A stretch of a line: of an extent's memory, or of a file.
struct line_range {
  std::uint32_t line = 0;
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t end() const { return offset + size_bytes; }
  bool operator==(const line_range&) const = default;
};

/// Which stretches of some lines are taken. Pure; offsets and sizes are multiples of 64.
///
/// Good fit, in constant time: free ranges hang in bins by size, 32 bins to each power of two. Of
/// the bin that a size falls into the best of a few is taken, else one of the next larger bin that
/// has any; one that must be aligned may also lie in a range that is less than so much larger.
/// Ranges know their neighbours, so what becomes free is joined without a search.
class range_book {
 public:
  static constexpr std::uint64_t unit = 64;
  static constexpr std::uint64_t line_bytes_max = std::uint64_t{1} << 44;

  range_book();

  /// Lengthens a line (that may not have been there) by free bytes.
  void extend(std::uint32_t line, std::uint64_t bytes);
  /// Takes the free bytes at the end of a line away. @returns how many are left
  std::uint64_t cut(std::uint32_t line);

  /// Takes a range. `tag` is whatever the caller wants to know of it later.
  /// @param alignment  it begins at a multiple of that: a power of two
  std::optional<line_range> take(std::uint64_t size_bytes, std::uint32_t tag,
                                 std::uint64_t alignment = unit);
  /// The range that `take` would take.
  std::optional<line_range> would_take(std::uint64_t size_bytes,
                                       std::uint64_t alignment = unit) const;
  /// Takes all of a line that is all free.
  line_range take_line(std::uint32_t line, std::uint32_t tag);
  struct taken {
    std::uint64_t size_bytes = 0;
    std::uint32_t tag = 0;
  };
  /// What was taken there; nothing if no taken range begins there.
  std::optional<taken> find(std::uint32_t line, std::uint64_t offset) const;
  /// Gives a taken range back. @returns the free range that it is part of now
  line_range release(std::uint32_t line, std::uint64_t offset);

  std::size_t ranges_taken() const { return taken_; }

  /// Calls visit(range, whether it is taken) for all ranges of a line, in order.
  template <class Visit>
  void for_each_of(std::uint32_t line, Visit visit) const {
    for (std::uint32_t at = line < ends_.size() ? ends_[line].first : none; at != none;
         at = nodes_[at].behind)
      visit(range_of(nodes_[at]), nodes_[at].is_taken);
  }
  /// Checks the book against itself; a contradiction stops the program. For tests.
  void check() const;

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  static constexpr unsigned bins_a_power_log2 = 5;
  static constexpr unsigned bins_max = 35U << bins_a_power_log2;

  struct node {
    std::uint64_t place = 0;  // line and offset in one number, see place_of
    std::uint64_t size_bytes = 0;
    std::uint32_t before = none;  // neighbours on the line
    std::uint32_t behind = none;
    std::uint32_t previous = none;  // in the bin, while it is free
    std::uint32_t next = none;
    std::uint32_t tag = 0;
    bool is_taken = false;
  };
  struct line_ends {
    std::uint32_t first = none;
    std::uint32_t last = none;
  };

  static std::uint64_t place_of(std::uint32_t line, std::uint64_t offset);
  static line_range range_of(const node& one);
  static unsigned bin_of(std::uint64_t size_bytes);

  std::uint32_t make_node(std::uint64_t place, std::uint64_t size_bytes);
  void drop_node(std::uint32_t number);
  void hang(std::uint32_t number);
  void unhang(std::uint32_t number);
  void join_with_next(std::uint32_t number);
  std::uint32_t split(std::uint32_t number, std::uint64_t left_bytes);
  std::uint32_t find_fit(std::uint64_t size_bytes, std::uint64_t alignment) const;
  unsigned next_bin(unsigned from) const;
  line_range mark_taken(std::uint32_t number, std::uint32_t tag);

  // The table of taken ranges by where they begin: open addressing, so that each costs 8 bytes.
  std::size_t slot_of(std::uint64_t place) const;
  void note_taken(std::uint32_t number);
  void forget_taken(std::size_t slot);
  void grow_table();

  std::vector<node> nodes_;
  std::uint32_t unused_ = none;  // nodes without a range, by `next`
  std::vector<line_ends> ends_;  // by line
  std::array<std::uint32_t, bins_max> bins_;
  std::array<std::uint64_t, bins_max / 64 + 1> filled_{};  // a bit for each bin that has any
  std::vector<std::uint32_t> table_;
  std::size_t taken_ = 0;
};

}  // namespace mobula::store
