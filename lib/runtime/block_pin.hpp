#pragma once

#include <cstdint>
#include <utility>

namespace mobula::detail {

class process;

/// Keeps a block of the node's store where it is, and as it is, while this process reads it. After
/// the job's end it keeps the memory mapped. Move-only.
class block_pin {
 public:
  block_pin() = default;
  /// Takes over a pin of the process's page.
  block_pin(process& home, std::uint32_t number) : home_{&home}, number_{number} {}
  block_pin(block_pin&& other) noexcept
      : home_{std::exchange(other.home_, nullptr)}, number_{other.number_} {}
  block_pin& operator=(block_pin other) noexcept {
    std::swap(home_, other.home_);
    std::swap(number_, other.number_);
    return *this;
  }
  ~block_pin() {
    if (home_) unpin();
  }

 private:
  void unpin() noexcept;
  process* home_ = nullptr;
  std::uint32_t number_ = 0;
};

}  // namespace mobula::detail
