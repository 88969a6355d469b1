#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace apps {

/// The bytes [begin, end) of a file.
struct piece {
  std::string path;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  void serialize(auto& archive, unsigned) { archive& path& begin& end; }
  bool operator==(const piece&) const = default;
};

/// The input of one task.
struct split {
  std::vector<piece> pieces;
  std::uint64_t size_bytes = 0;

  void serialize(auto& archive, unsigned) { archive& pieces& size_bytes; }
};

struct found_file {
  std::string path;
  std::uint64_t size_bytes = 0;
};

/// Cuts files into splits of exactly `split_bytes`, but the last; a split is several small files or
/// a part of a large one. Empty files are in none.
std::vector<split> cut(std::span<const found_file> files, std::uint64_t split_bytes);

}  // namespace apps
