#pragma once

#include <chrono>
#include <thread>

namespace mobula {

/// Whether `holds()` comes true before the limit; it is asked again and again.
template <class Holds>
bool holds_within(std::chrono::seconds limit, Holds&& holds) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds{200});
  }
  return true;
}

}  // namespace mobula
