#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/range_book.hpp"

namespace mobula::store {

/// Which pages of an extent may have memory, and in which of those nothing lives. Pure.
///
///     cold (address range only) --> used (something lives in it) <--> idle (memory, but empty)
///       ^                                                               |
///       \---------------------------------------------------------------/
///
/// Idle pages are fresh at first: what they count for comes only when they are touched.
class page_states {
 public:
  static constexpr std::uint64_t page_bytes = 4096;

  page_states() = default;
  /// All idle, or all cold.
  page_states(std::uint64_t size_bytes, bool warm);

  struct amounts {
    std::uint64_t idle_bytes = 0;
    std::uint64_t cold_bytes = 0;
    std::uint64_t fresh_bytes = 0;  // of the idle ones
  };
  /// In the pages that a range touches.
  amounts under(std::uint64_t begin, std::uint64_t end) const;
  /// The pages that a range touches are used from now on.
  void use(std::uint64_t begin, std::uint64_t end);
  /// What was in use from `begin` to `end` is free now, and with it all of `joined`: pages that lie
  /// in that as a whole are idle. @returns how many bytes became so
  std::uint64_t leave(std::uint64_t begin, std::uint64_t end, const line_range& joined);

  struct stretch {
    std::uint64_t offset = 0;
    std::uint64_t size_bytes = 0;
  };
  /// Makes idle pages cold, from the back: up to `bytes` and less than a page more.
  std::vector<stretch> cool(std::uint64_t bytes);

  /// Up to `bytes` of fresh pages, from the front and less than a page more: somebody touches them
  /// now, so they are fresh no more.
  std::vector<stretch> take_fresh(std::uint64_t bytes);

  std::uint64_t idle_bytes() const { return idle_bytes_; }
  /// Of the idle bytes, those that are not fresh.
  std::uint64_t ready_bytes() const { return ready_bytes_; }
  std::uint64_t warm_bytes() const { return size_bytes_ - cold_bytes_; }

 private:
  using bits = std::vector<std::uint64_t>;  // one for each page
  std::uint64_t bytes_of(std::uint64_t first, std::uint64_t last) const;
  std::uint64_t count(const bits& where, std::uint64_t first, std::uint64_t last) const;

  std::uint64_t size_bytes_ = 0;
  std::uint64_t idle_bytes_ = 0;
  std::uint64_t ready_bytes_ = 0;
  std::uint64_t cold_bytes_ = 0;
  bits idle_;
  bits fresh_;  // of idle_
  bits cold_;
};

}  // namespace mobula::store
