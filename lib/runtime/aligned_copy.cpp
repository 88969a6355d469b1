#include <cstring>
#include <new>

#include "mobula/detail/call.hpp"

namespace mobula::detail {

void aligned_deleter::operator()(const std::byte* bytes) const noexcept {
  ::operator delete (const_cast<std::byte*>(bytes), std::align_val_t{alignment});
}

std::unique_ptr<const std::byte, aligned_deleter> aligned_copy(const std::byte* bytes,
                                                               std::size_t size,
                                                               std::size_t alignment) {
  auto* copy = static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment}));
  if (size != 0) std::memcpy(copy, bytes, size);
  return {copy, aligned_deleter{alignment}};
}

}  // namespace mobula::detail
