#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sort/record.hpp"

namespace sorting {

/// The order of records that stay where they are, in several runs. Equal keys keep the order of the
/// runs, and in a run their own.
class part_order {
 public:
  /// @throws std::length_error if there are more than 2^48 records, about
  explicit part_order(std::vector<std::span<const record>> runs);

  std::size_t size() const { return order_.size(); }

  /// Copies `room.size()` records, from the `begin`th in order on.
  void copy(std::size_t begin, std::span<record> room) const;

 private:
  const record* at(std::size_t rank) const {
    const std::uint64_t position = order_[rank].low & ((std::uint64_t{1} << position_bits) - 1);
    return &runs_[position >> run_shift_][position & ((std::uint64_t{1} << run_shift_) - 1)];
  }

  std::vector<std::span<const record>> runs_;
  std::vector<place> order_;  // positions: the run, then the place in it
  int run_shift_ = 0;
};

}  // namespace sorting
