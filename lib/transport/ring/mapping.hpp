#pragma once

#include <cstddef>
#include <utility>

namespace mobula::ring {

/// A part of a memfd in this process's memory, shared and writable, left out of core dumps.
class mapping {
 public:
  mapping() = default;
  /// Empty if the kernel refuses.
  mapping(int memory, std::size_t offset, std::size_t size);
  mapping(mapping&& other) noexcept
      : begin_{std::exchange(other.begin_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
  mapping& operator=(mapping&& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~mapping();

  std::byte* begin() const { return begin_; }
  explicit operator bool() const { return begin_ != nullptr; }

 private:
  std::byte* begin_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace mobula::ring
