#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace mobula::wire {

/// Stops the program, in every build, if one of our own invariants does not hold; prints the values
/// that broke it. Never for what the world may do: a peer's message, a full disk, a dead process.
template <class... Numbers>
inline void insist(bool holds, const char* invariant, Numbers... values) {
  if (holds) [[likely]]
    return;
  std::fprintf(stderr, "mobula: broken invariant: %s", invariant);
  const long long all[] = {static_cast<long long>(values)..., 0};
  for (std::size_t i = 0; i < sizeof...(values); ++i) std::fprintf(stderr, " %lld", all[i]);
  std::fputc('\n', stderr);
  std::abort();
}

}  // namespace mobula::wire
