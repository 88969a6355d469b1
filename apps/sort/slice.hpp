#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/input_file.hpp"
#include "common/splits.hpp"
#include "sort/record.hpp"

namespace sorting {

/// The input of one task: records that follow each other in the whole input.
struct slice {
  std::uint64_t first = 0;  // position of the first of them
  std::uint64_t count = 0;
  std::vector<apps::piece> pieces = {};  // where they stand; nowhere if they are made
  std::uint64_t seed = 0;                // what they are made from

  void serialize(auto& archive, unsigned) { archive& first& count& pieces& seed; }
};

/// @param slice_records  in each slice but the last
std::vector<slice> slices_to_make(std::uint64_t records, std::uint64_t seed,
                                  std::uint64_t slice_records);
/// @param files  whose sizes are multiples of a record's
std::vector<slice> slices_of(std::span<const apps::found_file> files, std::uint64_t slice_records);

/// Looks a file up that is to be sorted.
/// @throws std::runtime_error in words, if it can't be read, is no file, or has half a record
apps::found_file input_of(const std::string& path);

/// Reads a slice's records, or makes them.
class slice_reader {
 public:
  explicit slice_reader(const slice& from);

  /// Fills `room` with the records from the `begin`th of the slice on.
  /// @throws std::runtime_error in words, if they can't be read
  void read(std::uint64_t begin, std::span<record> room);

 private:
  void open(std::size_t piece);

  const slice& from_;
  std::vector<std::uint64_t> ends_;  // of each piece, in the slice's bytes
  std::optional<apps::input_file> file_;
  std::size_t opened_ = 0;  // which piece file_ is of
};

/// The places of some of a slice's records: one from each of `count` stretches of the same length,
/// picked at random.
std::vector<place> sample_of(const slice& from, std::uint64_t count);

}  // namespace sorting
