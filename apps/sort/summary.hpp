#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "sort/record.hpp"

namespace sorting {

/// What must be the same before and after: how many records there are, and the sum of a hash of
/// each, which knows no order.
struct summary {
  std::uint64_t count = 0;
  std::uint64_t checksum = 0;

  void add(std::span<const record> records);
  summary& operator+=(const summary& other);
  friend bool operator==(const summary&, const summary&) = default;
};

/// What a file of sorted records was found to hold, by reading it.
struct sorted_file {
  summary all;
  record first{};  // of these the key counts, and only if there are records
  record last{};

  /// Whether `next` may follow.
  bool is_before(const sorted_file& next) const;
};

/// Reads a file.
/// @throws std::runtime_error in words, if it can't be read, holds half a record, or one out of
///   order
sorted_file check_sorted(const std::string& path);

}  // namespace sorting
