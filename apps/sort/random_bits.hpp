#pragma once

#include <cstdint>

#include "sort/wide_product.hpp"

namespace sorting {

/// 64 bits that look random, the same for the same seed and position in every process.
constexpr std::uint64_t random_bits(std::uint64_t seed, std::uint64_t position) {
  // splitmix64's steps, entered at any of them.
  const auto mixed = [](std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  };
  return mixed(mixed(seed + 0x9e3779b97f4a7c15) + position * 0x9e3779b97f4a7c15);
}

/// A number below `bound`, by 64 random bits; what is left of these replaces them.
constexpr std::uint64_t take_below(std::uint64_t bound, std::uint64_t& bits) {
  const wide_product product = multiply(bits, bound);
  bits = product.low;
  return product.high;
}

}  // namespace sorting
