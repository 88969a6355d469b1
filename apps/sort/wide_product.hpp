#pragma once

#include <cstdint>

namespace sorting {

/// The 128 bits of a product.
struct wide_product {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};

constexpr wide_product multiply(std::uint64_t one, std::uint64_t other) {
  __extension__ using wide = unsigned __int128;
  const wide product = static_cast<wide>(one) * other;
  return {static_cast<std::uint64_t>(product >> 64), static_cast<std::uint64_t>(product)};
}

}  // namespace sorting
