#include "runtime/aligned_bytes.hpp"

#include <cstring>
#include <new>

#include "mobula/detail/call.hpp"

namespace mobula::detail {

std::shared_ptr<std::byte> aligned_bytes(std::size_t size, std::size_t alignment) {
  const std::align_val_t aligned{alignment};
  auto* begin = static_cast<std::byte*>(::operator new(size, aligned));
  return {begin, [aligned](std::byte* bytes) { ::operator delete(bytes, aligned); }};
}

std::shared_ptr<const void> aligned_copy(const std::byte* bytes, std::size_t size,
                                         std::size_t alignment) {
  const std::shared_ptr<std::byte> copy = aligned_bytes(size, alignment);
  if (size != 0) std::memcpy(copy.get(), bytes, size);
  return copy;
}

}  // namespace mobula::detail
