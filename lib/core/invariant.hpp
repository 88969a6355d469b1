#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace mobula::core {

/// Stops the program if a rule that this code itself must keep is broken; checked in every build.
/// `a` and `b` are the values that tell how.
inline void invariant(bool holds, const char* rule, std::uint64_t a = 0, std::uint64_t b = 0) {
  if (holds) [[likely]]
    return;
  std::fprintf(stderr, "mobula: broken invariant: %s (%llu, %llu)\n", rule,
               static_cast<unsigned long long>(a), static_cast<unsigned long long>(b));
  std::abort();
}

}  // namespace mobula::core
