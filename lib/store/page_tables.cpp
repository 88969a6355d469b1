#include "store/page_tables.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// Younger than the C libraries of old systems.
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

namespace mobula::store {

namespace {

// Not by the C library: UCX puts its own mremap before that, which forgets the place (1.13).
// Null: refused.
void* remap(std::span<std::byte> from, std::size_t size, int flags, std::byte* to) {
  const long place = ::syscall(SYS_mremap, from.data(), from.size(), size, flags, to);
  return place == -1 ? nullptr : reinterpret_cast<void*>(place);
}

bool move_page_tables(std::span<std::byte> from, std::span<std::byte> to) {
  constexpr int leaving_the_mapping = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
  return remap(from, to.size(), leaving_the_mapping, to.data()) != nullptr;
}

bool can_move_page_tables() {
  const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* const page = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  // Not to a fixed place: some systems that refuse unmap that first.
  void* const moved = remap({static_cast<std::byte*>(page), size}, size,
                            MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
  if (moved) munmap(moved, size);
  munmap(page, size);
  return moved != nullptr;
}

}  // namespace

bool page_tables_move() {
  static const bool moves = can_move_page_tables();
  return moves;
}

bool lend_pages(std::span<std::byte> kept, std::span<std::byte> lent, bool by_moving) {
  if (by_moving) return move_page_tables(kept, lent);
  // Of shared memory, moving none of the bytes maps all of them once more.
  return remap(kept.first(0), lent.size(), MREMAP_MAYMOVE | MREMAP_FIXED, lent.data()) != nullptr;
}

void take_pages_back(std::span<std::byte> kept, std::span<std::byte> lent, bool by_moving) {
  // What moves leaves a mapping that fetches its pages anew. Where the system refuses to move them
  // they are protected where they are.
  if (by_moving) move_page_tables(lent, kept);
  mprotect(lent.data(), lent.size(), PROT_READ);
}

}  // namespace mobula::store
