#include "store/populate.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <span>

namespace mobula::store {

namespace {

constexpr std::uint64_t page = 4096;

// The first call takes the memory, or says that there is none; reading has it cleared. Not writing:
// others may write there.
bool touch(int file, std::uint64_t offset, std::span<const std::byte> mapped) {
  if (::fallocate(file, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                  static_cast<off_t>(mapped.size())) != 0)
    return false;
  for (std::uint64_t at = 0; at < mapped.size(); at += page)
    static_cast<void>(*static_cast<const volatile std::byte*>(mapped.data() + at));
  return true;
}

}  // namespace

bool populate(int file, std::uint64_t offset, std::uint64_t size_bytes, bool by_reading) {
  void* const begin = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_NORESERVE, file, static_cast<off_t>(offset));
  if (begin == MAP_FAILED) return false;
  ::madvise(begin, size_bytes, MADV_DONTDUMP);
  ::madvise(begin, size_bytes, MADV_HUGEPAGE);
  bool done = !by_reading && ::madvise(begin, size_bytes, advice_populate_write) == 0;
  if (!done && (by_reading || errno == EINVAL))
    done = touch(file, offset, {static_cast<std::byte*>(begin), size_bytes});
  const int error = errno;
  ::munmap(begin, size_bytes);
  errno = error;
  return done;
}

}  // namespace mobula::store
