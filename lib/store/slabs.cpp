#include "store/slabs.hpp"

#include <algorithm>
#include <bit>
#include <iterator>

namespace mobula::store {

using wire::location;

namespace {

constexpr std::uint64_t unit = range_book::unit;

}  // namespace

std::optional<location> slabs::allocate(std::uint64_t size_bytes) {
  if (size_bytes > object_bytes_max) return std::nullopt;
  const std::uint64_t units = (std::max<std::uint64_t>(size_bytes, 1) + unit - 1) / unit;
  const std::uint32_t generation = last_generation_ + 1 == 0 ? 1 : last_generation_ + 1;
  place& first = first_[std::min<std::size_t>(std::bit_width(units) - 1, classes - 1)];
  for (auto at = slabs_.lower_bound(first); at != slabs_.end(); ++at) {
    auto& [where, one] = *at;
    const bool was_empty = one.books.ranges_taken() == 0;
    const auto made = one.books.take(units * unit, generation);
    if (!made) continue;
    first = where;
    last_generation_ = generation;
    if (was_empty) empty_bytes_ -= one.where.size_bytes;
    location block = one.where;
    block.offset += made->offset;
    block.generation = generation;
    block.size_bytes = size_bytes;
    return block;
  }
  if (!slabs_.empty()) first = std::prev(slabs_.end())->first;
  return std::nullopt;
}

void slabs::look_again_from(const place& where) {
  for (place& first : first_) first = std::min(first, where);
}

std::uint64_t slabs::wanted_bytes() const { return std::clamp(bytes_, first_bytes, bytes_max); }

void slabs::add(const location& slab_at) {
  slab& made = slabs_[{slab_at.extent, slab_at.offset}];
  made.where = slab_at;
  look_again_from({slab_at.extent, slab_at.offset});
  made.books.extend(0, slab_at.size_bytes / unit * unit);
  bytes_ += slab_at.size_bytes;
  empty_bytes_ += slab_at.size_bytes;
}

bool slabs::release(const location& gone) {
  auto next = slabs_.upper_bound({gone.extent, gone.offset});
  if (next == slabs_.begin()) return false;
  slab& one = std::prev(next)->second;
  if (gone.node != one.where.node || gone.extent != one.where.extent) return false;
  const std::uint64_t inside = gone.offset - one.where.offset;
  const auto found = one.books.find(0, inside);
  if (!found || found->tag != gone.generation) return false;
  one.books.release(0, inside);
  look_again_from({one.where.extent, one.where.offset});
  if (one.books.ranges_taken() == 0) empty_bytes_ += one.where.size_bytes;
  return true;
}

std::vector<location> slabs::take_empty(std::uint64_t kept_bytes_max) {
  std::vector<location> taken;
  for (auto at = slabs_.end(); at != slabs_.begin() && empty_bytes_ > kept_bytes_max;) {
    --at;
    const location where = at->second.where;
    if (at->second.books.ranges_taken() != 0) continue;
    taken.push_back(where);
    bytes_ -= where.size_bytes;
    empty_bytes_ -= where.size_bytes;
    at = slabs_.erase(at);
  }
  return taken;
}

}  // namespace mobula::store
