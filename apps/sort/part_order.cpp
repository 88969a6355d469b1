#include "sort/part_order.hpp"

#include <stdexcept>

namespace sorting {

part_order::part_order(std::vector<std::span<const record>> runs) : runs_{std::move(runs)} {
  std::size_t longest = 0;
  std::size_t all = 0;
  for (const auto& run : runs_) {
    longest = std::max(longest, run.size());
    all += run.size();
  }
  run_shift_ = static_cast<int>(std::bit_width(longest));
  if (run_shift_ + static_cast<int>(std::bit_width(runs_.size())) > position_bits) {
    throw std::length_error{"a part has more records than can be told apart: take more parts"};
  }
  order_.reserve(all);
  for (std::uint64_t run = 0; run < runs_.size(); ++run) {
    std::uint64_t position = run << run_shift_;
    for (const record& each : runs_[run]) order_.push_back(place_of(each, position++));
  }
  // Keys and positions are in it: no comparison looks at a record.
  std::sort(order_.begin(), order_.end());
}

void part_order::copy(std::size_t begin, std::span<record> room) const {
  // The records lie anywhere: those of the next few turns are on their way from memory meanwhile.
  constexpr std::size_t ahead = 8;
  for (std::size_t i = 0; i < room.size(); ++i) {
    if (begin + i + ahead < order_.size()) {
      const char* next = at(begin + i + ahead)->bytes.data();
      __builtin_prefetch(next);
      __builtin_prefetch(next + record_bytes - 1);
    }
    room[i] = *at(begin + i);
  }
}

}  // namespace sorting
