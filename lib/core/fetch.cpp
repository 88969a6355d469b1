#include "core/fetch.hpp"

#include <algorithm>

namespace mobula::core {

fetch_piece fetch::next_piece(std::uint64_t size_max) {
  if (missing.empty()) {
    const fetch_piece next{next_offset, std::min(size_max, where.size_bytes - next_offset)};
    next_offset += next.size_bytes;
    return next;
  }
  fetch_piece& last = missing.back();
  const fetch_piece next{last.offset, std::min(size_max, last.size_bytes)};
  last.offset += next.size_bytes;
  last.size_bytes -= next.size_bytes;
  if (last.size_bytes == 0) missing.pop_back();
  return next;
}

}  // namespace mobula::core
