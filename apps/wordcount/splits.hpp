#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace wordcount {

/// The bytes [begin, end) of a file.
struct piece {
  std::string path;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  void serialize(auto& archive, unsigned) { archive& path& begin& end; }
  bool operator==(const piece&) const = default;
};

/// The input of one map task.
struct split {
  std::vector<piece> pieces;
  std::uint64_t size_bytes = 0;

  void serialize(auto& archive, unsigned) { archive& pieces& size_bytes; }
};

struct found_file {
  std::string path;
  std::uint64_t size_bytes = 0;
};

struct listing {
  std::vector<found_file> files;        // sorted by path, for each root in turn
  std::vector<std::string> unreadable;  // "path: reason"
  std::uint64_t size_bytes = 0;
};

/// Finds the regular files at and below `roots`. As `find ROOT... -type f` does, it follows links
/// that are named as roots, and none below them.
listing list_files(std::span<const std::string> roots);

/// The size of split for so much input. It depends on nothing else, so that neither do the splits.
std::uint64_t split_size_for(std::uint64_t total_bytes);

/// Cuts files into splits of exactly `split_bytes`, but the last; a split is several small files or
/// a part of a large one. Empty files are in none.
std::vector<split> cut(std::span<const found_file> files, std::uint64_t split_bytes);

}  // namespace wordcount
