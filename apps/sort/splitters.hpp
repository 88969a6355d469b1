#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sort/record.hpp"

namespace sorting {

/// The places at which to cut so that `parts` parts get about as many records each, judging by a
/// sample: part i holds what is at or behind splitter i - 1 and before splitter i. There may be
/// equal ones, between which nothing comes.
/// @return parts - 1, in order
std::vector<place> choose_splitters(std::vector<place> sample, std::uint32_t parts);

/// The part that a place belongs to: how many splitters are not behind it.
inline std::uint32_t part_of(const place& place, std::span<const sorting::place> splitters) {
  // As std::upper_bound, but without a branch to guess wrong at each step.
  std::size_t begin = 0;
  for (std::size_t size = splitters.size(); size > 0;) {
    const std::size_t half = size / 2;
    const bool behind = splitters[begin + half] <= place;
    begin = behind ? begin + half + 1 : begin;
    size = behind ? size - half - 1 : half;
  }
  return static_cast<std::uint32_t>(begin);
}

}  // namespace sorting
