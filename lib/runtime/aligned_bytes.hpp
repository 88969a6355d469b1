#pragma once

#include <cstddef>
#include <memory>

namespace mobula::detail {

/// Memory whose address is a multiple of `alignment`; its bytes may be any.
std::shared_ptr<std::byte> aligned_bytes(std::size_t size, std::size_t alignment);

}  // namespace mobula::detail
