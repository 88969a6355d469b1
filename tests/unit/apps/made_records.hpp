#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "sort/make.hpp"
#include "sort/record.hpp"

namespace sorting {

inline std::vector<record> made(std::uint64_t seed, std::uint64_t first, std::size_t count) {
  std::vector<record> all(count);
  make_records(seed, first, all);
  return all;
}

inline std::string text_of(std::span<const record> records) {
  const auto bytes = bytes_of(records);
  return {bytes.begin(), bytes.end()};
}

inline bool same(std::span<const record> one, std::span<const record> other) {
  return std::ranges::equal(bytes_of(one), bytes_of(other));
}

/// The definition of the order, as plainly as it can be said.
inline bool key_less(const record& one, const record& other) {
  return std::memcmp(one.bytes.data(), other.bytes.data(), key_bytes) < 0;
}

}  // namespace sorting
