#include "store/extent.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <utility>

namespace mobula::store {

namespace {

std::atomic<bool> extents_are_dumped{false};

// Up to this size page tables of x86-64 are moved as a whole.
std::size_t alignment_for(std::size_t size) {
  constexpr std::size_t large_page = std::size_t{2} << 20;
  constexpr std::size_t largest_page = std::size_t{1} << 30;
  return size < largest_page ? large_page : largest_page;
}

// An address range that nobody else takes, to be mapped over. Null: there is none so large.
std::byte* reserve(std::size_t size, std::size_t alignment) {
  void* const all = mmap(nullptr, size + alignment, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) return nullptr;
  auto* const first = static_cast<std::byte*>(all);
  const std::size_t front =
      (alignment - reinterpret_cast<std::uintptr_t>(first) % alignment) % alignment;
  if (front != 0) munmap(first, front);
  munmap(first + front + size, alignment - front);
  return first + front;
}

}  // namespace

void dump_extents(bool dumped) { extents_are_dumped = dumped; }

extent_mapping::extent_mapping(int file, access how) {
  struct stat status {};
  if (fstat(file, &status) != 0 || status.st_size <= 0) return;
  const auto size = static_cast<std::size_t>(status.st_size);
  const int protection = how == access::write ? PROT_READ | PROT_WRITE : PROT_READ;
  std::byte* const place = reserve(size, alignment_for(size));
  void* const begin =
      mmap(place, size, protection, MAP_SHARED | MAP_NORESERVE | (place ? MAP_FIXED : 0), file, 0);
  if (begin == MAP_FAILED) {
    if (place) munmap(place, size);
    return;
  }
  // A core dump would hold these pages once for each mapping.
  if (!extents_are_dumped) madvise(begin, size, MADV_DONTDUMP);
  // Filling fresh memory takes a third of the time so, where the system lets us have large pages.
  if (how != access::read) madvise(begin, size, MADV_HUGEPAGE);
  bytes_ = {static_cast<std::byte*>(begin), size};
}

extent_mapping::extent_mapping(extent_mapping&& other) noexcept
    : bytes_{std::exchange(other.bytes_, {})} {}

extent_mapping& extent_mapping::operator=(extent_mapping&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

extent_mapping::~extent_mapping() {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

std::optional<extent> extent::make(std::uint64_t size_bytes) {
  descriptor file{memfd_create("mobula store", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!file) return std::nullopt;
  if (ftruncate(file.get(), static_cast<off_t>(size_bytes)) != 0) return std::nullopt;
  if (fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return std::nullopt;
  return extent{std::move(file), size_bytes};
}

std::span<std::byte> extent::bytes() {
  if (!mapping_) mapping_ = extent_mapping{file_.get(), extent_mapping::access::write};
  return mapping_.bytes();
}

void extent::release_memory(std::uint64_t offset, std::uint64_t size_bytes) {
  fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
            static_cast<off_t>(size_bytes));
}

}  // namespace mobula::store
