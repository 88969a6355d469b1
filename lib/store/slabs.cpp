#include "store/slabs.hpp"

#include <algorithm>

namespace mobula::store {

using wire::location;

std::optional<location> slabs::allocate(std::uint64_t size_bytes) {
  if (size_bytes > object_bytes_max) return std::nullopt;
  for (auto& [where, one] : slabs_) {
    const bool was_empty = one.books.blocks() == 0;
    const auto made = one.books.allocate(size_bytes);
    if (!made) continue;
    if (made->extent != 0) {  // beyond the last whole page
      one.books.release(*made);
      continue;
    }
    if (was_empty) empty_bytes_ -= one.where.size_bytes;
    location block = one.where;
    block.offset += made->offset;
    block.generation = made->generation;
    block.size_bytes = size_bytes;
    return block;
  }
  return std::nullopt;
}

std::uint64_t slabs::wanted_bytes() const { return std::clamp(bytes_, first_bytes, bytes_max); }

void slabs::add(const location& slab_at) {
  allocator_limits limits;
  limits.capacity_bytes = slab_at.size_bytes;
  limits.extent_bytes = slab_at.size_bytes;
  slabs_.emplace(place{slab_at.extent, slab_at.offset}, slab{slab_at, allocator{limits}});
  bytes_ += slab_at.size_bytes;
  empty_bytes_ += slab_at.size_bytes;
}

bool slabs::release(const location& gone) {
  auto next = slabs_.upper_bound({gone.extent, gone.offset});
  if (next == slabs_.begin()) return false;
  slab& one = std::prev(next)->second;
  if (gone.node != one.where.node || gone.extent != one.where.extent) return false;
  const block inside{0, gone.generation, gone.offset - one.where.offset};
  if (!one.books.release(inside)) return false;
  if (one.books.blocks() == 0) empty_bytes_ += one.where.size_bytes;
  return true;
}

std::vector<location> slabs::take_empty(std::uint64_t kept_bytes_max) {
  std::vector<location> taken;
  for (auto at = slabs_.end(); at != slabs_.begin() && empty_bytes_ > kept_bytes_max;) {
    --at;
    const location where = at->second.where;
    if (at->second.books.blocks() != 0) continue;
    taken.push_back(where);
    bytes_ -= where.size_bytes;
    empty_bytes_ -= where.size_bytes;
    at = slabs_.erase(at);
  }
  return taken;
}

}  // namespace mobula::store
