#pragma once

#include <cstdint>
#include <span>

#include "sort/record.hpp"

namespace sorting {

/// Makes the records `first`, `first` + 1, ... of an endless row that a seed stands for: the same
/// whoever makes them, and in pieces of whatever size.
///
/// Each is a line of text: a key of printable characters without blanks, the record's number, and
/// letters up to the end of line, which is its last byte. So sort(1) can sort them too.
void make_records(std::uint64_t seed, std::uint64_t first, std::span<record> room);

}  // namespace sorting
