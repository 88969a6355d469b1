#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>

#include "transport/sim/timeline.hpp"

namespace mobula::sim {

/// Calls somebody at the earliest of the times that were wished for since it last did. It lives as
/// long as its timeline goes on.
class alarm final {
 public:
  alarm(timeline& time, std::function<void()> ring) : time_{time}, ring_{std::move(ring)} {}
  alarm(const alarm&) = delete;
  alarm& operator=(const alarm&) = delete;

  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

  /// At that time, or a little later if it is now or past. `never`: no wish.
  void set(std::uint64_t wanted_ns) {
    constexpr std::uint64_t least_ns = 1'000;
    if (wanted_ns == never) return;
    const std::uint64_t when = std::max(wanted_ns, time_.now_ns() + least_ns);
    if (when >= at_ns_) return;
    at_ns_ = when;
    time_.at(when, [this, when] {
      if (at_ns_ != when) return;
      at_ns_ = never;
      ring_();
    });
  }

 private:
  timeline& time_;
  std::function<void()> ring_;
  std::uint64_t at_ns_ = never;
};

}  // namespace mobula::sim
