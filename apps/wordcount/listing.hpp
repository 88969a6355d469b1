#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/splits.hpp"

namespace wordcount {

struct listing {
  std::vector<apps::found_file> files;  // sorted by path, for each root in turn
  std::vector<std::string> unreadable;  // "path: reason"
  std::uint64_t size_bytes = 0;
};

/// Finds the regular files at and below `roots`. As `find ROOT... -type f` does, it follows links
/// that are named as roots, and none below them.
listing list_files(std::span<const std::string> roots);

/// The size of split for so much input. It depends on nothing else, so that neither do the splits.
std::uint64_t split_size_for(std::uint64_t total_bytes);

}  // namespace wordcount
