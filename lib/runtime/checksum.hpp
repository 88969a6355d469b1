#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace mobula::detail {

/// Tells changed bytes: XXH3, of 64 bits, which is as fast as memory. The same for the same bytes
/// however they are cut, on every machine.
class checksum {
 public:
  checksum();
  ~checksum();
  checksum(const checksum&) = delete;
  checksum& operator=(const checksum&) = delete;

  void add(std::span<const std::byte> bytes);
  /// Of all that was added.
  std::uint64_t value() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace mobula::detail
