#include "store/mapper.hpp"

namespace mobula::store {

std::span<std::byte> mapper::find(const wire::location& where, extent_mapping::access how) {
  if (where.extent >= extents_max) return {};
  const std::scoped_lock guard{lock_};
  if (where.extent >= extents_.size()) extents_.resize(where.extent + 1);
  mapped_extent& both = extents_[where.extent];
  extent_mapping& mine = how == extent_mapping::access::write ? both.write : both.read;
  if (!mine) {
    // The file is closed again at once: a process has few descriptors, and a store many extents.
    const descriptor file = files_(where.extent);
    if (!file) return {};
    mine = extent_mapping{file.get(), how};
  }
  const std::span<std::byte> whole = mine.bytes();
  if (where.offset > whole.size() || where.size_bytes > whole.size() - where.offset) return {};
  return whole.subspan(where.offset, where.size_bytes);
}

}  // namespace mobula::store
