#pragma once

#include <cstdint>
#include <mobula/mobula.hpp>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "sort/record.hpp"
#include "sort/slice.hpp"
#include "sort/summary.hpp"

// What runs on workers.

namespace sorting {

/// What a slice has of a part, in the slice's order.
using records = std::vector<record>;

/// What `partition_slice` makes: first what was read, with no records, then for each part its
/// records, with nothing else.
using partition = std::tuple<summary, records>;

/// @return the places of `count` of its records
std::vector<place> sample_slice(const slice& from, std::uint64_t count);

/// @return one more than there are parts
std::vector<partition> partition_slice(const slice& from, std::span<const place> splitters);

/// Writes the records of one part, in order, to the file `path`, and reads that again.
/// @param of_each_slice  in the order of the input
sorted_file merge_part(const std::vector<mobula::object_ref<partition>>& of_each_slice,
                       const std::string& path, bool to_disk);

/// Writes a slice to a file as it is.
summary copy_slice(const slice& from, const std::string& path, bool to_disk);

}  // namespace sorting
