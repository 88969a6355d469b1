#pragma once

#include <cstdint>
#include <mobula/mobula.hpp>
#include <span>
#include <string>
#include <vector>

#include "sort/record.hpp"
#include "sort/slice.hpp"
#include "sort/summary.hpp"

// What runs on workers.

namespace sorting {

/// What a slice has of a part, in the slice's order: written where it stays, in a node's object
/// store, and read there.
using run = mobula::shared_array<const record>;

/// @return the places of `count` of its records
std::vector<place> sample_slice(const slice& from, std::uint64_t count);

/// @return one more than there are parts: first what was read (see `summary_in`), then the records
///   of each part
std::vector<run> partition_slice(const slice& from, std::span<const place> splitters);
summary summary_in(const run& first);

/// Writes the records of one part, in order, to the file `path`, and reads that again.
/// @param of_each_slice  in the order of the input
sorted_file merge_part(const std::vector<mobula::object_ref<run>>& of_each_slice,
                       const std::string& path, bool to_disk);

/// Writes a slice to a file as it is.
summary copy_slice(const slice& from, const std::string& path, bool to_disk);

}  // namespace sorting
