#include "transport/ring/mapping.hpp"

#include <sys/mman.h>

namespace mobula::ring {

mapping::mapping(int memory, std::size_t offset, std::size_t size) {
  void* begin =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, static_cast<off_t>(offset));
  if (begin == MAP_FAILED) return;
  // A dump would hold these pages once for each process that maps them. Only advice.
  ::madvise(begin, size, MADV_DONTDUMP);
  begin_ = static_cast<std::byte*>(begin);
  size_ = size;
}

mapping::~mapping() {
  if (begin_ != nullptr) ::munmap(begin_, size_);
}

}  // namespace mobula::ring
