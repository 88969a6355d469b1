#pragma once

#include <sched.h>

#include <atomic>

namespace mobula::detail {

/// The lock of a process: held for well under a microsecond at a time, by two threads at most as a
/// rule. Spins briefly, then yields, since the holder may have lost its core.
class spinlock {
 public:
  void lock() noexcept {
    if (taken_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      lock_slowly();
  }
  bool try_lock() noexcept {
    return !taken_.load(std::memory_order_relaxed) &&
           !taken_.exchange(true, std::memory_order_acquire);
  }
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }

 private:
  void lock_slowly() noexcept {
    constexpr int spins_before_yield = 64;
    for (int spins = 0; !try_lock(); ++spins) {
      if (spins >= spins_before_yield) ::sched_yield();
    }
  }
  std::atomic<bool> taken_{false};
};

}  // namespace mobula::detail
