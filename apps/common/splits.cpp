#include "common/splits.hpp"

#include <algorithm>

namespace apps {

std::vector<split> cut(std::span<const found_file> files, std::uint64_t split_bytes) {
  std::vector<split> splits;
  std::uint64_t room = 0;  // left in the last split
  for (const auto& file : files) {
    for (std::uint64_t begin = 0; begin < file.size_bytes;) {
      if (room == 0) {
        splits.emplace_back();
        room = split_bytes;
      }
      const std::uint64_t size = std::min(room, file.size_bytes - begin);
      splits.back().pieces.push_back({file.path, begin, begin + size});
      splits.back().size_bytes += size;
      begin += size;
      room -= size;
    }
  }
  return splits;
}

}  // namespace apps
