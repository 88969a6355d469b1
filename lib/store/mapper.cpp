#include "store/mapper.hpp"

#include <unistd.h>

#include "store/page_states.hpp"
#include "wire/debug_build.hpp"

namespace mobula::store {

namespace {

constexpr std::uint64_t page = page_states::page_bytes;

// All of the block's pages. They are its own.
wire::location pages_of(wire::location where) {
  where.size_bytes = (where.size_bytes + page - 1) / page * page;
  return where;
}

// Where the system's pages are larger, blocks share them.
bool blocks_have_pages() {
  static const bool same = ::sysconf(_SC_PAGESIZE) == page;
  return same;
}

}  // namespace

std::span<std::byte> mapper::lend(const wire::location& where) {
  const std::span<std::byte> kept = writable(where);
  if (where.size_bytes < protected_bytes_min || where.offset % page != 0) return kept;
  if (!blocks_have_pages() || (!moves_ && !wire::is_debug_build)) return kept;
  const std::span<std::byte> from = writable(pages_of(where));
  const std::span<std::byte> to = find(pages_of(where), extent_mapping::access::lend);
  if (from.empty() || to.empty() || !lend_pages(from, to, moves_)) return kept;
  return to.first(where.size_bytes);
}

void mapper::take_back(const wire::location& where, std::span<std::byte> lent) {
  const std::span<std::byte> kept = writable(where);
  if (lent.empty() || lent.data() == kept.data()) return;
  const wire::location pages = pages_of(where);
  take_pages_back(writable(pages), {lent.data(), pages.size_bytes}, moves_);
}

extent_mapping& mapper::mapped_extent::of(extent_mapping::access how) {
  switch (how) {
    case extent_mapping::access::write:
      return write;
    case extent_mapping::access::lend:
      return lent;
    default:
      return read;
  }
}

std::span<std::byte> mapper::find(const wire::location& where, extent_mapping::access how) {
  if (where.extent >= extents_max) return {};
  const std::scoped_lock guard{lock_};
  if (where.extent >= extents_.size()) extents_.resize(where.extent + 1);
  extent_mapping& mine = extents_[where.extent].of(how);
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
