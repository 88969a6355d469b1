#pragma once

#include <cstdint>

#include "launch/settings.hpp"

namespace mobula::detail {

/// How long a thread that waits goes on polling before it sleeps in the kernel.
///
/// Alone on its core it polls for about as long as a wake-up would cost; then it lets others run
/// between polls, and sleeps at once when that comes back late, since then somebody needs the core.
class backoff {
 public:
  /// @param plain_polls  so many before it lets others run
  explicit backoff(launch::wait_mode mode, std::uint32_t plain_polls = 256)
      : mode_{mode}, plain_polls_{plain_polls} {}

  /// After a poll that found nothing. @returns whether to poll again; false: sleep now
  bool again();
  /// After a poll that found something.
  void reset() { polls_ = 0; }

 private:
  static constexpr std::uint64_t polling_ns_max = 50'000;
  static constexpr std::uint64_t late_ns = 15'000;

  launch::wait_mode mode_;
  std::uint32_t plain_polls_;
  std::uint32_t polls_ = 0;
  std::uint64_t yielding_since_ns_ = 0;
  std::uint64_t last_yield_ns_ = 0;
};

}  // namespace mobula::detail
